//! Looking at etcd, handing over leadership, and members that belong to no Machine.

use jiff::{SignedDuration, Timestamp};

use api::conditions::ETCD_MEMBER_HEALTHY;

use super::observed::{EtcdMember, EtcdMembers, Need, Observed, SeenMachine};
use super::step::Step;
use super::view::{Own, View};
use super::waiting::Waiting;
use super::{cluster_ref, quorum};
use crate::conditions;
use crate::etcd_membership::Change;
use crate::plan::{Action, EtcdChange, Next};

/// How long a good answer is believed. An alarm tells nobody that it was raised.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);
/// How long any other answer is believed, and when to ask again: nobody tells that a learner got its vote.
const UNSETTLED: SignedDuration = SignedDuration::from_secs(2);
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// How old an answer may be when members change because of it.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// What has to be known of etcd before anything else is decided.
pub fn need(seen: &Observed) -> Option<Need> {
    let is_visible =
        seen.is_initialized() && seen.connection.is_up && seen.nodes.is_some() && seen.pods.is_some();
    if !seen.is_etcd_managed() || !is_visible {
        return None;
    }
    let nodes = nodes(seen);
    let is_known =
        seen.etcd.as_ref().is_some_and(|view| seen.now.duration_since(view.taken) < believed(seen));
    (!is_known && !nodes.is_empty()).then_some(Need::Etcd { nodes })
}

/// Nodes whose etcd may be asked: those that were healthy last, first.
pub(super) fn nodes(seen: &Observed) -> Vec<String> {
    let mut nodes: Vec<(bool, String)> = Vec::new();
    for machine in seen.own().into_iter().filter(|machine| !machine.is_deleting()) {
        let Some(node) = machine.node().filter(|node| seen.node(node).is_some()) else { continue };
        let was_healthy = conditions::is_true(&machine.machine.status.conditions, ETCD_MEMBER_HEALTHY);
        nodes.push((!was_healthy, node.to_owned()));
    }
    nodes.sort();
    nodes.into_iter().map(|(_, node)| node).collect()
}

fn believed(seen: &Observed) -> SignedDuration {
    if is_settled(seen) { SETTLED } else { UNSETTLED }
}

/// Whether etcd is as it should be in the long run.
fn is_settled(seen: &Observed) -> bool {
    let Some(known) = seen.members() else { return false };
    let own = seen.own();
    let is_good = |member: &EtcdMember| {
        !member.is_learner
            && member.alarms.is_empty()
            && own.iter().any(|machine| machine.node() == Some(member.name.as_str()))
    };
    let has_member = |machine: &&SeenMachine| {
        known.members.iter().any(|member| machine.node() == Some(member.name.as_str()))
    };
    known.members.iter().all(is_good) && own.iter().all(has_member)
}

/// When to look at etcd again.
pub fn next(seen: &Observed) -> Option<Timestamp> {
    let view = seen.etcd.as_ref().filter(|_| seen.is_etcd_managed() && seen.connection.is_up)?;
    if is_settled(seen) {
        return view.taken.checked_add(SETTLED).ok();
    }
    seen.now.checked_add(ASK_AGAIN).ok()
}

/// The members of etcd, from an answer that is fresh enough to change them.
///
/// # Errors
/// The step to take first.
pub fn fresh<'v>(view: &'v View<'_>) -> Result<&'v EtcdMembers, Step> {
    let seen = view.seen;
    let age = seen.etcd.as_ref().map(|etcd| seen.now.duration_since(etcd.taken));
    let nodes = nodes(seen);
    if age.is_none_or(|age| age > FRESH) && seen.connection.is_up && !nodes.is_empty() {
        return Err(Step::Look(Need::Etcd { nodes }));
    }
    seen.members().filter(|known| !known.members.is_empty()).ok_or_else(|| {
        let reason = Waiting::Etcd("the list of etcd members is not known".to_owned());
        Step::Wait(reason, ask_again(seen))
    })
}

/// Nobody tells when etcd answers again.
pub fn ask_again(seen: &Observed) -> Next<Need> {
    seen.now.checked_add(ASK_AGAIN).map_or(Next::OnChange, Next::At)
}

/// Hands leadership over if the Machine that is to go has it.
///
/// # Errors
/// The step to take instead.
pub fn hand_over(view: &View<'_>, own: &Own<'_>) -> Result<Option<Action>, Step> {
    let known = fresh(view)?;
    let Some(node) = own.seen.node() else { return Ok(None) };
    let wait = |message: &str| Step::Wait(Waiting::Etcd(message.to_owned()), ask_again(view.seen));
    match quorum::leads(known, own) {
        None => return Err(wait("unable to move etcd leadership, failed to detect etcd leader")),
        Some(false) => return Ok(None),
        Some(true) => {}
    }
    let heirs: Vec<u64> = quorum::heirs(view, known, own.name()).iter().map(|member| member.id).collect();
    if heirs.is_empty() {
        return Err(wait("unable to move etcd leadership, no candidate machines for etcd leadership found"));
    }
    // Only the leader can give its place away. Should another lead by now, it will do.
    let mut nodes = quorum::nodes_to_ask(view, Some(node));
    nodes.insert(0, node.to_owned());
    Ok(Some(Action::Etcd {
        cluster: cluster_ref(view.cluster),
        nodes,
        change: EtcdChange::MoveLeader { to: heirs },
        why: format!("etcd on {node} leads, and its Machine is to go"),
    }))
}

/// Takes a member out.
pub fn remove(view: &View<'_>, member: &EtcdMember, why: String) -> Action {
    let nodes = quorum::nodes_to_ask(view, Some(member.name.as_str()).filter(|name| !name.is_empty()));
    Action::Etcd {
        cluster: cluster_ref(view.cluster),
        nodes,
        change: EtcdChange::RemoveMember { id: member.id },
        why,
    }
}

/// Takes out members that belong to no Machine, one at a time: what the end of a Machine should have done, and did not.
/// While a Machine has no Node yet, a member without Machine may be its.
pub fn repair(view: &View<'_>) -> Step {
    let Some(known) = view.seen.members().filter(|_| view.seen.is_etcd_managed()) else {
        return Step::pass();
    };
    let is_provisioning = view.machines.iter().any(|own| own.seen.node().is_none());
    let belongs =
        |member: &EtcdMember| view.machines.iter().any(|own| own.seen.node() == Some(member.name.as_str()));
    let stray = known.members.iter().filter(|member| !belongs(member)).min_by_key(|member| &member.name);
    let Some(stray) = stray else { return Step::pass() };
    if is_provisioning || view.machines.is_empty() || known.members.len() <= 1 {
        return Step::pass();
    }
    if let Err(first) = fresh(view) {
        return first;
    }
    // A member without a name has not started and never will: there is no machine that could.
    let is_safe = stray.name.is_empty()
        || quorum::survives(view, Change { add: false, remove: Some(&stray.name) }) == Some(true);
    if !is_safe {
        let message = format!(
            "etcd member {} does not have a corresponding Machine, but taking it out can lead to quorum loss",
            stray.name
        );
        return Step::Wait(Waiting::Etcd(message), ask_again(view.seen));
    }
    let action = remove(view, stray, "the etcd member does not have a Machine".to_owned());
    Step::Act(vec![action], ask_again(view.seen))
}
