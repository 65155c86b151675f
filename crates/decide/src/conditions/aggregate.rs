//! One condition of many objects becomes one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::merge::{Item, Merge, MergeError, Owner, Priority};
use super::{NewCondition, get, message};

/// How many different messages are shown, over all kinds.
const SHOWN_MESSAGES: usize = 3;

/// How many objects are named for one message: control planes usually have three Machines, and all of them should fit.
const SHOWN_OBJECTS: usize = 3;

/// An object whose condition goes into an aggregate.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The object.
    pub owner: Owner<'a>,
    /// All its conditions.
    pub conditions: &'a [Condition],
}

/// Merges the condition `source_type` of all objects into one with the type `target_type`.
///
/// The message holds at most three different messages of issues and unknowns (or of good news where there is nothing
/// else), each with at most three objects that report it: Machines of the control plane first, then issues before
/// unknowns, then by how many objects say it. What does not fit is counted.
///
/// # Errors
/// When there is no object, or another type than `source_type` is called negative.
pub fn aggregate(
    sources: &[Source<'_>],
    source_type: &str,
    target_type: impl Into<Cow<'static, str>>,
    merge: &Merge<'_>,
) -> Result<NewCondition, MergeError> {
    if merge.negative_types.iter().any(|one| *one != source_type) {
        return Err(MergeError::OthersNegative(source_type.to_owned()));
    }
    let mut items: Vec<Item<'_>> = sources.iter().map(|source| item(source, source_type)).collect();
    // Oldest first; this order also breaks ties between messages.
    items.sort_by_key(|item| item.since);
    let mut judged: Vec<(Priority, Item<'_>)> =
        items.into_iter().map(|item| (merge.priority(&item), item)).collect();
    judged.sort_by_key(|(priority, _)| *priority);
    let most_urgent = judged.first().map(|(priority, _)| *priority).ok_or(MergeError::NoObjects)?;
    if most_urgent == Priority::Info {
        judged.retain(|(_, item)| !item.message.is_empty());
    } else {
        judged.retain(|(priority, _)| *priority != Priority::Info);
    }
    let (status, reason) = merge.verdict(most_urgent);
    Ok(NewCondition::new(target_type, status, reason, Voices::collect(&judged).lines().join("\n")))
}

fn item<'a>(source: &Source<'a>, source_type: &'a str) -> Item<'a> {
    match get(source.conditions, source_type) {
        Some(condition) => Item::existing(source.owner, condition),
        None => Item::missing(source.owner, source_type, format!("Condition {source_type} not yet reported")),
    }
}

/// Who says what.
#[derive(Default)]
struct Voices<'a> {
    /// Kind, message, names of the objects.
    by_kind: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a str>>>,
    /// The most urgent condition with this message, of whatever kind.
    priorities: BTreeMap<&'a str, Priority>,
    /// Messages that a Machine of the control plane reports.
    first: BTreeSet<&'a str>,
    control_plane_machines: BTreeSet<&'a str>,
}

impl<'a> Voices<'a> {
    fn collect(judged: &'a [(Priority, Item<'a>)]) -> Self {
        let mut voices = Self::default();
        for (priority, item) in judged {
            let message = item.message.as_ref();
            let messages = voices.by_kind.entry(item.owner.kind).or_default();
            messages.entry(message).or_default().push(item.owner.name);
            let known = voices.priorities.entry(message).or_insert(*priority);
            *known = (*known).min(*priority);
            if item.owner.control_plane_machine {
                voices.first.insert(message);
                voices.control_plane_machines.insert(item.owner.name);
            }
        }
        voices
    }

    fn lines(&self) -> Vec<String> {
        let mut room = SHOWN_MESSAGES;
        let mut lines = Vec::new();
        for (kind, messages) in &self.by_kind {
            let ordered = self.in_order(messages);
            let shown = ordered.len().min(room);
            room -= shown;
            let (shown, rest) = ordered.split_at(shown);
            lines.extend(shown.iter().map(|(text, names)| self.line(kind, text, names)));
            lines.extend(self.rest(kind, rest));
        }
        lines
    }

    fn in_order<'b>(&self, messages: &'b BTreeMap<&'a str, Vec<&'a str>>) -> Vec<(&'a str, &'b [&'a str])> {
        let mut ordered: Vec<_> = messages.iter().map(|(text, names)| (*text, names.as_slice())).collect();
        ordered.sort_by_cached_key(|(text, names)| {
            let followers = !self.first.contains(text);
            (followers, self.priority(text), std::cmp::Reverse(names.len()), names.join(","))
        });
        ordered
    }

    fn priority(&self, text: &str) -> Priority {
        self.priorities.get(text).copied().unwrap_or(Priority::Info)
    }

    fn line(&self, kind: &str, text: &str, names: &[&str]) -> String {
        let mut names = names.to_vec();
        names.sort_by_key(|name| (!self.control_plane_machines.contains(name), *name));
        let text = message::indent_if_multiline(text);
        match names.get(..SHOWN_OBJECTS) {
            _ if names.len() == 1 => format!("* {kind} {}:{text}", names.join(", ")),
            Some(shown) if names.len() > SHOWN_OBJECTS => {
                let more = names.len() - SHOWN_OBJECTS;
                format!("* {} {}, ... ({more} more):{text}", message::plural(kind), shown.join(", "))
            }
            _ => format!("* {} {}:{text}", message::plural(kind), names.join(", ")),
        }
    }

    fn rest(&self, kind: &str, rest: &[(&str, &[&str])]) -> Vec<String> {
        let mut counts: BTreeMap<Priority, usize> = BTreeMap::new();
        for (text, names) in rest {
            *counts.entry(self.priority(text)).or_default() += names.len();
        }
        let line = |(priority, count)| {
            let what = match priority {
                Priority::Issue => "with other issues",
                Priority::Unknown => "with status unknown",
                Priority::Info => "with additional info",
            };
            let kinds = if count == 1 { Cow::Borrowed(kind) } else { message::plural(kind) };
            format!("And {count} {kinds} {what}")
        };
        counts.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_condition_itself_can_be_negative() {
        let owner = Owner { kind: "Machine", name: "a", control_plane_machine: false };
        let sources = [Source { owner, conditions: &[] }];
        let with = |negative_types| {
            let merge = Merge { negative_types, ..Merge::default() };
            aggregate(&sources, "Ready", "Ready", &merge).map(|condition| condition.status)
        };
        let refused = Err(MergeError::OthersNegative("Ready".to_owned()));
        assert!(with(vec!["Ready"]).is_ok());
        assert_eq!(with(vec!["Paused"]), refused);
        assert_eq!(with(vec!["Ready", "Paused"]), refused);
    }
}
