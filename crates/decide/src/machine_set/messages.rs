//! Sentences about several Machines.

use std::collections::BTreeSet;

use api::conditions::{DELETING, SCALING_DOWN, reason};
use api::core::machine::Machine;
use jiff::{SignedDuration, Timestamp};

use crate::conditions::{self, ConditionStatus, NewCondition};

/// How long a deletion may take before it is mentioned.
const STALE: SignedDuration = SignedDuration::from_mins(15);
/// How long draining may take before its troubles are mentioned as the cause.
const STALE_DRAIN: SignedDuration = SignedDuration::from_mins(5);
/// Times are told in whole seconds and "longer than" is meant: the first second after that.
const NEXT_SECOND: SignedDuration = SignedDuration::from_secs(1);
/// How many names are listed.
const SHOWN_NAMES: usize = 3;

/// What draining says, and what it means for a deletion that takes long.
pub(crate) const DRAIN_TROUBLES: [(&str, &str); 4] = [
    ("cannot evict pod as it would violate the pod's disruption budget.", "PodDisruptionBudgets"),
    ("deletionTimestamp set, but still not removed from the Node", "Pods not terminating"),
    ("failed to evict Pod", "Pod eviction errors"),
    ("waiting for completion", "Pods not completed yet"),
];

/// Machines whose deletion takes more than 15 minutes, and the likely cause; `None` if there are none.
pub fn stale<'a>(machines: impl Iterator<Item = &'a Machine>, now: Timestamp) -> Option<String> {
    let mut names = Vec::new();
    let mut troubles = BTreeSet::new();
    for machine in machines {
        let since = machine.metadata.deletion_timestamp.as_ref();
        if since.is_some_and(|since| now.duration_since(since.0) > STALE) {
            names.push(machine.metadata.name.as_deref().unwrap_or_default());
            troubles.extend(drain_troubles(machine, now));
        }
    }
    let mut message = format!("{} in deletion since more than 15m", subject(names)?);
    if !troubles.is_empty() {
        let causes: Vec<&str> =
            troubles.iter().filter_map(|index| DRAIN_TROUBLES.get(*index)).map(|(_, cause)| *cause).collect();
        message.push_str(", delay likely due to ");
        message.push_str(&causes.join(", "));
    }
    Some(message)
}

/// When [`stale`] will have something else to say.
pub fn next_stale<'a>(machines: impl Iterator<Item = &'a Machine>, now: Timestamp) -> Option<Timestamp> {
    let times = machines.filter_map(|machine| machine.metadata.deletion_timestamp.as_ref());
    times.filter_map(|since| since.0.checked_add(STALE + NEXT_SECOND).ok()).filter(|time| *time > now).min()
}

/// Unhealthy Machines that nobody replaces; empty if there are none. `by` is who does not, if
/// that is anybody's business.
pub fn unhealthy<'a>(machines: impl Iterator<Item = &'a Machine>, by: Option<&str>) -> String {
    let names = machines.map(|machine| machine.metadata.name.as_deref().unwrap_or_default()).collect();
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    subject(names)
        .map(|subject| format!("{subject} not healthy (not to be remediated{by})"))
        .unwrap_or_default()
}

/// `Machine a is`, `Machines a, b are`.
fn subject(mut names: Vec<&str>) -> Option<String> {
    names.sort_unstable();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("Machine {one} is")),
        _ => Some(format!("Machines {} are", list(&names))),
    }
}

/// The first names, and how many more there are.
fn list(names: &[&str]) -> String {
    match names.get(..SHOWN_NAMES) {
        Some(shown) if names.len() > SHOWN_NAMES => {
            format!("{}, ... ({} more)", shown.join(", "), names.len() - SHOWN_NAMES)
        }
        _ => names.join(", "),
    }
}

