//! Changes of the template that reach existing Machines without replacing them.
//!
//! Labels and annotations reach the objects that a Machine is made of as well. The Machine comes last: what was applied to
//! it tells which of them are to be taken from the others, also after an interruption.

use std::collections::BTreeSet;

use api::Kind as _;
use api::core::common::Metadata;
use api::core::machine::Machine;
use serde_json::{Value, json};

use super::{MANAGER, METADATA_MANAGER, Observed, SeenMachine, Step, machine};
use crate::applied::{Applied, hand_on};
use crate::plan::{Action, ObjectRef};
use crate::referenced::Referenced;

/// Brings Machines up to date; those in `skipped` are about to be deleted.
pub(super) fn step(seen: &Observed, skipped: &BTreeSet<String>) -> Step {
    let metadata = seen.machine_metadata();
    let mut actions = Vec::new();
    for machine in seen.own().into_iter().filter(|machine| !skipped.contains(machine.name())) {
        if machine.is_deleting() {
            actions.extend(while_deleting(seen, machine));
        } else {
            actions.extend(while_running(seen, machine, &metadata));
        }
    }
    Step::acts(actions)
}

fn while_running(seen: &Observed, machine: &SeenMachine, metadata: &Metadata) -> Vec<Action> {
    let stale = machine.applied.as_ref().map(|applied| applied.stale(metadata)).unwrap_or_default();
    let mut actions = Vec::new();
    for (part, template) in [
        (&machine.bootstrap, &seen.bootstrap_template),
        (&machine.infrastructure, &seen.infrastructure_template),
    ] {
        actions.extend(part_of_machine(part, template, metadata, &stale));
    }
    let wanted = machine::existing(&seen.machine_set, metadata, &machine.machine);
    if !machine::is_current(machine, &wanted, metadata) {
        // A type of ours is always JSON.
        let object = wanted.to_json();
        actions.push(Action::apply(MANAGER, object, "the template of the MachineSet says so"));
    }
    actions
}

/// Labels and annotations of a bootstrap config or infrastructure object.
fn part_of_machine(
    part: &Referenced,
    template: &Referenced,
    metadata: &Metadata,
    stale: &Applied,
) -> Vec<Action> {
    let Some(object) = part.object().filter(|_| !part.is_deleting()) else { return Vec::new() };
    let stale = stale.without_those_of(template.object());
    hand_on(&ObjectRef::of_value(object), object, metadata, &stale, METADATA_MANAGER, "MachineSet")
}

/// On its way out a Machine still takes what decides how it goes, and nothing else.
fn while_deleting(seen: &Observed, machine: &SeenMachine) -> Option<Action> {
    let wanted = machine::changes_in_place(&seen.machine_set.spec.template.spec);
    if machine::changes_in_place(&machine.machine.spec) == wanted {
        return None;
    }
    let deletion = &wanted.deletion;
    let or_null = |value: Value, is_empty: bool| if is_empty { Value::Null } else { value };
    let patch = json!({"spec": {
        "minReadySeconds": wanted.min_ready_seconds,
        "readinessGates": or_null(json!(wanted.readiness_gates), wanted.readiness_gates.is_empty()),
        "taints": or_null(json!(wanted.taints), wanted.taints.is_empty()),
        "deletion": {
            "nodeDrainTimeoutSeconds": deletion.node_drain_timeout_seconds,
            "nodeVolumeDetachTimeoutSeconds": deletion.node_volume_detach_timeout_seconds,
            "nodeDeletionTimeoutSeconds": deletion.node_deletion_timeout_seconds,
        },
    }});
    let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
    Some(Action::patch(target, patch, "the template of the MachineSet says so"))
}
