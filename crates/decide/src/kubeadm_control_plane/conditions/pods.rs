//! The static Pods of a control plane Machine.

use api::conditions::{NODE_KUBEADM_LABELS_AND_TAINTS_SET, reason};
use api::workload::Pod;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, PodStatus};
use kubeadm::naming::Component;

use super::super::observed::{Observed, SeenMachine};
use super::{node, waits_for_node};
use crate::conditions::{ConditionStatus, NewCondition};

/// Conditions of the Node and the Pods of a Machine.
pub fn conditions(seen: &Observed, machine: &SeenMachine) -> Vec<NewCondition> {
    let node = machine.node().and_then(|name| seen.node(name));
    if machine.is_deleting() {
        let of_node = match node {
            Some(node) => node::condition(machine, node),
            None => deleting(NODE_KUBEADM_LABELS_AND_TAINTS_SET),
        };
        return with_pods(seen, of_node, |_, condition| deleting(condition));
    }
    let Some(name) = machine.node() else { return silent(seen, &waits_for_node(machine)) };
    let Some(node) = node else { return silent(seen, &format!("Node {name} does not exist")) };
    if node::is_unreachable(node) {
        return silent(seen, &format!("Node {name} is unreachable"));
    }
    with_pods(seen, node::condition(machine, node), |component, condition| {
        pod(seen, node, name, component, condition)
    })
}

fn with_pods(
    seen: &Observed,
    of_node: NewCondition,
    of_pod: impl Fn(Component, &'static str) -> NewCondition,
) -> Vec<NewCondition> {
    let pods = super::pods(seen.is_etcd_managed())
        .iter()
        .map(|(component, condition)| of_pod(*component, condition));
    [of_node].into_iter().chain(pods).collect()
}

fn silent(seen: &Observed, message: &str) -> Vec<NewCondition> {
    let of_node = inspection_failed(NODE_KUBEADM_LABELS_AND_TAINTS_SET, message.to_owned());
    with_pods(seen, of_node, |_, condition| inspection_failed(condition, message.to_owned()))
}

fn inspection_failed(
    condition: &'static str,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> NewCondition {
    NewCondition::new(condition, ConditionStatus::Unknown, reason::INSPECTION_FAILED, message)
}

fn deleting(condition: &'static str) -> NewCondition {
    NewCondition::new(condition, false, reason::DELETING, "Machine is deleting")
}

/// One static Pod. Its mirror in the API is written by the kubelet, so it is not believed while nobody hears of that.
fn pod(
    seen: &Observed,
    node: &Node,
    name: &str,
    component: Component,
    condition: &'static str,
) -> NewCondition {
    if node::is_ready_unknown(node) {
        return inspection_failed(condition, "Node Ready condition is Unknown, Pod data might be stale");
    }
    let wanted = component.pod_name(name);
    let found = seen.pods.iter().flatten().find(|pod| pod.metadata.name.as_deref() == Some(wanted.as_str()));
    match found {
        Some(pod) => of_status(pod, condition),
        None => NewCondition::new(condition, false, reason::DOES_NOT_EXIST, "Pod does not exist"),
    }
}

fn of_status(pod: &Pod, condition: &'static str) -> NewCondition {
    let nothing = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&nothing);
    let failed = |message: String| NewCondition::new(condition, false, reason::FAILED, message);
    match status.phase.as_deref().unwrap_or_default() {
        "Pending" => NewCondition::new(condition, false, reason::PROVISIONING, pending(status)),
        "Running" => running(status, condition),
        "Succeeded" | "Failed" => failed("All the containers have been terminated".to_owned()),
        _ => inspection_failed(condition, "Pod is reporting Unknown status"),
    }
}

fn holds(status: &PodStatus, condition: &str) -> bool {
    status.conditions.iter().flatten().any(|one| one.type_ == condition && one.status == "True")
}

fn pending(status: &PodStatus) -> &'static str {
    if !holds(status, "PodScheduled") {
        "Waiting to be scheduled"
    } else if !holds(status, "Initialized") {
        "Running init containers"
    } else {
        ""
    }
}

fn running(status: &PodStatus, condition: &'static str) -> NewCondition {
    if holds(status, "Ready") {
        return NewCondition::new(condition, true, reason::RUNNING, "");
    }
    let containers = || status.container_statuses.iter().flatten();
    let waiting: Vec<&str> = containers().filter_map(waiting).collect();
    if !waiting.is_empty() {
        // A container that failed and is started again waits meanwhile.
        let reason = if containers().any(has_failed) { reason::FAILED } else { reason::PROVISIONING };
        return NewCondition::new(condition, false, reason, waiting.join(", "));
    }
    let terminated: Vec<&str> = containers().filter_map(terminated).collect();
    if !terminated.is_empty() {
        return NewCondition::new(condition, false, reason::FAILED, terminated.join(", "));
    }
    NewCondition::new(condition, false, reason::PROVISIONING, "Waiting for startup or readiness probes")
}

fn waiting(container: &ContainerStatus) -> Option<&str> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    Some(waiting.reason.as_deref().unwrap_or_default())
}

fn terminated(container: &ContainerStatus) -> Option<&str> {
    let terminated = container.state.as_ref()?.terminated.as_ref()?;
    Some(terminated.reason.as_deref().unwrap_or_default())
}

fn has_failed(container: &ContainerStatus) -> bool {
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    last.is_some_and(|terminated| terminated.exit_code != 0)
}
