//! Counters, conditions and phase.

use std::collections::BTreeSet;

use api::conditions::{
    AVAILABLE, DELETING, MACHINES_READY, MACHINES_UP_TO_DATE, PAUSED, REMEDIATING, ROLLING_OUT, SCALING_DOWN,
    SCALING_UP, UP_TO_DATE, reason,
};
use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeploymentStatus;
use api::core::machine_set::MachineSetStatus;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Observed;
use crate::conditions::{self, ConditionStatus, NewCondition};
use crate::machine_set::{aggregates, messages, selector, templates, versions};
use crate::paused;
use crate::scaling::rolling_update_limits;

/// The conditions that are written here.
const OWNED: [&str; 9] = [
    PAUSED,
    AVAILABLE,
    MACHINES_READY,
    MACHINES_UP_TO_DATE,
    ROLLING_OUT,
    SCALING_DOWN,
    SCALING_UP,
    REMEDIATING,
    DELETING,
];

/// What was published before, with the word that work is paused.
pub(super) fn paused(seen: &Observed, cluster: &Cluster) -> MachineDeploymentStatus {
    let mut status = before(seen);
    set(seen, &mut status, paused::condition(Some(cluster), "MachineDeployment", &seen.deployment.metadata));
    status
}

/// The status that follows from what was seen.
pub(super) fn status(seen: &Observed, cluster: &Cluster) -> MachineDeploymentStatus {
    let machines: Vec<&Machine> = seen.machines.iter().map(AsRef::as_ref).collect();
    let mut status = MachineDeploymentStatus { conditions: before(seen).conditions, ..counters(seen) };
    status.selector = selector::text(&seen.deployment.spec.selector);
    status.observed_generation = seen.deployment.metadata.generation;
    status.phase = Some(phase(seen, status.replicas.unwrap_or_default()).to_owned());
    let count = status.replicas.unwrap_or_default();
    for condition in [
        available(seen, status.available_replicas),
        rolling_out(&machines),
        scaling_up(seen, count),
        messages::scaling_down(wanted(seen), count, machines.iter().copied(), seen.now),
        aggregates::machines_ready(&machines),
        aggregates::machines_up_to_date(&machines, seen.now),
        aggregates::remediating(&machines, "MachineDeployment/MachineSet"),
        deleting(seen, &machines),
        paused::condition(Some(cluster), "MachineDeployment", &seen.deployment.metadata),
    ] {
        set(seen, &mut status, condition);
    }
    status
}

/// The counters: sums of what MachineSets report. A counter that none of them reports is absent.
pub(super) fn counters(seen: &Observed) -> MachineDeploymentStatus {
    let own = seen.own();
    let sum = |counter: fn(&MachineSetStatus) -> Option<i32>| {
        own.iter().filter_map(|set| counter(&set.machine_set.status)).reduce(i32::saturating_add)
    };
    MachineDeploymentStatus {
        replicas: sum(|status| status.replicas),
        ready_replicas: sum(|status| status.ready_replicas),
        available_replicas: sum(|status| status.available_replicas),
        up_to_date_replicas: sum(|status| status.up_to_date_replicas),
        versions: versions::merged(
            own.iter().flat_map(|set| set.machine_set.status.versions.iter().cloned()),
        ),
        ..MachineDeploymentStatus::default()
    }
}

fn before(seen: &Observed) -> MachineDeploymentStatus {
    let mut status = seen.deployment.status.clone();
    status.conditions.retain(|condition| OWNED.contains(&condition.type_.as_str()));
    status.deprecated = None;
    status
}

fn set(seen: &Observed, status: &mut MachineDeploymentStatus, condition: NewCondition) {
    let generation = seen.deployment.metadata.generation.unwrap_or_default();
    conditions::set(&mut status.conditions, condition, generation, seen.now);
}

/// The state in one word. A rolling update at the full count is `Running`.
fn phase(seen: &Observed, count: i32) -> &'static str {
    match seen.deployment.spec.replicas {
        None => "Unknown",
        Some(_) if seen.is_deleting() => "ScalingDown",
        Some(wanted) if wanted < count => "ScalingDown",
        Some(wanted) if wanted > count => "ScalingUp",
        Some(_) => "Running",
    }
}

