//! The status of a Cluster: what infrastructure, control plane and workers report, in numbers and conditions.

mod connection;
mod machines;
mod mirrors;
mod replicas;
mod summary;
mod workers;

use api::conditions::{
    AVAILABLE, CONTROL_PLANE_AVAILABLE, CONTROL_PLANE_INITIALIZED, CONTROL_PLANE_MACHINES_READY,
    CONTROL_PLANE_MACHINES_UP_TO_DATE, DELETING, INFRASTRUCTURE_READY, PAUSED, REMEDIATING,
    REMOTE_CONNECTION_PROBE, ROLLING_OUT, SCALING_DOWN, SCALING_UP, WORKER_MACHINES_READY,
    WORKER_MACHINES_UP_TO_DATE, WORKERS_AVAILABLE, reason,
};
use api::contract::infrastructure_cluster;
use api::core::cluster::{ClusterInitializationStatus, ClusterStatus};
use api::core::common::FailureDomain;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::observed::{Need, Observed};
use super::waiting::Waiting;
use crate::conditions::{NewCondition, set};
use crate::paused;
use crate::plan::{Next, Waiting as _};

/// Conditions that this controller writes on a Cluster.
pub const OWN_CONDITIONS: [&str; 16] = [
    AVAILABLE,
    REMOTE_CONNECTION_PROBE,
    INFRASTRUCTURE_READY,
    CONTROL_PLANE_INITIALIZED,
    CONTROL_PLANE_AVAILABLE,
    WORKERS_AVAILABLE,
    CONTROL_PLANE_MACHINES_READY,
    WORKER_MACHINES_READY,
    CONTROL_PLANE_MACHINES_UP_TO_DATE,
    WORKER_MACHINES_UP_TO_DATE,
    ROLLING_OUT,
    SCALING_UP,
    SCALING_DOWN,
    REMEDIATING,
    DELETING,
    PAUSED,
];

/// All conditions of a Cluster on their way to its status.
struct Conditions<'a> {
    seen: &'a Observed,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    fn of(seen: &'a Observed) -> Self {
        Self { seen, list: seen.cluster.status.conditions.clone() }
    }

    fn put(&mut self, condition: NewCondition) {
        let generation = self.seen.cluster.metadata.generation.unwrap_or_default();
        set(&mut self.list, condition, generation, self.seen.now);
    }

    /// Those that this controller writes.
    fn own(mut self) -> Vec<Condition> {
        self.list.retain(|condition| OWN_CONDITIONS.contains(&condition.type_.as_str()));
        self.list
    }
}

/// The status while the Cluster is paused: as it was, and the condition that says so.
pub fn paused(seen: &Observed) -> ClusterStatus {
    let mut conditions = Conditions::of(seen);
    conditions.put(paused::condition(Some(&seen.cluster), "Cluster", &seen.cluster.metadata));
    ClusterStatus { conditions: conditions.own(), deprecated: None, ..seen.cluster.status.clone() }
}

/// The status, and when it will be another without anything having happened. `deletion` is what a Cluster that is being
/// deleted waits for.
pub fn status(seen: &Observed, deletion: Option<&Waiting>) -> (ClusterStatus, Next<Need>) {
    let mut conditions = Conditions::of(seen);
    conditions.put(paused::condition(Some(&seen.cluster), "Cluster", &seen.cluster.metadata));
    let mut next = connection::probe(&mut conditions);
    conditions.put(mirrors::infrastructure(seen));
    mirrors::control_plane_initialized(&mut conditions);
    conditions.put(mirrors::control_plane_available(seen));
    for condition in workers::conditions(seen) {
        conditions.put(condition);
    }
    let (of_machines, due) = machines::conditions(seen);
    next = next.sooner(due);
    for condition in of_machines {
        conditions.put(condition);
    }
    conditions.put(match deletion {
        None => NewCondition::new(DELETING, false, reason::NOT_DELETING, ""),
        Some(waiting) => NewCondition::new(DELETING, true, waiting.reason(), waiting.message()),
    });
    let available = summary::available(seen, &conditions.list);
    conditions.put(available);
    let status = ClusterStatus {
        conditions: conditions.own(),
        initialization: ClusterInitializationStatus {
            infrastructure_provisioned: super::is_provisioned(seen).then_some(true),
            control_plane_initialized: super::is_initialized(seen).then_some(true),
        },
        control_plane: replicas::control_plane(seen),
        workers: replicas::workers(seen),
        failure_domains: failure_domains(seen),
        phase: Some(phase(seen).to_owned()),
        observed_generation: seen.cluster.metadata.generation,
        deprecated: None,
    };
    (status, next)
}

/// The failure domains of provisioned infrastructure. What cannot be read does not take away what was.
fn failure_domains(seen: &Observed) -> Vec<FailureDomain> {
    let was = &seen.cluster.status.failure_domains;
    let object = &seen.infrastructure;
    let Some(value) = object.object().filter(|_| super::is_provisioned(seen) && !object.is_deleting()) else {
        return was.clone();
    };
    match infrastructure_cluster::failure_domains(object.contract(), value) {
        Ok(domains) => domains.unwrap_or_default(),
        Err(_) => was.clone(),
    }
}

/// The state in one word; what is further along wins.
fn phase(seen: &Observed) -> &'static str {
    let spec = &seen.cluster.spec;
    if seen.is_deleting() {
        "Deleting"
    } else if super::is_provisioned(seen) && super::is_valid(&spec.control_plane_endpoint) {
        "Provisioned"
    } else if spec.infrastructure_ref.is_some() || spec.control_plane_ref.is_some() {
        "Provisioning"
    } else {
        "Pending"
    }
}
