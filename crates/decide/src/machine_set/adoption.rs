//! Machines that the MachineSet selects and that nobody controls.

use api::core::machine::Machine;
use serde_json::json;

use super::Observed;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// Takes control of them.
pub(super) fn actions(seen: &Observed) -> Vec<Action> {
    let owner = owners::controller(seen.machine_set.as_ref());
    let orphans = seen.machines.iter().filter(|seen| owners::controller_of(&seen.machine.metadata).is_none());
    orphans
        .filter_map(|orphan| {
            let metadata = &orphan.machine.metadata;
            let changed = owners::with_owner(&json!(metadata.owner_references), &owner)?;
            let patch = json!({"metadata": {
                "resourceVersion": metadata.resource_version,
                "ownerReferences": changed,
            }});
            let target = ObjectRef::of::<Machine>(seen.namespace(), orphan.name());
            Some(Action::patch(target, patch, "the Machine is selected and nobody controls it"))
        })
        .collect()
}
