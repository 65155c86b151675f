use std::collections::BTreeSet;

use decide::machine_deployment::rollout::{
    self, Decision, InPlaceUpdate, Machine, MachineSet, Outcome, Rollout, Strategy,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value, json};

use crate::check_with;

const PREFIX: &str = "in-place-updates.internal.cluster.x-k8s.io";

fn int(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap_or(0)).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_str().into_iter().flat_map(|names| names.split(',')).map(str::to_owned).collect()
}

fn machine_set(value: &Value, input: &Value) -> MachineSet {
    let status = &value["status"];
    let eligible = input["eligibleForInPlaceUpdate"][value["name"].as_str().unwrap()] == true;
    MachineSet {
        name: text(&value["name"]),
        created: None,
        replicas: int(&value["replicas"]),
        current_replicas: int(&status["replicas"]),
        available_replicas: int(&status["availableReplicas"]),
        up_to_date_replicas: int(&status["upToDateReplicas"]),
        in_place_update: match (eligible, &input["canUpdateInPlace"]) {
            (false, _) => InPlaceUpdate::NotEligible,
            (true, Value::Bool(true)) => InPlaceUpdate::Possible,
            (true, Value::Bool(false)) => InPlaceUpdate::Impossible,
            (true, _) => InPlaceUpdate::NotAsked,
        },
        acknowledged_moves: names(&value["annotations"][format!("{PREFIX}/acknowledged-move")]),
    }
}

fn int_or_string(value: &Value) -> Option<IntOrString> {
    match value {
        Value::Number(_) => Some(IntOrString::Int(int(value))),
        Value::String(text) => Some(IntOrString::String(text.clone())),
        _ => None,
    }
}

fn read(input: &Value) -> Rollout {
    let deployment = &input["machineDeployment"];
    let update = &deployment["strategy"]["rollingUpdate"];
    let none = Vec::new();
    Rollout {
        replicas: int(&deployment["replicas"]),
        strategy: if deployment["strategy"]["type"] == "OnDelete" {
            Strategy::OnDelete
        } else {
            Strategy::RollingUpdate {
                max_surge: int_or_string(&update["maxSurge"]),
                max_unavailable: int_or_string(&update["maxUnavailable"]),
            }
        },
        in_place_updates: true,
        new: machine_set(&input["newMachineSet"], input),
        old: input["oldMachineSets"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .map(|set| machine_set(set, input))
            .collect(),
        machines: input["machines"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .map(|machine| Machine {
                name: text(&machine["name"]),
                machine_set: text(&machine["machineSet"]),
                pending_acknowledge_move: machine["annotations"]
                    .get(format!("{PREFIX}/pending-acknowledge-move"))
                    .is_some(),
                updating: machine["annotations"].get(format!("{PREFIX}/update-in-progress")).is_some(),
            })
            .collect(),
    }
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// The MachineSet as it came in, with what the decision adds.
fn changed(input: &Value, decision: &Decision) -> Value {
    let mut set = input.clone();
    set["replicas"] = decision.replicas.into();
    if let Some(target) = &decision.move_to {
        set["annotations"][format!("{PREFIX}/move-machines-to-machineset")] = target.clone().into();
    }
    if !decision.receive_from.is_empty() {
        set["annotations"][format!("{PREFIX}/receive-machines-from-machinesets")] =
            join(&decision.receive_from).into();
    }
    if !decision.acknowledged_moves.is_empty() {
        set["annotations"][format!("{PREFIX}/acknowledged-move")] = join(&decision.acknowledged_moves).into();
    }
    set
}

fn write(input: &Value, outcome: &Outcome) -> Value {
    let decisions = || std::iter::once(&outcome.new).chain(&outcome.old);
    let old = outcome.old.iter().map(|decision| {
        let seen = input["oldMachineSets"].as_array().unwrap();
        changed(seen.iter().find(|set| set["name"] == decision.name).unwrap(), decision)
    });
    let mut output = json!({
        "newMachineSet": changed(&input["newMachineSet"], &outcome.new),
        "oldMachineSets": old.collect::<Vec<_>>(),
        "scaleIntents": decisions()
            .filter_map(|decision| Some((decision.name.clone(), Value::from(decision.intent?))))
            .collect::<Map<_, _>>(),
    });
    let notes: Map<String, Value> = decisions()
        .filter(|decision| !decision.notes.is_empty())
        .map(|decision| (decision.name.clone(), json!(decision.notes)))
        .collect();
    if !notes.is_empty() {
        output["notes"] = notes.into();
    }
    if !outcome.acknowledged.is_empty() {
        output["acknowledgedMachines"] = json!(outcome.acknowledged);
    }
    if !outcome.updating.is_empty() {
        output["updatingMachines"] = json!(outcome.updating);
    }
    output
}

fn difference(case: &Value) -> Option<String> {
    let outcome = rollout::plan(&read(&case["input"]));
    let got = write(&case["input"], &outcome);
    (got != case["output"]).then(|| format!("got    {got}"))
}

#[test]
fn single_passes() {
    check_with("rollout/planner.json", &["planRollingUpdate", "planOnDelete"], difference);
}

#[test]
fn whole_sequences() {
    check_with("rollout/sequences.json", &[], |case| {
        let steps = case["steps"].as_array().unwrap();
        steps.iter().enumerate().find_map(|(index, step)| {
            let difference = difference(step)?;
            Some(format!("step {index}: {}\n wanted {}\n {difference}", step["input"], step["output"]))
        })
    });
}
