//! Repeating a condition of another object.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::set::whole_seconds;
use super::{ConditionStatus, NOT_YET_REPORTED, NewCondition, UNKNOWN_TIME};

/// What a mirror says where the source has no such condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Value.
    pub status: ConditionStatus,
    /// Machine-readable reason.
    pub reason: Cow<'static, str>,
    /// What people read.
    pub message: Cow<'static, str>,
}

/// The source's condition under the name `target_type`, with the time at which the source itself changed.
///
/// Without a source condition it is `fallback`, and without a fallback `Unknown`, not yet reported.
pub fn mirror(
    source: &[Condition],
    source_type: &str,
    target_type: impl Into<Cow<'static, str>>,
    fallback: Option<Fallback>,
) -> NewCondition {
    if let Some(condition) = super::get(source, source_type) {
        let time = condition.last_transition_time.0;
        return NewCondition {
            type_: target_type.into(),
            status: ConditionStatus::parse(&condition.status).unwrap_or(ConditionStatus::Unknown),
            reason: condition.reason.clone().into(),
            message: condition.message.clone().into(),
            since: (time != UNKNOWN_TIME).then(|| whole_seconds(time)),
        };
    }
    match fallback {
        Some(fallback) => NewCondition::new(target_type, fallback.status, fallback.reason, fallback.message),
        None => NewCondition::new(
            target_type,
            ConditionStatus::Unknown,
            NOT_YET_REPORTED,
            format!("Condition {source_type} not yet reported"),
        ),
    }
}
