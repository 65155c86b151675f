//! Old MachineSets that have done their part.

use api::core::machine_set::MachineSet;

use super::{Observed, SeenMachineSet, sets::Sets, status};
use crate::plan::{Action, ObjectRef};

/// Deletes old MachineSets without Machines, once the rollout is complete: until then the user may go back to one.
pub(super) fn actions(seen: &Observed, sets: &Sets<'_>) -> Vec<Action> {
    if seen.deployment.spec.paused == Some(true) || !is_complete(seen) {
        return Vec::new();
    }
    let is_done = |set: &&&SeenMachineSet| {
        let status = &set.machine_set.status;
        // A status that is older than the specification does not say that there are no Machines.
        let is_seen = set.machine_set.metadata.generation <= status.observed_generation;
        !set.is_deleting() && set.replicas() == 0 && status.replicas.unwrap_or_default() == 0 && is_seen
    };
    let delete = |set: &&SeenMachineSet| {
        let target = ObjectRef::of::<MachineSet>(seen.namespace(), set.name());
        let why = "the rollout is complete and the old MachineSet has no Machines";
        Action::delete(target, set.machine_set.metadata.uid.clone(), why)
    };
    let mut done: Vec<&SeenMachineSet> = sets.old.iter().filter(is_done).copied().collect();
    done.sort_by_key(|set| (set.created(), set.name()));
    done.iter().map(delete).collect()
}

/// Whether all Machines are there, available and as wanted, and no others.
fn is_complete(seen: &Observed) -> bool {
    let counted = status::counters(seen);
    let wanted = seen.deployment.spec.replicas;
    let is_wanted = |count: Option<i32>| count.or(Some(0)) == wanted;
    is_wanted(counted.replicas)
        && is_wanted(counted.up_to_date_replicas)
        && is_wanted(counted.available_replicas)
}
