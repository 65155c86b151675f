//! Recorded cases: inputs with the answers that Cluster API gives.
//!
//! They are read from the folder that `WINDLASS_REFERENCE` names; without one the tests say so and pass. Cases of our own
//! stand in `cases` and have the same form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod algorithms;
mod conditions;
mod machines;
mod rollout;

use std::path::{Path, PathBuf};

use decide::conditions::UNKNOWN_TIME;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::Value;

fn folder() -> PathBuf {
    std::env::var_os("WINDLASS_REFERENCE")
        .map(PathBuf::from)
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference").into())
}

/// Runs every case of one function in a file and reports all differences together.
///
/// `answer` gives the output, or `None` where the case does not concern it; an `Err` matches a case that expects an error.
fn check(file: &str, functions: &[&str], answer: impl Fn(&str, &Value) -> Result<Value, String>) {
    check_with(file, functions, |case| {
        let input = &case["input"];
        let got = answer(case["fn"].as_str().unwrap(), input);
        let fits = match (&got, case.get("output")) {
            (Ok(got), Some(wanted)) => got == wanted,
            (Err(_), None) => case["error"] == Value::Bool(true),
            _ => false,
        };
        if fits {
            None
        } else {
            Some(format!("got {}", got.map_or_else(|error| error, |got| got.to_string())))
        }
    });
}

/// Like [`check`], with the comparison left to the caller: a difference is a text.
fn check_with(file: &str, functions: &[&str], difference: impl Fn(&Value) -> Option<String>) {
    let name = file.rsplit('/').next().unwrap();
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases")).join(name);
    for path in [folder().join(file), own] {
        match std::fs::read_to_string(&path) {
            Ok(text) => check_file(&path, &text, functions, &difference),
            Err(_) => println!("{file}: skipped, {} is not there", path.display()),
        }
    }
}

fn check_file(path: &Path, text: &str, functions: &[&str], difference: impl Fn(&Value) -> Option<String>) {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let chosen: Vec<&Value> = cases
        .iter()
        .filter(|case| {
            functions.is_empty()
                || functions.iter().any(|function| case["fn"] == *function || case["plan"] == *function)
        })
        .collect();
    let mut failures = Vec::new();
    for case in &chosen {
        if let Some(difference) = difference(case) {
            failures.push(format!(
                "{}\n  input  {}\n  wanted {}\n  {difference}",
                case["name"],
                case["input"],
                case.get("output").unwrap_or(&case["errorText"])
            ));
        }
    }
    println!("{} {functions:?}: {} cases", path.display(), chosen.len());
    let shown = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {} cases differ:\n{shown}", failures.len(), chosen.len());
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Conditions as a typed object holds them: nothing is checked or filled in, a missing time is the unknown one.
fn typed_conditions(value: &Value) -> Vec<Condition> {
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let read = |condition: &Value| Condition {
        type_: text(condition, "type"),
        status: text(condition, "status"),
        reason: text(condition, "reason"),
        message: text(condition, "message"),
        observed_generation: condition["observedGeneration"].as_i64(),
        last_transition_time: Time(
            condition["lastTransitionTime"].as_str().map_or(UNKNOWN_TIME, |time| time.parse().unwrap()),
        ),
    };
    list(value).iter().map(read).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
