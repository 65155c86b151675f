//! One condition out of many: the rules that summary and aggregate share.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use thiserror::Error;

use super::{ConditionStatus, NOT_YET_REPORTED, UNKNOWN_TIME};

/// Why conditions could not be merged. Each of these is a mistake of the caller, not of the objects.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MergeError {
    /// A summary over no condition types.
    #[error("a summary needs at least one condition type, none was given")]
    NoTypes,
    /// A summary that would contain itself.
    #[error("the condition types of a summary cannot include its own type, {0}")]
    TargetIncluded(String),
    /// An override for a condition that the object does not have.
    #[error("override condition {0} must exist in the source object")]
    OverrideWithoutSource(String),
    /// Two overrides for one condition.
    #[error("override condition {0} is given more than once")]
    OverrideTwice(String),
    /// All conditions were missing and may be missing.
    #[error("there is nothing to summarize: every condition is missing and may be missing")]
    NothingToSummarize,
    /// An aggregate over no objects.
    #[error("an aggregate needs at least one object, none was given")]
    NoObjects,
    /// An aggregate in which other types than the one that is aggregated are called negative.
    #[error("of an aggregate of {0} no other condition type can be called negative")]
    OthersNegative(String),
}

/// The object that a condition belongs to, as messages name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Kind, singular.
    pub kind: &'a str,
    /// Name without namespace.
    pub name: &'a str,
    /// A Machine of the control plane: its messages come first.
    pub control_plane_machine: bool,
}

/// One condition in a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Whose it is.
    pub owner: Owner<'a>,
    /// Condition type.
    pub type_: &'a str,
    /// Value; anything unreadable counts as unknown.
    pub status: ConditionStatus,
    /// Machine-readable reason.
    pub reason: Cow<'a, str>,
    /// What people read.
    pub message: Cow<'a, str>,
    /// Since when; [`UNKNOWN_TIME`] where nobody knows.
    pub since: Timestamp,
}

impl<'a> Item<'a> {
    /// A condition that the object has.
    pub fn existing(owner: Owner<'a>, condition: &'a Condition) -> Self {
        Self {
            owner,
            type_: &condition.type_,
            status: ConditionStatus::parse(&condition.status).unwrap_or(ConditionStatus::Unknown),
            reason: Cow::Borrowed(&condition.reason),
            message: Cow::Borrowed(&condition.message),
            since: condition.last_transition_time.0,
        }
    }

    /// A condition that the object should have: missing means unknown.
    pub fn missing(owner: Owner<'a>, type_: &'a str, message: impl Into<Cow<'a, str>>) -> Self {
        Self {
            owner,
            type_,
            status: ConditionStatus::Unknown,
            reason: Cow::Borrowed(NOT_YET_REPORTED),
            message: message.into(),
            since: UNKNOWN_TIME,
        }
    }
}

/// How much attention a condition needs. The order is the order of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Something is wrong.
    Issue,
    /// Nobody can tell.
    Unknown,
    /// All is well, or what is not well is expected.
    Info,
}

/// Which status of the merged condition is the good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polarity {
    /// `True` is good, as for `Ready`.
    #[default]
    Positive,
    /// `True` needs attention, as for `ScalingUp`.
    Negative,
}

/// Reasons of the merged condition, by the most urgent condition in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// At least one issue.
    pub issue: &'static str,
    /// No issue, at least one unknown.
    pub unknown: &'static str,
    /// Neither.
    pub info: &'static str,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { issue: "IssuesReported", unknown: "UnknownReported", info: "InfoReported" }
    }
}

/// Decides about single conditions; `None` leaves the decision to their status and polarity.
pub type Exception<'a> = &'a dyn Fn(&Item<'_>) -> Option<Priority>;

/// Rewrites the lines of a summary, for instance to join lines that say the same.
pub type Transform<'a> = &'a dyn Fn(Vec<String>) -> Vec<String>;

/// How conditions are merged. The default treats every condition as positive.
#[derive(Clone, Default)]
pub struct Merge<'a> {
    /// Types of which `True` needs attention.
    pub negative_types: Vec<&'a str>,
    /// Conditions that are judged otherwise.
    pub exception: Option<Exception<'a>>,
    /// Polarity of the result.
    pub target: Polarity,
    /// Reasons of the result.
    pub reasons: Reasons,
    /// Last touch on the lines of a summary.
    pub transform: Option<Transform<'a>>,
}

impl Merge<'_> {
    /// How much attention this condition needs.
    pub fn priority(&self, item: &Item<'_>) -> Priority {
        if let Some(priority) = self.exception.and_then(|exception| exception(item)) {
            return priority;
        }
        let negative = self.negative_types.contains(&item.type_);
        match (item.status, negative) {
            (ConditionStatus::Unknown, _) => Priority::Unknown,
            (ConditionStatus::True, false) | (ConditionStatus::False, true) => Priority::Info,
            (ConditionStatus::True, true) | (ConditionStatus::False, false) => Priority::Issue,
        }
    }

    /// Status and reason of the result, by its most urgent condition.
    pub(super) fn verdict(&self, most_urgent: Priority) -> (ConditionStatus, &'static str) {
        let positive = self.target == Polarity::Positive;
        match most_urgent {
            Priority::Issue => (ConditionStatus::from(!positive), self.reasons.issue),
            Priority::Unknown => (ConditionStatus::Unknown, self.reasons.unknown),
            Priority::Info => (ConditionStatus::from(positive), self.reasons.info),
        }
    }
}
