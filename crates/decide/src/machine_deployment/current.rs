//! Which MachineSet of a MachineDeployment is the current one.

use std::cmp::Reverse;

use api::core::machine::MachineSpec;
use jiff::Timestamp;

use crate::machine_template;

/// A MachineSet in the choice.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Name.
    pub name: &'a str,
    /// When it was created.
    pub created: Timestamp,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.template.spec`.
    pub template: &'a MachineSpec,
}

/// A MachineSet that is not the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old<'a> {
    /// Name.
    pub name: &'a str,
    /// Whether the only reason is a difference that an in-place update could make up for.
    pub eligible_for_in_place_update: bool,
    /// Differences, for logs.
    pub log_messages: Vec<String>,
    /// Differences, for conditions.
    pub condition_messages: Vec<String>,
}

/// The choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Name of the current MachineSet, if there is one.
    pub current: Option<&'a str>,
    /// All others, those with the most replicas first.
    pub old: Vec<Old<'a>>,
    /// Why there has to be a new MachineSet; empty where there is a current one.
    pub create_reason: String,
}

/// Picks the MachineSet with the wanted template, and where several have it the one with the most replicas: it costs the
/// fewest Machines.
///
/// Once `rollout_after` has passed, only a MachineSet made at that time or later counts: the user asked for new Machines
/// without changing the template. Machines of older ones are then replaced, never updated in place.
pub fn choose<'a>(
    machine_sets: &[Candidate<'a>],
    wanted: &MachineSpec,
    rollout_after: Option<Timestamp>,
    now: Timestamp,
) -> Choice<'a> {
    if machine_sets.is_empty() {
        return Choice {
            create_reason: "no MachineSets exist for the MachineDeployment".to_owned(),
            ..Choice::default()
        };
    }
    let mut sorted = machine_sets.to_vec();
    sorted.sort_by_key(|set| (Reverse(set.replicas), set.created, set.name));
    let mut matching = Vec::new();
    let mut choice = Choice::default();
    for set in &sorted {
        let difference = machine_template::difference(set.template, wanted);
        if difference.is_none() {
            matching.push(*set);
        } else {
            choice.old.push(different(set, difference, rollout_after, now));
        }
    }
    if matching.is_empty() {
        choice.create_reason = no_match(&choice.old);
        return choice;
    }
    let due = rollout_after.filter(|after| now >= *after);
    let position = match due {
        None => Some(0),
        Some(after) => matching.iter().position(|set| set.created >= after),
    };
    for (index, set) in matching.iter().enumerate() {
        if Some(index) == position {
            choice.current = Some(set.name);
        } else {
            choice.old.push(Old {
                name: set.name,
                eligible_for_in_place_update: false,
                log_messages: Vec::new(),
                condition_messages: Vec::new(),
            });
        }
    }
    if let (None, Some(after)) = (position, due) {
        choice.create_reason = format!(
            "spec.rollout.after on MachineDeployment set to {after}, no MachineSet has been created afterwards"
        );
    }
    choice
}

fn different<'a>(
    set: &Candidate<'a>,
    difference: machine_template::Difference,
    rollout_after: Option<Timestamp>,
    now: Timestamp,
) -> Old<'a> {
    let mut log_messages = difference.log_messages;
    let outdated = rollout_after.is_some_and(|after| after < now && set.created < after);
    if outdated {
        log_messages.push("MachineDeployment spec.rolloutAfter expired".to_owned());
    }
    Old {
        name: set.name,
        eligible_for_in_place_update: !outdated,
        log_messages,
        condition_messages: difference.condition_messages,
    }
}

fn no_match(old: &[Old<'_>]) -> String {
    let reasons: Vec<String> = old
        .iter()
        .map(|set| format!("MachineSet {} needs rollout: {}", set.name, set.log_messages.join(", ")))
        .collect();
    format!("couldn't find MachineSet matching MachineDeployment spec template: {}", reasons.join("; "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn template(version: &str) -> MachineSpec {
        MachineSpec { version: Some(version.to_owned()), ..MachineSpec::default() }
    }

    fn candidate<'a>(name: &'a str, created: i64, replicas: i32, template: &'a MachineSpec) -> Candidate<'a> {
        Candidate { name, created: at(created), replicas, template }
    }

    #[test]
    fn of_several_with_the_template_the_biggest_is_current() {
        let (v1, v2) = (template("v1"), template("v2"));
        let sets = [candidate("a", 1, 1, &v2), candidate("b", 2, 3, &v2), candidate("c", 3, 5, &v1)];
        let choice = choose(&sets, &v2, None, at(100));
        assert_eq!(choice.current, Some("b"));
        let old: Vec<_> = choice.old.iter().map(|old| (old.name, old.eligible_for_in_place_update)).collect();
        assert_eq!(old, [("c", true), ("a", false)]);
    }

    #[test]
    fn without_a_match_the_differences_are_told() {
        let (v1, v2) = (template("v1"), template("v2"));
        let choice = choose(&[candidate("a", 1, 1, &v1)], &v2, None, at(100));
        assert_eq!(choice.current, None);
        assert_eq!(
            choice.create_reason,
            "couldn't find MachineSet matching MachineDeployment spec template: MachineSet a needs rollout: \
             spec.version v1, v2 required"
        );
    }

    #[test]
    fn rollout_after_asks_for_a_younger_machine_set_once_it_is_due() {
        let v1 = template("v1");
        let sets = [candidate("a", 10, 3, &v1)];
        assert_eq!(choose(&sets, &v1, Some(at(50)), at(40)).current, Some("a"));
        let due = choose(&sets, &v1, Some(at(50)), at(60));
        assert_eq!((due.current, due.old.len()), (None, 1));
        let younger = [candidate("a", 10, 3, &v1), candidate("b", 50, 0, &v1)];
        assert_eq!(choose(&younger, &v1, Some(at(50)), at(60)).current, Some("b"));
    }
}
