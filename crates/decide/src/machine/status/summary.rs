//! `Ready` and `Available`: everything about a Machine in one word.

use api::conditions::{
    AVAILABLE, BOOTSTRAP_CONFIG_READY, DELETING, HEALTH_CHECK_SUCCEEDED, INFRASTRUCTURE_READY, NODE_HEALTHY,
    READY, UPDATING, reason,
};
use api::core::machine::MachineDeletionStatus;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::observed::{Need, Observed};
use super::super::waiting::SEE_LOG;
use crate::conditions::{
    ConditionStatus, Item, Merge, NewCondition, Owner, Priority, Reasons, Summary, get, summary,
};
use crate::machine_set::messages::DRAIN_TROUBLES;
use crate::plan::Next;

/// A deletion that takes longer is mentioned as such.
pub const LONG_DELETION: SignedDuration = SignedDuration::from_mins(15);
/// A drain that takes longer is mentioned as the cause.
const LONG_DRAIN: SignedDuration = SignedDuration::from_mins(5);

/// What counts towards `Ready`, in the order in which it is told.
const TYPES: [&str; 6] =
    [DELETING, UPDATING, BOOTSTRAP_CONFIG_READY, INFRASTRUCTURE_READY, NODE_HEALTHY, HEALTH_CHECK_SUCCEEDED];

/// `Ready`, of all conditions that the Machine has.
pub fn ready(
    seen: &Observed,
    conditions: &[Condition],
    deletion: Option<&MachineDeletionStatus>,
) -> NewCondition {
    let gates = &seen.machine.spec.readiness_gates;
    let negative = gates.iter().filter(|gate| gate.polarity.as_deref() == Some("Negative"));
    let is_deleting = seen.is_deleting();
    // What goes with a Machine is no trouble while the Machine goes.
    let exception = move |item: &Item<'_>| {
        let expected = match item.type_ {
            BOOTSTRAP_CONFIG_READY | INFRASTRUCTURE_READY => {
                [reason::OBJECT_DELETED, reason::OBJECT_DOES_NOT_EXIST]
            }
            NODE_HEALTHY => [reason::NODE_DELETED, reason::NODE_DOES_NOT_EXIST],
            _ => return None,
        };
        (is_deleting && expected.contains(&&*item.reason)).then_some(Priority::Info)
    };
    let options = Summary {
        types: TYPES.into_iter().chain(gates.iter().map(|gate| gate.condition_type.as_str())).collect(),
        ignore_if_missing: vec![HEALTH_CHECK_SUCCEEDED],
        overrides: deletion.and_then(|times| deleting(seen, conditions, times)).into_iter().collect(),
        merge: Merge {
            negative_types: [DELETING, UPDATING]
                .into_iter()
                .chain(negative.map(|gate| gate.condition_type.as_str()))
                .collect(),
            exception: Some(&exception),
            reasons: Reasons {
                issue: reason::NOT_READY,
                unknown: reason::READY_UNKNOWN,
                info: reason::READY,
            },
            transform: Some(&together),
            ..Merge::default()
        },
    };
    summary(conditions, READY, &options).unwrap_or_else(|_| {
        NewCondition::new(READY, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
    })
}

/// The deletion in few different words, so that many Machines can be told of at once.
fn deleting<'a>(
    seen: &Observed,
    conditions: &'a [Condition],
    times: &MachineDeletionStatus,
) -> Option<Item<'a>> {
    let condition = get(conditions, DELETING)?;
    let since = seen.machine.metadata.deletion_timestamp.as_ref()?;
    let is_long = seen.now.duration_since(since.0) > LONG_DELETION;
    let length = if is_long { " since more than 15m" } else { "" };
    let mut message = format!("Machine deletion in progress{length}, stage: {}", condition.reason);
    let drained_for = times.node_drain_start_time.as_ref().map(|started| seen.now.duration_since(started.0));
    let is_draining =
        condition.reason == reason::DRAINING_NODE && drained_for.is_some_and(|time| time > LONG_DRAIN);
    let told = DRAIN_TROUBLES.iter().filter(|(text, _)| condition.message.contains(text));
    let causes: Vec<&str> = told.map(|(_, cause)| *cause).collect();
    if is_long && is_draining && !causes.is_empty() {
        message.push_str(", delay likely due to ");
        message.push_str(&causes.join(", "));
    }
    let item = Item::existing(Owner::default(), condition);
    Some(Item { reason: reason::DELETING.into(), message: message.into(), ..item })
}

/// Joins what the parts of a control plane say, if it is the same.
fn together(lines: Vec<String>) -> Vec<String> {
    let is_part = |name: &str| {
        ["* APIServer", "* ControllerManager", "* Scheduler"].iter().any(|prefix| name.starts_with(prefix))
            || name == "* EtcdPodHealthy"
    };
    let text = |line: &str| {
        let (name, text) = line.split_once(':')?;
        is_part(name).then(|| text.to_owned())
    };
    let parts: Vec<String> = lines.iter().filter_map(|line| text(line)).collect();
    let [first, rest @ ..] = parts.as_slice() else { return lines };
    if rest.is_empty() || rest.iter().any(|text| text != first) {
        return lines;
    }
    let mut told = false;
    let keep = |line: String| match text(&line) {
        None => Some(line),
        Some(_) if told => None,
        Some(text) => {
            told = true;
            Some(format!("* Control plane components:{text}"))
        }
    };
    lines.into_iter().filter_map(keep).collect()
}

/// `Available`: ready for long enough. Also when it will be, if only time is missing.
pub fn available(seen: &Observed, conditions: &[Condition]) -> (NewCondition, Next<Need>) {
    let condition = |status: bool, reason: &'static str| NewCondition::new(AVAILABLE, status, reason, "");
    let Some(ready) = get(conditions, READY).filter(|ready| ready.status == "True") else {
        return (condition(false, reason::NOT_READY), Next::OnChange);
    };
    let since = ready.last_transition_time.0;
    match due(since, seen.machine.spec.min_ready_seconds.unwrap_or_default()) {
        // Time alone makes a ready Machine available.
        Some(due) if due > seen.now => {
            (condition(false, reason::WAITING_FOR_MIN_READY_SECONDS), Next::At(due))
        }
        _ => (condition(true, reason::AVAILABLE), Next::OnChange),
    }
}

fn due(since: Timestamp, seconds: i32) -> Option<Timestamp> {
    since.checked_add(SignedDuration::from_secs(i64::from(seconds.max(0)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_control_plane_that_say_the_same_are_told_of_together() {
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let all = [
            "* NodeHealthy: x",
            "* APIServerPodHealthy: Waiting",
            "* EtcdPodHealthy: Waiting",
            "* Other: Waiting",
        ];
        assert_eq!(
            together(lines(&all)),
            ["* NodeHealthy: x", "* Control plane components: Waiting", "* Other: Waiting"]
        );
        let one = lines(&["* APIServerPodHealthy: Waiting"]);
        assert_eq!(together(one.clone()), one);
        let different = lines(&["* APIServerPodHealthy: a", "* SchedulerPodHealthy: b"]);
        assert_eq!(together(different.clone()), different);
    }
}
