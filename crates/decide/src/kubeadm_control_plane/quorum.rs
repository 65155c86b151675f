//! What is left of the control plane after a step: at least one complete set of components, and a quorum of etcd.

use api::conditions::{
    API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, ETCD_MEMBER_HEALTHY, ETCD_POD_HEALTHY,
    HEALTH_CHECK_SUCCEEDED, SCHEDULER_POD_HEALTHY, UP_TO_DATE,
};
use std::cmp::Reverse;

use super::observed::{EtcdMember, EtcdMembers};
use super::view::{Own, View};
use crate::etcd_membership::{self, Change, Health, Member};

/// Whether a Machine other than `without` has all Kubernetes components healthy. Each API server talks to the etcd beside
/// it, and everything else to the API server beside it, so only a whole set is of use.
pub fn keeps_components(view: &View<'_>, without: Option<&str>) -> bool {
    let mut types = vec![API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, SCHEDULER_POD_HEALTHY];
    if view.seen.is_etcd_managed() {
        types.push(ETCD_POD_HEALTHY);
    }
    let others = view.machines.iter().filter(|own| Some(own.name()) != without);
    others.into_iter().any(|own| types.iter().all(|condition| own.has(condition)))
}

/// Whether etcd keeps its quorum; nothing where its members are not known.
pub fn survives(view: &View<'_>, change: Change<'_>) -> Option<bool> {
    let known = view.seen.members().filter(|known| !known.members.is_empty())?;
    let members: Vec<Member<'_>> = known.members.iter().map(|member| of(view, member)).collect();
    Some(etcd_membership::survives(&members, change))
}

fn of<'v>(view: &View<'_>, member: &'v EtcdMember) -> Member<'v> {
    let host = view.machines.iter().find(|own| own.seen.node() == Some(member.name.as_str()));
    let health = match host {
        Some(own) if own.has(ETCD_MEMBER_HEALTHY) => Health::Healthy,
        Some(_) => Health::Unhealthy,
        None => Health::NoMachine { alarm: !member.alarms.is_empty() },
    };
    Member { name: &member.name, learner: member.is_learner, health }
}

/// The name of the etcd member on a Machine, which is that of its Node. Where the Machine does not know its Node yet, the
/// Node that says to be on its server.
pub fn member_name<'v>(view: &'v View<'_>, own: &'v Own<'_>) -> Option<&'v str> {
    if let Some(node) = own.seen.node() {
        return Some(node);
    }
    let of_infrastructure = own.seen.infrastructure.field(api::contract::infrastructure_machine::PROVIDER_ID);
    let id = own.machine.spec.provider_id.clone().or(of_infrastructure).filter(|id| !id.is_empty())?;
    let nodes = view.seen.nodes.as_deref().unwrap_or_default();
    let is_there = |node: &&std::sync::Arc<k8s_openapi::api::core::v1::Node>| {
        node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()) == Some(id.as_str())
    };
    let mut found = nodes.iter().filter(is_there);
    match (found.next(), found.next()) {
        (Some(node), None) => node.metadata.name.as_deref(),
        _ => None,
    }
}

/// Whether the member on this Machine leads; nothing where nobody is known to.
pub fn leads(known: &EtcdMembers, own: &Own<'_>) -> Option<bool> {
    let leader = known.members.iter().find(|member| member.id == known.leader)?;
    Some(own.seen.node() == Some(leader.name.as_str()))
}

/// The members that leadership may be handed to when a Machine goes, the best first: healthy rather than not, not about to be
/// replaced itself, and young.
pub fn heirs<'v>(view: &View<'_>, known: &'v EtcdMembers, leaving: &str) -> Vec<&'v EtcdMember> {
    let mut candidates: Vec<(&Own<'_>, &EtcdMember)> = view
        .machines
        .iter()
        .filter(|own| own.name() != leaving && !own.seen.is_deleting())
        .filter_map(|own| {
            let node = own.seen.node()?;
            // A learner cannot lead.
            let member = known.members.iter().find(|member| member.name == node && !member.is_learner)?;
            Some((own, member))
        })
        .collect();
    candidates.sort_by_cached_key(|(own, _)| {
        let wants = |condition| !own.has(condition);
        (
            wants(ETCD_MEMBER_HEALTHY),
            wants(HEALTH_CHECK_SUCCEEDED),
            wants(UP_TO_DATE),
            Reverse(own.seen.created()),
            own.name().to_owned(),
        )
    });
    candidates.into_iter().map(|(_, member)| member).collect()
}

/// Nodes whose etcd may be asked, the most trusted first.
pub fn nodes_to_ask(view: &View<'_>, except: Option<&str>) -> Vec<String> {
    let machines = view.machines.iter().filter(|own| {
        own.seen.node().is_some_and(|node| Some(node) != except && view.seen.node(node).is_some())
    });
    let mut nodes: Vec<(bool, bool, String)> = machines
        .map(|own| {
            let node = own.seen.node().unwrap_or_default().to_owned();
            (own.seen.is_deleting(), !own.has(ETCD_MEMBER_HEALTHY), node)
        })
        .collect();
    nodes.sort();
    nodes.into_iter().map(|(_, _, node)| node).collect()
}
