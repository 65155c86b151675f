//! What server-side apply sees of a schema: for each place whether it is a map, a list or a scalar, and who merges how.
//!
//! `metadata` (of the root and of embedded resources) has rules of its own that no kind can change. Below a node that
//! preserves unknown fields everything is allowed: unknown maps merge member by member, unknown lists are replaced whole.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::fieldset::{key_element, value_element};
use crate::schema::{Additional, ListType, MapType, Schema, SchemaType, object_meta};

/// The type of one place in an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type<'a> {
    /// A node of a schema.
    Node {
        /// The node.
        schema: &'a Schema,
        /// Whether a node above (or this one) preserves unknown fields.
        open: bool,
        /// Whether this is a whole object, with `apiVersion`, `kind` and `metadata`.
        resource: bool,
    },
    /// Anything: maps merge, lists are replaced.
    Deduced,
    /// Anything, replaced as a whole.
    Whole,
    /// Nothing is allowed here.
    Undeclared,
    /// Left out of all merging and owning: `managedFields` itself.
    Hidden,
}

/// The shape that a value is treated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Map,
    List,
    Scalar,
}

static TEXT: LazyLock<Schema> =
    LazyLock::new(|| Schema { schema_type: Some(SchemaType::String), ..Schema::default() });

impl<'a> Type<'a> {
    /// The type of a root object.
    pub(super) fn root(schema: &'a Schema) -> Self {
        Self::Node { schema, open: schema.preserve_unknown_fields, resource: true }
    }

    fn node(schema: &'a Schema, open: bool) -> Self {
        let open = open || schema.preserve_unknown_fields;
        Self::Node { schema, open, resource: schema.embedded_resource }
    }

    fn is_metadata(schema: &Schema) -> bool {
        std::ptr::eq(schema, object_meta())
    }

    /// The type of a member, and whether the schema names it (a field) rather than allowing it (a key).
    pub(super) fn member(self, name: &str) -> (Type<'a>, bool) {
        let (schema, open, resource) = match self {
            Self::Node { schema, open, resource } => (schema, open, resource),
            Self::Deduced => return (Type::Deduced, false),
            Self::Whole => return (Type::Whole, false),
            Self::Undeclared | Self::Hidden => return (Type::Undeclared, false),
        };
        if resource {
            match name {
                "metadata" => return (Type::node(object_meta(), false), true),
                "apiVersion" | "kind" => return (Type::node(&TEXT, false), true),
                _ => {}
            }
        }
        if let Some(property) = schema.properties.get(name) {
            if name == "managedFields" && Self::is_metadata(schema) {
                return (Type::Hidden, true);
            }
            return (Type::node(property, open), true);
        }
        match &schema.additional {
            Some(Additional::Schema(additional)) => (Type::node(additional, open), false),
            Some(Additional::Any(true)) => (Type::Deduced, false),
            Some(Additional::Any(false)) => (Type::Undeclared, false),
            None if open || (schema.properties.is_empty() && !resource) => (Type::Deduced, false),
            None => (Type::Undeclared, false),
        }
    }

    /// The type of list items.
    pub(super) fn item(self) -> Type<'a> {
        match self {
            Self::Node { schema, open, .. } => match &schema.items {
                Some(items) => Type::node(items, open),
                None => Type::Whole,
            },
            _ => Type::Whole,
        }
    }

    /// The shape a value is treated as here. Where the schema says nothing the value decides; null is then a map.
    pub(super) fn shape(self, value: Option<&Value>) -> Shape {
        if let Self::Node { schema, .. } = self {
            match schema.schema_type {
                Some(SchemaType::Object) => return Shape::Map,
                Some(SchemaType::Array) => return Shape::List,
                Some(_) => return Shape::Scalar,
                None => {}
            }
        }
        match value {
            Some(Value::Array(_)) => Shape::List,
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => Shape::Scalar,
            Some(Value::Object(_) | Value::Null) | None => Shape::Map,
        }
    }

    /// Whether a map here is owned and replaced as a whole.
    pub(super) fn map_is_atomic(self) -> bool {
        match self {
            Self::Node { schema, .. } => schema.map_type == MapType::Atomic,
            Self::Deduced => false,
            _ => true,
        }
    }

    /// Whether a list here is owned and replaced as a whole.
    pub(super) fn list_is_atomic(self) -> bool {
        match self {
            Self::Node { schema, .. } => schema.list_type == ListType::Atomic || schema.items.is_none(),
            _ => true,
        }
    }

    /// The JSON type that scalars must have here; nothing where any will do.
    pub(super) fn scalar_type(self) -> Option<SchemaType> {
        match self {
            Self::Node { schema, .. } => match schema.schema_type {
                // A format other than `byte` may be written as another type (quantities, ports by name, times).
                Some(SchemaType::String)
                    if schema.format.as_deref().is_some_and(|format| format != "byte") =>
                {
                    None
                }
                other => other,
            },
            _ => None,
        }
    }

    /// The path element of a list item, or why it has none.
    pub(super) fn item_element(self, item: &Value) -> Result<String, String> {
        match self {
            Self::Node { schema, .. } if schema.list_type == ListType::Map => {
                item_key(schema, item).map(|keys| key_element(keys.into_iter()))
            }
            _ => match item {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".to_owned())
                }
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null".to_owned())
                }
                scalar => Ok(value_element(scalar)),
            },
        }
    }
}

/// The key members of a list item, sorted by name. A missing member takes its default; without one it is no part of the key.
fn item_key<'a>(schema: &'a Schema, item: &'a Value) -> Result<Vec<(&'a str, &'a Value)>, String> {
    let members: &Map<String, Value> = match item {
        Value::Object(members) => members,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let mut keys: Vec<(&str, &Value)> = Vec::with_capacity(schema.list_map_keys.len());
    for name in &schema.list_map_keys {
        let default = || schema.items.as_ref()?.properties.get(name)?.default.as_deref();
        if let Some(value) = members.get(name.as_ref()).or_else(default) {
            keys.push((name, value));
        }
    }
    if keys.is_empty() && !schema.list_map_keys.is_empty() {
        let names: Vec<String> = schema.list_map_keys.iter().map(|name| crate::status::quote(name)).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default \
             values for any key fields)",
            names.join(" ")
        ));
    }
    keys.sort_by_key(|(name, _)| *name);
    Ok(keys)
}

/// Equality of JSON values where 1 and 1.0 are the same.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((a_key, a), (b_key, b))| a_key == b_key && same(a, b))
        }
        (a, b) => a == b,
    }
}

/// Whether there is nothing: absent, null, an empty map or an empty list.
pub(super) fn is_void(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Null) | None => true,
        Some(_) => false,
    }
}
