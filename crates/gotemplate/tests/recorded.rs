//! Recorded behaviour of Go's own implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::path::PathBuf;

use base64::Engine as _;
use gotemplate::{Functions, Template, Value, names};
use serde_json::Value as Json;

fn cases(file: &str) -> Option<Vec<Json>> {
    let folder = std::env::var_os("WINDLASS_REFERENCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        println!("skipped: no {file} in {}", folder.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Whether a template calls a function that is not built in. (The recorded cases have another `slice`, too.)
fn needs_another_function(template: &str, result: &Result<Vec<u8>, gotemplate::Error>) -> bool {
    template.contains("{{ slice ")
        || matches!(result, Err(error) if error.is_parse() && error.to_string().contains("not defined"))
}

#[test]
fn templates_give_what_go_gives() {
    let Some(cases) = cases("gotemplate.json") else { return };
    let (mut passed, mut others, mut failures) = (0, 0, Vec::new());
    for case in &cases {
        let data = Value::from(case.get("data").unwrap_or(&Json::Null));
        let parsed = Template::parse("tpl", text(case, "template"), Functions::builtin());
        let result = parsed.and_then(|template| template.render(&data));
        let wanted = match (case.get("output"), case.get("outputBase64")) {
            (Some(output), _) => Some(output.as_str().unwrap().as_bytes().to_vec()),
            (_, Some(encoded)) => {
                Some(base64::engine::general_purpose::STANDARD.decode(encoded.as_str().unwrap()).unwrap())
            }
            _ => None,
        };
        let wanted_undefined = text(case, "errorText").contains("not defined");
        if needs_another_function(text(case, "template"), &result) && !wanted_undefined {
            others += 1;
            continue;
        }
        let same = match (&result, &wanted) {
            (Ok(output), Some(wanted)) => output == wanted,
            (Err(error), None) => error.is_parse() == (text(case, "phase") == "parse"),
            _ => false,
        };
        if same {
            passed += 1;
        } else {
            let shown = result.map(|output| String::from_utf8_lossy(&output).into_owned());
            failures.push(format!(
                "{}: {:?}\n  got    {shown:?}\n  wanted {}",
                text(case, "name"),
                text(case, "template"),
                case.get("output").unwrap_or(&case["errorText"])
            ));
        }
    }
    println!("{} cases: {passed} as recorded, {others} call a function that is not built in", cases.len());
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn names_are_generated_as_recorded() {
    let Some(cases) = cases("naming/names.json") else { return };
    for case in &cases {
        let input = &case["input"];
        let object = text(input, "objectName");
        if text(case, "fn") == "simpleName" {
            assert_eq!(
                names::with_suffix(text(input, "base"), text(input, "random")),
                case["output"],
                "{}",
                case["name"]
            );
            continue;
        }
        if text(case, "fn") == "prefixes" {
            let prefix = names::topology_prefix(text(input, "clusterName"), text(input, "topologyName"));
            assert_eq!(prefix, case["output"]["bootstrapTemplate"], "{}", case["name"]);
            continue;
        }
        let owner = match text(case, "fn") {
            "machineDeploymentName" => Some(("machineDeployment", "topologyName", object)),
            "machinePoolName" => Some(("machinePool", "topologyName", object)),
            "kcpMachineName" => Some(("kubeadmControlPlane", "name", object)),
            "machineSetMachineName" => Some(("machineSet", "name", object)),
            _ => None,
        };
        let data = names::data(text(input, "clusterName"), owner);
        let name = names::generate(
            text(input, "template"),
            &data,
            text(input, "random"),
            text(input, "suffixRandom"),
        );
        match case.get("output") {
            Some(output) => assert_eq!(name.as_deref().ok(), output.as_str(), "{}: {name:?}", case["name"]),
            None => assert!(name.is_err(), "{}: {name:?}", case["name"]),
        }
    }
    println!("{} cases", cases.len());
}
