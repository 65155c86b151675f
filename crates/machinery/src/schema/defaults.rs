//! Filling in defaults.
use super::tree::Schema;
use serde_json::Value;

/// Fills in defaults, drops nulls that are not allowed.
pub fn default(_schema: &Schema, _object: &mut Value) {}
