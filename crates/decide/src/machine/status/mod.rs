//! The status of a Machine: conditions, phase, and what its infrastructure and its Node report.
//!
//! Other controllers write conditions on Machines, too (health checks, control planes). They are read here, for `Ready`,
//! and left to those who write them.

mod mirrors;
mod node;
mod summary;
mod up_to_date;

use api::conditions::{
    AVAILABLE, BOOTSTRAP_CONFIG_READY, DELETING, INFRASTRUCTURE_READY, NODE_HEALTHY, NODE_READY, PAUSED,
    READY, UP_TO_DATE, UPDATING, reason,
};
use api::contract::infrastructure_machine;
use api::core::machine::{
    MachineDeletionStatus, MachineInitializationStatus, MachineNodeReference, MachineStatus,
};
use api::labels::{CERTIFICATES_EXPIRY, DEPLOYMENT_NAME, UPDATE_IN_PROGRESS};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::observed::{Need, Observed, has_label};
use super::waiting::Waiting;
use crate::conditions::{self, NewCondition, set};
use crate::plan::{Next, Waiting as _};
use crate::{owners, paused};

/// Conditions that this controller writes on every Machine.
const OWN: [&str; 9] = [
    AVAILABLE,
    READY,
    BOOTSTRAP_CONFIG_READY,
    INFRASTRUCTURE_READY,
    NODE_READY,
    NODE_HEALTHY,
    UPDATING,
    DELETING,
    PAUSED,
];

/// How far the deletion of a Machine has come.
pub struct Deletion<'a> {
    /// What is waited for.
    pub waiting: &'a Waiting,
    /// When its steps began.
    pub times: &'a MachineDeletionStatus,
}

/// All conditions of a Machine on their way to its status.
struct Conditions<'a> {
    seen: &'a Observed,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    fn of(seen: &'a Observed) -> Self {
        Self { seen, list: seen.machine.status.conditions.clone() }
    }

    fn put(&mut self, condition: NewCondition) {
        let generation = self.seen.machine.metadata.generation.unwrap_or_default();
        set(&mut self.list, condition, generation, self.seen.now);
    }

    /// Those that this controller writes.
    fn own(mut self) -> Vec<Condition> {
        let up_to_date = up_to_date::is_ours(&self.seen.machine);
        self.list.retain(|condition| {
            OWN.contains(&condition.type_.as_str()) || (up_to_date && condition.type_ == UP_TO_DATE)
        });
        self.list
    }
}

/// The status while the Machine is paused: as it was, and the condition that says so.
pub fn paused(seen: &Observed) -> MachineStatus {
    let mut conditions = Conditions::of(seen);
    conditions.put(paused::condition(seen.cluster.as_deref(), "Machine", &seen.machine.metadata));
    MachineStatus { conditions: conditions.own(), deprecated: None, ..seen.machine.status.clone() }
}

/// The status, and when it will be another without anything having happened.
pub fn status(seen: &Observed, deletion: Option<&Deletion<'_>>) -> (MachineStatus, Next<Need>) {
    let was = &seen.machine.status;
    let mut conditions = Conditions::of(seen);
    conditions.put(paused::condition(seen.cluster.as_deref(), "Machine", &seen.machine.metadata));
    conditions.put(mirrors::bootstrap(seen));
    conditions.put(mirrors::infrastructure(seen));
    let mut next = node::conditions(&mut conditions);
    conditions.put(deleting(deletion));
    conditions.put(updating(seen));
    next = next.sooner(up_to_date::condition(&mut conditions));
    let ready = summary::ready(seen, &conditions.list, deletion.map(|deletion| deletion.times));
    conditions.put(ready);
    let (available, due) = summary::available(seen, &conditions.list);
    conditions.put(available);
    let phase = phase(seen, conditions::is_true(&conditions.list, UPDATING));
    let last_updated =
        if was.phase.as_deref() == Some(phase) { was.last_updated.clone() } else { Some(at(seen.now)) };
    let status = MachineStatus {
        conditions: conditions.own(),
        initialization: initialization(seen),
        node_ref: seen.node_name().map(|name| MachineNodeReference { name }),
        node_info: seen
            .node
            .found()
            .and_then(|node| node.status.as_ref()?.node_info.clone())
            .or_else(|| was.node_info.clone()),
        last_updated,
        certificates_expiry_date: certificates_expiry(seen),
        observed_generation: seen.machine.metadata.generation,
        phase: Some(phase.to_owned()),
        deletion: deletion
            .map(|deletion| deletion.times.clone())
            .filter(|times| *times != MachineDeletionStatus::default()),
        deprecated: None,
        ..reported(seen)
    };
    (status, next.sooner(due))
}

