//! Server-side apply and `managedFields`: who owns which field.

mod fieldset;

pub use fieldset::{FieldSet, PathElement};

use jiff::Timestamp;
use serde_json::Value;

use crate::schema::Schema;

/// One apply.
pub struct ApplyRequest<'a> {
    /// Schema of the kind's root object. Rules for `metadata` are built in.
    pub schema: &'a Schema,
    /// The object as it is; absent where the apply creates.
    pub live: Option<&'a Value>,
    /// What is applied.
    pub applied: &'a Value,
    /// Field manager.
    pub manager: &'a str,
    /// Whether to take fields from others.
    pub force: bool,
    /// Version that `applied` (and `live`) are in.
    pub api_version: &'a str,
    /// `status`, `scale`, or absent.
    pub subresource: Option<&'a str>,
    /// Now, for the entry's time.
    pub now: Timestamp,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields that would change (409).
    #[error("{}", conflict::message(.0))]
    Conflicts(Vec<Conflict>),
    /// The applied object does not fit the schema (500).
    #[error("{0}")]
    Schema(String),
}

/// A field somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The manager as messages show it: `"name"`, with subresource and version.
    pub manager: String,
    /// Path of the field: `.spec.list[name="x"].field`.
    pub path: String,
}

mod conflict {
    use super::Conflict;
    pub fn message(conflicts: &[Conflict]) -> String {
        format!("Apply failed with {} conflicts", conflicts.len())
    }
}

/// How an object was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

/// Applies: the merged object including its `managedFields`.
pub fn apply(request: &ApplyRequest<'_>) -> Result<Value, ApplyError> {
    Ok(request.applied.clone())
}

/// Who and when, of a write that is not an apply.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// Field manager.
    pub manager: &'a str,
    /// Version that the object is in.
    pub api_version: &'a str,
    /// `status`, `scale`, or absent.
    pub subresource: Option<&'a str>,
    /// Now, for the entry's time.
    pub now: Timestamp,
}

/// Records in `new` who owns what after a create, update or patch. `old` is the stored object.
pub fn track_update(_schema: &Schema, _old: Option<&Value>, _new: &mut Value, _writer: Writer<'_>) {}

/// Whether an apply would change anything, by walking `applied` with the manager's own entry. Never false when it would.
pub fn would_change(_live: &Value, _applied: &Value, _manager: &str, _subresource: Option<&str>) -> bool {
    true
}
