//! Names of CustomResourceDefinitions and the choice of contract and version.

use std::collections::BTreeMap;

use api::contract::names::crd_name;
use api::contract::versions::{choose, compatible};
use serde_json::{Value, json};

#[test]
fn contract() {
    let Some(cases) = super::cases("naming/contract.json") else { return };
    let differences: Vec<String> = cases.iter().filter_map(difference).collect();
    super::verdict("contract", cases.len(), &differences);
}

fn difference(case: &Value) -> Option<String> {
    let input = &case["input"];
    let text = |key: &str| input[key].as_str().unwrap_or_default();
    let ours = match case["fn"].as_str().unwrap() {
        "crdName" => Some(json!(crd_name(text("group"), text("kind")))),
        "compatibleContracts" => {
            let mut contracts = compatible(text("contract"));
            contracts.sort();
            Some(json!(contracts))
        }
        "latestContractAndAPIVersion" => {
            let labels: Option<BTreeMap<String, String>> =
                serde_json::from_value(input["labels"].clone()).unwrap();
            choose("x.y", &labels.unwrap_or_default(), text("currentContract"))
                .ok()
                .map(|choice| json!({ "contract": choice.contract, "apiVersion": choice.version }))
        }
        other => return Some(format!("{}: unknown function {other}", case["name"])),
    };
    let wanted = case.get("output").cloned();
    (ours != wanted).then(|| format!("{}: ours {ours:?}, wanted {wanted:?}", case["name"]))
}
