//! One Machine per replica: no owner ever has more of them than it may, surge included.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Checkers, Violation};

const RULE: &str = "one Machine per replica";

/// Machines that a control plane may have beyond its replicas while it rolls out.
const CONTROL_PLANE_SURGE: i64 = 1;

pub fn check(checkers: &Checkers) -> Result<(), Violation> {
    let machines = checkers.objects("cluster.x-k8s.io", "machines");
    let mut by_owner: BTreeMap<String, i64> = BTreeMap::new();
    for machine in machines.iter().filter(|machine| machine["metadata"]["deletionTimestamp"].is_null()) {
        for owner in machine["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            if owner["controller"] == true {
                *by_owner.entry(text(&owner["uid"])).or_default() += 1;
            }
        }
    }
    control_planes(checkers, &by_owner)?;
    machine_sets(checkers, &by_owner)
}

/// The most replicas a control plane was ever asked for is not known here; what it is asked for now is, and machines that
/// are too many are being deleted one by one. So only growth beyond both the wish and the surge is judged, by the count
/// that its own status reports as the last it knew.
fn control_planes(checkers: &Checkers, by_owner: &BTreeMap<String, i64>) -> Result<(), Violation> {
    for control_plane in checkers.objects("controlplane.cluster.x-k8s.io", "kubeadmcontrolplanes") {
        let count = by_owner.get(&text(&control_plane["metadata"]["uid"])).copied().unwrap_or_default();
        let wanted = control_plane["spec"]["replicas"].as_i64().unwrap_or(1);
        let known = control_plane["status"]["replicas"].as_i64().unwrap_or_default();
        if count > wanted.max(known) + CONTROL_PLANE_SURGE {
            let name = text(&control_plane["metadata"]["name"]);
            return Err(Violation::new(
                RULE,
                format!("KubeadmControlPlane {name} has {count} Machines, wants {wanted}, knew of {known}"),
            ));
        }
    }
    Ok(())
}

fn machine_sets(checkers: &Checkers, by_owner: &BTreeMap<String, i64>) -> Result<(), Violation> {
    for set in checkers.objects("cluster.x-k8s.io", "machinesets") {
        let count = by_owner.get(&text(&set["metadata"]["uid"])).copied().unwrap_or_default();
        let wanted = set["spec"]["replicas"].as_i64().unwrap_or(1);
        let known = set["status"]["replicas"].as_i64().unwrap_or_default();
        if count > wanted.max(known) {
            let name = text(&set["metadata"]["name"]);
            return Err(Violation::new(
                RULE,
                format!("MachineSet {name} has {count} Machines, wants {wanted}, knew of {known}"),
            ));
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
