//! Unhealthy Machines that a health check left to us: the most broken one goes, if what is left can carry on, and the
//! next scale-up replaces it.
//!
//! What happened is remembered where it survives a restart: while a replacement is due, by an annotation on the
//! KubeadmControlPlane; afterwards by one on the replacement, so that a replacement that fails too counts as a retry.

use api::conditions::{
    API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, ETCD_MEMBER_HEALTHY, ETCD_POD_HEALTHY,
    HEALTH_CHECK_SUCCEEDED, NODE_KUBEADM_LABELS_AND_TAINTS_SET, SCHEDULER_POD_HEALTHY, reason,
};
use api::controlplane::KubeadmControlPlane;
use api::labels;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::observed::Observed;
use super::preflight::pending_version;
use super::step::Step;
use super::view::{Own, View};
use super::waiting::Waiting;
use super::{etcd, quorum, scale};
use crate::durations::go_duration;
use crate::etcd_membership::Change;
use crate::owner_remediation::{self, is_given_up};
use crate::plan::{Action, ObjectRef};

/// How long a Machine must have been healthy for its next failure to be a new one, where nobody says, in seconds.
const MIN_HEALTHY_SECONDS: i32 = 3600;

/// What is remembered of a remediation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The Machine that was replaced.
    pub machine: String,
    /// When.
    pub timestamp: Option<Timestamp>,
    /// How often before for the same fault.
    pub retry_count: i32,
}

