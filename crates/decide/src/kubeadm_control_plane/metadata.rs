//! Finalizer and notes on the KubeadmControlPlane itself, and the owner of its template.

use api::core::Cluster;
use api::labels;
use serde_json::json;

use super::observed::Observed;
use super::remediation;
use super::step::Step;
use crate::finalizers;
use crate::machine_set::templates::{self, Template};
use crate::plan::{Action, ObjectRef};

/// Sets the finalizer before anything is made that it protects.
pub fn finalizer(seen: &Observed) -> Step {
    let metadata = &seen.control_plane.metadata;
    let Some(all) = finalizers::with(metadata, labels::KUBEADM_CONTROL_PLANE_FINALIZER) else {
        return Step::act(remediation::finished(seen).into_iter().collect());
    };
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": all}});
    let target = ObjectRef::to(&*seen.control_plane);
    Step::act(vec![Action::patch(target, patch, "the KubeadmControlPlane lacks its finalizer")])
}

/// Lets the KubeadmControlPlane go.
pub fn release(seen: &Observed) -> Vec<Action> {
    let why = "all control plane Machines are gone";
    let finalizer = labels::KUBEADM_CONTROL_PLANE_FINALIZER;
    finalizers::release(&*seen.control_plane, finalizer, why).into_iter().collect()
}

/// The template belongs to the Cluster.
pub fn template(seen: &Observed, cluster: &Cluster) -> Step {
    let template = Template {
        reference: &seen.control_plane.spec.machine_template.spec.infrastructure_ref,
        seen: &seen.template,
    };
    Step::act(templates::actions(cluster, &seen.control_plane.metadata, &[template]))
}
