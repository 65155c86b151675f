//! Conditions about Machines: ready, up to date, being replaced.

use api::conditions::{
    CONTROL_PLANE_MACHINES_READY, CONTROL_PLANE_MACHINES_UP_TO_DATE, HEALTH_CHECK_SUCCEEDED,
    OWNER_REMEDIATED, READY, REMEDIATING, UP_TO_DATE, WORKER_MACHINES_READY, WORKER_MACHINES_UP_TO_DATE,
    reason,
};
use api::core::Machine;
use jiff::{SignedDuration, Timestamp};

use super::super::observed::{Need, Observed, is_control_plane};
use super::super::waiting::SEE_LOG;
use crate::conditions::{
    ConditionStatus, Merge, NewCondition, Owner, Reasons, Source, aggregate, has, is_false,
};
use crate::machine_set::messages;
use crate::owner_remediation::is_given_up;
use crate::plan::Next;

/// How long a new Machine may be silent about being up to date before that counts.
const SILENCE: SignedDuration = SignedDuration::from_secs(10);

const READY_REASONS: Reasons =
    Reasons { issue: reason::NOT_READY, unknown: reason::READY_UNKNOWN, info: reason::READY };
const UP_TO_DATE_REASONS: Reasons =
    Reasons { issue: reason::NOT_UP_TO_DATE, unknown: reason::UP_TO_DATE_UNKNOWN, info: reason::UP_TO_DATE };

/// The five conditions, and when silence of a new Machine begins to count.
pub fn conditions(seen: &Observed) -> ([NewCondition; 5], Next<Need>) {
    let (control_plane, workers) = (seen.control_plane_machines(), seen.worker_machines());
    let all: Vec<&Machine> = control_plane.iter().chain(&workers).copied().collect();
    let up_to_date = |machines: &[&Machine], target| {
        let heard: Vec<&Machine> =
            machines.iter().copied().filter(|machine| counts(machine, seen.now)).collect();
        merged(&heard, UP_TO_DATE, target, UP_TO_DATE_REASONS)
    };
    let conditions = [
        merged(&control_plane, READY, CONTROL_PLANE_MACHINES_READY, READY_REASONS),
        merged(&workers, READY, WORKER_MACHINES_READY, READY_REASONS),
        up_to_date(&control_plane, CONTROL_PLANE_MACHINES_UP_TO_DATE),
        up_to_date(&workers, WORKER_MACHINES_UP_TO_DATE),
        remediating(&all),
    ];
    // Nobody announces that a Machine went on being silent.
    let due =
        all.iter().filter(|machine| is_silent(machine)).filter_map(|machine| breaks_silence(machine)).min();
    (conditions, due.filter(|due| *due > seen.now).map_or(Next::OnChange, Next::At))
}

fn is_silent(machine: &Machine) -> bool {
    !has(&machine.status.conditions, UP_TO_DATE)
}

/// Machines that were just made and have not said anything yet do not count.
fn counts(machine: &Machine, now: Timestamp) -> bool {
    !is_silent(machine) || breaks_silence(machine).is_none_or(|time| time <= now)
}

/// When silence counts: the first whole second after the time for it.
fn breaks_silence(machine: &Machine) -> Option<Timestamp> {
    let created = machine.metadata.creation_timestamp.as_ref()?.0;
    created.checked_add(SILENCE + SignedDuration::from_secs(1)).ok()
}

fn merged(machines: &[&Machine], source: &str, target: &'static str, reasons: Reasons) -> NewCondition {
    if machines.is_empty() {
        return NewCondition::new(target, true, reason::NO_REPLICAS, "");
    }
    let merge = Merge { reasons, ..Merge::default() };
    aggregate(&sources(machines), source, target, &merge).unwrap_or_else(|_| failed(target))
}

/// A merge fails only where it is asked for in a way that makes no sense: a fault of ours.
fn failed(target: &'static str) -> NewCondition {
    NewCondition::new(target, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
}

fn sources<'a>(machines: &[&'a Machine]) -> Vec<Source<'a>> {
    let source = |machine: &&'a Machine| Source {
        owner: Owner {
            kind: "Machine",
            name: machine.metadata.name.as_deref().unwrap_or_default(),
            control_plane_machine: is_control_plane(machine),
        },
        conditions: &machine.status.conditions,
    };
    machines.iter().map(source).collect()
}

fn remediating(machines: &[&Machine]) -> NewCondition {
    let is_unhealthy = |machine: &&Machine| is_false(&machine.status.conditions, HEALTH_CHECK_SUCCEEDED);
    let unhealthy: Vec<&Machine> = machines.iter().copied().filter(is_unhealthy).collect();
    let given_up: Vec<&Machine> = machines.iter().copied().filter(|machine| is_given_up(machine)).collect();
    if given_up.is_empty() {
        let message = messages::unhealthy(unhealthy.into_iter(), None);
        return NewCondition::new(REMEDIATING, false, reason::NOT_REMEDIATING, message);
    }
    match aggregate(&sources(&given_up), OWNER_REMEDIATED, REMEDIATING, &Merge::default()) {
        Ok(merged) => {
            NewCondition { status: ConditionStatus::True, reason: reason::REMEDIATING.into(), ..merged }
        }
        Err(_) => failed(REMEDIATING),
    }
}
