//! Finalizer, labels, owner and selector of the MachineSet itself: one patch if any of them is missing.

use api::core::Cluster;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use api::labels;
use serde_json::{Value, json};

use super::Observed;
use crate::finalizers;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// The patch.
pub(super) fn actions(seen: &Observed, cluster: &Cluster) -> Vec<Action> {
    let set = &seen.machine_set;
    let mut patch = json!({});
    if let Some(all) = finalizers::with(&set.metadata, labels::MACHINE_SET_FINALIZER) {
        patch["metadata"]["finalizers"] = json!(all);
    }
    let cluster_name = &set.spec.cluster_name;
    if set.metadata.labels.as_ref().and_then(|all| all.get(labels::CLUSTER_NAME)) != Some(cluster_name) {
        patch["metadata"]["labels"][labels::CLUSTER_NAME] = json!(cluster_name);
    }
    if let Some(owners) = cluster_as_owner(seen, cluster) {
        patch["metadata"]["ownerReferences"] = owners;
    }
    // Machines of another cluster are never selected.
    if set.spec.selector.match_labels.as_ref().and_then(|all| all.get(labels::CLUSTER_NAME))
        != Some(cluster_name)
    {
        patch["spec"]["selector"]["matchLabels"][labels::CLUSTER_NAME] = json!(cluster_name);
    }
    if set.spec.template.metadata.labels.get(labels::CLUSTER_NAME) != Some(cluster_name) {
        patch["spec"]["template"]["metadata"]["labels"][labels::CLUSTER_NAME] = json!(cluster_name);
    }
    if patch.as_object().is_none_or(|members| members.is_empty()) {
        return Vec::new();
    }
    patch["metadata"]["resourceVersion"] = json!(set.metadata.resource_version);
    let target = ObjectRef::of::<MachineSet>(seen.namespace(), seen.name());
    vec![Action::patch(target, patch, "the MachineSet lacks its finalizer, a label or its owner")]
}

/// The owners, with the Cluster among them, of a MachineSet that has no MachineDeployment; `None` if nothing changes.
///
/// A MachineSet that is labelled with a MachineDeployment is left to that, even while it is an orphan: after a restore
/// from a backup both would race for it.
fn cluster_as_owner(seen: &Observed, cluster: &Cluster) -> Option<Value> {
    let metadata = &seen.machine_set.metadata;
    let deployment = ObjectRef::of::<MachineDeployment>("", "").kind;
    let is_owned = metadata.owner_references.iter().flatten().any(|owner| owner.kind == deployment);
    if is_owned || seen.has_deployment() {
        return None;
    }
    owners::with_owner(&json!(metadata.owner_references), &owners::plain(cluster))
}
