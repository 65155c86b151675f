//! `NodeReady` and `NodeHealthy`: what the Node says, or why that is not known.

use std::borrow::Cow;

use api::Conditioned;
use api::conditions::{CONTROL_PLANE_INITIALIZED, NODE_HEALTHY, NODE_READY, reason};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, NodeCondition};

use super::super::observed::{Need, NodeView, Observed};
use super::super::waiting::{SEE_LOG, shown};
use super::Conditions;
use crate::conditions::{ConditionStatus, NewCondition, has};
use crate::plan::Next;

/// How long what was last seen of a Node is believed while its cluster does not answer (upstream's
/// `--remote-conditions-grace-period`).
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Conditions of a Node that say how it is; all but the first are troubles.
const OF_NODE: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// A statement about both conditions.
struct Both {
    status: ConditionStatus,
    reason: &'static str,
    message: Cow<'static, str>,
    /// Only said where nothing is known, not instead of what was seen last.
    only_if_absent: bool,
}

/// Sets both conditions; tells when they become unknown if nothing happens.
pub fn conditions(conditions: &mut Conditions<'_>) -> Next<Need> {
    let seen = conditions.seen;
    let statement = why_unknown(seen).or_else(|| without_node(seen));
    match (statement, seen.node.found()) {
        (Some(both), _) => {
            let absent = [NODE_READY, NODE_HEALTHY].iter().any(|own| !has(&conditions.list, own));
            if absent || !both.only_if_absent {
                for target in [NODE_READY, NODE_HEALTHY] {
                    conditions.put(NewCondition::new(target, both.status, both.reason, both.message.clone()));
                }
            }
        }
        (None, Some(node)) => {
            conditions.put(ready(node));
            conditions.put(healthy(node));
        }
        (None, None) => {}
    }
    grace_ends(seen).filter(|time| *time > seen.now).map_or(Next::OnChange, Next::At)
}

/// Why nothing can be known of Nodes at all.
fn why_unknown(seen: &Observed) -> Option<Both> {
    let unknown = |reason, message: Cow<'static, str>| {
        Some(Both { status: ConditionStatus::Unknown, reason, message, only_if_absent: false })
    };
    let cluster = seen.cluster.as_deref();
    let provisioned = cluster.and_then(|cluster| cluster.status.initialization.infrastructure_provisioned);
    if provisioned != Some(true) {
        let message = "Waiting for Cluster status.initialization.infrastructureProvisioned to be true";
        return unknown(reason::INSPECTION_FAILED, message.into());
    }
    if !cluster.is_some_and(|cluster| cluster.condition_is_true(CONTROL_PLANE_INITIALIZED)) {
        return unknown(
            reason::INSPECTION_FAILED,
            "Waiting for Cluster control plane to be initialized".into(),
        );
    }
    if seen.connection.is_untried() {
        let both = unknown(reason::CONNECTION_DOWN, "Remote connection not established yet".into());
        return both.map(|both| Both { only_if_absent: true, ..both });
    }
    if grace_ends(seen).is_some_and(|time| time <= seen.now) {
        return unknown(reason::CONNECTION_DOWN, last_success(seen).into());
    }
    match seen.node {
        NodeView::NotConnected => {
            let both = unknown(reason::CONNECTION_DOWN, last_success(seen).into());
            both.map(|both| Both { only_if_absent: true, ..both })
        }
        NodeView::Ambiguous => unknown(reason::INTERNAL_ERROR, SEE_LOG.into()),
        NodeView::Absent | NodeView::Found(_) => None,
    }
}

/// When what was last seen is no longer believed; `None` while the cluster answers. A control plane that was just
/// initialized gets the time to become reachable.
fn grace_ends(seen: &Observed) -> Option<Timestamp> {
    if seen.connection.is_healthy {
        return None;
    }
    let cluster = seen.cluster.as_deref()?;
    let initialized =
        cluster.condition(CONTROL_PLANE_INITIALIZED).filter(|condition| condition.status == "True")?;
    let initialized = initialized.last_transition_time.0;
    let since = seen.connection.last_success.map_or(initialized, |success| success.max(initialized));
    // Older than: the first whole second after it.
    since.checked_add(GRACE + SignedDuration::from_secs(1)).ok()
}

fn last_success(seen: &Observed) -> String {
    seen.connection
        .last_success
        .map(|time| format!("Last successful probe at {}", shown(time)))
        .unwrap_or_default()
}

/// What is known of a Machine that has no Node in a cluster that answers.
fn without_node(seen: &Observed) -> Option<Both> {
    if seen.node.found().is_some() {
        return None;
    }
    let machine = &seen.machine;
    let (status, reason, message) = match (machine.status.node_ref.as_ref(), seen.is_deleting()) {
        (Some(node), true) => {
            (ConditionStatus::False, reason::NODE_DELETED, format!("Node {} has been deleted", node.name))
        }
        (Some(node), false) => {
            let message = format!("Node {} has been deleted while the Machine still exists", node.name);
            (ConditionStatus::False, reason::NODE_DELETED, message)
        }
        (None, true) => {
            (ConditionStatus::Unknown, reason::NODE_DOES_NOT_EXIST, "Node does not exist".to_owned())
        }
        (None, false) => (ConditionStatus::Unknown, reason::INSPECTION_FAILED, not_yet(seen)),
    };
    Some(Both { status, reason, message: message.into(), only_if_absent: false })
}

