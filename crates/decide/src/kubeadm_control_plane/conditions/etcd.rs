//! The etcd member on a control plane Machine, and how members, Machines and Nodes fit together.

use api::conditions::{ETCD_MEMBER_HEALTHY, reason};
use jiff::SignedDuration;

use super::super::observed::{EtcdMember, EtcdTrouble, Observed, SeenMachine};
use super::waits_for_node;
use crate::conditions::{ConditionStatus, NewCondition};

/// How long a Node may be there without an etcd member before that is worth a word.
const NEW_NODE: SignedDuration = SignedDuration::from_mins(2);

/// `EtcdMemberHealthy`; nothing where it stays as it was, or etcd is external.
pub fn condition(seen: &Observed, machine: &SeenMachine) -> Option<NewCondition> {
    if !seen.is_etcd_managed() {
        return None;
    }
    let found = seen.members().map(|known| find(&known.members, machine));
    match (machine.node(), found) {
        (Some(node), Some(None)) => {
            Some(not_healthy(format!("Etcd doesn't have an etcd member for Node {node}")))
        }
        _ if machine.is_deleting() => {
            Some(NewCondition::new(ETCD_MEMBER_HEALTHY, false, reason::DELETING, "Machine is deleting"))
        }
        (None, _) => Some(unknown(waits_for_node(machine))),
        (Some(_), Some(Some(member))) => Some(of_member(member)),
        // Nobody can be asked: no Machine that stays has a Node.
        (Some(node), None) if seen.etcd.is_none() && super::super::etcd::nodes(seen).is_empty() => {
            let name = machine.name();
            Some(not_healthy(format!(
                "Etcd reports the cluster is composed by [], but the etcd member hosted on Machine {name} ({node}) is not included"
            )))
        }
        (Some(_), None) => trouble(seen),
    }
}

fn find<'a>(members: &'a [EtcdMember], machine: &SeenMachine) -> Option<&'a EtcdMember> {
    members.iter().find(|member| machine.node() == Some(member.name.as_str()))
}

fn not_healthy(message: String) -> NewCondition {
    NewCondition::new(ETCD_MEMBER_HEALTHY, false, reason::NOT_HEALTHY, message)
}

fn unknown(message: String) -> NewCondition {
    NewCondition::new(ETCD_MEMBER_HEALTHY, ConditionStatus::Unknown, reason::INSPECTION_FAILED, message)
}

fn of_member(member: &EtcdMember) -> NewCondition {
    if member.is_learner {
        return not_healthy("Waiting for learner etcd member to be promoted".to_owned());
    }
    if !member.alarms.is_empty() {
        return not_healthy(format!("Etcd reports alarms: {}", member.alarms.join(", ")));
    }
    NewCondition::new(ETCD_MEMBER_HEALTHY, true, reason::HEALTHY, "")
}

fn trouble(seen: &Observed) -> Option<NewCondition> {
    match seen.etcd.as_ref()?.outcome.as_ref().err()? {
        EtcdTrouble::Connect(error) => Some(unknown(format!("Failed to connect to etcd: {error}"))),
        EtcdTrouble::Members(error) => Some(unknown(format!("Failed to get etcd members: {error}"))),
        EtcdTrouble::Alarms(error) => Some(unknown(format!("Failed to get etcd alarms: {error}"))),
        // An election takes a moment and says nothing about a member.
        EtcdTrouble::NoLeader => None,
    }
}

/// Members without a Machine, as sentences; and whether members, Machines and Nodes fit together. What is on its way in
/// or out does not count against that.
pub fn compare(seen: &Observed, machines: &[&SeenMachine]) -> (Vec<String>, bool) {
    if !seen.is_etcd_managed() {
        return (Vec::new(), true);
    }
    let Some(known) = seen.members() else {
        return (Vec::new(), !machines.iter().any(|machine| machine.node().is_some()));
    };
    let lacks_member = |machine: &&&SeenMachine| {
        !machine.is_deleting()
            && machine.node().is_some_and(|node| is_old(seen, node))
            && find(&known.members, machine).is_none()
    };
    let is_provisioning = machines.iter().any(|machine| machine.node().is_none());
    let stray = |member: &&EtcdMember| {
        member.name.is_empty() || !machines.iter().any(|machine| machine.node() == Some(member.name.as_str()))
    };
    let strays: Vec<String> = known.members.iter().filter(stray).map(sentence).collect();
    let matching =
        !machines.iter().any(|machine| lacks_member(&machine)) && (strays.is_empty() || is_provisioning);
    (strays, matching)
}

fn sentence(member: &EtcdMember) -> String {
    if member.name.is_empty() {
        return format!(
            "Etcd member {} (Name not yet assigned) does not have a corresponding Machine",
            member.id
        );
    }
    format!("Etcd member {} does not have a corresponding Machine", member.name)
}

fn is_old(seen: &Observed, node: &str) -> bool {
    let created = seen.node(node).and_then(|node| node.metadata.creation_timestamp.as_ref());
    created.is_some_and(|created| seen.now.duration_since(created.0) > NEW_NODE)
}
