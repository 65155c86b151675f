//! Several conditions of one object become one.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::merge::{Item, Merge, MergeError, Owner, Priority};
use super::{ConditionStatus, NewCondition, get, has, message};

/// What a summary is made of.
#[derive(Clone, Default)]
pub struct Summary<'a> {
    /// The condition types in order of relevance; their messages stand in this order. A type given twice counts once.
    pub types: Vec<&'a str>,
    /// Types that are left out where the object does not have them; all others are then unknown.
    pub ignore_if_missing: Vec<&'a str>,
    /// Conditions used instead of the object's own of the same type, for this summary only.
    pub overrides: Vec<Item<'a>>,
    /// How they are merged.
    pub merge: Merge<'a>,
}

/// Merges conditions of one object into one with the type `target_type`.
///
/// The message lists everything that is wrong or unknown, and good news only where nothing is.
pub fn summary(
    conditions: &[Condition],
    target_type: impl Into<Cow<'static, str>>,
    options: &Summary<'_>,
) -> Result<NewCondition, MergeError> {
    let target_type = target_type.into();
    check(conditions, &target_type, options)?;
    let items = in_scope(conditions, options);
    let most_urgent = items.iter().map(|item| options.merge.priority(item)).min();
    let most_urgent = most_urgent.ok_or(MergeError::NothingToSummarize)?;
    let (status, reason) = options.merge.verdict(most_urgent);
    let mut lines = lines(&items, &options.merge, status);
    if let Some(transform) = options.merge.transform {
        lines = transform(lines);
    }
    Ok(NewCondition::new(target_type, status, reason, lines.join("\n")))
}

fn check(conditions: &[Condition], target_type: &str, options: &Summary<'_>) -> Result<(), MergeError> {
    if options.types.is_empty() {
        return Err(MergeError::NoTypes);
    }
    if options.types.contains(&target_type) {
        return Err(MergeError::TargetIncluded(target_type.to_owned()));
    }
    for (index, item) in options.overrides.iter().enumerate() {
        if options.overrides.iter().take(index).any(|earlier| earlier.type_ == item.type_) {
            return Err(MergeError::OverrideTwice(item.type_.to_owned()));
        }
        if !has(conditions, item.type_) {
            return Err(MergeError::OverrideWithoutSource(item.type_.to_owned()));
        }
    }
    Ok(())
}

/// The conditions to merge, in order of relevance.
fn in_scope<'a>(conditions: &'a [Condition], options: &Summary<'a>) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(options.types.len());
    // The last mention of a type decides its place.
    let types = options
        .types
        .iter()
        .enumerate()
        .filter(|(index, type_)| !options.types.iter().skip(index + 1).any(|later| later == *type_));
    for (_, type_) in types {
        if let Some(item) = options.overrides.iter().find(|item| item.type_ == *type_) {
            items.push(item.clone());
        } else if let Some(condition) = get(conditions, type_) {
            items.push(Item::existing(Owner::default(), condition));
        } else if !options.ignore_if_missing.contains(type_) {
            items.push(Item::missing(Owner::default(), type_, "Condition not yet reported"));
        }
    }
    items
}

fn lines(items: &[Item<'_>], merge: &Merge<'_>, status: ConditionStatus) -> Vec<String> {
    let mut lines = Vec::new();
    for item in items {
        let good_news = merge.priority(item) == Priority::Info;
        if good_news && (status != ConditionStatus::True || item.message.is_empty()) {
            continue;
        }
        let text = if item.message.is_empty() {
            format!(" {}", item.reason)
        } else {
            message::indent_if_multiline(&item.message)
        };
        lines.push(format!("* {}:{text}", item.type_));
    }
    lines
}
