//! Counters and conditions of a KubeadmControlPlane.

use std::collections::BTreeSet;

use api::conditions::{
    AVAILABLE, CERTIFICATES_AVAILABLE, CONTROL_PLANE_COMPONENTS_HEALTHY, DELETING, ETCD_CLUSTER_HEALTHY,
    INITIALIZED, MACHINES_READY, MACHINES_UP_TO_DATE, PAUSED, READY, REMEDIATING, ROLLING_OUT, SCALING_DOWN,
    SCALING_UP, UP_TO_DATE, reason,
};
use api::controlplane::{
    KubeadmControlPlaneInitializationStatus, KubeadmControlPlaneStatus, LastRemediationStatus,
};
use api::core::{Cluster, Machine};
use api::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::conditions::available;
use super::observed::Observed;
use super::preflight::Failures;
use super::remediation::Record;
use super::view::View;
use super::waiting::Waiting;
use super::{certificates, conditions::not_ready_for_machines};
use crate::conditions::{self, NewCondition};
use crate::machine_set::{aggregates, messages, versions};
use crate::{paused, plan};

/// The conditions that are written here.
const OWNED: [&str; 13] = [
    PAUSED,
    AVAILABLE,
    INITIALIZED,
    CERTIFICATES_AVAILABLE,
    ETCD_CLUSTER_HEALTHY,
    CONTROL_PLANE_COMPONENTS_HEALTHY,
    MACHINES_READY,
    MACHINES_UP_TO_DATE,
    ROLLING_OUT,
    SCALING_UP,
    SCALING_DOWN,
    REMEDIATING,
    DELETING,
];

/// What was published before, with the word that work is paused.
pub fn paused(seen: &Observed, cluster: &Cluster) -> KubeadmControlPlaneStatus {
    let mut status = before(seen);
    let condition = paused::condition(Some(cluster), "KubeadmControlPlane", &seen.control_plane.metadata);
    set(seen, &mut status.conditions, condition);
    status
}

/// The status that follows from what was seen; `waiting` tells what holds back the next operation.
pub fn status(view: &View<'_>, waiting: &[Waiting]) -> KubeadmControlPlaneStatus {
    let seen = view.seen;
    let machines: Vec<&Machine> = view.all().collect();
    let mut list = before(seen).conditions;
    let mut put = |condition| set(seen, &mut list, condition);
    put(paused::condition(Some(view.cluster), "KubeadmControlPlane", &seen.control_plane.metadata));
    put(initialized(seen));
    if not_ready_for_machines(view.cluster) != Some(INFRASTRUCTURE) {
        put(certificates::condition(seen));
    }
    view.health.etcd.iter().chain(&view.health.components).for_each(|condition| put(condition.clone()));
    put(rolling_out(&machines));
    put(scaling_up(view, waiting));
    put(scaling_down(view, waiting));
    put(aggregates::machines_ready(&machines));
    put(aggregates::machines_up_to_date(&machines, seen.now));
    put(aggregates::remediating(&machines, "KubeadmControlPlane"));
    put(deleting(view, waiting));
    let available = available::condition(view, &list);
    set(seen, &mut list, available);
    let versions = versions::of_machines(machines.iter().copied());
    KubeadmControlPlaneStatus {
        conditions: list,
        initialization: KubeadmControlPlaneInitializationStatus {
            control_plane_initialized: seen.is_initialized().then_some(true),
        },
        selector: Some(selector(view.cluster)),
        // Of the last Machine it stays.
        version: versions
            .first()
            .map_or_else(|| seen.control_plane.status.version.clone(), |lowest| Some(lowest.version.clone())),
        versions,
        observed_generation: seen.control_plane.metadata.generation,
        last_remediation: last_remediation(seen),
        ..counters(&machines)
    }
}

