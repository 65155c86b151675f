//! Counters and conditions.

use api::conditions::{
    AVAILABLE, DELETING, MACHINES_READY, MACHINES_UP_TO_DATE, PAUSED, READY, REMEDIATING, SCALING_DOWN,
    SCALING_UP, UP_TO_DATE, reason,
};
use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_set::MachineSetStatus;
use api::labels;

use super::replicas::is_updating;
use super::{Observed, Waiting, aggregates, messages, selector, templates, versions};
use crate::conditions::{self, NewCondition};
use crate::paused;

/// The conditions that are written here.
const OWNED: [&str; 7] =
    [PAUSED, SCALING_UP, SCALING_DOWN, MACHINES_READY, MACHINES_UP_TO_DATE, REMEDIATING, DELETING];

/// What was published before, with the word that work is paused.
pub(super) fn paused(seen: &Observed, cluster: &Cluster) -> MachineSetStatus {
    let mut status = before(seen);
    set(seen, &mut status, paused::condition(Some(cluster), "MachineSet", &seen.machine_set.metadata));
    status
}

/// The status that follows from what was seen; `waiting` tells what holds back new Machines.
pub(super) fn status(seen: &Observed, cluster: &Cluster, waiting: &[Waiting]) -> MachineSetStatus {
    let own = seen.own();
    let machines: Vec<&Machine> = own.iter().map(|seen| seen.machine.as_ref()).collect();
    let mut status = MachineSetStatus { conditions: before(seen).conditions, ..counters(&machines) };
    status.selector = selector::text(&seen.machine_set.spec.selector);
    status.observed_generation = seen.machine_set.metadata.generation;
    for condition in [
        scaling_up(seen, machines.len(), waiting),
        scaling_down(seen, &machines),
        aggregates::machines_ready(&machines),
        aggregates::machines_up_to_date(&machines, seen.now),
        aggregates::remediating(&machines, "MachineSet"),
        deleting(seen, &machines),
        paused::condition(Some(cluster), "MachineSet", &seen.machine_set.metadata),
    ] {
        set(seen, &mut status, condition);
    }
    status
}

fn before(seen: &Observed) -> MachineSetStatus {
    let mut status = seen.machine_set.status.clone();
    status.conditions.retain(|condition| OWNED.contains(&condition.type_.as_str()));
    status.deprecated = None;
    status
}

fn set(seen: &Observed, status: &mut MachineSetStatus, condition: NewCondition) {
    let generation = seen.machine_set.metadata.generation.unwrap_or_default();
    conditions::set(&mut status.conditions, condition, generation, seen.now);
}

/// A Machine that is being changed in place counts as there and as nothing more, whatever its conditions still say.
fn counters(machines: &[&Machine]) -> MachineSetStatus {
    let settled: Vec<&&Machine> = machines.iter().filter(|machine| !is_updating(machine)).collect();
    let count = |condition: &str| {
        let is_true = |machine: &&&&Machine| conditions::is_true(&machine.status.conditions, condition);
        Some(number(settled.iter().filter(is_true).count()))
    };
    MachineSetStatus {
        replicas: Some(number(machines.len())),
        ready_replicas: count(READY),
        available_replicas: count(AVAILABLE),
        up_to_date_replicas: count(UP_TO_DATE),
        versions: versions::of_machines(machines.iter().copied()),
        ..MachineSetStatus::default()
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How many Machines there should be; none while the MachineSet is being deleted.
fn wanted(seen: &Observed) -> Option<i32> {
    seen.machine_set.spec.replicas.map(|replicas| if seen.is_deleting() { 0 } else { replicas })
}

fn scaling_up(seen: &Observed, count: usize, waiting: &[Waiting]) -> NewCondition {
    let Some(wanted) = wanted(seen) else { return messages::unknown_replicas(SCALING_UP) };
    let missing = templates::missing(&seen.templates());
    let count = number(count);
    if count >= wanted {
        let message = missing
            .filter(|_| !seen.is_deleting())
            .map(|missing| format!("Scaling up would be blocked because {missing}"))
            .unwrap_or_default();
        return NewCondition::new(SCALING_UP, false, reason::NOT_SCALING_UP, message);
    }
    let failures = waiting.iter().find_map(|waiting| match waiting {
        Waiting::Preflight { failures } => Some(failures.as_slice()),
        _ => None,
    });
    let lines: Vec<String> =
        failures.into_iter().flatten().chain(missing.as_ref()).map(|line| format!("* {line}")).collect();
    let mut message = format!("Scaling up from {count} to {wanted} replicas");
    if !lines.is_empty() {
        message.push_str(" is blocked because:\n");
        message.push_str(&lines.join("\n"));
    }
    NewCondition::new(SCALING_UP, true, reason::SCALING_UP, message)
}

/// Machines on the move to another MachineSet do not count.
fn scaling_down(seen: &Observed, machines: &[&Machine]) -> NewCondition {
    let moving = |machine: &&&Machine| {
        let annotations = machine.metadata.annotations.as_ref();
        annotations.is_some_and(|all| all.contains_key(labels::PENDING_ACKNOWLEDGE_MOVE))
    };
    let count = number(machines.len() - machines.iter().filter(moving).count());
    messages::scaling_down(wanted(seen), count, machines.iter().copied(), seen.now)
}

fn deleting(seen: &Observed, machines: &[&Machine]) -> NewCondition {
    if !seen.is_deleting() {
        return NewCondition::new(DELETING, false, reason::NOT_DELETING, "");
    }
    let message = messages::deleting(machines.iter().copied(), seen.now);
    let message = message.unwrap_or_else(|| "Deletion completed".to_owned());
    NewCondition::new(DELETING, true, reason::DELETING, message)
}
