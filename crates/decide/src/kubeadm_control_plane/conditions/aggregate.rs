//! Conditions of the control plane from those of its Machines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use api::conditions::reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::view::Own;
use crate::conditions::{self, ConditionStatus, NewCondition};

/// How many Machines are named for one message.
const SHOWN_NAMES: usize = 3;

/// What to sum up.
pub struct Aggregate<'a> {
    /// The condition that results.
    pub condition: &'static str,
    /// The conditions of Machines that it is made of.
    pub sources: &'a [&'a str],
    /// What is wrong beyond the Machines.
    pub findings: &'a [String],
    /// What is summed up, for when there is nothing.
    pub subject: &'a str,
}

/// What the Machines say.
#[derive(Default)]
struct Tally<'a> {
    bad: bool,
    unknown: bool,
    good: bool,
    /// The Machines that say the same.
    messages: BTreeMap<String, Vec<&'a str>>,
}

impl Aggregate<'_> {
    /// The condition.
    pub fn of(&self, machines: &[Own<'_>]) -> NewCondition {
        let mut tally = Tally::default();
        for machine in machines {
            self.count(machine, &mut tally);
        }
        let is_bad = tally.bad || !self.findings.is_empty();
        let (status, reason, message) = match (is_bad, tally.unknown, tally.good) {
            (true, _, _) => (ConditionStatus::False, reason::NOT_HEALTHY, self.message(tally.messages)),
            (false, true, _) => {
                (ConditionStatus::Unknown, reason::HEALTH_UNKNOWN, self.message(tally.messages))
            }
            (false, false, true) => (ConditionStatus::True, reason::HEALTHY, String::new()),
            (false, false, false) => {
                let message = format!("No Machines reporting {} status", self.subject);
                (ConditionStatus::Unknown, reason::HEALTH_UNKNOWN, message)
            }
        };
        NewCondition::new(self.condition, status, reason, message)
    }

    fn count<'a>(&self, machine: &'a Own<'_>, tally: &mut Tally<'a>) {
        let list = &machine.machine.status.conditions;
        let own: Vec<&Condition> =
            self.sources.iter().filter_map(|source| conditions::get(list, source)).collect();
        let mut lines = Vec::new();
        for condition in &own {
            // Before there is a server, nobody expects to hear anything.
            let is_early = machine.machine.spec.provider_id.as_deref().unwrap_or_default().is_empty();
            match condition.status.as_str() {
                "False" => {
                    tally.bad = true;
                    lines.push(line(condition));
                }
                "Unknown" if !is_early => {
                    tally.unknown = true;
                    lines.push(line(condition));
                }
                _ => tally.good = true,
            }
        }
        if lines.is_empty() {
            return;
        }
        let texts: BTreeSet<&str> = own.iter().map(|condition| condition.message.as_str()).collect();
        let message = match texts.first() {
            Some(text) if own.len() > 1 && texts.len() == 1 => {
                format!("  * Control plane components: {text}")
            }
            _ => lines.join("\n"),
        };
        tally.messages.entry(message).or_default().push(machine.name());
    }

    /// The most frequent first, then what goes beyond the Machines.
    fn message(&self, messages: BTreeMap<String, Vec<&str>>) -> String {
        let mut ordered: Vec<(String, Vec<&str>)> = messages.into_iter().collect();
        ordered.sort_by_cached_key(|(_, machines)| (Reverse(machines.len()), machines.join(",")));
        let of_machines = ordered.iter().map(|(text, machines)| format!("* {}:\n{text}", subject(machines)));
        let findings = self.findings.iter().map(|finding| format!("* {finding}"));
        of_machines.chain(findings).collect::<Vec<_>>().join("\n")
    }
}

fn line(condition: &Condition) -> String {
    if condition.message.is_empty() {
        return format!("  * {}: condition is {}", condition.type_, condition.status);
    }
    format!("  * {}: {}", condition.type_, condition.message)
}

fn subject(machines: &[&str]) -> String {
    let noun = if machines.len() > 1 { "Machines" } else { "Machine" };
    format!("{noun} {}", names(machines, SHOWN_NAMES))
}

/// The first names, and how many more there are.
pub fn names(names: &[&str], shown: usize) -> String {
    match names.get(..shown) {
        Some(first) if names.len() > shown => {
            format!("{}, ... ({} more)", first.join(", "), names.len() - shown)
        }
        _ => names.join(", "),
    }
}
