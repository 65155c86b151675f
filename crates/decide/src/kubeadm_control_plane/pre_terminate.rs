//! The last step of a control plane Machine on its way out: its etcd member leaves, then its server may go.
//!
//! One Machine at a time, the one whose deletion was asked for first, and only when all other hooks are done: without
//! etcd the API server beside it stops, and with it the kubelet that others may still need.

use api::conditions::{DELETING, reason};
use api::core::Machine;
use api::labels;
use machinery::version::Version;
use serde_json::json;

use super::step::Step;
use super::view::{Own, View};
use super::waiting::Waiting;
use super::{etcd, quorum};
use crate::conditions;
use crate::etcd_membership::Change;
use crate::plan::{Action, Next, ObjectRef};

/// The next Machine's last step.
pub fn step(view: &View<'_>) -> Step {
    let deleting: Vec<&Own<'_>> = view.deleting().collect();
    // One that is let go already has to be gone before the next.
    let has_hook = |own: &&&Own<'_>| own.seen.is_annotated(labels::KUBEADM_PRE_TERMINATE_HOOK);
    if deleting.iter().filter(has_hook).count() < deleting.len() {
        return Step::pass();
    }
    let first = deleting.into_iter().min_by_key(|own| {
        let since = own.seen.machine.metadata.deletion_timestamp.as_ref().map(|since| since.0);
        (since, own.name().to_owned())
    });
    match first {
        Some(own) if is_next(view, own) => leave(view, own),
        _ => Step::pass(),
    }
}

/// Whether the Machine waits for nothing but us.
fn is_next(view: &View<'_>, own: &Own<'_>) -> bool {
    let annotations = own.seen.machine.metadata.annotations.iter().flatten();
    let mut others = annotations.filter(|(key, _)| {
        key.starts_with(labels::PRE_TERMINATE_HOOK_PREFIX) && *key != labels::KUBEADM_PRE_TERMINATE_HOOK
    });
    // Before 1.31 kubelets do not depend on the API server beside them.
    let version = Version::parse_tolerant(&view.seen.control_plane.spec.version);
    let waits_for_others = version.is_ok_and(|version| (version.major, version.minor) >= (1, 31));
    if waits_for_others && others.next().is_some() {
        return false;
    }
    conditions::get(&own.machine.status.conditions, DELETING).is_some_and(|condition| {
        condition.status == "True" && condition.reason == reason::WAITING_FOR_PRE_TERMINATE_HOOK
    })
}

fn leave(view: &View<'_>, own: &Own<'_>) -> Step {
    if view.machines.len() <= 1 {
        return let_go(view, own, Vec::new());
    }
    let wait = |message: String| Step::Wait(Waiting::Deletion(message), etcd::ask_again(view.seen));
    let name = own.name();
    if !quorum::keeps_components(view, Some(name)) {
        return wait(format!(
            "Cannot delete control plane Machine {name}: no other has all Kubernetes components healthy"
        ));
    }
    if !view.seen.is_etcd_managed() {
        return let_go(view, own, Vec::new());
    }
    let known = match etcd::fresh(view) {
        Ok(known) => known,
        Err(first) => return first,
    };
    let Some(member_name) = quorum::member_name(view, own) else { return let_go(view, own, Vec::new()) };
    if quorum::survives(view, Change { add: false, remove: Some(member_name) }) != Some(true) {
        return wait(format!("Cannot delete control plane Machine {name}: etcd could lose its quorum"));
    }
    let mut actions = match etcd::hand_over(view, own) {
        Ok(action) => Vec::from_iter(action),
        Err(first) => return first,
    };
    if let Some(member) = known.members.iter().find(|member| member.name == member_name) {
        actions.push(etcd::remove(view, member, format!("Machine {name} goes")));
    }
    let_go(view, own, actions)
}

/// Lets the Machine go when everything before has been done.
fn let_go(view: &View<'_>, own: &Own<'_>, mut actions: Vec<Action>) -> Step {
    actions.extend(remove_hook(view.seen.namespace(), own.seen));
    Step::Act(actions, Next::OnChange)
}

/// Takes our hook from a Machine.
pub fn remove_hook(namespace: &str, machine: &super::observed::SeenMachine) -> Option<Action> {
    if !machine.is_annotated(labels::KUBEADM_PRE_TERMINATE_HOOK) {
        return None;
    }
    let patch = json!({"metadata": {"annotations": {labels::KUBEADM_PRE_TERMINATE_HOOK: null}}});
    let target = ObjectRef::of::<Machine>(namespace, machine.name());
    Some(Action::patch(target, patch, "the control plane is done with the Machine"))
}
