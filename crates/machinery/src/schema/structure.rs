//! Whether a schema is structural.

use serde_json::{Map, Value};

use super::tree::{Additional, Combinators, ListType, MapType, Schema, SchemaType};
use crate::status::FieldError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// All breaches of structure. `json` is what `schema` was parsed from.
pub(super) fn problems(schema: &Schema, json: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    invariants(schema, json, Level::Root, path, &mut errors);
    if let Some(combinators) = &schema.combinators {
        complete_combinators(combinators, schema, path, path, &mut errors);
    }
    errors
}

fn member<'a>(json: &'a Value, name: &str) -> &'a Value {
    json.get(name).unwrap_or(&Value::Null)
}

fn invariants(schema: &Schema, json: &Value, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    match &schema.items {
        Some(items) => {
            invariants(items, member(json, "items"), Level::Item, &format!("{path}.items"), errors)
        }
        None if schema.schema_type == Some(SchemaType::Array) => {
            errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
        }
        None => {}
    }
    for (name, property) in &schema.properties {
        let below = member(member(json, "properties"), name);
        invariants(property, below, Level::Field, &format!("{path}.properties[{name}]"), errors);
    }
    if let Some(additional) = &schema.additional {
        let field = format!("{path}.additionalProperties");
        if level == Level::Root {
            errors.push(FieldError::forbidden(field.as_str(), "must not be used at the root"));
        }
        if let Additional::Schema(additional) = additional {
            invariants(additional, member(json, "additionalProperties"), Level::Field, &field, errors);
        }
    }
    extensions(schema, path, errors);
    types(schema, level, path, errors);
    resource_members(schema, json, level, path, errors);
    value_rules(schema, json, path, errors);
}

fn extensions(schema: &Schema, path: &str, errors: &mut Vec<FieldError>) {
    let detail = "must be false if x-kubernetes-int-or-string is true";
    if schema.int_or_string && schema.preserve_unknown_fields {
        let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(field, true, detail));
    }
    if schema.int_or_string && schema.embedded_resource {
        errors.push(FieldError::invalid(format!("{path}.x-kubernetes-embedded-resource"), true, detail));
    }
    if schema.list_type == ListType::Set {
        let Some(items) = &schema.items else { return };
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
        match items.schema_type {
            Some(SchemaType::Array) if items.list_type != ListType::Atomic => {
                let field = format!("{path}.items.x-kubernetes-list-type");
                errors.push(FieldError::invalid(field, Value::Null, detail));
            }
            Some(SchemaType::Object) if items.map_type != MapType::Atomic => {
                let field = format!("{path}.items.x-kubernetes-map-type");
                errors.push(FieldError::invalid(field, Value::Null, detail));
            }
            _ => {}
        }
    }
}

fn types(schema: &Schema, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let field = format!("{path}.type");
    let given = schema.schema_type;
    if schema.embedded_resource && given != Some(SchemaType::Object) {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match given {
            None => FieldError::required(field.as_str(), detail),
            Some(given) => FieldError::invalid(field.as_str(), given.name(), detail),
        });
    } else if given.is_none() && !schema.int_or_string && !schema.preserve_unknown_fields {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(field.as_str(), detail));
    }
    if let (Level::Root, Some(given)) = (level, given)
        && given != SchemaType::Object
    {
        errors.push(FieldError::invalid(field, given.name(), "must be object at the root"));
    }
    if schema.embedded_resource && schema.additional.is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
    }
    if schema.embedded_resource && !schema.preserve_unknown_fields && schema.properties.is_empty() {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
}

/// `apiVersion`, `kind` and `metadata` of whole objects.
fn resource_members(schema: &Schema, json: &Value, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    if level != Level::Root && !schema.embedded_resource {
        return;
    }
    for name in ["kind", "apiVersion"] {
        let Some(property) = schema.properties.get(name) else { continue };
        if property.schema_type != Some(SchemaType::String) {
            let given = property.schema_type.map(SchemaType::name).unwrap_or_default();
            errors.push(FieldError::invalid(
                format!("{path}.properties[{name}].type"),
                given,
                "must be string",
            ));
        }
    }
    let Some(metadata) = schema.properties.get("metadata") else { return };
    let field = format!("{path}.properties[metadata]");
    if metadata.schema_type != Some(SchemaType::Object) {
        let given = metadata.schema_type.map(SchemaType::name).unwrap_or_default();
        errors.push(FieldError::invalid(format!("{field}.type"), given, "must be object"));
    }
    let Some(Value::Object(node)) = json.get("properties").and_then(|all| all.get("metadata")) else {
        return;
    };
    if level == Level::Root && !only_names(node) {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(field, detail));
    }
}

fn only_names(metadata: &Map<String, Value>) -> bool {
    metadata.iter().all(|(name, value)| match name.as_str() {
        "type" | "default" => true,
        "properties" => value.as_object().is_some_and(|properties| {
            properties.keys().all(|property| matches!(property.as_str(), "name" | "generateName"))
        }),
        _ => false,
    })
}

