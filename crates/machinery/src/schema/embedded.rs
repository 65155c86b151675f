//! Whole objects inside objects: they must say what they are.

use serde_json::{Map, Value};

use super::path::Path;
use super::tree::Schema;
use super::validate::error_path;
use crate::gvk::split_api_version;
use crate::names::{dns_1035_label_problems, label_value_problems, qualified_name_problems};
use crate::status::FieldError;

/// Checks the embedded resources in a value.
pub(super) fn check(
    value: &Value,
    schema: &Schema,
    prefix: Option<&str>,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Object(members) => {
            if schema.embedded_resource {
                check_resource(members, prefix, path, errors);
            }
            for (name, member) in members {
                if let Some(child) = schema.member(name) {
                    check(member, child, prefix, &Path::Member(path, name), errors);
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    check(item, child, prefix, &Path::Item(path, index), errors);
                }
            }
        }
        _ => {}
    }
}

fn check_resource(
    members: &Map<String, Value>,
    prefix: Option<&str>,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    let field = |name: &str| error_path(prefix, &Path::Member(path, name));
    match members.get("apiVersion") {
        None => errors.push(FieldError::required(field("apiVersion"), "")),
        Some(Value::String(text)) if text.is_empty() => {
            errors.push(FieldError::invalid(field("apiVersion"), "", "must not be empty"));
        }
        Some(Value::String(text)) => {
            if let Err(error) = split_api_version(text) {
                errors.push(FieldError::invalid(field("apiVersion"), text.as_str(), error.to_string()));
            }
        }
        Some(other) => {
            errors.push(FieldError::invalid(field("apiVersion"), other.clone(), "must be a string"))
        }
    }
    match members.get("kind") {
        None => errors.push(FieldError::required(field("kind"), "")),
        Some(Value::String(text)) if text.is_empty() => {
            errors.push(FieldError::invalid(field("kind"), "", "must not be empty"));
        }
        Some(Value::String(text)) => {
            let problems = dns_1035_label_problems(&text.to_lowercase());
            if !problems.is_empty() {
                let detail =
                    format!("may have mixed case, but should otherwise match: {}", problems.join(","));
                errors.push(FieldError::invalid(field("kind"), text.as_str(), detail));
            }
        }
        Some(other) => errors.push(FieldError::invalid(field("kind"), other.clone(), "must be a string")),
    }
    if let Some(Value::Object(metadata)) = members.get("metadata") {
        check_labels(metadata, &field("metadata"), errors);
    }
}

fn check_labels(metadata: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    let field = format!("{path}.labels");
    for (key, value) in metadata.get("labels").and_then(Value::as_object).into_iter().flatten() {
        for problem in qualified_name_problems(key) {
            errors.push(FieldError::invalid(field.as_str(), key.as_str(), problem));
        }
        let value = value.as_str().unwrap_or_default();
        for problem in label_value_problems(value) {
            errors.push(FieldError::invalid(field.as_str(), value, problem));
        }
    }
}
