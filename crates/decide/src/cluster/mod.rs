//! Cluster: the frame in which infrastructure, control plane and workers find one another.
//!
//! ```text
//!  1  not paused
//!  2  finalizer; the endpoint that infrastructure or control plane report   own
//!  3  infrastructure and control plane belong to the Cluster                references
//!  4  a kubeconfig, where there is no control plane object to make one      kubeconfig
//!  5  counters, versions, conditions, phase                                 status
//!
//!  being deleted: workers, control plane, infrastructure, finalizer         deletion
//! ```
//!
//! Its status sums up everything below it and changes with it, so it is written once things have come to rest for a
//! moment, unless somebody waits for it; who wakes a Cluster, and how soon, is decided where it is observed.

mod deletion;
mod kubeconfig;
mod observed;
mod own;
mod references;
mod status;
mod waiting;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use api::contract::{control_plane, infrastructure_cluster};
use api::core::Cluster;
use api::core::cluster::ClusterStatus;
use api::core::common::ApiEndpoint;

use crate::paused;
use crate::plan::{Next, ObjectRef, Plan};

pub use observed::{Need, NewKubeconfig, Observed};
pub use status::OWN_CONDITIONS;
pub use waiting::Waiting;

/// What a decision about a Cluster looks like.
pub type ClusterPlan = Plan<ClusterStatus, Waiting, Need>;

/// The plan for one Cluster.
pub fn decide(seen: &Observed) -> ClusterPlan {
    if paused::is_paused(Some(&seen.cluster), &seen.cluster.metadata) {
        return Plan { status: Some(status::paused(seen)), ..Plan::idle() };
    }
    if seen.is_deleting() {
        return deletion::decide(seen);
    }
    let mut actions: Vec<_> = own::patch(seen).into_iter().collect();
    actions.extend(references::adopt(seen));
    let mut waiting = waiting(seen);
    let mut retry = Next::OnChange;
    if actions.is_empty() {
        match kubeconfig::next(seen) {
            kubeconfig::Step::Done => {}
            kubeconfig::Step::Wait => {
                waiting.insert(0, Waiting::Authority);
                retry = Next::Retry;
            }
            kubeconfig::Step::Look(need) => return Plan { next: Next::Look(need), ..Plan::idle() },
            kubeconfig::Step::Create(action) => actions.push(*action),
        }
    }
    let (status, next) = status::status(seen, None);
    Plan { actions, waiting, status: Some(status), next: next.sooner(retry) }
}

/// What is not there yet, in the order in which it comes.
fn waiting(seen: &Observed) -> Vec<Waiting> {
    let spec = &seen.cluster.spec;
    let mut waiting = Vec::new();
    if seen.has_topology() && (spec.infrastructure_ref.is_none() || spec.control_plane_ref.is_none()) {
        waiting.push(Waiting::Topology);
    }
    if let Some(reference) = spec.infrastructure_ref.as_ref().filter(|_| !is_provisioned(seen)) {
        waiting.push(Waiting::Infrastructure(reference.kind.clone()));
    }
    if !has_control_plane(seen) {
        waiting.push(Waiting::ControlPlane(
            spec.control_plane_ref.as_ref().map(|reference| reference.kind.clone()),
        ));
    }
    waiting
}

/// Whether the infrastructure was provisioned once. Where there is none to be provisioned nobody has to wait for it.
fn is_provisioned(seen: &Observed) -> bool {
    if seen.cluster.status.initialization.infrastructure_provisioned == Some(true) {
        return true;
    }
    if seen.cluster.spec.infrastructure_ref.is_none() {
        return !seen.has_topology() && !seen.is_deleting();
    }
    let object = &seen.infrastructure;
    !object.is_deleting()
        && object.field(infrastructure_cluster::provisioned(object.contract())) == Some(true)
}

/// Whether the control plane object was initialized once.
fn is_initialized(seen: &Observed) -> bool {
    if seen.cluster.status.initialization.control_plane_initialized == Some(true) {
        return true;
    }
    let object = &seen.control_plane;
    !object.is_deleting() && object.field(control_plane::initialized(object.contract())) == Some(true)
}

/// Whether there is an initialized control plane: of an object, or of Machines that stand alone.
fn has_control_plane(seen: &Observed) -> bool {
    match &seen.cluster.spec.control_plane_ref {
        Some(_) => is_initialized(seen),
        None => seen.control_plane_machines().iter().any(|machine| machine.status.node_ref.is_some()),
    }
}

fn is_valid(endpoint: &ApiEndpoint) -> bool {
    endpoint.host.as_deref().is_some_and(|host| !host.is_empty())
        && endpoint.port.is_some_and(|port| port > 0)
}

fn reference(cluster: &Cluster) -> ObjectRef {
    let metadata = &cluster.metadata;
    ObjectRef::of::<Cluster>(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}
