//! The end of a MachineDeployment: its MachineSets first, then its finalizer.

use api::core::machine_set::MachineSet;
use api::labels;

use super::{Observed, Step, Waiting};
use crate::finalizers;
use crate::plan::{Action, ObjectRef};

/// What comes next.
pub(super) fn step(seen: &Observed) -> Step {
    let own = seen.own();
    if own.is_empty() {
        let why = "the MachineDeployment has no MachineSets left";
        let finalizer = labels::MACHINE_DEPLOYMENT_FINALIZER;
        return Step::acts(finalizers::release(&*seen.deployment, finalizer, why).into_iter().collect());
    }
    let actions = own
        .iter()
        .filter(|set| !set.is_deleting())
        .map(|set| {
            let target = ObjectRef::of::<MachineSet>(seen.namespace(), set.name());
            let uid = set.machine_set.metadata.uid.clone();
            Action::delete(target, uid, "the MachineDeployment is being deleted")
        })
        .collect();
    Step { actions, waiting: vec![Waiting::MachineSetDeletion { count: own.len() }] }
}
