//! The end of a MachineSet: its Machines first, then its finalizer.

use api::core::machine::Machine;
use api::core::machine_set::MachineSet;
use api::labels;
use serde_json::json;

use super::{Observed, Step, Waiting};
use crate::plan::{Action, ObjectRef};

/// What comes next.
pub(super) fn step(seen: &Observed) -> Step {
    let own = seen.own();
    if own.is_empty() {
        return Step::acts(release(seen));
    }
    let actions = own
        .iter()
        .filter(|machine| !machine.is_deleting())
        .map(|machine| {
            let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
            Action::delete(target, machine.machine.metadata.uid.clone(), "the MachineSet is being deleted")
        })
        .collect();
    Step { actions, waiting: vec![Waiting::MachineDeletion { count: own.len() }] }
}

/// Takes the finalizer off.
fn release(seen: &Observed) -> Vec<Action> {
    let metadata = &seen.machine_set.metadata;
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let rest: Vec<&String> =
        finalizers.iter().filter(|finalizer| *finalizer != labels::MACHINE_SET_FINALIZER).collect();
    if rest.len() == finalizers.len() {
        return Vec::new();
    }
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": rest}});
    let target = ObjectRef::of::<MachineSet>(seen.namespace(), seen.name());
    vec![Action::patch(target, patch, "the MachineSet has no Machines left")]
}
