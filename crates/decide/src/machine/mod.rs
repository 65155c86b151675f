//! Machine: one server from the request for it to its end.
//!
//! ```text
//!  1  Cluster there, not paused
//!  2  finalizer, label, owner; what bootstrap and infrastructure report      own
//!  3  bootstrap and infrastructure objects belong to the Machine             references
//!  4  labels, annotations and taints reach the Node                          node
//!  5  conditions, phase, addresses                                           status
//!
//!  being deleted: hooks, drain, volumes, hooks, server, bootstrap, Node      deletion
//! ```
//!
//! Absent: MachineDrainRules, in-place updates through hooks, labels and annotations of other domains for Nodes.
//!
//! Bootstrap and infrastructure are read by contract paths only. Steps 2 and 3 end a round: the Node gets what the Machine
//! really says, and the status tells what was really written.

mod deletion;
mod node;
mod observed;
mod own;
mod references;
mod status;
mod taints;
mod waiting;

#[cfg(test)]
mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use api::contract::{bootstrap, infrastructure_machine};
use api::core::machine::MachineStatus;
use api::core::{Cluster, Machine};

use crate::plan::{ClusterRef, ObjectRef, Plan};
use crate::{owners, paused};

pub use observed::{
    Connection, Looked, Need, NodeView, Observed, PersistentVolume, PodsOnNode, Surroundings, Volumes,
};
pub use waiting::Waiting;

/// What a decision about a Machine looks like.
pub type MachinePlan = Plan<MachineStatus, Waiting, Need>;

/// The plan for one Machine.
pub fn decide(seen: &Observed) -> MachinePlan {
    let cluster = seen.cluster.as_deref();
    if cluster.is_none() && !seen.is_deleting() {
        return Plan { waiting: vec![Waiting::Cluster], ..Plan::idle() };
    }
    if paused::is_paused(cluster, &seen.machine.metadata) {
        return Plan { status: Some(status::paused(seen)), ..Plan::idle() };
    }
    if seen.is_deleting() {
        return deletion::decide(seen);
    }
    match cluster {
        Some(cluster) => keep(seen, cluster),
        None => Plan::idle(),
    }
}

/// Brings a Machine up and keeps it as it should be.
fn keep(seen: &Observed, cluster: &Cluster) -> MachinePlan {
    let mut actions: Vec<_> = own::patch(seen, cluster).into_iter().collect();
    actions.extend(references::adopt(seen, cluster));
    if actions.is_empty() {
        actions.extend(node::synchronize(seen));
    }
    let (status, next) = status::status(seen, None);
    Plan { actions, waiting: waiting(seen), status: Some(status), next }
}

/// What is not there yet, in the order in which it comes.
fn waiting(seen: &Observed) -> Vec<Waiting> {
    let spec = &seen.machine.spec;
    let mut waiting: Vec<Waiting> = references::foreign(seen).map(Waiting::ForeignOwner).collect();
    if let Some(config) = spec.bootstrap.config_ref.as_ref().filter(|_| !is_bootstrapped(seen)) {
        waiting.push(Waiting::BootstrapData(config.kind.clone()));
    }
    match seen.provider_id() {
        Some(id) if is_provisioned(seen) => {
            if seen.node_name().is_none() {
                waiting.push(Waiting::Node(id));
            }
        }
        _ => waiting.push(Waiting::Infrastructure(spec.infrastructure_ref.kind.clone())),
    }
    waiting
}

/// Whether the bootstrap data was there once. Without a bootstrap object nobody but the user could tell.
fn is_bootstrapped(seen: &Observed) -> bool {
    if seen.machine.status.initialization.bootstrap_data_secret_created == Some(true) {
        return true;
    }
    let has_object = seen.bootstrap.object().is_some();
    has_object
        && (seen.machine.spec.bootstrap.data_secret_name.is_some() || reported_data_secret(seen).is_some())
}

/// The name of the Secret with the bootstrap data, once its object says that it is there.
fn reported_data_secret(seen: &Observed) -> Option<String> {
    let object = &seen.bootstrap;
    let created = object.field(bootstrap::data_secret_created(object.contract())) == Some(true);
    let name = object.field(bootstrap::DATA_SECRET_NAME).filter(|name| !name.is_empty());
    name.filter(|_| created && !object.is_deleting())
}

/// Whether the server was provisioned once.
fn is_provisioned(seen: &Observed) -> bool {
    seen.machine.status.initialization.infrastructure_provisioned == Some(true)
        || reported_provider_id(seen).is_some()
}

/// The provider ID of a provisioned server: before that nobody may rely on it.
fn reported_provider_id(seen: &Observed) -> Option<String> {
    let object = &seen.infrastructure;
    let was = seen.machine.status.initialization.infrastructure_provisioned == Some(true);
    let is = object.field(infrastructure_machine::provisioned(object.contract())) == Some(true);
    let id = object.field(infrastructure_machine::PROVIDER_ID).filter(|id| !id.is_empty());
    id.filter(|_| (was || is) && !object.is_deleting())
}

fn reference(machine: &Machine) -> ObjectRef {
    let metadata = &machine.metadata;
    ObjectRef::of::<Machine>(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

fn cluster_ref(machine: &Machine) -> ClusterRef {
    ClusterRef {
        namespace: machine.metadata.namespace.clone().unwrap_or_default(),
        name: machine.spec.cluster_name.clone(),
    }
}

/// Whether a MachineSet, MachinePool or control plane made the Machine: then the Cluster does not own it, even if that
/// owner is not there (yet) after a restore.
fn is_stand_alone(machine: &Machine) -> bool {
    use api::labels::{CONTROL_PLANE_NAME, POOL_NAME, SET_NAME};
    owners::controller_of(&machine.metadata).is_none()
        && ![SET_NAME, POOL_NAME, CONTROL_PLANE_NAME].iter().any(|label| observed::has_label(machine, label))
}
