//! `metadata` of whole objects: its fixed schema, and what is done to it before anything else.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::path::Path;
use super::tree::{Additional, ListType, MapType, Schema, SchemaType};

static OBJECT_META: LazyLock<Schema> = LazyLock::new(build);

/// The schema of `metav1.ObjectMeta`.
pub(crate) fn object_meta() -> &'static Schema {
    &OBJECT_META
}

fn scalar(schema_type: SchemaType) -> Schema {
    Schema { schema_type: Some(schema_type), ..Schema::default() }
}

fn list(items: Schema, list_type: ListType, keys: &[&str]) -> Schema {
    Schema {
        schema_type: Some(SchemaType::Array),
        items: Some(Arc::new(items)),
        list_type,
        list_map_keys: keys.iter().map(|key| Box::from(*key)).collect(),
        ..Schema::default()
    }
}

fn object(properties: Vec<(&str, Schema)>) -> Schema {
    Schema {
        schema_type: Some(SchemaType::Object),
        properties: properties
            .into_iter()
            .map(|(name, schema)| (Box::from(name), Arc::new(schema)))
            .collect(),
        ..Schema::default()
    }
}

fn build() -> Schema {
    let text = || scalar(SchemaType::String);
    let texts = || Schema {
        schema_type: Some(SchemaType::Object),
        additional: Some(Additional::Schema(Arc::new(text()))),
        ..Schema::default()
    };
    let time = || Schema { format: Some("date-time".into()), ..text() };
    let mut owner = object(vec![
        ("apiVersion", text()),
        ("blockOwnerDeletion", scalar(SchemaType::Boolean)),
        ("controller", scalar(SchemaType::Boolean)),
        ("kind", text()),
        ("name", text()),
        // An owner without a uid is refused by validation and not by the merge: the key counts as the empty text.
        ("uid", Schema { default: Some(Box::new(Value::String(String::new()))), ..text() }),
    ]);
    owner.map_type = MapType::Atomic;
    let mut fields = object(Vec::new());
    fields.preserve_unknown_fields = true;
    let entry = object(vec![
        ("apiVersion", text()),
        ("fieldsType", text()),
        ("fieldsV1", fields),
        ("manager", text()),
        ("operation", text()),
        ("subresource", text()),
        ("time", time()),
    ]);
    object(vec![
        ("annotations", texts()),
        ("creationTimestamp", time()),
        ("deletionGracePeriodSeconds", scalar(SchemaType::Integer)),
        ("deletionTimestamp", time()),
        ("finalizers", list(text(), ListType::Set, &[])),
        ("generateName", text()),
        ("generation", scalar(SchemaType::Integer)),
        ("labels", texts()),
        ("managedFields", list(entry, ListType::Atomic, &[])),
        ("name", text()),
        ("namespace", text()),
        ("ownerReferences", list(owner, ListType::Map, &["uid"])),
        ("resourceVersion", text()),
        ("selfLink", text()),
        ("uid", text()),
    ])
}

/// Metadata of a type that cannot be read (400). Prints as the end of "cannot be handled as a KIND: ...".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{path}: Invalid value: {value}: json: cannot unmarshal {found} into Go {target}")]
pub struct InvalidMetadata {
    /// Path of the metadata, such as `metadata` or `spec.template.metadata`.
    pub path: String,
    /// The metadata as given.
    pub value: Value,
    /// What was found: `array`, `string`, `number`, `bool`, `object`.
    pub found: &'static str,
    /// What it should be, in Go's words.
    pub target: String,
}

/// Brings the metadata of a root object, and of the embedded resources in it, into the form that typed clients read:
/// unknown members, nulls and what is empty go. Returns the paths of unknown members, in order of the walk.
pub fn coerce_metadata(schema: &Schema, object: &mut Value) -> Result<Vec<String>, InvalidMetadata> {
    let mut unknown = Vec::new();
    coerce(object, schema, true, &Path::Root, &mut unknown)?;
    Ok(unknown)
}

