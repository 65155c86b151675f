//! Finalizer and notes on the KubeadmControlPlane itself, and the owner of its template.

use api::controlplane::KubeadmControlPlane;
use api::core::Cluster;
use api::labels;
use serde_json::json;

use super::observed::Observed;
use super::remediation;
use super::step::Step;
use crate::machine_set::templates::{self, Template};
use crate::plan::{Action, ObjectRef};

/// Sets the finalizer before anything is made that it protects.
pub fn finalizer(seen: &Observed) -> Step {
    let metadata = &seen.control_plane.metadata;
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    if finalizers.iter().any(|finalizer| finalizer == labels::KUBEADM_CONTROL_PLANE_FINALIZER) {
        return Step::act(remediation::finished(seen).into_iter().collect());
    }
    let all: Vec<&str> =
        finalizers.iter().map(String::as_str).chain([labels::KUBEADM_CONTROL_PLANE_FINALIZER]).collect();
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": all}});
    Step::act(vec![Action::patch(reference(seen), patch, "the KubeadmControlPlane lacks its finalizer")])
}

/// Lets the KubeadmControlPlane go.
pub fn release(seen: &Observed) -> Vec<Action> {
    let metadata = &seen.control_plane.metadata;
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let rest: Vec<&String> =
        finalizers.iter().filter(|finalizer| *finalizer != labels::KUBEADM_CONTROL_PLANE_FINALIZER).collect();
    if rest.len() == finalizers.len() {
        return Vec::new();
    }
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": rest}});
    vec![Action::patch(reference(seen), patch, "all control plane Machines are gone")]
}

/// The template belongs to the Cluster.
pub fn template(seen: &Observed, cluster: &Cluster) -> Step {
    let template = Template {
        reference: &seen.control_plane.spec.machine_template.spec.infrastructure_ref,
        seen: &seen.template,
    };
    Step::act(templates::actions(cluster, &seen.control_plane.metadata, &[template]))
}

fn reference(seen: &Observed) -> ObjectRef {
    ObjectRef::of::<KubeadmControlPlane>(seen.namespace(), seen.name())
}
