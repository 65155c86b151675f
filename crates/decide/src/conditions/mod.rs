//! Conditions: reading, setting, and merging many into one.
//!
//! Four verbs make every condition of every controller:
//!
//! * [`set`] writes one into an object's list, keeping the transition time while the status stays the same;
//! * [`mirror`] repeats a condition of another object (a provider's `Ready` as our `InfrastructureReady`);
//! * [`summary`] merges several conditions of one object (a Machine's `Ready`);
//! * [`aggregate`] merges one condition of many objects (a MachineSet's `MachinesReady`).
//!
//! The sentences they produce are read by people and by scripts, so they follow Cluster API to the byte.
//! Mirror, summary and aggregate answer with a [`NewCondition`]: a condition that has no generation yet and, unless it
//! was mirrored, no transition time; `set` adds both.

mod aggregate;
mod merge;
mod message;
mod mirror;
mod order;
mod set;
mod summary;
mod unstructured;

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

pub use aggregate::{Source, aggregate};
pub use merge::{Item, Merge, MergeError, Owner, Polarity, Priority, Reasons};
pub use message::indent_if_multiline;
pub use mirror::{Fallback, mirror};
pub use order::default_order;
pub use set::{remove, set};
pub use summary::{Summary, summary};
pub use unstructured::{UnstructuredError, from_value};

/// Reason of a condition that was expected on an object and is not there.
pub const NOT_YET_REPORTED: &str = "NotYetReported";

/// Reason given to a foreign condition that carries none.
pub const NO_REASON_REPORTED: &str = "NoReasonReported";

/// The transition time that stands for "not known" in lists where the type demands a time: the first second of the year 1,
/// as others write it.
pub const UNKNOWN_TIME: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// The three values a condition can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionStatus {
    /// The statement holds.
    True,
    /// The statement does not hold.
    False,
    /// Nobody can tell at the moment.
    Unknown,
}

impl ConditionStatus {
    /// The value as it stands in an object.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads a value; `None` for anything but the three known ones.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "True" => Some(Self::True),
            "False" => Some(Self::False),
            "Unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A condition on its way to an object.
///
/// Types, reasons and most messages are constants, so they are borrowed where possible: a condition that changes
/// nothing costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCondition {
    /// Condition type, `CamelCase`.
    pub type_: Cow<'static, str>,
    /// Value.
    pub status: ConditionStatus,
    /// Machine-readable reason, `CamelCase`.
    pub reason: Cow<'static, str>,
    /// What people read; may be empty.
    pub message: Cow<'static, str>,
    /// When the status changed, if that is known better than "when `set` noticed".
    pub since: Option<Timestamp>,
}

impl NewCondition {
    /// A condition with a message and no time of its own.
    pub fn new(
        type_: impl Into<Cow<'static, str>>,
        status: impl Into<ConditionStatus>,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            type_: type_.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            since: None,
        }
    }
}

/// The condition of that type, if the object has it.
pub fn get<'a>(conditions: &'a [Condition], condition_type: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == condition_type)
}

/// Whether the object has a condition of that type.
pub fn has(conditions: &[Condition], condition_type: &str) -> bool {
    get(conditions, condition_type).is_some()
}

/// Whether the condition is there and `True`.
pub fn is_true(conditions: &[Condition], condition_type: &str) -> bool {
    get(conditions, condition_type).is_some_and(|condition| condition.status == "True")
}

/// Whether the condition is there and `False`.
pub fn is_false(conditions: &[Condition], condition_type: &str) -> bool {
    get(conditions, condition_type).is_some_and(|condition| condition.status == "False")
}

/// Whether the condition is `Unknown`; a missing condition is unknown too.
pub fn is_unknown(conditions: &[Condition], condition_type: &str) -> bool {
    get(conditions, condition_type).is_none_or(|condition| condition.status == "Unknown")
}

/// Reason of the condition, empty where it is missing.
pub fn reason<'a>(conditions: &'a [Condition], condition_type: &str) -> &'a str {
    get(conditions, condition_type).map_or("", |condition| condition.reason.as_str())
}

/// Message of the condition, empty where it is missing.
pub fn message<'a>(conditions: &'a [Condition], condition_type: &str) -> &'a str {
    get(conditions, condition_type).map_or("", |condition| condition.message.as_str())
}

/// When the condition last changed its status; `None` where it is missing or does not say.
pub fn since(conditions: &[Condition], condition_type: &str) -> Option<Timestamp> {
    get(conditions, condition_type)
        .map(|condition| condition.last_transition_time.0)
        .filter(|time| *time != UNKNOWN_TIME)
}
