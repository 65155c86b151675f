//! Status and conditions of a DevMachine, by how far its machine is. Pure.

use api::Kind as _;
use api::conditions::{self, reason};
use api::core::common::MachineAddress;
use api::infrastructure::{DevMachine, DevMachineInitializationStatus, DevMachineStatus};
use decide::conditions::{self as rules, Merge, NewCondition, Reasons, Summary};
use decide::{paused, plan};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::decide::{Observed, is_control_plane};
use super::waiting::Waiting;
use crate::dev::cloud::{Bootstrap, MachineRecord};

/// How far one part is.
#[derive(Clone, Debug, PartialEq)]
struct Progress {
    done: bool,
    reason: &'static str,
    message: String,
}

impl Progress {
    fn done() -> Self {
        Self { done: true, reason: reason::PROVISIONED, message: String::new() }
    }

    fn not(reason: &'static str) -> Self {
        Self { done: false, reason, message: String::new() }
    }
}

/// The status while paused: nothing but that is said anew.
pub fn paused_only(seen: &Observed) -> DevMachineStatus {
    let mut status = seen.dev_machine.status.clone();
    status.deprecated = None;
    set(seen, &mut status.conditions, paused_condition(seen));
    status
}

/// The status of a machine that waits for something before it is made, or of one that was made.
pub fn status(seen: &Observed, waiting: Option<&Waiting>) -> DevMachineStatus {
    let control_plane = seen.machine.as_ref().is_some_and(|machine| is_control_plane(machine));
    let vm = vm(seen, waiting);
    let node = node(seen, &vm);
    let mut parts =
        vec![(conditions::VM_PROVISIONED, vm.clone()), (conditions::NODE_PROVISIONED, node.clone())];
    if control_plane {
        parts.push((conditions::ETCD_PROVISIONED, etcd(seen, &vm, &node)));
        parts.push((conditions::API_SERVER_PROVISIONED, api_server(seen, &vm, &node)));
    }
    let types: Vec<&str> = parts.iter().map(|(type_, _)| *type_).collect();
    let own =
        |type_: &str| types.contains(&type_) || type_ == conditions::READY || type_ == conditions::PAUSED;
    let mut list = seen.dev_machine.status.conditions.clone();
    list.retain(|condition| own(&condition.type_));
    for (type_, part) in parts {
        set(seen, &mut list, NewCondition::new(type_, part.done, part.reason, part.message));
    }
    let ready = ready(&list, types);
    set(seen, &mut list, ready);
    set(seen, &mut list, paused_condition(seen));
    DevMachineStatus { conditions: list, ..facts(seen, &vm) }
}

/// Everything but conditions.
fn facts(seen: &Observed, vm: &Progress) -> DevMachineStatus {
    let before = &seen.dev_machine.status;
    let Some(record) = seen.record.as_ref().filter(|_| vm.done) else {
        return DevMachineStatus {
            initialization: before.initialization.clone(),
            ..DevMachineStatus::default()
        };
    };
    DevMachineStatus {
        initialization: DevMachineInitializationStatus { provisioned: Some(true) },
        addresses: addresses(record),
        failure_domain: seen.machine.as_ref().and_then(|machine| machine.spec.failure_domain.clone()),
        ..DevMachineStatus::default()
    }
}

fn addresses(record: &MachineRecord) -> Vec<MachineAddress> {
    let address =
        |type_: &str, address: &str| MachineAddress { r#type: type_.to_owned(), address: address.to_owned() };
    vec![address("Hostname", &record.name), address("InternalIP", &record.address)]
}

fn vm(seen: &Observed, waiting: Option<&Waiting>) -> Progress {
    if let Some(waiting) = waiting {
        let message = match waiting {
            Waiting::Backend | Waiting::Settings(_) => plan::Waiting::message(waiting),
            _ => String::new(),
        };
        return Progress { done: false, reason: plan::Waiting::reason(waiting), message };
    }
    match &seen.record {
        Some(record) if seen.now >= record.vm_due() => Progress::done(),
        _ => Progress::not(reason::WAITING_FOR_STARTUP_TIMEOUT),
    }
}

fn node(seen: &Observed, vm: &Progress) -> Progress {
    let Some(record) = seen.record.as_ref().filter(|_| vm.done) else {
        return Progress::not(reason::WAITING_FOR_VM_PROVISIONED);
    };
    let failed = |reason, text: &str| Progress { done: false, reason, message: text.to_owned() };
    match &record.bootstrap {
        Bootstrap::Done { .. } => Progress::done(),
        Bootstrap::Pending => Progress::not(reason::WAITING_FOR_STARTUP_TIMEOUT),
        Bootstrap::Trying { reason: text, .. } => failed(reason::NOT_COMPLETED, text),
        Bootstrap::Failed { reason: text } => failed(reason::FAILED, text),
    }
}

fn etcd(seen: &Observed, vm: &Progress, node: &Progress) -> Progress {
    beside_node(seen, vm, node, |record| record.etcd_started)
}

fn api_server(seen: &Observed, vm: &Progress, node: &Progress) -> Progress {
    beside_node(seen, vm, node, |record| record.api_server_started)
}

fn beside_node(
    seen: &Observed,
    vm: &Progress,
    node: &Progress,
    started: impl Fn(&MachineRecord) -> bool,
) -> Progress {
    if !vm.done {
        return Progress::not(reason::WAITING_FOR_VM_PROVISIONED);
    }
    if !node.done {
        return Progress::not(reason::WAITING_FOR_NODE_PROVISIONED);
    }
    match &seen.record {
        Some(record) if started(record) => Progress::done(),
        _ => Progress::not(reason::WAITING_FOR_STARTUP_TIMEOUT),
    }
}

fn ready(list: &[Condition], types: Vec<&str>) -> NewCondition {
    let reasons = Reasons { issue: reason::NOT_READY, unknown: reason::READY_UNKNOWN, info: reason::READY };
    let summary = Summary { types, merge: Merge { reasons, ..Merge::default() }, ..Summary::default() };
    rules::summary(list, conditions::READY, &summary).unwrap_or_else(|error| {
        NewCondition::new(
            conditions::READY,
            rules::ConditionStatus::Unknown,
            reason::READY_UNKNOWN,
            error.to_string(),
        )
    })
}

fn paused_condition(seen: &Observed) -> NewCondition {
    paused::condition(seen.cluster.as_deref(), DevMachine::KIND, &seen.dev_machine.metadata)
}

fn set(seen: &Observed, list: &mut Vec<Condition>, new: NewCondition) {
    let now: Timestamp = seen.now;
    rules::set(list, new, seen.dev_machine.metadata.generation.unwrap_or_default(), now);
}
