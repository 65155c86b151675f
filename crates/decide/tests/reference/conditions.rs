use decide::conditions::{
    self, ConditionStatus, Fallback, Merge, NewCondition, Owner, Polarity, Reasons, Source, Summary,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

use crate::{check, texts, typed_conditions};

const FILE: &str = "naming/conditions.json";

fn output(condition: NewCondition) -> Value {
    let mut value = json!({
        "type": condition.type_,
        "status": condition.status.as_str(),
        "reason": condition.reason,
        "message": condition.message,
    });
    if let Some(since) = condition.since {
        value["lastTransitionTime"] = since.to_string().into();
    }
    value
}

fn merge(input: &Value) -> Merge<'_> {
    let mut merge =
        Merge { negative_types: texts(&input["negativePolarityConditionTypes"]), ..Merge::default() };
    if let [issue, unknown, info] = texts(&input["computeReasons"])[..] {
        let keep = |text: &str| -> &'static str { text.to_owned().leak() };
        merge.reasons = Reasons { issue: keep(issue), unknown: keep(unknown), info: keep(info) };
    }
    merge
}

fn target(input: &Value) -> &str {
    input["targetType"].as_str().unwrap_or_else(|| input["sourceType"].as_str().unwrap())
}

#[test]
fn summary() {
    check(FILE, &["summary"], |_, input| {
        let options = Summary {
            types: texts(&input["forConditionTypes"]),
            ignore_if_missing: texts(&input["ignoreTypesIfMissing"]),
            overrides: Vec::new(),
            merge: merge(input),
        };
        conditions::summary(&typed_conditions(&input["conditions"]), target(input).to_owned(), &options)
            .map(output)
            .map_err(|error| error.to_string())
    });
}

#[test]
fn aggregate() {
    check(FILE, &["aggregate"], |_, input| {
        let empty = Vec::new();
        let objects = input["objects"].as_array().unwrap_or(&empty);
        let lists: Vec<Vec<Condition>> =
            objects.iter().map(|object| typed_conditions(&object["conditions"])).collect();
        let sources: Vec<Source<'_>> = objects
            .iter()
            .zip(&lists)
            .map(|(object, conditions)| Source {
                owner: Owner {
                    kind: object["kind"].as_str().unwrap(),
                    name: object["name"].as_str().unwrap(),
                    control_plane_machine: object["controlPlane"] == true,
                },
                conditions,
            })
            .collect();
        let mut merge = merge(input);
        if !merge.negative_types.is_empty() && input["computeReasons"].is_null() {
            merge.target = Polarity::Negative;
        }
        let source_type = input["sourceType"].as_str().unwrap();
        conditions::aggregate(&sources, source_type, target(input).to_owned(), &merge)
            .map(output)
            .map_err(|error| error.to_string())
    });
}

#[test]
fn mirror() {
    check(FILE, &["mirror"], |_, input| {
        let fallback = input.get("fallback").map(|fallback| Fallback {
            status: ConditionStatus::parse(fallback["status"].as_str().unwrap()).unwrap(),
            reason: fallback["reason"].as_str().unwrap().to_owned().into(),
            message: fallback["message"].as_str().unwrap().to_owned().into(),
        });
        let source_type = input["sourceType"].as_str().unwrap();
        Ok(output(conditions::mirror(
            &typed_conditions(&input["conditions"]),
            source_type,
            target(input).to_owned(),
            fallback,
        )))
    });
}

#[test]
fn mirror_of_an_unknown_kind() {
    check(FILE, &["mirrorFromUnstructured"], |_, input| {
        let object = json!({"kind": "K", "status": {"conditions": input["conditions"]}});
        let source = conditions::from_value(&object).map_err(|error| error.to_string())?;
        let source_type = input["sourceType"].as_str().unwrap();
        Ok(output(conditions::mirror(&source, source_type, target(input).to_owned(), None)))
    });
}

#[test]
fn order() {
    check(FILE, &["setOrder"], |_, input| {
        let mut list = Vec::new();
        for condition_type in texts(&input["setInOrder"]) {
            let condition = NewCondition::new(condition_type.to_owned(), true, "R", "");
            conditions::set(&mut list, condition, 1, Timestamp::UNIX_EPOCH);
        }
        Ok(list.into_iter().map(|condition| condition.type_).collect())
    });
}
