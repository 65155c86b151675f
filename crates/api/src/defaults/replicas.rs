//! How many machines there are to be where nobody says.

use serde_json::Value;

use crate::labels::{AUTOSCALER_MAX_SIZE, AUTOSCALER_MIN_SIZE};

/// A bound of the autoscaler that is not a number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotation {annotation}: {value:?} is not a whole number of 32 bits")]
pub struct InvalidAnnotation {
    /// The annotation.
    pub annotation: &'static str,
    /// Its value.
    pub value: String,
}

/// What `spec.replicas` becomes: itself, where it is given; within the bounds of an autoscaler, where both are given as
/// annotations; 1 otherwise.
///
/// A new object starts at the lower bound. An object that is handed over to an autoscaler keeps its replicas, moved into
/// the bounds, because an autoscaler does not act on what lies outside them.
pub(super) fn replicas(object: &Value, old: Option<&Value>) -> Result<Value, InvalidAnnotation> {
    if let Some(given) = object.pointer("/spec/replicas").filter(|replicas| !replicas.is_null()) {
        return Ok(given.clone());
    }
    let (Some(minimum), Some(maximum)) =
        (bound(object, AUTOSCALER_MIN_SIZE)?, bound(object, AUTOSCALER_MAX_SIZE)?)
    else {
        return Ok(Value::from(1));
    };
    let before = old.and_then(|old| old.pointer("/spec/replicas")).and_then(Value::as_i64);
    Ok(Value::from(match before {
        None => minimum,
        Some(before) if before < minimum => minimum,
        Some(before) if before > maximum => maximum,
        Some(before) => before,
    }))
}

/// A bound; `None` unless both are given, so that a lone one is not even read.
fn bound(object: &Value, annotation: &'static str) -> Result<Option<i64>, InvalidAnnotation> {
    let annotations = object.pointer("/metadata/annotations");
    let text = |key: &str| annotations.and_then(|all| all.get(key)).and_then(Value::as_str);
    if text(AUTOSCALER_MIN_SIZE).is_none() || text(AUTOSCALER_MAX_SIZE).is_none() {
        return Ok(None);
    }
    let value = text(annotation).unwrap_or_default();
    match value.parse::<i32>() {
        Ok(number) => Ok(Some(i64::from(number))),
        Err(_) => Err(InvalidAnnotation { annotation, value: value.to_owned() }),
    }
}
