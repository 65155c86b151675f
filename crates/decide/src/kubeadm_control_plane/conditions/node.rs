//! The Node of a control plane Machine: the label and the taint that kubeadm gives it.

use api::conditions::{NODE_KUBEADM_LABELS_AND_TAINTS_SET, reason};
use k8s_openapi::api::core::v1::{Node, Taint};
use kubeadm::naming::{CONTROL_PLANE_LABEL, CONTROL_PLANE_TAINT};

use super::super::observed::{Observed, SeenMachine};
use crate::conditions::NewCondition;

const NO_SCHEDULE: &str = "NoSchedule";

/// `NodeKubeadmLabelsAndTaintsSet` of a Machine whose Node is there.
pub fn condition(machine: &SeenMachine, node: &Node) -> NewCondition {
    let name = machine.node().unwrap_or_default();
    let has_label = node.metadata.labels.as_ref().is_some_and(|all| all.contains_key(CONTROL_PLANE_LABEL));
    let has_taint = !should_have_taint(machine) || is_tainted(node);
    let message = match (has_label, has_taint) {
        (true, true) => return NewCondition::new(NODE_KUBEADM_LABELS_AND_TAINTS_SET, true, reason::SET, ""),
        (false, true) => format!("Node {name} does not have the {CONTROL_PLANE_LABEL} label"),
        (true, false) => format!("Node {name} does not have the {CONTROL_PLANE_TAINT}:{NO_SCHEDULE} taint"),
        (false, false) => format!(
            "Node {name} does not have the {CONTROL_PLANE_LABEL} label and the {CONTROL_PLANE_TAINT}:{NO_SCHEDULE} taint"
        ),
    };
    NewCondition::new(NODE_KUBEADM_LABELS_AND_TAINTS_SET, false, reason::NOT_SET, message)
}

fn is_default(key: &str, effect: &str) -> bool {
    key == CONTROL_PLANE_TAINT && effect == NO_SCHEDULE
}

fn is_tainted(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
    taints.unwrap_or_default().iter().any(|taint| is_default(&taint.key, &taint.effect))
}

/// Whether the Machine, or else what kubeadm was told, wants the taint. kubeadm sets it where nobody says anything.
fn should_have_taint(machine: &SeenMachine) -> bool {
    if machine.machine.spec.taints.iter().any(|taint| is_default(&taint.key, &taint.effect)) {
        return true;
    }
    let Some(config) = &machine.config else { return false };
    let spec = &config.spec;
    let registration = match &spec.join_configuration.control_plane {
        Some(_) => &spec.join_configuration.node_registration,
        None => &spec.init_configuration.node_registration,
    };
    let wants = |taints: &Vec<Taint>| taints.iter().any(|taint| is_default(&taint.key, &taint.effect));
    registration.taints.as_ref().is_none_or(wants)
}

/// Control plane Nodes without a Machine. While a Machine waits for its Node, a Node without one may be its.
pub fn strays(seen: &Observed, machines: &[&SeenMachine]) -> Vec<String> {
    if machines.iter().any(|machine| machine.node().is_none() && !machine.is_deleting()) {
        return Vec::new();
    }
    let is_labelled = |node: &&std::sync::Arc<Node>| {
        node.metadata.labels.as_ref().is_some_and(|all| all.contains_key(CONTROL_PLANE_LABEL))
    };
    let names =
        seen.nodes.iter().flatten().filter(is_labelled).filter_map(|node| node.metadata.name.as_deref());
    names
        .filter(|name| !machines.iter().any(|machine| machine.node() == Some(name)))
        .map(|name| format!("Control plane Node {name} does not have a corresponding Machine"))
        .collect()
}

/// Whether the Node's kubelet is known to be out of reach.
pub fn is_unreachable(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
    let is = |taint: &Taint| taint.key == "node.kubernetes.io/unreachable" && taint.effect == "NoExecute";
    taints.unwrap_or_default().iter().any(is)
}

/// Whether nobody knows whether the Node is ready.
pub fn is_ready_unknown(node: &Node) -> bool {
    let list = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    list.unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "Unknown")
}
