//! Revisions: which generation of the template a MachineSet stands for. They only grow, and the current MachineSet has the
//! highest.

use api::labels;

use super::SeenMachineSet;

/// The revision of the current MachineSet, given that one (if it is there) and the old ones.
pub(super) fn of_current(current: Option<&SeenMachineSet>, old: &[&SeenMachineSet]) -> i64 {
    let next = old.iter().filter_map(|set| of(set)).max().unwrap_or_default().saturating_add(1);
    current.and_then(of).map_or(next, |own| own.max(next))
}

/// What a MachineSet says; nothing if it says nothing, or no number.
fn of(set: &SeenMachineSet) -> Option<i64> {
    set.annotation(labels::REVISION)?.parse().ok()
}
