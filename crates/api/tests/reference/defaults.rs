//! What is filled in at admission.

use serde_json::Value;

#[test]
fn defaults() {
    let (mut ran, mut differences) = (0, Vec::new());
    for file in ["validation/upstream.json", "validation/own.json"] {
        for case in super::cases(file).unwrap_or_default() {
            let Some((group, wanted)) = wanted(&case) else { continue };
            ran += 1;
            let mut object = case["object"].clone();
            let outcome =
                api::defaults::default(group, case["kind"].as_str().unwrap(), &mut object, case.get("old"));
            match wanted {
                Some(wanted) if outcome.is_err() => {
                    differences.push(format!("{}: refused, wanted {wanted}", case["name"]))
                }
                Some(wanted) if without_nothing(wanted) != without_nothing(&object) => {
                    differences.push(format!(
                        "{}:\n  ours   {}\n  wanted {}",
                        case["name"],
                        without_nothing(&object),
                        without_nothing(wanted)
                    ))
                }
                None if outcome.is_ok() => {
                    differences.push(format!("{}: accepted, wanted an error", case["name"]))
                }
                _ => {}
            }
        }
    }
    super::verdict("defaults", ran, &differences);
}

/// The group of the kind, and the object wanted (`None`: an error); nothing where the case is about something else.
fn wanted(case: &Value) -> Option<(&'static str, Option<&Value>)> {
    let group = match case["kind"].as_str()? {
        "Machine" | "MachineSet" | "MachineDeployment" => api::core::GROUP,
        // Variables of a class are filled in elsewhere.
        "Cluster" if case.get("context").is_none() => api::core::GROUP,
        "KubeadmControlPlane" => api::controlplane::GROUP,
        _ => return None,
    };
    if case["operation"] == "delete" {
        return None;
    }
    let result = &case["result"];
    if result["stage"] == "default" {
        return Some((group, None));
    }
    Some((group, Some(result.get("defaulted")?)))
}

/// The value without nulls, and without texts, objects and lists that hold nothing: upstream's types do not tell them apart.
fn without_nothing(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), without_nothing(value)))
            .filter(|(_, value)| !empty(value))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(without_nothing).collect(),
        other => other.clone(),
    }
}