fn not_yet(seen: &Observed) -> String {
    let spec = &seen.machine.spec;
    match spec.provider_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => format!("Waiting for a Node with spec.providerID {id} to exist"),
        None => format!("Waiting for {} to report spec.providerID", spec.infrastructure_ref.kind),
    }
}

fn of_node<'a>(node: &'a Node, wanted: &str) -> Option<&'a NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == wanted)
}

fn ready(node: &Node) -> NewCondition {
    let Some(condition) = of_node(node, "Ready") else {
        let message = "* Node.Ready: Condition not yet reported";
        return NewCondition::new(NODE_READY, ConditionStatus::Unknown, reason::NODE_READY_UNKNOWN, message);
    };
    let status = ConditionStatus::parse(&condition.status).unwrap_or(ConditionStatus::Unknown);
    let why = match status {
        ConditionStatus::True => reason::NODE_READY,
        ConditionStatus::False => reason::NODE_NOT_READY,
        ConditionStatus::Unknown => reason::NODE_READY_UNKNOWN,
    };
    let text =
        condition.message.as_deref().filter(|text| status != ConditionStatus::True && !text.is_empty());
    let message = text.map(|text| format!("* Node.Ready: {text}")).unwrap_or_default();
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    NewCondition { since, ..NewCondition::new(NODE_READY, status, why, message) }
}

/// Everything that is wrong with a Node or not known of it; one line if it is all the same.
fn healthy(node: &Node) -> NewCondition {
    let mut lines = Vec::new();
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    let mut worst = ConditionStatus::True;
    for type_ in OF_NODE {
        let Some(condition) = of_node(node, type_) else {
            lines.push(format!("* Node.{type_}: Condition not yet reported"));
            worst = worse(worst, ConditionStatus::Unknown);
            continue;
        };
        let good = if type_ == "Ready" { "True" } else { "False" };
        if condition.status == good {
            continue;
        }
        let text = match condition.message.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(format!("Condition is {}", condition.status)),
        };
        lines.push(format!("* Node.{type_}: {text}"));
        texts.push(text);
        let unknown = condition.status == ConditionStatus::Unknown.as_str();
        worst = worse(worst, if unknown { ConditionStatus::Unknown } else { ConditionStatus::False });
    }
    if let [first, rest @ ..] = texts.as_slice()
        && !rest.is_empty()
        && rest.iter().all(|text| text == first)
    {
        lines = vec![format!("* Node.AllConditions: {first}")];
    }
    let why = match worst {
        ConditionStatus::True => reason::NODE_HEALTHY,
        ConditionStatus::False => reason::NODE_NOT_HEALTHY,
        ConditionStatus::Unknown => reason::NODE_HEALTH_UNKNOWN,
    };
    NewCondition::new(NODE_HEALTHY, worst, why, lines.join("\n"))
}

fn worse(left: ConditionStatus, right: ConditionStatus) -> ConditionStatus {
    match (left, right) {
        (ConditionStatus::False, _) | (_, ConditionStatus::False) => ConditionStatus::False,
        (ConditionStatus::Unknown, _) | (_, ConditionStatus::Unknown) => ConditionStatus::Unknown,
        (ConditionStatus::True, ConditionStatus::True) => ConditionStatus::True,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(conditions: Value) -> Node {
        serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}})).unwrap()
    }

    fn told(conditions: Value) -> (ConditionStatus, String) {
        let condition = healthy(&node(conditions));
        (condition.status, condition.message.into_owned())
    }

    #[test]
    fn a_healthy_node_says_nothing() {
        let good = |type_: &str, status: &str| json!({"type": type_, "status": status, "message": "fine"});
        let conditions = json!([
            good("Ready", "True"),
            good("MemoryPressure", "False"),
            good("DiskPressure", "False"),
            good("PIDPressure", "False"),
        ]);
        assert_eq!(told(conditions), (ConditionStatus::True, String::new()));
    }

    #[test]
    fn troubles_are_listed_and_put_together_where_they_are_the_same() {
        let one = |type_: &str, status: &str, message: &str| json!({"type": type_, "status": status, "message": message});
        let conditions = json!([one("Ready", "False", "no network"), one("DiskPressure", "Unknown", "")]);
        assert_eq!(
            told(conditions),
            (
                ConditionStatus::False,
                "* Node.Ready: no network\n* Node.MemoryPressure: Condition not yet reported\n\
                 * Node.DiskPressure: Condition is Unknown\n* Node.PIDPressure: Condition not yet reported"
                    .to_owned()
            )
        );
        let silent = "Kubelet stopped posting node status.";
        let all = json!(OF_NODE.map(|type_| one(type_, "Unknown", silent)));
        assert_eq!(told(all), (ConditionStatus::Unknown, format!("* Node.AllConditions: {silent}")));
    }
}
