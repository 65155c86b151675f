//! One Machine more, one Machine less.

use api::Kind as _;
use api::core::Machine;
use gotemplate::names as template;

use super::observed::Observed;
use super::preflight::{self, Operation};
use super::step::Step;
use super::view::{Own, View};
use super::waiting::Waiting;
use super::{MANAGER, desired, etcd, select, workload_config};
use crate::names;
use crate::plan::{Action, Next, ObjectRef};

const DEFAULT_NAME: &str = "{{ .kubeadmControlPlane.name }}-{{ .random }}";
/// What every template must contain, as admission demands: without it all Machines would have one name.
const RANDOM: &str = "{{ .random }}";

/// Why the number of Machines changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Another number is wanted.
    Replicas,
    /// Outdated Machines are replaced.
    Rollout,
}

/// Towards the number of Machines that is wanted.
pub fn step(view: &View<'_>) -> Step {
    let (count, wanted) = (view.machines.len(), view.seen.wanted());
    if count < wanted {
        return up(view, Reason::Replicas);
    }
    if count > wanted {
        return match select::to_remove(view, &[]) {
            Some(own) => down(view, own, Reason::Replicas),
            None => Step::pass(),
        };
    }
    Step::pass()
}

/// Makes a Machine. What it is made of follows when the Machine is seen.
pub fn up(view: &View<'_>, reason: Reason) -> Step {
    let before = before_rollout(view, reason);
    if !before.is_pass() {
        return before;
    }
    let failures = preflight::failures(view, Operation::Add);
    if !failures.is_empty() {
        return Step::Wait(Waiting::Preflight(failures), waits_for_etcd(view));
    }
    let seen = view.seen;
    // An alarm tells nobody that it was raised.
    if seen.is_initialized()
        && seen.is_etcd_managed()
        && !view.machines.is_empty()
        && let Err(first) = etcd::fresh(view)
    {
        return first;
    }
    let reference = &seen.control_plane.spec.machine_template.spec.infrastructure_ref;
    if seen.template.object().is_none() {
        return Step::wait(Waiting::Template(reference.kind.clone()));
    }
    let cluster_name = view.cluster.metadata.name.as_deref().unwrap_or_default();
    let name = match name(seen, cluster_name) {
        Ok(name) => name,
        Err(error) => return Step::wait(Waiting::Naming(error)),
    };
    let machine = desired::new_machine(seen, cluster_name, &name, select::failure_domain(view));
    // A type of ours is always JSON.
    let object = machine.to_json();
    let why = match reason {
        Reason::Replicas if view.machines.is_empty() => "the first Machine of the control plane",
        Reason::Replicas => "the control plane has fewer Machines than wanted",
        Reason::Rollout => "a Machine is to be replaced",
    };
    Step::act(vec![Action::apply(MANAGER, object, why)])
}

/// Asks for the deletion of a Machine, after its etcd handed over leadership. Its member leaves later, when the Machine
/// is drained.
pub fn down(view: &View<'_>, own: &Own<'_>, reason: Reason) -> Step {
    let before = before_rollout(view, reason);
    if !before.is_pass() {
        return before;
    }
    let failures = preflight::failures(view, Operation::Remove(own.name()));
    if !failures.is_empty() {
        return Step::Wait(Waiting::Preflight(failures), waits_for_etcd(view));
    }
    let mut actions = Vec::new();
    if view.seen.is_etcd_managed() {
        match etcd::hand_over(view, own) {
            Ok(action) => actions.extend(action),
            Err(first) => return first,
        }
    }
    let why = match reason {
        Reason::Replicas => "the control plane has more Machines than wanted",
        Reason::Rollout => "a newer Machine takes its place",
    };
    actions.push(delete(view.seen, own, why));
    Step::act(actions)
}

/// The deletion of a Machine.
pub fn delete(seen: &Observed, own: &Own<'_>, why: &str) -> Action {
    let target = ObjectRef::of::<Machine>(seen.namespace(), own.name());
    Action::delete(target, own.seen.machine.metadata.uid.clone(), why)
}

/// The configuration that machines join with is brought up to date before the first of them, and whatever else is in the way:
/// what joins meanwhile reads it too.
fn before_rollout(view: &View<'_>, reason: Reason) -> Step {
    match reason {
        Reason::Replicas => Step::pass(),
        Reason::Rollout => workload_config::step(view),
    }
}

/// Machines and Pods tell when they are well; etcd does not.
fn waits_for_etcd(view: &View<'_>) -> Next<super::observed::Need> {
    etcd::next(view.seen).map_or(Next::OnChange, Next::At)
}

/// The name of the next Machine. It follows from what was seen, so that a second try gives the same one.
fn name(seen: &Observed, cluster_name: &str) -> Result<String, String> {
    let pattern = seen.control_plane.spec.machine_naming.template.as_deref().unwrap_or(DEFAULT_NAME);
    if !pattern.contains(RANDOM) {
        return Err(format!("{RANDOM} is missing"));
    }
    let data = template::data(cluster_name, Some(("kubeadmControlPlane", "name", seen.name())));
    let name = |suffix: &str| template::generate(pattern, &data, suffix, suffix);
    // Whether the template works at all does not depend on the random part.
    name("bcdfg").map_err(|error| error.to_string())?;
    let is_taken = |suffix: &str| name(suffix).is_ok_and(|name| seen.taken_names.contains(&name));
    let version = seen.control_plane.metadata.resource_version.as_deref().unwrap_or_default();
    let suffixes = names::suffixes(seen.uid(), version, 1, is_taken);
    let none = || format!("no name that it gives is free: it has to make use of {RANDOM}");
    let suffix = suffixes.first().ok_or_else(none)?;
    name(suffix).map_err(|error| error.to_string())
}