fn initialization(seen: &Observed) -> MachineInitializationStatus {
    MachineInitializationStatus {
        infrastructure_provisioned: super::is_provisioned(seen).then_some(true),
        bootstrap_data_secret_created: super::is_bootstrapped(seen).then_some(true),
    }
}

/// Addresses and failure domain, of a provisioned server.
fn reported(seen: &Observed) -> MachineStatus {
    let was = &seen.machine.status;
    let object = &seen.infrastructure;
    let is_told = super::reported_provider_id(seen).is_some();
    let addresses = object.field(infrastructure_machine::ADDRESSES).filter(|_| is_told);
    let domain =
        object.field(infrastructure_machine::FAILURE_DOMAIN).filter(|domain| is_told && !domain.is_empty());
    MachineStatus {
        addresses: addresses.unwrap_or_else(|| was.addresses.clone()),
        failure_domain: domain.or_else(|| was.failure_domain.clone()),
        ..MachineStatus::default()
    }
}

fn deleting(deletion: Option<&Deletion<'_>>) -> NewCondition {
    match deletion {
        None => NewCondition::new(DELETING, false, reason::NOT_DELETING, ""),
        Some(deletion) => {
            NewCondition::new(DELETING, true, deletion.waiting.reason(), deletion.waiting.message())
        }
    }
}

fn updating(seen: &Observed) -> NewCondition {
    let annotations = seen.machine.metadata.annotations.as_ref();
    if annotations.is_some_and(|all| all.contains_key(UPDATE_IN_PROGRESS)) {
        return NewCondition::new(UPDATING, true, reason::IN_PLACE_UPDATING, "In-place update in progress");
    }
    NewCondition::new(UPDATING, false, reason::NOT_UPDATING, "")
}

/// The state in one word; what is further along wins.
fn phase(seen: &Observed, is_updating: bool) -> &'static str {
    let provisioned = super::is_provisioned(seen);
    if seen.is_deleting() {
        "Deleting"
    } else if is_updating {
        "Updating"
    } else if provisioned && seen.node_name().is_some() {
        "Running"
    } else if seen.machine.spec.provider_id.as_ref().is_some_and(|id| !id.is_empty()) {
        "Provisioned"
    } else if super::is_bootstrapped(seen) && !provisioned {
        "Provisioning"
    } else {
        "Pending"
    }
}

/// When the certificates of a control plane machine end: the Machine says so, or else its bootstrap object. A time that
/// cannot be read is not known.
fn certificates_expiry(seen: &Observed) -> Option<Time> {
    if !seen.is_control_plane() {
        return None;
    }
    let own = seen.machine.metadata.annotations.as_ref().and_then(|all| all.get(CERTIFICATES_EXPIRY));
    let of_bootstrap = || {
        let object = seen.bootstrap.object()?;
        object["metadata"]["annotations"][CERTIFICATES_EXPIRY].as_str()
    };
    let text = own.map(String::as_str).or_else(of_bootstrap)?;
    text.parse().ok().map(at)
}

/// A time as objects store it.
fn at(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

/// Whether a MachineDeployment made the Machine, through a MachineSet.
fn is_of_deployment(machine: &api::core::Machine) -> bool {
    has_label(machine, DEPLOYMENT_NAME) && owners::controller_of(&machine.metadata).is_some()
}
