//! Conditions of many Machines as one.

use api::conditions::{
    HEALTH_CHECK_SUCCEEDED, MACHINES_READY, MACHINES_UP_TO_DATE, OWNER_REMEDIATED, READY, REMEDIATING,
    UP_TO_DATE, reason,
};
use api::core::machine::Machine;
use api::labels;
use jiff::{SignedDuration, Timestamp};

use super::messages;
use crate::conditions::{
    self, ConditionStatus, Merge, MergeError, NewCondition, Owner, Reasons, Source, aggregate,
};
use crate::owner_remediation::is_given_up;

/// How long a new Machine may be silent about being up to date before that counts.
const SILENCE: SignedDuration = SignedDuration::from_secs(10);
/// Times are told in whole seconds and "longer than" is meant: the first second after that.
const NEXT_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The message of conditions that could not be computed.
pub const SEE_LOG: &str = "Please check controller logs for errors";

/// `MachinesReady`.
pub fn machines_ready(machines: &[&Machine]) -> NewCondition {
    let reasons = Reasons { issue: reason::NOT_READY, unknown: reason::READY_UNKNOWN, info: reason::READY };
    of(machines, READY, MACHINES_READY, reasons)
}

/// `MachinesUpToDate`. Machines that were just made and have not said anything yet are left out.
pub fn machines_up_to_date(machines: &[&Machine], now: Timestamp) -> NewCondition {
    let heard: Vec<&Machine> =
        machines.iter().copied().filter(|machine| !is_silent(machine) || is_old(machine, now)).collect();
    let reasons = Reasons {
        issue: reason::NOT_UP_TO_DATE,
        unknown: reason::UP_TO_DATE_UNKNOWN,
        info: reason::UP_TO_DATE,
    };
    of(&heard, UP_TO_DATE, MACHINES_UP_TO_DATE, reasons)
}

/// When a Machine that is silent about being up to date begins to count.
pub fn next_unreported<'a>(machines: impl Iterator<Item = &'a Machine>, now: Timestamp) -> Option<Timestamp> {
    let silent = machines.filter(|machine| is_silent(machine));
    let times = silent.filter_map(|machine| machine.metadata.creation_timestamp.as_ref());
    times.filter_map(|time| time.0.checked_add(SILENCE + NEXT_SECOND).ok()).filter(|time| *time > now).min()
}

/// `Remediating`; `by` is who would do it.
pub fn remediating(machines: &[&Machine], by: &str) -> NewCondition {
    let given_up: Vec<&Machine> = machines.iter().copied().filter(|machine| is_given_up(machine)).collect();
    if given_up.is_empty() {
        let unhealthy = machines
            .iter()
            .copied()
            .filter(|machine| conditions::is_false(&machine.status.conditions, HEALTH_CHECK_SUCCEEDED));
        let message = messages::unhealthy(unhealthy, Some(by));
        return NewCondition::new(REMEDIATING, false, reason::NOT_REMEDIATING, message);
    }
    match aggregate(&sources(&given_up), OWNER_REMEDIATED, REMEDIATING, &Merge::default()) {
        Ok(merged) => {
            NewCondition { status: ConditionStatus::True, reason: reason::REMEDIATING.into(), ..merged }
        }
        Err(error) => internal_error(REMEDIATING, &error),
    }
}

fn is_silent(machine: &Machine) -> bool {
    !conditions::has(&machine.status.conditions, UP_TO_DATE)
}

fn is_old(machine: &Machine, now: Timestamp) -> bool {
    let created = machine.metadata.creation_timestamp.as_ref();
    created.is_none_or(|created| now.duration_since(created.0) > SILENCE)
}

fn of(machines: &[&Machine], source: &str, target: &'static str, reasons: Reasons) -> NewCondition {
    if machines.is_empty() {
        return NewCondition::new(target, true, reason::NO_REPLICAS, "");
    }
    let merge = Merge { reasons, ..Merge::default() };
    aggregate(&sources(machines), source, target, &merge)
        .unwrap_or_else(|error| internal_error(target, &error))
}

fn sources<'a>(machines: &[&'a Machine]) -> Vec<Source<'a>> {
    let source = |machine: &&'a Machine| Source {
        owner: Owner {
            kind: "Machine",
            name: machine.metadata.name.as_deref().unwrap_or_default(),
            control_plane_machine: machine
                .metadata
                .labels
                .as_ref()
                .is_some_and(|own| own.contains_key(labels::CONTROL_PLANE)),
        },
        conditions: &machine.status.conditions,
    };
    machines.iter().map(source).collect()
}

/// A merge fails only where it is asked for in a way that makes no sense: a fault of ours.
fn internal_error(target: &'static str, _: &MergeError) -> NewCondition {
    NewCondition::new(target, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
}
