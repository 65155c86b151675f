//! An object of a kind that this program has no type for.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::key::Key;

/// An object as JSON: kinds of other people's providers, reached by path. Reads like a [`Value`].
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Arc<Value>);

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Object {
    /// Wraps a JSON object.
    pub fn new(value: Value) -> Self {
        Self(Arc::new(value))
    }

    /// The JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The JSON, shared rather than copied.
    pub fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.0)
    }

    /// Gives the JSON away.
    pub fn into_value(self) -> Value {
        Arc::unwrap_or_clone(self.0)
    }

    /// `metadata.name`, or nothing.
    pub fn name(&self) -> &str {
        self.metadata_text("name")
    }

    /// `metadata.namespace`, or nothing.
    pub fn namespace(&self) -> &str {
        self.metadata_text("namespace")
    }

    /// `metadata.uid`, or nothing.
    pub fn uid(&self) -> &str {
        self.metadata_text("uid")
    }

    /// Namespace and name.
    pub fn key(&self) -> Key {
        Key::new(self.namespace(), self.name())
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.0.get("metadata")?.get("labels")?.get(name)?.as_str()
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.0.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }

    /// The owners' entries of `metadata.ownerReferences`.
    pub fn owner_references(&self) -> &[Value] {
        self.0
            .get("metadata")
            .and_then(|metadata| metadata.get("ownerReferences"))
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Whether deletion was asked for.
    pub fn is_being_deleted(&self) -> bool {
        !self.metadata_text("deletionTimestamp").is_empty()
    }

    fn metadata_text(&self, field: &str) -> &str {
        self.0
            .get("metadata")
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}
