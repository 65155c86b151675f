//! MachineSets that the MachineDeployment selects and that nobody controls.

use api::core::machine_set::MachineSet;
use serde_json::json;

use super::Observed;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// Takes control of them.
pub(super) fn actions(seen: &Observed) -> Vec<Action> {
    let owner = owners::controller(seen.deployment.as_ref());
    let orphans =
        seen.machine_sets.iter().filter(|set| owners::controller_of(&set.machine_set.metadata).is_none());
    orphans
        .filter_map(|orphan| {
            let metadata = &orphan.machine_set.metadata;
            let changed = owners::with_owner(&json!(metadata.owner_references), &owner)?;
            let patch = json!({"metadata": {
                "resourceVersion": metadata.resource_version,
                "ownerReferences": changed,
            }});
            let target = ObjectRef::of::<MachineSet>(seen.namespace(), orphan.name());
            Some(Action::patch(target, patch, "the MachineSet is selected and nobody controls it"))
        })
        .collect()
}