/// Places in [`DRAIN_TROUBLES`].
fn drain_troubles(machine: &Machine, now: Timestamp) -> Vec<usize> {
    let started =
        machine.status.deletion.as_ref().and_then(|deletion| deletion.node_drain_start_time.as_ref());
    let long = started.is_some_and(|started| now.duration_since(started.0) > STALE_DRAIN);
    let deleting = conditions::get(&machine.status.conditions, DELETING)
        .filter(|condition| long && condition.status == "True" && condition.reason == reason::DRAINING_NODE);
    let Some(deleting) = deleting else { return Vec::new() };
    let told = |(index, (text, _)): (usize, &(&str, &str))| deleting.message.contains(text).then_some(index);
    DRAIN_TROUBLES.iter().enumerate().filter_map(told).collect()
}

/// A condition about the number of Machines, where nobody has said yet how many there should be.
pub fn unknown_replicas(condition: &'static str) -> NewCondition {
    let message = "Waiting for spec.replicas set";
    NewCondition::new(condition, ConditionStatus::Unknown, reason::WAITING_FOR_REPLICAS_SET, message)
}

/// `ScalingDown`: from `count` Machines to as many as are wanted, with those whose deletion takes long.
pub fn scaling_down<'a>(
    wanted: Option<i32>,
    count: i32,
    machines: impl Iterator<Item = &'a Machine>,
    now: Timestamp,
) -> NewCondition {
    let Some(wanted) = wanted else { return unknown_replicas(SCALING_DOWN) };
    if count <= wanted {
        return NewCondition::new(SCALING_DOWN, false, reason::NOT_SCALING_DOWN, "");
    }
    let mut message = format!("Scaling down from {count} to {wanted} replicas");
    if let Some(stale) = stale(machines, now) {
        message.push_str("\n* ");
        message.push_str(&stale);
    }
    NewCondition::new(SCALING_DOWN, true, reason::SCALING_DOWN, message)
}

/// `Deleting 1 Machine`, `Deleting 2 Machines`, with those that take long.
pub fn deleting<'a>(machines: impl Iterator<Item = &'a Machine> + Clone, now: Timestamp) -> Option<String> {
    let mut message = match machines.clone().count() {
        0 => return None,
        1 => "Deleting 1 Machine".to_owned(),
        count => format!("Deleting {count} Machines"),
    };
    if let Some(stale) = stale(machines, now) {
        message.push_str("\n* ");
        message.push_str(&stale);
    }
    Some(message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine(name: &str, deleted: Option<&str>, drain: &str) -> Machine {
        serde_json::from_value(json!({
            "metadata": {"name": name, "deletionTimestamp": deleted},
            "status": {
                "deletion": {"nodeDrainStartTime": deleted},
                "conditions": [{"type": "Deleting", "status": "True", "reason": "DrainingNode", "message": drain,
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn deletions_that_take_long_are_told_with_their_cause() {
        let now = "2026-01-01T00:15:01Z".parse().unwrap();
        let since = Some("2026-01-01T00:00:00Z");
        let drain = "* Pod a: waiting for completion\n* Pod b: failed to evict Pod, x";
        let machines = [machine("b", since, drain), machine("a", since, ""), machine("c", None, "")];
        assert_eq!(
            stale(machines.iter(), now).unwrap(),
            "Machines a, b are in deletion since more than 15m, delay likely due to Pod eviction errors, \
             Pods not completed yet"
        );
        let before = "2026-01-01T00:15:00Z".parse().unwrap();
        assert_eq!(stale(machines.iter(), before), None);
        assert_eq!(next_stale(machines.iter(), before), Some(now));
        assert_eq!(next_stale(machines.iter(), now), None);
    }

    #[test]
    fn four_names_are_three_and_a_number() {
        let machines = ["d", "a", "c", "b"].map(|name| machine(name, None, ""));
        assert_eq!(
            unhealthy(machines.iter(), Some("MachineSet")),
            "Machines a, b, c, ... (1 more) are not healthy (not to be remediated by MachineSet)"
        );
        assert_eq!(unhealthy(machines[..1].iter(), None), "Machine d is not healthy (not to be remediated)");
        assert_eq!(unhealthy([].iter(), None), "");
        assert_eq!(deleting(machines.iter(), Timestamp::UNIX_EPOCH).unwrap(), "Deleting 4 Machines");
    }
}
