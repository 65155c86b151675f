//! Taking a Machine down, step by step.
//!
//! ```text
//!  1  the control plane can be read
//!  2  hooks before draining are gone
//!  3  the Node is drained
//!  4  volumes are detached
//!  5  hooks before termination are gone
//!  6  the infrastructure object is gone
//!  7  the bootstrap object is gone
//!  8  the Node is gone
//!  9  the finalizer goes
//! ```
//!
//! The steps about the Node, 1 to 4 and 8, are taken only where a cluster stays that has to do without it.
//!
//! Every pass begins at the first step. A step that is done says so each time, so whatever was interrupted is found again.

mod drain;
mod volumes;

use api::contract::control_plane;
use api::core::machine::MachineDeletionStatus;
use api::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::MachinePlan;
use super::observed::{Need, NodeView, Observed};
use super::references;
use super::status::{self, Deletion};
use super::waiting::Waiting;
use crate::conditions;
use crate::finalizers;
use crate::plan::{Action, Next, ObjectRef, Plan, Waiting as _};
use crate::referenced::Referenced;

/// How soon something is tried again that failed and that no event announces.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// A deletion that takes longer is mentioned as such; told in whole seconds.
const LONG: SignedDuration = SignedDuration::from_secs(15 * 60 + 1);

/// A step that is not done.
enum Step {
    /// Something has to be known first.
    Look(Need),
    /// Something is done, or waited for.
    Wait { waiting: Waiting, actions: Vec<Action>, next: Next<Need> },
    /// The last action: nothing of the Machine is left to tell about.
    Finish(Action),
}

impl Step {
    fn wait(waiting: Waiting) -> Self {
        Step::Wait { waiting, actions: Vec::new(), next: Next::OnChange }
    }

    fn act(waiting: Waiting, action: Action) -> Self {
        Step::Wait { waiting, actions: vec![action], next: Next::OnChange }
    }
}

/// A Machine on its way out.
struct Course<'a> {
    seen: &'a Observed,
    /// The Node to be drained and deleted; `None` where it does not matter any more.
    node: Option<String>,
    times: MachineDeletionStatus,
    /// To be done whatever step is next.
    actions: Vec<Action>,
}

/// The steps, in order; `None` means done, or not needed.
const STEPS: [fn(&mut Course<'_>) -> Option<Step>; 9] = [
    readable_control_plane,
    pre_drain_hooks,
    drain::drain,
    volumes::detach,
    pre_terminate_hooks,
    infrastructure,
    bootstrap,
    delete_node,
    finish,
];

/// The plan for a Machine that is being deleted.
pub fn decide(seen: &Observed) -> MachinePlan {
    let times = seen.machine.status.deletion.clone().unwrap_or_default();
    let mut course = Course { seen, node: node_to_care_for(seen), times, actions: adoption(seen) };
    let step = STEPS.iter().find_map(|step| step(&mut course));
    let (waiting, actions, next) = match step {
        Some(Step::Look(need)) => return Plan::look(need),
        Some(Step::Finish(action)) => {
            let actions = course.actions.into_iter().chain([action]).collect();
            return Plan { actions, ..Plan::idle() };
        }
        Some(Step::Wait { waiting, actions, next }) => (waiting, actions, next),
        None => (Waiting::Completed, Vec::new(), Next::OnChange),
    };
    let actions = course.actions.into_iter().chain(actions).collect();
    let (status, due) = status::status(seen, Some(&Deletion { waiting: &waiting, times: &course.times }));
    let next = next.sooner(due).sooner(becomes_long(seen));
    Plan { actions, waiting: vec![waiting], status: Some(status), next }
}

/// Whoever is to go has to know its Machine.
fn adoption(seen: &Observed) -> Vec<Action> {
    seen.cluster.as_deref().map(|cluster| references::adopt(seen, cluster)).unwrap_or_default()
}

/// When the deletion will have taken long: nothing but time tells.
fn becomes_long(seen: &Observed) -> Next<Need> {
    let since = seen.machine.metadata.deletion_timestamp.as_ref();
    let time = since.and_then(|since| since.0.checked_add(LONG).ok());
    time.filter(|time| *time > seen.now).map_or(Next::OnChange, Next::At)
}

/// Whether the Node matters depends on the control plane. If that cannot be read, a Node with Pods on it might be left to
/// itself.
fn readable_control_plane(course: &mut Course<'_>) -> Option<Step> {
    let seen = course.seen;
    let cluster = seen.cluster.as_ref().filter(|cluster| cluster.metadata.deletion_timestamp.is_none())?;
    let reference = cluster.spec.control_plane_ref.as_ref()?;
    let matters = seen.node_name().is_some();
    let is_unknown = matches!(seen.surroundings.control_plane, Referenced::UnknownKind);
    (matters && is_unknown).then(|| Step::wait(Waiting::Unreadable(reference.kind.clone())))
}

/// The Node, if its end has to be orderly: there is one, and a cluster that it leaves behind.
fn node_to_care_for(seen: &Observed) -> Option<String> {
    let cluster = seen.cluster.as_ref().filter(|cluster| cluster.metadata.deletion_timestamp.is_none())?;
    let node = seen.node_name()?;
    let control_plane = &seen.surroundings.control_plane;
    if control_plane.is_deleting() {
        return None;
    }
    let is_external = cluster.spec.control_plane_ref.is_some()
        && control_plane.field(control_plane::EXTERNAL_MANAGED) == Some(true);
    (is_external || seen.surroundings.active_control_plane_machines > 0).then_some(node)
}

impl Course<'_> {
    /// Whether Pods and volumes of the Node still matter: not once the server goes, nor once they have been seen to.
    fn may_care_for_node(
        &self,
        excluded_by: &str,
        started: Option<&Time>,
        timeout_seconds: Option<i32>,
    ) -> bool {
        let annotations = self.seen.machine.metadata.annotations.as_ref();
        let is_excluded = annotations.is_some_and(|all| all.contains_key(excluded_by));
        let is_done = self.times.wait_for_pre_terminate_hook_start_time.is_some();
        let has_server =
            self.seen.infrastructure.object().is_some() && !self.seen.infrastructure.is_deleting();
        let is_late = ends(started, timeout_seconds).is_some_and(|end| end <= self.seen.now);
        !is_excluded && !is_done && has_server && !is_late
    }

    /// Now, as objects store times.
    fn now(&self) -> Time {
        let now = self.seen.now;
        Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }
}

