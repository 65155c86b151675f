//! From `openAPIV3Schema` JSON to the tree, refusing what is not structural.
//!
//! Structural means that the shape of values (types, members, defaults, pruning) is said once, outside of `allOf`, `anyOf`,
//! `oneOf` and `not`, which may only narrow values. Rules and sentences are those of k8s.io/apiextensions-apiserver.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::structure;
use super::tree::{Additional, Combinators, ListType, MapType, Pattern, Schema, SchemaType, ValueRules};
use crate::status::FieldError;

impl Schema {
    /// Reads an `openAPIV3Schema`. Paths of errors start at `spec.validation.openAPIV3Schema`, where kube-apiserver puts
    /// them for a CRD whose versions share a schema.
    pub fn parse(schema: &Value) -> Result<Schema, Vec<FieldError>> {
        Self::parse_at(schema, "spec.validation.openAPIV3Schema")
    }

    /// As [`Schema::parse`], with the path of the schema itself.
    pub fn parse_at(schema: &Value, path: &str) -> Result<Schema, Vec<FieldError>> {
        let mut reader = Reader { errors: Vec::new() };
        let parsed = reader.node(schema, path, true);
        let mut errors = reader.errors;
        // What is outright forbidden is told alone: the structure of such a schema is not looked at.
        if errors.is_empty() {
            errors = structure::problems(&parsed, schema, path);
        }
        if errors.is_empty() {
            return Ok(parsed);
        }
        errors.sort_by_cached_key(ToString::to_string);
        errors.dedup();
        Err(errors)
    }

    /// Reads a schema that this project ships for a built-in kind: no structural checks.
    pub fn parse_trusted(schema: &Value) -> Schema {
        Reader { errors: Vec::new() }.node(schema, "", true)
    }
}

struct Reader {
    errors: Vec<FieldError>,
}

fn text<'a>(node: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    node.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn flag(node: &Map<String, Value>, name: &str) -> bool {
    node.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn names(node: &Map<String, Value>, name: &str) -> Vec<Box<str>> {
    let items = node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(Box::from).collect()
}

fn schema_type(text: &str) -> Option<SchemaType> {
    Some(match text {
        "object" => SchemaType::Object,
        "array" => SchemaType::Array,
        "string" => SchemaType::String,
        "integer" => SchemaType::Integer,
        "number" => SchemaType::Number,
        "boolean" => SchemaType::Boolean,
        _ => return None,
    })
}

