//! Nobody takes away a Machine that works while too few others do.

use serde_json::Value;

use super::mirror::{Transition, is_deleting};
use super::{Judged, Violation, name, rollout_number};

/// Judges a write that began the end of a Machine.
pub fn check(judged: &Judged<'_>, transition: &Transition) -> Result<(), Violation> {
    let Some(machine) = transition.doomed().filter(|_| transition.plural == "machines") else {
        return Ok(());
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, cluster) =
        (text(&machine["metadata"]["namespace"]), text(&machine["spec"]["clusterName"]));
    if !judged.mirror.is_cluster_alive(&namespace, &cluster) {
        return Ok(());
    }
    if let Some(control_plane) = judged.mirror.controller_of("kubeadmcontrolplanes", machine) {
        return of_control_plane(judged, control_plane, machine);
    }
    let set = judged.mirror.controller_of("machinesets", machine);
    let deployment = set.and_then(|set| judged.mirror.controller_of("machinedeployments", set));
    match deployment.filter(|deployment| !is_deleting(deployment)) {
        Some(deployment) => of_deployment(judged, deployment, machine),
        None => Ok(()),
    }
}

fn of_deployment(judged: &Judged<'_>, deployment: &Value, machine: &Value) -> Result<(), Violation> {
    let sets = judged.mirror.controlled("machinesets", deployment);
    let left = sets.map(|set| working(judged, set)).sum::<i64>();
    let (fewest, _) = judged.memory.replicas(deployment, judged.now);
    let least = fewest - rollout_number(deployment, "maxUnavailable", 0);
    if left >= least || !judged.memory.is_proven(machine) {
        return Ok(());
    }
    Err(Violation::new(
        "a MachineDeployment stays available",
        format!("{} gave up {} with {left} others that work, needs {least}", name(deployment), name(machine)),
    ))
}

fn of_control_plane(judged: &Judged<'_>, control_plane: &Value, machine: &Value) -> Result<(), Violation> {
    let going: Vec<&str> = judged
        .mirror
        .controlled("machines", control_plane)
        .filter(|other| is_deleting(other))
        .map(|other| name(other))
        .collect();
    if going.len() > 1 {
        return Err(Violation::new(
            "a control plane changes one Machine at a time",
            format!("{} are going", going.join(" and ")),
        ));
    }
    let left = working(judged, control_plane);
    let (fewest, _) = judged.memory.replicas(control_plane, judged.now);
    // Without a surge the old Machine goes before the new one comes.
    let least = fewest - i64::from(rollout_number(control_plane, "maxSurge", 1) == 0);
    if left >= least || !judged.memory.is_proven(machine) {
        return Ok(());
    }
    Err(Violation::new(
        "a control plane stays available",
        format!(
            "{} gave up {} with {left} others that work, needs {least}",
            name(control_plane),
            name(machine)
        ),
    ))
}

/// Machines of an owner that work and stay.
fn working(judged: &Judged<'_>, owner: &Value) -> i64 {
    let machines = judged.mirror.controlled("machines", owner);
    machines.filter(|machine| !is_deleting(machine) && judged.memory.is_proven(machine)).count() as i64
}
