//! Lists with keys, and sets: what occurs twice, and which old item is which.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::Path;
use super::tree::{ListType, Schema};
use super::validate::error_path;
use crate::status::FieldError;

/// Items of sets and keyed lists that occur again.
pub(super) fn duplicates(value: &Value, schema: &Schema, prefix: Option<&str>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(value, schema, prefix, &Path::Root, &mut errors);
    errors
}

fn walk(value: &Value, schema: &Schema, prefix: Option<&str>, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(child) = schema.member(name) {
                    walk(member, child, prefix, &Path::Member(path, name), errors);
                }
            }
        }
        Value::Array(items) => {
            match schema.list_type {
                ListType::Atomic => {}
                ListType::Set => {
                    for index in again(items.iter().map(ToString::to_string)) {
                        let value = items.get(index).cloned().unwrap_or_default();
                        errors
                            .push(FieldError::duplicate(error_path(prefix, &Path::Item(path, index)), value));
                    }
                }
                ListType::Map => keyed(items, schema, prefix, path, errors),
            }
            if let Some(child) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    walk(item, child, prefix, &Path::Item(path, index), errors);
                }
            }
        }
        _ => {}
    }
}

/// Indexes at which a text occurs for the second time.
fn again(texts: impl Iterator<Item = String>) -> Vec<usize> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut indexes = Vec::new();
    for (index, text) in texts.enumerate() {
        let times = seen.entry(text).or_insert(0);
        *times += 1;
        if *times == 2 {
            indexes.push(index);
        }
    }
    indexes
}

fn key_of(item: &Value, schema: &Schema) -> Value {
    let mut key = Map::new();
    for name in &schema.list_map_keys {
        if let Some(value) = item.get(name.as_ref()) {
            key.insert(name.to_string(), value.clone());
        }
    }
    Value::Object(key)
}

fn keyed(
    items: &[Value],
    schema: &Schema,
    prefix: Option<&str>,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    if let Some(index) = items.iter().position(|item| !item.is_object() && !item.is_null()) {
        let value = items.get(index).cloned().unwrap_or_default();
        let detail = "must be an object for an array of list-type map";
        errors.push(FieldError::invalid(error_path(prefix, &Path::Item(path, index)), value, detail));
        return;
    }
    if items.len() < 2 {
        return;
    }
    let keys: Vec<Value> = items.iter().map(|item| key_of(item, schema)).collect();
    for index in again(keys.iter().map(ToString::to_string)) {
        let key = keys.get(index).cloned().unwrap_or_default();
        errors.push(FieldError::duplicate(error_path(prefix, &Path::Item(path, index)), key));
    }
}

/// The old item with the keys of a new one.
pub(super) fn find<'a>(old: &'a [Value], item: &Value, schema: &Schema) -> Option<&'a Value> {
    old.iter()
        .find(|old| schema.list_map_keys.iter().all(|key| old.get(key.as_ref()) == item.get(key.as_ref())))
}