impl Reader {
    fn error(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// One node and all below it. `root` is the schema of a whole object.
    fn node(&mut self, value: &Value, path: &str, root: bool) -> Schema {
        let Value::Object(node) = value else { return Schema::default() };
        let mut schema = Schema {
            schema_type: self.read_type(node, path),
            format: text(node, "format").map(Box::from),
            description: text(node, "description").map(Box::from),
            title: text(node, "title").map(Box::from),
            required: names(node, "required"),
            nullable: flag(node, "nullable"),
            default: node.get("default").filter(|default| !default.is_null()).cloned().map(Box::new),
            preserve_unknown_fields: flag(node, "x-kubernetes-preserve-unknown-fields"),
            int_or_string: flag(node, "x-kubernetes-int-or-string"),
            embedded_resource: flag(node, "x-kubernetes-embedded-resource"),
            list_map_keys: names(node, "x-kubernetes-list-map-keys"),
            rules: value_rules(node).map(Box::new),
            ..Schema::default()
        };
        if let Some(Value::Array(validations)) = node.get("x-kubernetes-validations") {
            schema.validations.clone_from(validations);
        }
        schema.list_type = self.read_list_type(node, path);
        schema.map_type = self.read_map_type(node, path);
        self.read_children(node, path, &mut schema);
        schema.combinators = self.read_combinators(node, path);
        self.check_extensions(node, path, root);
        schema.has_defaults = has_defaults(&schema);
        schema
    }

    fn read_type(&mut self, node: &Map<String, Value>, path: &str) -> Option<SchemaType> {
        let name = text(node, "type")?;
        let parsed = schema_type(name);
        if parsed.is_none() {
            let supported = ["array", "boolean", "integer", "number", "object", "string"];
            self.error(FieldError::not_supported(format!("{path}.type"), name, &supported));
        }
        parsed
    }

    fn read_list_type(&mut self, node: &Map<String, Value>, path: &str) -> ListType {
        let Some(name) = text(node, "x-kubernetes-list-type") else { return ListType::Atomic };
        let list_type = match name {
            "set" => ListType::Set,
            "map" => ListType::Map,
            "atomic" => ListType::Atomic,
            _ => {
                let supported = ["atomic", "set", "map"];
                self.error(FieldError::not_supported(
                    format!("{path}.x-kubernetes-list-type"),
                    name,
                    &supported,
                ));
                ListType::Atomic
            }
        };
        self.require_type(node, path, "array", "x-kubernetes-list-type");
        list_type
    }

    fn read_map_type(&mut self, node: &Map<String, Value>, path: &str) -> MapType {
        let Some(name) = text(node, "x-kubernetes-map-type") else { return MapType::Granular };
        let map_type = match name {
            "granular" => MapType::Granular,
            "atomic" => MapType::Atomic,
            _ => {
                let supported = ["atomic", "granular"];
                self.error(FieldError::not_supported(
                    format!("{path}.x-kubernetes-map-type"),
                    name,
                    &supported,
                ));
                MapType::Granular
            }
        };
        self.require_type(node, path, "object", "x-kubernetes-map-type");
        map_type
    }

    fn require_type(&mut self, node: &Map<String, Value>, path: &str, wanted: &str, extension: &str) {
        let detail = format!("must be {wanted} if {extension} is specified");
        match text(node, "type") {
            Some(name) if name == wanted => {}
            Some(name) => self.error(FieldError::invalid(format!("{path}.type"), name, detail)),
            None => self.error(FieldError::required(format!("{path}.type"), detail)),
        }
    }

    fn read_children(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema) {
        if let Some(Value::Object(properties)) = node.get("properties") {
            for (name, property) in properties {
                let child = self.node(property, &format!("{path}.properties[{name}]"), false);
                schema.properties.insert(name.as_str().into(), Arc::new(child));
            }
        }
        match node.get("additionalProperties") {
            Some(Value::Bool(allowed)) => schema.additional = Some(Additional::Any(*allowed)),
            Some(additional @ Value::Object(_)) => {
                let child = self.node(additional, &format!("{path}.additionalProperties"), false);
                schema.additional = Some(Additional::Schema(Arc::new(child)));
            }
            _ => {}
        }
        let exclusive = !matches!(schema.additional, None | Some(Additional::Any(true)));
        if exclusive && !schema.properties.is_empty() {
            let detail = "additionalProperties and properties are mutual exclusive";
            self.error(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
        }
        if let Some(items @ Value::Object(_)) = node.get("items") {
            schema.items = Some(Arc::new(self.node(items, &format!("{path}.items"), false)));
        }
    }

    fn read_combinators(&mut self, node: &Map<String, Value>, path: &str) -> Option<Box<Combinators>> {
        let mut list = |name: &str| -> Vec<Schema> {
            let items = node.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let path = |index: usize| format!("{path}.{name}[{index}]");
            items.iter().enumerate().map(|(index, item)| self.node(item, &path(index), false)).collect()
        };
        let (all_of, any_of, one_of) = (list("allOf"), list("anyOf"), list("oneOf"));
        let not = node.get("not").map(|not| self.node(not, &format!("{path}.not"), false));
        let any = !all_of.is_empty() || !any_of.is_empty() || !one_of.is_empty() || not.is_some();
        any.then(|| Box::new(Combinators { all_of, any_of, one_of, not }))
    }

    /// Rules about extensions that need no look at the tree as a whole.
    fn check_extensions(&mut self, node: &Map<String, Value>, path: &str, root: bool) {
        if flag(node, "uniqueItems") {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.error(FieldError::forbidden(format!("{path}.uniqueItems"), detail));
        }
        if node.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
            let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
            self.error(FieldError::invalid(field, false, "must be true or undefined"));
        }
        for forbidden in ["definitions", "dependencies", "patternProperties", "id", "$ref", "additionalItems"]
        {
            if node.get(forbidden).is_some_and(|value| !value.is_null() && *value != json!("")) {
                let detail = format!("{forbidden} is not supported");
                self.error(FieldError::forbidden(format!("{path}.{forbidden}"), detail));
            }
        }
        if root && node.get("nullable") == Some(&Value::Bool(true)) {
            let field = format!("{path}.nullable");
            self.error(FieldError::forbidden(field, "nullable cannot be true at the root"));
        }
        self.check_list_keys(node, path);
    }

    fn check_list_keys(&mut self, node: &Map<String, Value>, path: &str) {
        let keys = names(node, "x-kubernetes-list-map-keys");
        let list_type = text(node, "x-kubernetes-list-type");
        let type_field = format!("{path}.x-kubernetes-list-type");
        let keys_field = format!("{path}.x-kubernetes-list-map-keys");
        if list_type != Some("map") {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            match list_type {
                _ if keys.is_empty() => {}
                None => self.error(FieldError::required(type_field, detail)),
                Some(other) => self.error(FieldError::invalid(type_field, other, detail)),
            }
            return;
        }
        if keys.is_empty() {
            let detail = "must not be empty if x-kubernetes-list-type is map";
            self.error(FieldError::required(keys_field.clone(), detail));
        }
        let Some(Value::Object(items)) = node.get("items") else {
            let detail = "must have a schema if x-kubernetes-list-type is map";
            self.error(FieldError::required(format!("{path}.items"), detail));
            return;
        };
        if text(items, "type") != Some("object") {
            let detail = "must be object if parent array's x-kubernetes-list-type is map";
            let given = text(items, "type").unwrap_or_default();
            self.error(FieldError::invalid(format!("{path}.items.type"), given, detail));
            return;
        }
        self.check_keys_of_items(items, path, &keys, &keys_field);
    }

    fn check_keys_of_items(
        &mut self,
        items: &Map<String, Value>,
        path: &str,
        keys: &[Box<str>],
        keys_field: &str,
    ) {
        let shown = || Value::from(keys.iter().map(|key| key.to_string()).collect::<Vec<_>>());
        let required = names(items, "required");
        let mut seen = BTreeSet::new();
        for key in keys {
            if !seen.insert(key) {
                self.error(FieldError::invalid(keys_field, shown(), "must not contain duplicate entries"));
            }
            let Some(Value::Object(property)) = items.get("properties").and_then(|all| all.get(key.as_ref()))
            else {
                self.error(FieldError::invalid(
                    keys_field,
                    shown(),
                    "entries must all be names of item properties",
                ));
                continue;
            };
            let field = format!("{path}.items.properties[{key}]");
            if matches!(text(property, "type"), Some("array" | "object")) {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.error(FieldError::invalid(format!("{field}.type"), "object", detail));
            }
            if !required.contains(key) && property.get("default").is_none_or(Value::is_null) {
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a \
                              required property";
                self.error(FieldError::required(format!("{field}.default"), detail));
            }
            if flag(property, "nullable") {
                let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.error(FieldError::forbidden(format!("{field}.nullable"), detail));
            }
        }
        if flag(items, "nullable") {
            let detail = "cannot be nullable when x-kubernetes-list-type is map";
            self.error(FieldError::forbidden(format!("{path}.items.nullable"), detail));
        }
    }
}

fn has_defaults(schema: &Schema) -> bool {
    let below = |child: &Schema| child.has_defaults || child.default.is_some();
    schema.properties.values().any(|child| below(child))
        || schema.items.as_ref().is_some_and(|child| below(child))
        || matches!(&schema.additional, Some(Additional::Schema(child)) if below(child))
}

fn value_rules(node: &Map<String, Value>) -> Option<ValueRules> {
    let number = |name: &str| node.get(name).and_then(Value::as_number).cloned();
    let bound = |name: &str| node.get(name).and_then(Value::as_u64);
    let rules = ValueRules {
        allowed: node.get("enum").and_then(Value::as_array).filter(|all| !all.is_empty()).cloned(),
        pattern: text(node, "pattern").map(Pattern::new),
        minimum: number("minimum"),
        exclusive_minimum: flag(node, "exclusiveMinimum"),
        maximum: number("maximum"),
        exclusive_maximum: flag(node, "exclusiveMaximum"),
        multiple_of: node.get("multipleOf").and_then(Value::as_f64),
        min_length: bound("minLength"),
        max_length: bound("maxLength"),
        min_items: bound("minItems"),
        max_items: bound("maxItems"),
        unique_items: flag(node, "uniqueItems"),
        min_properties: bound("minProperties"),
        max_properties: bound("maxProperties"),
    };
    let any = rules.allowed.is_some()
        || rules.pattern.is_some()
        || rules.minimum.is_some()
        || rules.maximum.is_some()
        || rules.multiple_of.is_some()
        || rules.min_length.is_some()
        || rules.max_length.is_some()
        || rules.min_items.is_some()
        || rules.max_items.is_some()
        || rules.unique_items
        || rules.min_properties.is_some()
        || rules.max_properties.is_some();
    any.then_some(rules)
}
