//! Sets of field paths.

use std::collections::BTreeMap;

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathElement {
    /// `f:name`.
    Field(Box<str>),
    /// `k:{...}`: keys sorted by name.
    Key(Vec<(Box<str>, Value)>),
    /// `v:value`.
    Value(Value),
    /// `i:0`.
    Index(usize),
}

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldSet {
    children: BTreeMap<String, FieldSet>,
}
