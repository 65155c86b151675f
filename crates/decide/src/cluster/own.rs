//! What a Cluster records about itself: its finalizer, and its endpoint. Both in one patch.

use api::contract::{control_plane, infrastructure_cluster};
use api::core::common::ApiEndpoint;
use api::labels;
use serde_json::json;

use super::observed::Observed;
use crate::finalizers;
use crate::plan::Action;

/// The patch that is due, if any.
pub fn patch(seen: &Observed) -> Option<Action> {
    let metadata = &seen.cluster.metadata;
    let finalizers = finalizers::with(metadata, labels::CLUSTER_FINALIZER);
    let endpoint = endpoint(seen);
    if finalizers.is_none() && endpoint.is_none() {
        return None;
    }
    let mut patch = json!({"metadata": {"resourceVersion": metadata.resource_version}});
    if let Some(all) = finalizers {
        patch["metadata"]["finalizers"] = json!(all);
    }
    let why = match &endpoint {
        Some(_) => "where its API server answers",
        None => "what belongs to it goes before it",
    };
    if let Some(endpoint) = endpoint {
        patch["spec"] = json!({"controlPlaneEndpoint": endpoint});
    }
    Some(Action::patch(super::reference(&seen.cluster), patch, why))
}

/// The endpoint that infrastructure or control plane report, where none is known yet.
fn endpoint(seen: &Observed) -> Option<ApiEndpoint> {
    if super::is_valid(&seen.cluster.spec.control_plane_endpoint) {
        return None;
    }
    let infrastructure = &seen.infrastructure;
    let of_infrastructure = infrastructure
        .field(infrastructure_cluster::CONTROL_PLANE_ENDPOINT)
        .filter(|_| super::is_provisioned(seen) && !infrastructure.is_deleting());
    let control_plane = &seen.control_plane;
    let of_control_plane = control_plane
        .field(control_plane::CONTROL_PLANE_ENDPOINT)
        .filter(|_| super::is_initialized(seen) && !control_plane.is_deleting());
    [of_infrastructure, of_control_plane].into_iter().flatten().find(super::is_valid)
}
