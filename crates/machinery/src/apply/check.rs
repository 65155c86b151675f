//! Whether an applied object fits its schema, as far as server-side apply must know to merge it.
//!
//! This is not validation: bounds, patterns and required members are checked after the merge. Messages are those of
//! sigs.k8s.io/structured-merge-diff, which clients see as they are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fieldset::show_element;
use super::typed::{Shape, Type};
use crate::schema::SchemaType;

/// One thing that does not fit: path (with a leading dot) and message.
type Problem = (String, String);

/// Everything that does not fit, as one text; nothing where all does.
pub(super) fn check(applied: &Value, root: Type<'_>) -> Result<(), String> {
    let mut problems = Vec::new();
    check_value(applied, root, &mut String::new(), &mut problems);
    let show = |(path, message): &Problem| {
        if path.is_empty() { message.clone() } else { format!("{path}: {message}") }
    };
    match problems.as_slice() {
        [] => Ok(()),
        [one] => Err(show(one)),
        many => {
            let lines: Vec<String> = many.iter().map(|problem| format!("\n  {}", show(problem))).collect();
            Err(format!("errors:{}", lines.concat()))
        }
    }
}

fn check_value(value: &Value, place: Type<'_>, path: &mut String, problems: &mut Vec<Problem>) {
    if value.is_null() {
        return;
    }
    match place.shape(Some(value)) {
        Shape::Map => match value {
            Value::Object(_) => check_map(value, place, path, problems),
            other => problems.push((path.clone(), format!("expected map, got &{{{}}}", show_plain(other)))),
        },
        Shape::List => match value {
            Value::Array(items) => check_list(items, place, path, problems),
            other => problems.push((path.clone(), format!("expected list, got &{{{}}}", show_plain(other)))),
        },
        Shape::Scalar => {
            if let Some(message) = scalar_problem(value, place.scalar_type()) {
                problems.push((path.clone(), message));
            }
        }
    }
}

fn check_map(value: &Value, place: Type<'_>, path: &mut String, problems: &mut Vec<Problem>) {
    let Value::Object(members) = value else { return };
    for (name, member) in members {
        let (member_type, _) = place.member(name);
        let length = path.len();
        path.push('.');
        path.push_str(name);
        match member_type {
            Type::Undeclared => {
                problems.push((path.clone(), "field not declared in schema".to_owned()));
                path.truncate(length);
                return;
            }
            Type::Hidden | Type::Deduced | Type::Whole => {}
            Type::Node { .. } => check_value(member, member_type, path, problems),
        }
        path.truncate(length);
    }
}

fn check_list(items: &[Value], place: Type<'_>, path: &mut String, problems: &mut Vec<Problem>) {
    let atomic = place.list_is_atomic();
    let item_type = place.item();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let element = if atomic {
            format!("[{index}]")
        } else {
            match place.item_element(item) {
                Ok(element) => {
                    let shown = show_element(&element);
                    if !seen.insert(element) {
                        problems.push((path.clone(), format!("duplicate entries for key {shown}")));
                    }
                    shown
                }
                Err(problem) => {
                    problems.push((path.clone(), format!("element {index}: {problem}")));
                    return;
                }
            }
        };
        let length = path.len();
        path.push_str(&element);
        check_value(item, item_type, path, problems);
        path.truncate(length);
    }
}

fn scalar_problem(value: &Value, wanted: Option<SchemaType>) -> Option<String> {
    match wanted {
        Some(SchemaType::Integer | SchemaType::Number) if !value.is_number() => {
            Some(format!("expected numeric (int or float), got {}", go_type(value)))
        }
        Some(SchemaType::String) if !value.is_string() => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", show_go(value)))
        }
        Some(SchemaType::Boolean) if !value.is_boolean() => {
            Some(format!("expected boolean, got &{{{}}}", show_plain(value)))
        }
        None if value.is_object() || value.is_array() => {
            Some(format!("expected any scalar, got &{{{}}}", show_plain(value)))
        }
        _ => None,
    }
}

/// Go's name of the type a JSON value decodes to.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Go's `%v`.
fn show_plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show_plain).collect::<Vec<_>>().join(" "))
        }
        Value::Object(members) => {
            let shown: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}:{}", show_plain(value))).collect();
            format!("map[{}]", shown.join(" "))
        }
        other => other.to_string(),
    }
}

/// Go's `%#v`.
fn show_go(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => crate::status::quote(text),
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", items.iter().map(show_go).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let shown: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", crate::status::quote(name), show_go(value)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", shown.join(", "))
        }
        other => other.to_string(),
    }
}
