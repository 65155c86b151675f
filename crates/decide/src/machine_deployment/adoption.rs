//! MachineSets that the MachineDeployment selects and that nobody controls.

use super::Observed;
use crate::owners;
use crate::plan::Action;

/// Takes control of them.
pub(super) fn actions(seen: &Observed) -> Vec<Action> {
    let owner = owners::controller(seen.deployment.as_ref());
    let sets = seen.machine_sets.iter().map(|set| set.machine_set.as_ref());
    let orphans = sets.filter(|set| owners::controller_of(&set.metadata).is_none());
    let why = "the MachineSet is selected and nobody controls it";
    orphans.filter_map(|orphan| owners::adoption(orphan, &owner, why)).collect()
}
