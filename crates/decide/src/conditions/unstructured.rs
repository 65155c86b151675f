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
            text => {
                let time = text.parse().ok().filter(|_| is_rfc3339(text));
                time.ok_or_else(|| self.malformed("lastTransitionTime", text, "an RFC 3339 time"))
            }
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

/// `2026-01-02T03:04:05Z`, with a fraction of seconds or an offset where there is one; what parses times takes more than that.
fn is_rfc3339(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let Some((moment, rest)) = text.as_bytes().split_at_checked(SHAPE.len()) else { return false };
    let fits =
        |(given, shape): (&u8, &u8)| if *shape == b'0' { given.is_ascii_digit() } else { given == shape };
    let is_shaped =
        |given: &[u8], shape: &[u8]| given.len() == shape.len() && given.iter().zip(shape).all(fits);
    let fraction = match rest {
        [b'.', digits @ ..] => 1 + digits.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let zone = match &rest[fraction..] {
        [b'+' | b'-', offset @ ..] => is_shaped(offset, b"00:00"),
        zone => zone == b"Z",
    };
    is_shaped(moment, SHAPE) && &moment[SHAPE.len() - 2..] != b"60" && fraction != 1 && zone
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conditions::mirror;

    fn mirrored(time: &str) -> Result<Option<String>, UnstructuredError> {
        let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": time});
        let conditions = from_value(&json!({"kind": "K", "status": {"conditions": [condition]}}))?;
        Ok(mirror(&conditions, "Ready", "Ready", None).since.map(|time| time.to_string()))
    }

    #[test]
    fn times_are_read_as_rfc_3339_and_kept_in_whole_seconds() {
        for (given, kept) in [
            ("2024-01-02T03:04:05Z", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05.75Z", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05+01:00", Some("2024-01-02T02:04:05Z")),
            ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z")),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(mirrored(given).unwrap().as_deref(), kept, "{given}");
        }
        for given in [
            "bad",
            "2024-01-02",
            "2024-01-02 03:04:05Z",
            "2024-01-02T03:04Z",
            "2024-01-02T03:04:60Z",
            "2024-01-02t03:04:05z",
            "2024-01-02T03:04:05",
            "2024-01-02T03:04:05.Z",
            "2024-01-02T03:04:05+01",
            "2024-01-02T03:04:05Z[UTC]",
            "2024-13-02T03:04:05Z",
        ] {
            assert!(mirrored(given).is_err(), "{given}");
        }
    }
}
