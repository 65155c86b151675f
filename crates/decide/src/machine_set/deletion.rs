//! The end of a MachineSet: its Machines first, then its finalizer.

use api::core::machine::Machine;
use api::labels;

use super::{Observed, Step, Waiting};
use crate::finalizers;
use crate::plan::{Action, ObjectRef};

/// What comes next.
pub(super) fn step(seen: &Observed) -> Step {
    let own = seen.own();
    if own.is_empty() {
        let why = "the MachineSet has no Machines left";
        let finalizer = labels::MACHINE_SET_FINALIZER;
        return Step::acts(finalizers::release(&*seen.machine_set, finalizer, why).into_iter().collect());
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