impl Record {
    /// Reads an annotation; nothing where it cannot be read.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// What is said about the remediation of a Machine.
pub struct Mark {
    /// The Machine.
    pub machine: String,
    /// The reason of the condition `OwnerRemediated`.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

/// What remediation comes to.
pub struct Outcome {
    /// What to do.
    pub step: Step,
    /// What to say on the Machine.
    pub mark: Option<Mark>,
    /// Why nothing is done.
    pub waiting: Option<Waiting>,
    /// When an obstacle ends by itself.
    pub until: Option<Timestamp>,
}

impl Outcome {
    fn of(step: Step) -> Self {
        Self { step, mark: None, waiting: None, until: None }
    }
}

/// Machines that are healthy again are no longer ours to replace.
pub fn recovered(view: &View<'_>) -> Vec<Action> {
    // Where the same list is written already, the next round follows.
    let is_free = |own: &Own<'_>| !own.seen.is_deleting() && !own.is_changed();
    let healthy_again = |own: &&Own<'_>| is_free(own) && owner_remediation::has_recovered(&own.machine);
    let recovered = view.machines.iter().filter(healthy_again);
    recovered.map(|own| owner_remediation::take_back(&own.seen.machine)).collect()
}

/// Takes the note of a remediation away when its replacement is there.
pub fn finished(seen: &Observed) -> Option<Action> {
    let note = seen.annotation(labels::REMEDIATION_IN_PROGRESS)?;
    let begun = Record::read(note).and_then(|record| record.timestamp);
    let is_replacement = |machine: &&super::observed::SeenMachine| {
        machine.annotation(labels::REMEDIATION_FOR) == Some(note)
            || begun.zip(machine.created()).is_some_and(|(begun, created)| created > begun)
    };
    seen.own().iter().any(is_replacement).then(|| note_on(seen, None, "the replacement is there"))
}

fn note_on(seen: &Observed, note: Option<String>, why: &str) -> Action {
    let patch = json!({"metadata": {
        "resourceVersion": seen.control_plane.metadata.resource_version,
        "annotations": {labels::REMEDIATION_IN_PROGRESS: note},
    }});
    let target = ObjectRef::of::<KubeadmControlPlane>(seen.namespace(), seen.name());
    Action::patch(target, patch, why)
}

/// What is said on the Machine while etcd does not let go of it.
fn hindered(own: &Own<'_>, first: &Step) -> Option<Mark> {
    let Step::Wait(Waiting::Etcd(message), _) = first else { return None };
    let reason = reason::CANNOT_BE_REMEDIATED;
    Some(Mark { machine: own.name().to_owned(), reason, message: message.clone() })
}

/// Replaces the most broken Machine, or says why not.
pub fn step(view: &View<'_>) -> Outcome {
    let seen = view.seen;
    let given_up = view.machines.iter().filter(|own| is_given_up(&own.machine));
    let Some(own) = given_up.min_by(|a, b| order(a, seen).cmp(&order(b, seen))) else {
        return Outcome::of(Step::pass());
    };
    if own.seen.is_deleting() || seen.annotation(labels::REMEDIATION_IN_PROGRESS).is_some() {
        return Outcome::of(Step::pass());
    }
    let record = match obstacle(view, own) {
        Ok(record) => record,
        Err(Obstacle { reason, message, until }) => {
            let waiting = Some(Waiting::Remediation(message.clone()));
            let mark = Some(Mark { machine: own.name().to_owned(), reason, message });
            // The control plane goes on with everything else meanwhile, as far as its own checks let it.
            return Outcome { mark, waiting, until, ..Outcome::of(Step::pass()) };
        }
    };
    let mut actions = Vec::new();
    if seen.is_initialized() && seen.is_etcd_managed() {
        match etcd::hand_over(view, own) {
            Ok(action) => actions.extend(action),
            Err(first) => return Outcome { mark: hindered(own, &first), ..Outcome::of(first) },
        }
    }
    // The note comes first: without it the replacement would not know what it is.
    let note = serde_json::to_string(&record).ok();
    actions.push(note_on(seen, note, "an unhealthy Machine is replaced"));
    actions.push(scale::delete(seen, own, "the Machine is unhealthy"));
    let mark = Mark {
        machine: own.name().to_owned(),
        reason: reason::MACHINE_DELETING,
        message: "Machine is deleting".to_owned(),
    };
    Outcome { mark: Some(mark), ..Outcome::of(Step::act(actions)) }
}

/// The order in which Machines are replaced: those that users asked for, those that never came up, those whose etcd and
/// then whose other components are broken; among equals the oldest.
fn order(own: &Own<'_>, seen: &Observed) -> ([bool; 8], Option<Timestamp>, String) {
    let managed = seen.is_etcd_managed();
    let key = [
        !own.seen.is_annotated(labels::REMEDIATE_MACHINE),
        own.seen.node().is_some(),
        managed && own.has(ETCD_MEMBER_HEALTHY),
        managed && own.has(ETCD_POD_HEALTHY),
        own.has(API_SERVER_POD_HEALTHY),
        own.has(CONTROLLER_MANAGER_POD_HEALTHY),
        own.has(SCHEDULER_POD_HEALTHY),
        own.has(NODE_KUBEADM_LABELS_AND_TAINTS_SET),
    ];
    (key, own.seen.created(), own.name().to_owned())
}

/// Why a Machine is not replaced now.
struct Obstacle {
    reason: &'static str,
    message: String,
    /// When that ends by itself.
    until: Option<Timestamp>,
}

fn deferred(message: impl Into<String>) -> Obstacle {
    Obstacle { reason: reason::REMEDIATION_DEFERRED, message: message.into(), until: None }
}

fn refused(message: impl Into<String>) -> Obstacle {
    Obstacle { reason: reason::CANNOT_BE_REMEDIATED, message: message.into(), until: None }
}

/// What to remember of the remediation, if nothing speaks against it.
fn obstacle(view: &View<'_>, own: &Own<'_>) -> Result<Record, Obstacle> {
    if let Some(version) = pending_version(view) {
        return Err(deferred(format!(
            "KubeadmControlPlane can't remediate while waiting for a version upgrade to {version} to be propagated from Cluster.spec.topology"
        )));
    }
    let record = retries(view.seen, own)?;
    if view.seen.is_initialized() {
        is_safe(view, own)?;
    }
    Ok(record)
}

/// Counts retries: a replacement that fails soon was made for the same fault.
fn retries(seen: &Observed, own: &Own<'_>) -> Result<Record, Obstacle> {
    let now = Timestamp::from_second(seen.now.as_second()).unwrap_or(seen.now);
    let record = Record { machine: own.name().to_owned(), timestamp: Some(now), retry_count: 0 };
    let last = own.seen.annotation(labels::REMEDIATION_FOR).and_then(Record::read);
    let Some((last, time)) = last.and_then(|last| last.timestamp.map(|time| (last, time))) else {
        return Ok(record);
    };
    let settings = &seen.control_plane.spec.remediation;
    let seconds =
        |value: Option<i32>, default: i32| SignedDuration::from_secs(value.unwrap_or(default).into());
    let after = |duration| time.checked_add(duration).unwrap_or(Timestamp::MAX);
    if after(seconds(settings.min_healthy_period_seconds, MIN_HEALTHY_SECONDS)) <= seen.now {
        return Ok(record);
    }
    let period = seconds(settings.retry_period_seconds, 0);
    if after(period) > seen.now {
        let period = go_duration(period.as_secs());
        let message = format!(
            "KubeadmControlPlane can't remediate this machine because the operation already failed in the latest {period} (RetryPeriodSeconds)"
        );
        return Err(Obstacle {
            until: Some(after(seconds(settings.retry_period_seconds, 0))),
            ..deferred(message)
        });
    }
    if let Some(limit) = settings.max_retry.filter(|limit| last.retry_count >= *limit) {
        return Err(refused(format!(
            "KubeadmControlPlane can't remediate this machine because the operation already failed {limit} times (MaxRetry)"
        )));
    }
    Ok(Record { retry_count: last.retry_count + 1, ..record })
}

/// Whether what is left of an initialized control plane can carry on.
fn is_safe(view: &View<'_>, own: &Own<'_>) -> Result<(), Obstacle> {
    if view.machines.len() <= 1 {
        return Err(refused(
            "KubeadmControlPlane can't remediate if current replicas are less or equal to 1",
        ));
    }
    let is_coming = |own: &Own<'_>| !own.lacks(HEALTH_CHECK_SUCCEEDED) && own.seen.node().is_none();
    if view.machines.iter().any(is_coming) {
        return Err(deferred(
            "KubeadmControlPlane waiting for control plane Machine provisioning to complete before triggering remediation",
        ));
    }
    if view.deleting().next().is_some() {
        return Err(deferred(
            "KubeadmControlPlane waiting for control plane Machine deletion to complete before triggering remediation",
        ));
    }
    let has_members = view.seen.members().is_some_and(|known| !known.members.is_empty());
    if view.seen.is_etcd_managed() && !has_members {
        return Err(deferred("Failed to check etcd cluster health before remediation"));
    }
    let keeps_quorum = || match quorum::member_name(view, own) {
        // Whether it has a member cannot be told, and never may be; users want it gone.
        None => true,
        Some(member) => quorum::survives(view, Change { add: false, remove: Some(member) }) == Some(true),
    };
    if quorum::keeps_components(view, Some(own.name())) && (!view.seen.is_etcd_managed() || keeps_quorum()) {
        return Ok(());
    }
    Err(refused(
        "KubeadmControlPlane can't remediate this Machine because this could result in loosing Kubernetes control plane components or in etcd quorum loss",
    ))
}
