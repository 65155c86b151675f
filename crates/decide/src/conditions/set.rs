//! Writing a condition into an object's list.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{NewCondition, default_order};

/// Puts the condition into the list and tells whether anything changed.
///
/// The transition time moves only when the status does: to the condition's own time where it has one, else to `now`
/// (whole seconds, as an object stores them). `generation` is the object's own and becomes `observedGeneration`; zero,
/// which an object that was never stored has, is left out. The list is put into its usual order after a change.
pub fn set(conditions: &mut Vec<Condition>, new: NewCondition, generation: i64, now: Timestamp) -> bool {
    let observed_generation = (generation != 0).then_some(generation);
    let since = whole_seconds(new.since.unwrap_or(now));
    let existing = conditions.iter_mut().find(|condition| condition.type_ == new.type_);
    let changed = match existing {
        Some(condition) => update(condition, new, observed_generation, since),
        None => {
            conditions.push(Condition {
                type_: new.type_.into_owned(),
                status: new.status.as_str().to_owned(),
                reason: new.reason.into_owned(),
                message: new.message.into_owned(),
                observed_generation,
                last_transition_time: Time(since),
            });
            true
        }
    };
    if changed {
        conditions.sort_by(|left, right| default_order(&left.type_, &right.type_));
    }
    changed
}

/// Takes the condition of that type out of the list.
pub fn remove(conditions: &mut Vec<Condition>, condition_type: &str) {
    conditions.retain(|condition| condition.type_ != condition_type);
}

fn update(
    condition: &mut Condition,
    new: NewCondition,
    observed_generation: Option<i64>,
    since: Timestamp,
) -> bool {
    let mut changed = false;
    if condition.status != new.status.as_str() {
        condition.status = new.status.as_str().to_owned();
        condition.last_transition_time = Time(since);
        changed = true;
    }
    changed |= replace(&mut condition.reason, new.reason);
    changed |= replace(&mut condition.message, new.message);
    if condition.observed_generation != observed_generation {
        condition.observed_generation = observed_generation;
        changed = true;
    }
    changed
}

fn replace(field: &mut String, value: Cow<'static, str>) -> bool {
    let changed = *field != value;
    if changed {
        *field = value.into_owned();
    }
    changed
}

/// Objects store seconds: what is kept in memory must equal what comes back from the API server.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
