//! The end of a control plane: after the last worker all of its Machines go at once. Nobody cares for etcd any more.

use super::conditions::names;
use super::observed::Observed;
use super::step::Step;
use super::view::View;
use super::waiting::Waiting;
use super::{metadata, pre_terminate, scale};

/// How many names are listed.
const SHOWN_NAMES: usize = 5;

/// Takes the control plane down.
pub fn step(view: &View<'_>) -> Step {
    let seen = view.seen;
    if view.machines.is_empty() {
        return Step::act(metadata::release(seen));
    }
    if let Some(left) = workers(seen) {
        return Step::wait(Waiting::Workers(left));
    }
    let mut actions = Vec::new();
    for own in &view.machines {
        actions.extend(pre_terminate::remove_hook(seen.namespace(), own.seen));
        if !own.seen.is_deleting() {
            actions.push(scale::delete(seen, own, "the KubeadmControlPlane is deleted"));
        }
    }
    if actions.is_empty() { Step::wait(Waiting::Machines) } else { Step::act(actions) }
}

/// Workers that are left, as a line of the condition.
fn workers(seen: &Observed) -> Option<String> {
    let names_of: Vec<&str> = seen.workers.iter().map(String::as_str).collect();
    (!names_of.is_empty()).then(|| format!("* Machines: {}", names(&names_of, SHOWN_NAMES)))
}