/// Until when a status may wait because nothing but sentences would change, while Machines come and go and with each step
/// say something else. Nobody acts on sentences, and people do not read so fast.
pub fn may_wait(view: &View<'_>, new: &KubeadmControlPlaneStatus) -> Option<Timestamp> {
    let bare = |status: &KubeadmControlPlaneStatus| {
        let mut status = status.clone();
        status.deprecated = None;
        for condition in &mut status.conditions {
            condition.message.clear();
        }
        status
    };
    let is_moving = view.machines.iter().any(|own| own.seen.node().is_none() || own.seen.is_deleting());
    if !is_moving || bare(&before(view.seen)) != bare(new) {
        return None;
    }
    let moments = view.all().flat_map(|machine| machine.status.conditions.iter());
    let last = moments.map(|condition| condition.last_transition_time.0).max()?;
    let quiet = last.checked_add(QUIET).ok()?;
    (quiet > view.seen.now).then_some(quiet)
}

/// How long Machines have to be silent for their sentences to be repeated.
const QUIET: SignedDuration = SignedDuration::from_secs(2);

const INFRASTRUCTURE: &str = "Waiting for Cluster status.infrastructureReady to be true";

fn before(seen: &Observed) -> KubeadmControlPlaneStatus {
    let mut status = seen.control_plane.status.clone();
    let is_ours = |condition: &Condition| {
        OWNED.contains(&condition.type_.as_str())
            && (condition.type_ != ETCD_CLUSTER_HEALTHY || seen.is_etcd_managed() || is_blind(condition))
    };
    status.conditions.retain(is_ours);
    status.deprecated = None;
    status
}

/// With an external etcd only this is ours to say: that nothing is known of it.
fn is_blind(condition: &Condition) -> bool {
    condition.status == "Unknown"
        && [reason::INSPECTION_FAILED, reason::CONNECTION_DOWN].contains(&condition.reason.as_str())
}

fn set(seen: &Observed, list: &mut Vec<Condition>, condition: NewCondition) {
    let generation = seen.control_plane.metadata.generation.unwrap_or_default();
    conditions::set(list, condition, generation, seen.now);
}

/// The Machines of the control plane, as text.
fn selector(cluster: &Cluster) -> String {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    format!("{}={name},{}", labels::CLUSTER_NAME, labels::CONTROL_PLANE)
}

fn counters(machines: &[&Machine]) -> KubeadmControlPlaneStatus {
    let number = |count: usize| Some(i32::try_from(count).unwrap_or(i32::MAX));
    let count = |condition: &str| {
        let is_true = |machine: &&&Machine| conditions::is_true(&machine.status.conditions, condition);
        number(machines.iter().filter(is_true).count())
    };
    KubeadmControlPlaneStatus {
        replicas: number(machines.len()),
        ready_replicas: count(READY),
        available_replicas: count(AVAILABLE),
        up_to_date_replicas: count(UP_TO_DATE),
        ..KubeadmControlPlaneStatus::default()
    }
}

fn initialized(seen: &Observed) -> NewCondition {
    match seen.is_initialized() {
        true => NewCondition::new(INITIALIZED, true, reason::INITIALIZED, ""),
        false => NewCondition::new(INITIALIZED, false, reason::NOT_INITIALIZED, ""),
    }
}

/// Why Machines are replaced, a change of version first.
fn rolling_out(machines: &[&Machine]) -> NewCondition {
    let outdated = machines.iter().filter_map(|machine| {
        conditions::get(&machine.status.conditions, UP_TO_DATE)
            .filter(|condition| condition.status == "False")
    });
    let outdated: Vec<&Condition> = outdated.collect();
    if outdated.is_empty() {
        return NewCondition::new(ROLLING_OUT, false, reason::NOT_ROLLING_OUT, "");
    }
    let messages = outdated.iter().filter(|condition| !condition.message.is_empty());
    let reasons: BTreeSet<(bool, &str)> = messages
        .flat_map(|condition| condition.message.split('\n'))
        .map(|line| (!line.starts_with("* Version"), line))
        .collect();
    let mut message = format!("Rolling out {} not up-to-date replicas", outdated.len());
    for (_, line) in reasons {
        message.push('\n');
        message.push_str(line);
    }
    NewCondition::new(ROLLING_OUT, true, reason::ROLLING_OUT, message)
}