fn coerce(
    value: &mut Value,
    schema: &Schema,
    resource: bool,
    path: &Path<'_>,
    unknown: &mut Vec<String>,
) -> Result<(), InvalidMetadata> {
    match value {
        Value::Object(members) => {
            if resource {
                match members.get_mut("metadata") {
                    Some(Value::Null) => {
                        members.remove("metadata");
                    }
                    Some(metadata) => coerce_one(metadata, &Path::Member(path, "metadata"), unknown)?,
                    None => {}
                }
            }
            for (name, member) in members.iter_mut() {
                if resource && super::prune::is_resource_member(name) {
                    continue;
                }
                if let Some(child) = schema.member(name) {
                    coerce(member, child, child.embedded_resource, &Path::Member(path, name), unknown)?;
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &schema.items else { return Ok(()) };
            for (index, item) in items.iter_mut().enumerate() {
                coerce(item, child, child.embedded_resource, &Path::Item(path, index), unknown)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn coerce_one(
    metadata: &mut Value,
    path: &Path<'_>,
    unknown: &mut Vec<String>,
) -> Result<(), InvalidMetadata> {
    if let Some((found, target)) = misfit(metadata, &OBJECT_META, "", "ObjectMeta") {
        return Err(InvalidMetadata { path: path.to_string(), value: metadata.clone(), found, target });
    }
    clean(metadata, &OBJECT_META, path, unknown);
    if let Value::Object(members) = metadata {
        members.retain(|name, member| KEPT_EMPTY.contains(&name.as_str()) || !is_empty(member));
    }
    Ok(())
}

/// Members that mean something when empty: `[]` resets the owners of fields, and a grace period may be 0.
const KEPT_EMPTY: [&str; 2] = ["deletionGracePeriodSeconds", "managedFields"];

/// Whether typed clients leave a member out when they write it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// The first value of a wrong type: what it is, and what Go would have read it into.
fn misfit(value: &Value, schema: &Schema, field: &str, owner: &str) -> Option<(&'static str, String)> {
    let found = match value {
        Value::Null => return None,
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
    };
    let target = |name: &str| {
        if field.is_empty() {
            format!("value of type v1.{owner}")
        } else {
            format!("struct field {owner}.{field} of type {name}")
        }
    };
    match (schema.schema_type, value) {
        (Some(SchemaType::Object), Value::Object(members)) => members.iter().find_map(|(name, member)| {
            let below = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
            misfit(member, schema.member(name)?, &below, owner)
        }),
        (Some(SchemaType::Array), Value::Array(items)) => {
            let child = schema.items.as_ref()?;
            items.iter().find_map(|item| misfit(item, child, field, owner))
        }
        (Some(SchemaType::String), Value::String(_)) | (Some(SchemaType::Boolean), Value::Bool(_)) => None,
        (Some(SchemaType::Integer), Value::Number(number)) if number.is_i64() => None,
        (Some(SchemaType::Object), _) => Some((found, target("map[string]string"))),
        (Some(SchemaType::Array), _) => Some((found, target("[]string"))),
        (Some(SchemaType::Boolean), _) => Some((found, target("bool"))),
        (Some(SchemaType::Integer), _) => Some((found, target("int64"))),
        (_, _) => Some((found, target("string"))),
    }
}

/// Drops unknown members and nulls.
fn clean(value: &mut Value, schema: &Schema, path: &Path<'_>, unknown: &mut Vec<String>) {
    if schema.preserve_unknown_fields {
        return;
    }
    match value {
        Value::Object(members) => members.retain(|name, member| {
            let Some(child) = schema.member(name) else {
                unknown.push(Path::Member(path, name).to_string());
                return false;
            };
            if member.is_null() {
                // A map of texts reads null as the empty text.
                let is_text = schema.additional.is_some();
                if is_text {
                    *member = Value::String(String::new());
                }
                return is_text;
            }
            clean(member, child, &Path::Member(path, name), unknown);
            true
        }),
        Value::Array(items) => {
            let Some(child) = &schema.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                clean(item, child, &Path::Item(path, index), unknown);
            }
        }
        _ => {}
    }
}
