//! What should happen to a DevMachine. Pure.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::core::{Cluster, Machine};
use api::infrastructure::{DevMachine, DevMachineStatus};
use api::{conditions as vocabulary, labels};
use decide::plan::{Action, Never, Next, ObjectRef, Plan};
use decide::{conditions as rules, finalizers, paused};
use jiff::Timestamp;
use serde_json::{Map, json};

use super::conditions;
use super::settings::{self, Settings};
use super::waiting::Waiting;
use crate::dev::cloud::node::provider_id;
use crate::dev::cloud::records::later;
use crate::dev::cloud::{Bootstrap, ClusterId, MachineRecord};
use crate::dev::frame::{Step, joined};

/// How long kubeadm waits between two attempts to join.
const RETRY: Duration = Duration::from_secs(5);

/// What is known.
#[derive(Clone)]
pub struct Observed {
    /// The object.
    pub dev_machine: Arc<DevMachine>,
    /// The Machine that owns it, if it is there.
    pub machine: Option<Arc<Machine>>,
    /// The Cluster of both, if it is there.
    pub cluster: Option<Arc<Cluster>>,
    /// Which Cluster that is.
    pub id: Option<ClusterId>,
    /// Whether the cloud has that cluster.
    pub has_cluster: bool,
    /// The machine in the cloud, if it was made.
    pub record: Option<MachineRecord>,
    /// The time.
    pub now: Timestamp,
}

/// What is done in the cloud.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Make the machine.
    Create {
        /// In which cluster.
        id: ClusterId,
        /// Whether it is meant for the control plane.
        control_plane: bool,
        /// The Kubernetes version on its image.
        version: String,
        /// How slowly it comes up.
        settings: Settings,
    },
    /// Boot it from its data.
    Boot {
        /// In which cluster.
        id: ClusterId,
        /// The Secret with the data.
        secret: String,
    },
    /// Start its etcd member.
    StartEtcd {
        /// In which cluster.
        id: ClusterId,
    },
    /// Start its API server.
    StartApiServer {
        /// In which cluster.
        id: ClusterId,
    },
    /// Destroy it.
    Delete {
        /// In which cluster.
        id: ClusterId,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { id, .. } => write!(formatter, "create a simulated machine in {id}"),
            Self::Boot { id, secret } => write!(formatter, "boot from Secret {secret} in {id}"),
            Self::StartEtcd { id } => write!(formatter, "start the etcd member in {id}"),
            Self::StartApiServer { id } => write!(formatter, "start the API server in {id}"),
            Self::Delete { id } => write!(formatter, "destroy the simulated machine in {id}"),
        }
    }
}

type Decided = Plan<DevMachineStatus, Waiting, Never, Step<Deed>>;

/// The plan for one DevMachine.
pub fn decide(seen: &Observed) -> Decided {
    let metadata = &seen.dev_machine.metadata;
    if paused::is_paused(seen.cluster.as_deref(), metadata) {
        let status = conditions::paused_only(seen);
        return Plan { waiting: vec![Waiting::Paused], status: Some(status), ..Plan::idle() };
    }
    if metadata.deletion_timestamp.is_some() {
        return Plan { actions: deletion(seen), ..Plan::idle() };
    }
    let (Some(id), Some(machine), Some(cluster)) = (&seen.id, &seen.machine, &seen.cluster) else {
        return Plan { waiting: vec![Waiting::Owner], ..Plan::idle() };
    };
    match &seen.record {
        None => match obstacle(seen, machine, cluster) {
            Some(waiting) => {
                let status = Some(conditions::status(seen, Some(&waiting)));
                Plan { waiting: vec![waiting], status, ..Plan::idle() }
            }
            None => creation(seen, id, machine),
        },
        Some(record) => proceed(seen, id, machine, record),
    }
}

/// Why no machine is made yet, the first reason that holds.
fn obstacle(seen: &Observed, machine: &Machine, cluster: &Cluster) -> Option<Waiting> {
    if seen.dev_machine.spec.backend.in_memory.is_none() {
        return Some(Waiting::Backend);
    }
    if cluster.status.initialization.infrastructure_provisioned != Some(true) || !seen.has_cluster {
        return Some(Waiting::ClusterInfrastructure);
    }
    if machine.spec.bootstrap.data_secret_name.is_some() {
        return None;
    }
    let has_control_plane = rules::is_true(&cluster.status.conditions, vocabulary::CONTROL_PLANE_INITIALIZED);
    if !is_control_plane(machine) && !has_control_plane {
        return Some(Waiting::ControlPlane);
    }
    Some(Waiting::BootstrapData)
}

/// Whether the Machine is one of the control plane.
pub fn is_control_plane(machine: &Machine) -> bool {
    machine.metadata.labels.as_ref().is_some_and(|all| all.contains_key(labels::CONTROL_PLANE))
}

