//! Filling in defaults, and what null means.

use serde_json::{Map, Value};

use super::tree::{Additional, Schema};

/// Fills in the defaults of a root object.
///
/// Null where it is not allowed is first dropped (from objects; in lists it stays and fails validation), or replaced by
/// the default where there is one. Members that only exist through a default get their own defaults, too.
pub fn default(schema: &Schema, object: &mut Value) {
    drop_nulls(object, schema);
    fill(object, schema);
}

/// As [`default`] for what is read from storage: the nulls stay.
pub fn default_only(schema: &Schema, object: &mut Value) {
    fill(object, schema);
}

fn is_needless_null(value: &Value, schema: Option<&Schema>) -> bool {
    value.is_null() && schema.is_some_and(|schema| !schema.nullable && schema.default.is_none())
}

fn drop_nulls(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(members) => {
            let needless = |(name, member): &(&String, &Value)| is_needless_null(member, schema.member(name));
            if members.iter().any(|entry| needless(&entry)) {
                members.retain(|name, member| !is_needless_null(member, schema.member(name)));
            }
            for (name, member) in members.iter_mut() {
                if let Some(child) = schema.member(name) {
                    drop_nulls(member, child);
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = &schema.items {
                items.iter_mut().for_each(|item| drop_nulls(item, child));
            }
        }
        _ => {}
    }
}

fn fill(value: &mut Value, schema: &Schema) {
    if !schema.has_defaults {
        return;
    }
    match value {
        Value::Object(members) => fill_members(members, schema),
        Value::Array(items) => {
            let Some(child) = &schema.items else { return };
            for item in items {
                replace_null(item, child);
                fill(item, child);
            }
        }
        _ => {}
    }
}

/// A null that is not allowed becomes the default.
fn replace_null(value: &mut Value, schema: &Schema) {
    if value.is_null()
        && !schema.nullable
        && let Some(default) = &schema.default
    {
        *value = default.as_ref().clone();
    }
}

fn fill_members(members: &mut Map<String, Value>, schema: &Schema) {
    for (name, child) in &schema.properties {
        if let Some(default) = &child.default {
            let needed = members.get(name.as_ref()).is_none_or(|value| value.is_null() && !child.nullable);
            if needed {
                members.insert(name.to_string(), default.as_ref().clone());
            }
        }
        if child.has_defaults
            && let Some(member) = members.get_mut(name.as_ref())
        {
            fill(member, child);
        }
    }
    if let Some(Additional::Schema(child)) = &schema.additional {
        for (name, member) in members.iter_mut() {
            if !schema.properties.contains_key(name.as_str()) {
                replace_null(member, child);
                fill(member, child);
            }
        }
    }
}