fn wanted(seen: &Observed) -> Option<usize> {
    let wanted = seen.control_plane.spec.replicas.map(|_| seen.wanted());
    wanted.map(|wanted| if seen.is_deleting() { 0 } else { wanted })
}

fn preflight_lines(waiting: &[Waiting]) -> Vec<String> {
    let failures: Option<&Failures> = waiting.iter().find_map(|waiting| match waiting {
        Waiting::Preflight(failures) => Some(failures),
        _ => None,
    });
    failures.map(|failures| failures.lines()).unwrap_or_default()
}

fn blocked(mut message: String, lines: &[String]) -> String {
    if !lines.is_empty() {
        message.push_str(" is blocked because:");
        for line in lines {
            message.push_str("\n* ");
            message.push_str(line);
        }
    }
    message
}

fn scaling_up(view: &View<'_>, waiting: &[Waiting]) -> NewCondition {
    let seen = view.seen;
    let Some(wanted) = wanted(seen) else { return messages::unknown_replicas(SCALING_UP) };
    let kind = &seen.control_plane.spec.machine_template.spec.infrastructure_ref.kind;
    let missing = seen.template.is_missing().then(|| format!("{kind} does not exist"));
    let count = view.machines.len();
    if count >= wanted {
        let message = missing.map(|missing| format!("Scaling up would be blocked because {missing}"));
        return NewCondition::new(SCALING_UP, false, reason::NOT_SCALING_UP, message.unwrap_or_default());
    }
    let mut lines = preflight_lines(waiting);
    lines.extend(missing);
    let message = blocked(format!("Scaling up from {count} to {wanted} replicas"), &lines);
    NewCondition::new(SCALING_UP, true, reason::SCALING_UP, message)
}

fn scaling_down(view: &View<'_>, waiting: &[Waiting]) -> NewCondition {
    let Some(wanted) = wanted(view.seen) else { return messages::unknown_replicas(SCALING_DOWN) };
    let count = view.machines.len();
    if count <= wanted {
        return NewCondition::new(SCALING_DOWN, false, reason::NOT_SCALING_DOWN, "");
    }
    let mut lines = preflight_lines(waiting);
    lines.extend(messages::stale(view.all(), view.seen.now));
    let message = blocked(format!("Scaling down from {count} to {wanted} replicas"), &lines);
    NewCondition::new(SCALING_DOWN, true, reason::SCALING_DOWN, message)
}

fn deleting(view: &View<'_>, waiting: &[Waiting]) -> NewCondition {
    if !view.seen.is_deleting() {
        return NewCondition::new(DELETING, false, reason::NOT_DELETING, "");
    }
    let workers = waiting.iter().find(|waiting| matches!(waiting, Waiting::Workers(_)));
    if let Some(workers) = workers {
        let (reason, message) = (plan::Waiting::reason(workers), plan::Waiting::message(workers));
        return NewCondition::new(DELETING, true, reason, message);
    }
    let mut message = match view.machines.len() {
        0 => return NewCondition::new(DELETING, true, reason::DELETION_COMPLETED, "Deletion completed"),
        1 => "Deleting 1 Machine".to_owned(),
        count => format!("Deleting {count} Machines"),
    };
    if let Some(stale) = messages::stale(view.all(), view.seen.now) {
        message.push_str(" and ");
        message.push_str(&stale);
    }
    NewCondition::new(DELETING, true, reason::WAITING_FOR_MACHINE_DELETION, message)
}

/// The remediation under way, else the last one that Machines remember, else what was told before.
fn last_remediation(seen: &Observed) -> Option<LastRemediationStatus> {
    let current = seen.annotation(labels::REMEDIATION_IN_PROGRESS).and_then(Record::read);
    let own = seen.own();
    let remembered = || {
        let notes = own.iter().filter_map(|machine| machine.annotation(labels::REMEDIATION_FOR));
        notes.filter_map(Record::read).max_by_key(|record| record.timestamp)
    };
    let told = |record: Record| LastRemediationStatus {
        machine: record.machine,
        time: record.timestamp.map(Time),
        retry_count: record.retry_count,
    };
    current.or_else(remembered).map(told).or_else(|| seen.control_plane.status.last_remediation.clone())
}