fn creation(seen: &Observed, id: &ClusterId, machine: &Machine) -> Decided {
    let spec = seen.dev_machine.spec.backend.in_memory.clone().unwrap_or_default();
    match settings::read(&spec) {
        Ok(settings) => {
            let deed = Deed::Create {
                id: id.clone(),
                control_plane: is_control_plane(machine),
                version: machine.spec.version.clone().unwrap_or_default(),
                settings,
            };
            Plan { actions: vec![Step::Do(deed)], ..Plan::idle() }
        }
        Err(text) => {
            let waiting = Waiting::Settings(text);
            let status = Some(conditions::status(seen, Some(&waiting)));
            Plan { waiting: vec![waiting], status, ..Plan::idle() }
        }
    }
}

/// A machine that was made: the next step that is due, and when the one after it is.
fn proceed(seen: &Observed, id: &ClusterId, machine: &Machine, record: &MachineRecord) -> Decided {
    let mut plan = Plan { status: Some(conditions::status(seen, None)), ..Plan::idle() };
    if let Some(deed) = due(seen, id, machine, record) {
        plan.actions.push(Step::Do(deed));
        return plan;
    }
    plan.actions.extend(surface(seen, record).map(Step::write));
    plan.next = next(seen, record);
    plan.waiting.extend(waiting(record, plan.next));
    plan
}

fn due(seen: &Observed, id: &ClusterId, machine: &Machine, record: &MachineRecord) -> Option<Deed> {
    let now = seen.now;
    match &record.bootstrap {
        Bootstrap::Failed { .. } => None,
        Bootstrap::Pending | Bootstrap::Trying { .. } => {
            let secret = machine.spec.bootstrap.data_secret_name.clone()?;
            (now >= attempt_due(record)).then(|| Deed::Boot { id: id.clone(), secret })
        }
        Bootstrap::Done { .. } if !record.control_plane => None,
        Bootstrap::Done { .. } if !record.etcd_started => {
            record.etcd_due().filter(|due| now >= *due).map(|_| Deed::StartEtcd { id: id.clone() })
        }
        Bootstrap::Done { .. } if !record.api_server_started => {
            record.api_server_due().filter(|due| now >= *due).map(|_| Deed::StartApiServer { id: id.clone() })
        }
        Bootstrap::Done { .. } => None,
    }
}

/// When to boot, or to let kubeadm try again.
fn attempt_due(record: &MachineRecord) -> Timestamp {
    match &record.bootstrap {
        Bootstrap::Trying { last, .. } => later(*last, RETRY),
        _ => record.node_due(),
    }
}

/// No event tells that a simulated start is over, or that kubeadm would try again: the earliest such time to come.
fn next(seen: &Observed, record: &MachineRecord) -> Next {
    let attempt = match &record.bootstrap {
        Bootstrap::Pending | Bootstrap::Trying { .. } => Some(attempt_due(record)),
        Bootstrap::Failed { .. } | Bootstrap::Done { .. } => None,
    };
    let etcd = record.etcd_due().filter(|_| record.control_plane && !record.etcd_started);
    let api_server = record.api_server_due().filter(|_| record.control_plane && !record.api_server_started);
    let times = [Some(record.vm_due()), attempt, etcd, api_server];
    times.into_iter().flatten().filter(|time| *time > seen.now).min().map_or(Next::OnChange, Next::At)
}

fn waiting(record: &MachineRecord, next: Next) -> Option<Waiting> {
    match &record.bootstrap {
        Bootstrap::Trying { reason, .. } => Some(Waiting::Trying(reason.clone())),
        Bootstrap::Failed { reason } => Some(Waiting::Failed(reason.clone())),
        Bootstrap::Pending | Bootstrap::Done { .. } => (next != Next::OnChange).then_some(Waiting::Startup),
    }
}

/// Finalizer and, once the virtual machine is up, provider ID, in one patch; none where both are there.
fn surface(seen: &Observed, record: &MachineRecord) -> Option<Action> {
    let metadata = &seen.dev_machine.metadata;
    let (mut meta, mut patch) = (Map::new(), Map::new());
    if let Some(all) = finalizers::with(metadata, labels::DEV_MACHINE_FINALIZER) {
        meta.insert("finalizers".to_owned(), json!(all));
    }
    let provider = provider_id(&record.name);
    if seen.now >= record.vm_due() && seen.dev_machine.spec.provider_id.as_deref() != Some(&provider) {
        patch.insert("spec".to_owned(), json!({ "providerID": provider }));
    }
    let patch = joined(metadata, meta, patch)?;
    Some(Action::patch(ObjectRef::to(&*seen.dev_machine), patch, "the simulated machine is there"))
}

fn deletion(seen: &Observed) -> Vec<Step<Deed>> {
    if let Some(id) = seen.id.as_ref().filter(|_| seen.record.is_some()) {
        return vec![Step::Do(Deed::Delete { id: id.clone() })];
    }
    let why = "the simulated machine is gone";
    finalizers::release(&*seen.dev_machine, labels::DEV_MACHINE_FINALIZER, why)
        .map(Step::write)
        .into_iter()
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