/// When a step is given up; without a limit it never is.
fn ends(started: Option<&Time>, timeout_seconds: Option<i32>) -> Option<Timestamp> {
    let seconds = timeout_seconds.filter(|seconds| *seconds > 0)?;
    started?.0.checked_add(SignedDuration::from_secs(seconds.into())).ok()
}

/// The earlier of a retry and the end of a step.
fn retry(now: Timestamp, after: SignedDuration, end: Option<Timestamp>) -> Next<Need> {
    let time = now.checked_add(after).unwrap_or(now);
    Next::At(end.map_or(time, |end| end.min(time)))
}

fn hooks(seen: &Observed, prefix: &str) -> Vec<String> {
    let keys = seen.machine.metadata.annotations.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| key.starts_with(prefix)).cloned().collect()
}

fn pre_drain_hooks(course: &mut Course<'_>) -> Option<Step> {
    course.node.as_ref()?;
    let hooks = hooks(course.seen, labels::PRE_DRAIN_HOOK_PREFIX);
    if hooks.is_empty() {
        return None;
    }
    let now = course.now();
    course.times.wait_for_pre_drain_hook_start_time.get_or_insert(now);
    Some(Step::wait(Waiting::PreDrainHooks(hooks)))
}

fn pre_terminate_hooks(course: &mut Course<'_>) -> Option<Step> {
    let hooks = hooks(course.seen, labels::PRE_TERMINATE_HOOK_PREFIX);
    if hooks.is_empty() {
        return None;
    }
    let now = course.now();
    course.times.wait_for_pre_terminate_hook_start_time.get_or_insert(now);
    Some(Step::wait(Waiting::PreTerminateHooks(hooks)))
}

fn infrastructure(course: &mut Course<'_>) -> Option<Step> {
    let kind = &course.seen.machine.spec.infrastructure_ref.kind;
    gone(&course.seen.infrastructure, kind, Waiting::InfrastructureDeletion(kind.clone()))
}

fn bootstrap(course: &mut Course<'_>) -> Option<Step> {
    let config = course.seen.machine.spec.bootstrap.config_ref.as_ref()?;
    gone(&course.seen.bootstrap, &config.kind, Waiting::BootstrapDeletion(config.kind.clone()))
}

/// Has an object deleted and waits until it is gone. A kind that cannot be read, even one that is not defined, may still have
/// something to show for it: its definition may be on its way back.
fn gone(object: &Referenced, kind: &str, waiting: Waiting) -> Option<Step> {
    match object {
        Referenced::Unset | Referenced::Missing => None,
        Referenced::UnknownKind => Some(Step::wait(Waiting::Unreadable(kind.to_owned()))),
        Referenced::Found(..) if object.is_deleting() => Some(Step::wait(waiting)),
        Referenced::Found(value, _) => {
            let uid = Some(object.uid().to_owned()).filter(|uid| !uid.is_empty());
            Some(Step::act(
                waiting,
                Action::delete(ObjectRef::of_value(value), uid, "its Machine is deleted"),
            ))
        }
    }
}

/// Deletes the Node and, in the same breath, ends the Machine. Only if the Node cannot be deleted anything of this is
/// ever seen; it is tried once at least, and then until the time for it is over.
fn delete_node(course: &mut Course<'_>) -> Option<Step> {
    let seen = course.seen;
    let name = course.node.clone()?;
    let since = seen.machine.metadata.deletion_timestamp.as_ref();
    let end = ends(since, seen.machine.spec.deletion.node_deletion_timeout_seconds);
    let tried = conditions::reason(&seen.machine.status.conditions, api::conditions::DELETING)
        == Waiting::NodeDeletion.reason();
    let is_late = end.is_some_and(|end| end <= seen.now);
    match seen.node {
        NodeView::Absent => return None,
        _ if tried && is_late => return None,
        NodeView::NotConnected => {
            let next = retry(seen.now, RETRY, end.filter(|end| *end > seen.now));
            return Some(Step::Wait { waiting: Waiting::NodeDeletion, actions: Vec::new(), next });
        }
        NodeView::Ambiguous | NodeView::Found(_) => {}
    }
    let target = ObjectRef::of::<Node>("", &name);
    let delete =
        Action::delete(target, None, "its Machine is gone").in_workload(super::cluster_ref(&seen.machine));
    let actions = std::iter::once(delete).chain(remove_finalizer(seen)).collect();
    Some(Step::Wait { waiting: Waiting::NodeDeletion, actions, next: Next::OnChange })
}

fn finish(course: &mut Course<'_>) -> Option<Step> {
    remove_finalizer(course.seen).map(Step::Finish)
}

fn remove_finalizer(seen: &Observed) -> Option<Action> {
    finalizers::release(&*seen.machine, labels::MACHINE_FINALIZER, "nothing of it is left")
}