/// Whether `anyOf` says nothing but "integer or string".
fn is_int_or_string_any_of(any_of: &[Schema], json: Option<&Value>) -> bool {
    let bare = |index: usize, name: &str| {
        let item = json.and_then(|json| json.get(index)).and_then(Value::as_object);
        item.is_some_and(|item| item.len() == 1 && item.get("type").and_then(Value::as_str) == Some(name))
    };
    any_of.len() == 2 && bare(0, "integer") && bare(1, "string")
}

fn value_rules(schema: &Schema, json: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(pattern) = schema.rules.as_ref().and_then(|rules| rules.pattern.as_ref())
        && pattern.regex().is_none()
    {
        let detail = "must be a valid regular expression, but isn't: error parsing regexp";
        errors.push(FieldError::invalid(format!("{path}.pattern"), pattern.text.as_ref(), detail));
    }
    let Some(combinators) = &schema.combinators else { return };
    let skip_any = is_int_or_string_any_of(&combinators.any_of, json.get("anyOf"));
    if !skip_any {
        each_nested(&combinators.any_of, member(json, "anyOf"), &format!("{path}.anyOf"), errors);
    }
    for (index, nested_schema) in combinators.all_of.iter().enumerate() {
        let nested_json = member(json, "allOf").get(index).unwrap_or(&Value::Null);
        let field = format!("{path}.allOf[{index}]");
        let any_of =
            nested_schema.combinators.as_ref().map(|inner| inner.any_of.as_slice()).unwrap_or_default();
        if index == 0 && is_int_or_string_any_of(any_of, nested_json.get("anyOf")) {
            continue;
        }
        nested(nested_schema, nested_json, &field, errors);
    }
    each_nested(&combinators.one_of, member(json, "oneOf"), &format!("{path}.oneOf"), errors);
    if let Some(not) = &combinators.not {
        nested(not, member(json, "not"), &format!("{path}.not"), errors);
    }
}

fn each_nested(schemas: &[Schema], json: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, schema) in schemas.iter().enumerate() {
        nested(schema, json.get(index).unwrap_or(&Value::Null), &format!("{path}[{index}]"), errors);
    }
}

/// A schema inside a combinator: it may narrow values and say nothing about structure.
fn nested(schema: &Schema, json: &Value, path: &str, errors: &mut Vec<FieldError>) {
    value_rules(schema, json, path, errors);
    if let Some(items) = &schema.items {
        nested(items, member(json, "items"), &format!("{path}.items"), errors);
    }
    for (name, property) in &schema.properties {
        let below = member(member(json, "properties"), name);
        nested(property, below, &format!("{path}.properties[{name}]"), errors);
    }
    let mut forbid = |name: &str, detail: &str| {
        errors.push(FieldError::forbidden(format!("{path}.{name}"), detail));
    };
    let Value::Object(node) = json else { return };
    let is_set = |name: &str| node.get(name).is_some_and(|value| !value.is_null());
    let is_true = |name: &str| node.get(name) == Some(&Value::Bool(true));
    for name in ["type", "title", "description"] {
        if is_set(name) {
            forbid(name, "must be empty to be structural");
        }
    }
    for name in ["additionalProperties", "default", "x-kubernetes-list-type", "x-kubernetes-map-type"] {
        if is_set(name) {
            forbid(name, "must be undefined to be structural");
        }
    }
    for name in [
        "nullable",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ] {
        if is_true(name) {
            forbid(name, "must be false to be structural");
        }
    }
    for name in ["x-kubernetes-list-map-keys", "x-kubernetes-validations"] {
        if node.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            forbid(name, "must be empty to be structural");
        }
    }
    if schema.properties.contains_key("metadata") {
        forbid("properties[metadata]", "must not be specified in a nested context");
    }
}

fn complete_combinators(
    combinators: &Combinators,
    schema: &Schema,
    path: &str,
    nested_path: &str,
    errors: &mut Vec<FieldError>,
) {
    let lists =
        [("allOf", &combinators.all_of), ("anyOf", &combinators.any_of), ("oneOf", &combinators.one_of)];
    for (name, list) in lists {
        for (index, nested) in list.iter().enumerate() {
            complete(nested, schema, path, &format!("{nested_path}.{name}[{index}]"), errors);
        }
    }
    if let Some(not) = &combinators.not {
        complete(not, schema, path, &format!("{nested_path}.not"), errors);
    }
}

/// Whatever a combinator speaks about must be said to exist outside of it.
fn complete(nested: &Schema, schema: &Schema, path: &str, nested_path: &str, errors: &mut Vec<FieldError>) {
    if let Some(combinators) = &nested.combinators {
        complete_combinators(combinators, schema, path, nested_path, errors);
    }
    if let Some(nested_items) = &nested.items {
        let (field, nested_field) = (format!("{path}.items"), format!("{nested_path}.items"));
        match &schema.items {
            Some(items) => complete(nested_items, items, &field, &nested_field, errors),
            None => {
                errors.push(FieldError::required(field, format!("because it is defined in {nested_field}")))
            }
        }
    }
    for (name, nested_property) in &nested.properties {
        let field = format!("{path}.properties[{name}]");
        let nested_field = format!("{nested_path}.properties[{name}]");
        match schema.properties.get(name) {
            Some(property) => complete(nested_property, property, &field, &nested_field, errors),
            None => {
                errors.push(FieldError::required(field, format!("because it is defined in {nested_field}")))
            }
        }
    }
}
