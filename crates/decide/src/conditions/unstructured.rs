//! Conditions of objects whose kind we do not know: providers' objects.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{ConditionStatus, NO_REASON_REPORTED, UNKNOWN_TIME};

/// A foreign object's conditions cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnstructuredError {
    /// A condition without a type.
    #[error("{field} of {kind}: every condition must have a type")]
    NoType {
        /// Where the list stands.
        field: &'static str,
        /// Kind of the object.
        kind: String,
    },
    /// A condition without a status.
    #[error("{field} of {kind}: status must be set for the {condition_type} condition")]
    NoStatus {
        /// Where the list stands.
        field: &'static str,
        /// Kind of the object.
        kind: String,
        /// The condition.
        condition_type: String,
    },
    /// A field that holds something else than it must.
    #[error("{field} of {kind}: {key} of the {condition_type:?} condition is {given}, must be {allowed}")]
    Malformed {
        /// Where the list stands.
        field: &'static str,
        /// Kind of the object.
        kind: String,
        /// The condition, as far as it was read.
        condition_type: String,
        /// Key of the bad field.
        key: &'static str,
        /// What it holds.
        given: String,
        /// What it may hold.
        allowed: &'static str,
    },
}

/// All conditions of an object, from `status.v1beta2.conditions` or else `status.conditions`.
///
/// Both today's conditions and the older kind without a reason (and with a severity) are read. Something that is no list
/// counts as no conditions: such an object does not follow the contract, and a mirror then says "not yet reported".
pub fn from_value(object: &Value) -> Result<Vec<Condition>, UnstructuredError> {
    let status = object.get("status");
    let newer = status.and_then(|status| status.get("v1beta2")).and_then(|part| part.get("conditions"));
    let plain = status.and_then(|status| status.get("conditions"));
    let found = [("status.v1beta2.conditions", newer), ("status.conditions", plain)]
        .into_iter()
        .find_map(|(field, value)| Some((field, value?.as_array()?)));
    let Some((field, list)) = found else {
        return Ok(Vec::new());
    };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    list.iter().filter_map(Value::as_object).map(|entry| Reader { field, kind, entry }.condition()).collect()
}

struct Reader<'a> {
    field: &'static str,
    kind: &'a str,
    entry: &'a Map<String, Value>,
}

impl Reader<'_> {
    fn condition(&self) -> Result<Condition, UnstructuredError> {
        let type_ = self.text("type")?;
        if type_.is_empty() {
            return Err(UnstructuredError::NoType { field: self.field, kind: self.kind.to_owned() });
        }
        let status = self.text("status")?;
        if status.is_empty() {
            return Err(UnstructuredError::NoStatus {
                field: self.field,
                kind: self.kind.to_owned(),
                condition_type: type_.to_owned(),
            });
        }
        if ConditionStatus::parse(status).is_none() {
            return Err(self.malformed("status", status, "one of True, False, Unknown"));
        }
        let reason = match self.text("reason")? {
            "" => NO_REASON_REPORTED,
            reason => reason,
        };
        Ok(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: self.text("message")?.to_owned(),
            observed_generation: self.observed_generation()?,
            last_transition_time: Time(self.time()?),
        })
    }

    fn text(&self, key: &'static str) -> Result<&str, UnstructuredError> {
        match self.entry.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.malformed(key, &other.to_string(), "a string")),
        }
    }

    fn observed_generation(&self) -> Result<Option<i64>, UnstructuredError> {
        match self.entry.get("observedGeneration") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| self.malformed("observedGeneration", &value.to_string(), "an integer")),
        }
    }

    fn time(&self) -> Result<Timestamp, UnstructuredError> {
        match self.text("lastTransitionTime")? {
            "" => Ok(UNKNOWN_TIME),
            text => text.parse().map_err(|_| self.malformed("lastTransitionTime", text, "an RFC 3339 time")),
        }
    }

    fn malformed(&self, key: &'static str, given: &str, allowed: &'static str) -> UnstructuredError {
        let condition_type = self.entry.get("type").and_then(Value::as_str).unwrap_or_default();
        UnstructuredError::Malformed {
            field: self.field,
            kind: self.kind.to_owned(),
            condition_type: condition_type.to_owned(),
            key,
            given: given.to_owned(),
            allowed,
        }
    }
}
