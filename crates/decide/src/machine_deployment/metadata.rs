//! Finalizer, label, owner and revision of the MachineDeployment itself: one patch if any of them is missing.

use api::core::Cluster;
use api::core::machine_deployment::MachineDeployment;
use api::labels;
use serde_json::json;

use super::{Observed, sets::Sets};
use crate::finalizers;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// The patch.
pub(super) fn actions(seen: &Observed, cluster: &Cluster, sets: &Sets<'_>) -> Vec<Action> {
    let deployment = &seen.deployment;
    let metadata = &deployment.metadata;
    let mut patch = json!({});
    if let Some(all) = finalizers::with(metadata, labels::MACHINE_DEPLOYMENT_FINALIZER) {
        patch["metadata"]["finalizers"] = json!(all);
    }
    let cluster_name = &deployment.spec.cluster_name;
    if metadata.labels.as_ref().and_then(|all| all.get(labels::CLUSTER_NAME)) != Some(cluster_name) {
        patch["metadata"]["labels"][labels::CLUSTER_NAME] = json!(cluster_name);
    }
    if let Some(owners) = owners::with_owner(&json!(metadata.owner_references), &owners::plain(cluster)) {
        patch["metadata"]["ownerReferences"] = owners;
    }
    // While the rollout is paused no MachineSet is made, so without a current one there is no revision to tell.
    let paused = deployment.spec.paused == Some(true);
    let revision = sets.revision.to_string();
    let told = metadata.annotations.as_ref().and_then(|all| all.get(labels::REVISION));
    if (sets.current.is_some() || !paused) && told != Some(&revision) {
        patch["metadata"]["annotations"][labels::REVISION] = json!(revision);
    }
    if patch.as_object().is_none_or(|members| members.is_empty()) {
        return Vec::new();
    }
    patch["metadata"]["resourceVersion"] = json!(metadata.resource_version);
    let target = ObjectRef::of::<MachineDeployment>(seen.namespace(), seen.name());
    vec![Action::patch(target, patch, "the MachineDeployment lacks its finalizer, label, owner or revision")]
}