fn waiting(condition: &'static str, reason: &'static str, message: &'static str) -> NewCondition {
    NewCondition::new(condition, ConditionStatus::Unknown, reason, message)
}

fn available(seen: &Observed, available: Option<i32>) -> NewCondition {
    let Some(replicas) = seen.deployment.spec.replicas else { return messages::unknown_replicas(AVAILABLE) };
    let Some(available) = available else {
        let message = "Waiting for status.availableReplicas set";
        return waiting(AVAILABLE, reason::WAITING_FOR_AVAILABLE_REPLICAS_SET, message);
    };
    let limits = seen.limits().filter(|_| seen.is_rolling_update());
    let unavailable = limits.map_or(0, |limits| {
        rolling_update_limits(limits.max_surge.as_ref(), limits.max_unavailable.as_ref(), replicas)
            .unavailable
    });
    // Of no replicas none can be missing.
    let needed = if replicas == 0 { 0 } else { replicas - unavailable };
    if available >= needed {
        return NewCondition::new(AVAILABLE, true, reason::AVAILABLE, "");
    }
    let mut message = format!("{available} available replicas, at least {needed} required");
    if let Some(limits) = limits {
        let limit = match &limits.max_unavailable {
            Some(IntOrString::Int(count)) => count.to_string(),
            Some(IntOrString::String(text)) => text.clone(),
            None => "<nil>".to_owned(),
        };
        message.push_str(&format!(
            " (spec.strategy.rollout.maxUnavailable is {limit}, spec.replicas is {replicas})"
        ));
    }
    if seen.is_deleting() {
        message = "Deletion in progress".to_owned();
    }
    NewCondition::new(AVAILABLE, false, reason::NOT_AVAILABLE, message)
}

fn rolling_out(machines: &[&Machine]) -> NewCondition {
    let mut count = 0;
    // A change of version comes first, whatever else there is.
    let mut lines: BTreeSet<(bool, &str)> = BTreeSet::new();
    for machine in machines {
        let outdated = conditions::get(&machine.status.conditions, UP_TO_DATE)
            .filter(|condition| condition.status == ConditionStatus::False.as_str());
        let Some(outdated) = outdated else { continue };
        count += 1;
        if !outdated.message.is_empty() {
            lines.extend(outdated.message.split('\n').map(|line| (!line.starts_with("* Version"), line)));
        }
    }
    if count == 0 {
        return NewCondition::new(ROLLING_OUT, false, reason::NOT_ROLLING_OUT, "");
    }
    let mut message = format!("Rolling out {count} not up-to-date replicas");
    for (_, line) in lines {
        message.push('\n');
        message.push_str(line);
    }
    NewCondition::new(ROLLING_OUT, true, reason::ROLLING_OUT, message)
}

/// How many Machines there should be; none while the MachineDeployment is being deleted.
fn wanted(seen: &Observed) -> Option<i32> {
    seen.deployment.spec.replicas.map(|replicas| if seen.is_deleting() { 0 } else { replicas })
}

fn scaling_up(seen: &Observed, count: i32) -> NewCondition {
    let Some(wanted) = wanted(seen) else { return messages::unknown_replicas(SCALING_UP) };
    let missing = templates::missing(&seen.templates());
    if count >= wanted {
        let message = missing
            .filter(|_| !seen.is_deleting())
            .map(|missing| format!("Scaling up would be blocked because {missing}"))
            .unwrap_or_default();
        return NewCondition::new(SCALING_UP, false, reason::NOT_SCALING_UP, message);
    }
    let mut message = format!("Scaling up from {count} to {wanted} replicas");
    if let Some(missing) = missing {
        message.push_str(" is blocked because ");
        message.push_str(&missing);
    }
    NewCondition::new(SCALING_UP, true, reason::SCALING_UP, message)
}

fn deleting(seen: &Observed, machines: &[&Machine]) -> NewCondition {
    if !seen.is_deleting() {
        return NewCondition::new(DELETING, false, reason::NOT_DELETING, "");
    }
    let sets = seen.own().len();
    let message = messages::deleting(machines.iter().copied(), seen.now).unwrap_or_else(|| match sets {
        0 => "Deletion completed".to_owned(),
        count => format!("Deleting {count} MachineSets"),
    });
    NewCondition::new(DELETING, true, reason::DELETING, message)
}
