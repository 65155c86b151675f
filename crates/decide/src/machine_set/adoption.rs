//! Machines that the MachineSet selects and that nobody controls.

use super::Observed;
use crate::owners;
use crate::plan::Action;

/// Takes control of them.
pub(super) fn actions(seen: &Observed) -> Vec<Action> {
    let owner = owners::controller(seen.machine_set.as_ref());
    let machines = seen.machines.iter().map(|seen| seen.machine.as_ref());
    let orphans = machines.filter(|machine| owners::controller_of(&machine.metadata).is_none());
    let why = "the Machine is selected and nobody controls it";
    orphans.filter_map(|orphan| owners::adoption(orphan, &owner, why)).collect()
}
