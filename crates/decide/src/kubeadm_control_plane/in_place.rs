//! Changes that reach existing Machines without replacing them.
//!
//! Labels and annotations reach the objects that a Machine is made of as well. The Machine comes last: what was applied to
//! it tells which of them are to be taken from the others, also after an interruption.

use std::collections::{BTreeMap, BTreeSet};

use api::Kind as _;
use api::core::Machine;
use api::core::common::Metadata;
use api::labels;
use serde_json::{Value, json};

use super::observed::{Observed, SeenMachine};
use super::step::Step;
use super::{MANAGER, METADATA_MANAGER, desired};
use crate::applied::{Applied, covers, hand_on};
use crate::owners;
use crate::plan::{Action, ObjectRef};
use api::core::machine::MachineSpec;

/// Brings Machines, their configs and infrastructure objects up to date.
pub fn step(seen: &Observed, cluster_name: &str) -> Step {
    let metadata = desired::metadata(seen, cluster_name);
    let mut actions = Vec::new();
    for machine in seen.own() {
        if machine.is_deleting() {
            actions.extend(while_deleting(seen, machine));
        } else {
            actions.extend(while_running(seen, cluster_name, machine, &metadata));
        }
    }
    Step::And(actions)
}

fn while_running(
    seen: &Observed,
    cluster_name: &str,
    machine: &SeenMachine,
    metadata: &Metadata,
) -> Vec<Action> {
    let wanted = desired::existing_machine(seen, cluster_name, machine);
    let of_machine = Metadata {
        labels: wanted.metadata.labels.clone().unwrap_or_default(),
        annotations: wanted.metadata.annotations.clone().unwrap_or_default(),
    };
    let stale = machine.applied.as_ref().map(|applied| applied.stale(&of_machine)).unwrap_or_default();
    let mut actions = of_config(machine, metadata, &stale);
    actions.extend(of_infrastructure(seen, machine, metadata, &stale));
    if !is_current(machine, &wanted, &of_machine, &stale) {
        // A type of ours is always JSON.
        let object = wanted.to_json();
        actions.push(Action::apply(MANAGER, object, WHY));
    }
    actions
}

const WHY: &str = "the template of the KubeadmControlPlane says so";

fn of_config(machine: &SeenMachine, metadata: &Metadata, stale: &Applied) -> Vec<Action> {
    let Some(config) =
        machine.config.as_deref().filter(|config| config.metadata.deletion_timestamp.is_none())
    else {
        return Vec::new();
    };
    let is_covered = covers(&config.metadata.labels, &metadata.labels)
        && covers(&config.metadata.annotations, &metadata.annotations);
    if is_covered && stale.is_empty() {
        return Vec::new();
    }
    let object = config.to_json();
    of_part(&ObjectRef::to(config), &object, metadata, stale)
}

fn of_infrastructure(
    seen: &Observed,
    machine: &SeenMachine,
    metadata: &Metadata,
    stale: &Applied,
) -> Vec<Action> {
    let part = &machine.infrastructure;
    let Some(object) = part.object().filter(|_| !part.is_deleting()) else { return Vec::new() };
    let stale = stale.without_those_of(seen.template.object());
    of_part(&ObjectRef::of_value(object), object, metadata, &stale)
}

fn of_part(target: &ObjectRef, object: &Value, metadata: &Metadata, stale: &Applied) -> Vec<Action> {
    hand_on(target, object, metadata, stale, METADATA_MANAGER, "KubeadmControlPlane")
}

/// Whether applying `wanted` to the Machine would change nothing, as far as can be seen.
fn is_current(machine: &SeenMachine, wanted: &Machine, metadata: &Metadata, stale: &Applied) -> bool {
    let live = &machine.machine;
    let has = |map: &Option<BTreeMap<String, String>>, keys: &BTreeSet<String>| {
        keys.iter().any(|key| map.as_ref().is_some_and(|map| map.contains_key(key)))
    };
    machine.applied.is_some()
        && !has(&live.metadata.labels, &stale.labels)
        && !has(&live.metadata.annotations, &stale.annotations)
        && covers(&live.metadata.labels, &metadata.labels)
        && covers(&live.metadata.annotations, &metadata.annotations)
        && live.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == labels::MACHINE_FINALIZER)
        && owners::has_those_of(&live.metadata, &wanted.metadata)
        && desired::in_place(&live.spec) == desired::in_place(&wanted.spec)
}

/// On its way out a Machine still takes what decides how it goes, and nothing else.
fn while_deleting(seen: &Observed, machine: &SeenMachine) -> Option<Action> {
    let relevant = |spec: &MachineSpec| {
        let spec = desired::in_place(spec);
        (spec.deletion, spec.taints)
    };
    let (deletion, taints) = relevant(&desired::changes_in_place(seen));
    if relevant(&machine.machine.spec) == (deletion.clone(), taints.clone()) {
        return None;
    }
    let patch = json!({"spec": {
        "taints": if taints.is_empty() { Value::Null } else { json!(taints) },
        "deletion": {
            "nodeDrainTimeoutSeconds": deletion.node_drain_timeout_seconds,
            "nodeVolumeDetachTimeoutSeconds": deletion.node_volume_detach_timeout_seconds,
            "nodeDeletionTimeoutSeconds": deletion.node_deletion_timeout_seconds,
        },
    }});
    let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
    Some(Action::patch(target, patch, WHY))
}
