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
            let place = conditions.partition_point(|one| default_order(&one.type_, &new.type_).is_lt());
            let condition = Condition {
                type_: new.type_.into_owned(),
                status: new.status.as_str().to_owned(),
                reason: new.reason.into_owned(),
                message: new.message.into_owned(),
                observed_generation,
                last_transition_time: Time(since),
            };
            conditions.insert(place, condition);
            true
        }
    };
    // Somebody else may have left it in another order.
    let in_order = |left: &Condition, right: &Condition| default_order(&left.type_, &right.type_);
    if changed && !conditions.is_sorted_by(|left, right| in_order(left, right).is_le()) {
        conditions.sort_by(in_order);
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
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: bool, message: &'static str) -> NewCondition {
        NewCondition::new("Ready", status, "R", message)
    }

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let mut list = Vec::new();
        assert!(set(&mut list, ready(false, "a"), 1, at(10)));
        assert!(set(&mut list, ready(false, "b"), 1, at(20)));
        assert_eq!((list[0].last_transition_time.0, list[0].message.as_str()), (at(10), "b"));
        assert!(!set(&mut list, ready(false, "b"), 1, at(30)));
        assert!(set(&mut list, ready(true, "b"), 1, at(40)));
        assert_eq!(list[0].last_transition_time.0, at(40));
    }

    #[test]
    fn a_mirrored_condition_brings_its_own_time() {
        let mut list = Vec::new();
        let mirrored = NewCondition { since: Some(at(5)), ..ready(true, "") };
        set(&mut list, mirrored, 0, at(10));
        assert_eq!(list[0].last_transition_time.0, at(5));
        assert_eq!(list[0].observed_generation, None);
    }

    #[test]
    fn a_change_puts_the_list_into_its_usual_order() {
        let types = |list: &[Condition]| list.iter().map(|one| one.type_.clone()).collect::<Vec<_>>();
        let of = |name: &'static str| NewCondition::new(name, true, "R", "");
        let mut list = Vec::new();
        for name in ["Deleting", "Yours", "Ready", "Paused", "Available", "Mine"] {
            set(&mut list, of(name), 1, at(10));
        }
        let usual = ["Available", "Ready", "Mine", "Yours", "Paused", "Deleting"];
        assert_eq!(types(&list), usual);
        list.reverse();
        assert!(set(&mut list, ready(false, "changed"), 1, at(20)));
        assert_eq!(types(&list), usual);
        list.reverse();
        assert!(!set(&mut list, ready(false, "changed"), 1, at(30)), "nothing to write");
        list.retain(|one| one.type_ != "Paused");
        assert!(set(&mut list, of("Paused"), 1, at(40)));
        assert_eq!(types(&list), usual);
    }

    #[test]
    fn times_are_whole_seconds() {
        let mut list = Vec::new();
        set(&mut list, ready(true, ""), 1, Timestamp::new(7, 999).unwrap());
        assert_eq!(list[0].last_transition_time.0, at(7));
    }
}
