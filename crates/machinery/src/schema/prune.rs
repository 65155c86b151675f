//! Dropping what a schema does not know.

use serde_json::Value;

use super::path::Path;
use super::tree::{Additional, Schema};

/// Drops unknown fields of a root object and returns their paths, sorted. `apiVersion`, `kind` and `metadata` stay
/// untouched; [`super::coerce_metadata`] sees to the last.
pub fn prune(schema: &Schema, object: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    prune_value(object, Some(schema), true, &Path::Root, &mut dropped);
    dropped.sort();
    dropped
}

/// Whether a member belongs to every whole object.
pub(super) fn is_resource_member(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// Prunes by a schema; without one everything goes.
fn prune_value(
    value: &mut Value,
    schema: Option<&Schema>,
    root: bool,
    path: &Path<'_>,
    dropped: &mut Vec<String>,
) {
    match value {
        Value::Object(members) => {
            let preserve = schema.is_some_and(|schema| schema.preserve_unknown_fields);
            let resource = root || schema.is_some_and(|schema| schema.embedded_resource);
            members.retain(|name, member| {
                if resource && is_resource_member(name) {
                    return true;
                }
                let path = Path::Member(path, name);
                match schema.and_then(|schema| below(schema, name)) {
                    Some(child) => prune_value(member, child, false, &path, dropped),
                    None if preserve => {}
                    None => {
                        dropped.push(path.to_string());
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(items) => {
            let preserve = schema.is_some_and(|schema| schema.preserve_unknown_fields);
            let item_schema = schema.and_then(|schema| schema.items.as_deref());
            if preserve && item_schema.is_none() {
                return;
            }
            for (index, item) in items.iter_mut().enumerate() {
                prune_value(item, item_schema, false, &Path::Item(path, index), dropped);
            }
        }
        _ => {}
    }
}

/// The schema of a known member (`Some(None)`: known, but nothing is known below); nothing where the member is unknown.
fn below<'a>(schema: &'a Schema, name: &str) -> Option<Option<&'a Schema>> {
    if let Some(property) = schema.properties.get(name) {
        return Some(Some(property));
    }
    match &schema.additional {
        Some(Additional::Schema(additional)) => Some(Some(additional)),
        Some(Additional::Any(_)) => Some(None),
        None => None,
    }
}
