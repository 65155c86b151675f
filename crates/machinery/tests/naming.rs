//! Recorded decisions about versions, shares and labels.
// The environment says where the recordings are.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;

use machinery::int_or_percent::{IntOrPercent, Rounding, fenceposts, scaled};
use machinery::selector::{label_stands_for, label_value_or_hash};
use machinery::version::{CompareOptions, Comparison, Version};
use serde_json::{Value, json};

/// The cases of a file; nothing (after saying so) where the reference is not there.
fn cases(file: &str) -> Vec<Value> {
    let folder = std::env::var_os("WINDLASS_REFERENCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")),
        PathBuf::from,
    );
    let path = folder.join("naming").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap()
}

fn check(file: &str, decide: impl Fn(&str, &Value) -> Option<Result<Value, String>>) {
    let mut ran = 0;
    let mut failed = Vec::new();
    for case in cases(file) {
        let Some(outcome) = decide(case["fn"].as_str().unwrap(), &case["input"]) else { continue };
        ran += 1;
        let agrees = match &outcome {
            Ok(output) => case.get("output") == Some(output),
            Err(text) => case["error"] == json!(true) && case["errorText"] == json!(text),
        };
        if !agrees {
            failed.push(format!("{}: {outcome:?}, expected {case}", case["name"]));
        }
    }
    println!("{file}: ran {ran} cases");
    assert!(failed.is_empty(), "{} of {ran} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn versions() {
    fn number(comparison: Comparison) -> i64 {
        match comparison {
            Comparison::Older => -1,
            Comparison::Same => 0,
            Comparison::Newer => 1,
            Comparison::Different => 2,
        }
    }
    let shown = |version: Result<Version, machinery::version::InvalidVersion>| {
        version.map(|version| json!(version.to_string())).map_err(|error| error.to_string())
    };
    check("versions.json", |function, input| {
        let text = |name: &str| input[name].as_str().unwrap();
        Some(match function {
            "compare" => {
                let (a, b) = (Version::parse(text("a")).unwrap(), Version::parse(text("b")).unwrap());
                let compare = |with_build_tags, without_pre_releases| {
                    number(a.compare(&b, CompareOptions { with_build_tags, without_pre_releases }))
                };
                Ok(json!({
                    "plain": compare(false, false),
                    "withBuildTags": compare(true, false),
                    "withoutPreReleases": compare(false, true),
                    "both": compare(true, true),
                }))
            }
            "parseTolerantImageTag" => shown(Version::parse_image_tag(text("tag"))),
            "parseTolerant" => shown(Version::parse_tolerant(text("version"))),
            "majorMinorPatch" => Ok(json!(Version::parse(text("version")).unwrap().release().to_string())),
            _ => return None,
        })
    });
}

#[test]
fn shares() {
    let share = |value: &Value| -> Option<IntOrPercent> { serde_json::from_value(value.clone()).unwrap() };
    check("scaled.json", |function, input| {
        let (surge, unavailable) = (share(&input["maxSurge"]), share(&input["maxUnavailable"]));
        Some(match function {
            "scaledValue" => {
                let rounding = if input["roundUp"] == json!(true) { Rounding::Up } else { Rounding::Down };
                let value = share(&input["value"]);
                scaled(value.as_ref(), input["total"].as_i64().unwrap(), rounding)
                    .map(|value| json!(value))
                    .map_err(|error| error.to_string())
            }
            "resolveFenceposts" => {
                fenceposts(surge.as_ref(), unavailable.as_ref(), input["desired"].as_i64().unwrap())
                    .map(|(surge, unavailable)| json!({"surge": surge, "unavailable": unavailable}))
                    .map_err(|error| error.to_string())
            }
            _ => return None,
        })
    });
}

#[test]
fn labels() {
    check("labels.json", |function, input| {
        let text = |name: &str| input[name].as_str().unwrap();
        Some(match function {
            "formatLabelValue" => Ok(json!(label_value_or_hash(text("value")))),
            "equalLabelValue" => Ok(json!(label_stands_for(text("label"), text("value")))),
            _ => return None,
        })
    });
}
