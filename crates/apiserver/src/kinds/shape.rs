//! Structure of the built-in kinds, read from `shapes.json`.
//!
//! The file maps a type's name to its members. A member is written as
//!
//! | text | means |
//! |---|---|
//! | `string`, `integer`, `boolean`, `any` | a scalar, or anything |
//! | `time`, `micro-time`, `quantity`, `int-or-string`, `metadata` | the common types of the API |
//! | `[X]` | a list that is owned as a whole |
//! | `[X]~` | a set |
//! | `[X]~a,b` | a list of objects told apart by their members `a` and `b` |
//! | `{X}`, `{X}!` | a map; with the mark it is owned as a whole |
//! | `X`, `X!` | another type of the file; with the mark it is owned as a whole |
//! | `T=value` | a default |
//!
//! A type with the member `"!": "atomic"` is always owned as a whole. Types are shared: a pod template is in memory once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use machinery::schema::{Additional, ListType, MapType, Schema, SchemaType};
use serde_json::Value;

type Shapes = BTreeMap<String, BTreeMap<String, String>>;

static SHAPES: LazyLock<Shapes> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or_default());
static MADE: Mutex<BTreeMap<String, Arc<Schema>>> = Mutex::new(BTreeMap::new());

/// Whether the file knows a type.
pub fn known(name: &str) -> bool {
    SHAPES.contains_key(name)
}

/// The schema of a type. An unknown name gives a schema that allows everything.
pub fn schema(name: &str) -> Arc<Schema> {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    named(name, &mut made)
}

fn named(name: &str, made: &mut BTreeMap<String, Arc<Schema>>) -> Arc<Schema> {
    if let Some(schema) = made.get(name) {
        return schema.clone();
    }
    let Some(members) = SHAPES.get(name) else { return Arc::new(anything()) };
    let mut schema = Schema { schema_type: Some(SchemaType::Object), ..Schema::default() };
    for (member, text) in members {
        if member == "!" {
            schema.map_type = MapType::Atomic;
            continue;
        }
        let child = written(text, made);
        schema.has_defaults |= child.has_defaults;
        schema.properties.insert(member.as_str().into(), child);
    }
    let schema = Arc::new(schema);
    made.insert(name.to_owned(), schema.clone());
    schema
}

fn written(text: &str, made: &mut BTreeMap<String, Arc<Schema>>) -> Arc<Schema> {
    if let Some((text, default)) = text.split_once('=') {
        let mut schema = (*written(text, made)).clone();
        let value = serde_json::from_str(default).unwrap_or_else(|_| Value::from(default));
        schema.default = Some(Box::new(value));
        schema.has_defaults = true;
        return Arc::new(schema);
    }
    if let Some(rest) = text.strip_prefix('[')
        && let Some((item, keys)) = rest.rsplit_once(']')
    {
        return list(item, keys, made);
    }
    if let Some(rest) = text.strip_prefix('{')
        && let Some((item, mark)) = rest.rsplit_once('}')
    {
        let child = written(item, made);
        let map_type = if mark == "!" { MapType::Atomic } else { MapType::Granular };
        return Arc::new(Schema {
            schema_type: Some(SchemaType::Object),
            has_defaults: child.has_defaults,
            additional: Some(Additional::Schema(child)),
            map_type,
            ..Schema::default()
        });
    }
    if let Some(name) = text.strip_suffix('!') {
        let mut schema = (*named(name, made)).clone();
        schema.map_type = MapType::Atomic;
        return Arc::new(schema);
    }
    scalar(text).map_or_else(|| named(text, made), Arc::new)
}

fn list(item: &str, keys: &str, made: &mut BTreeMap<String, Arc<Schema>>) -> Arc<Schema> {
    let child = written(item, made);
    let (list_type, list_map_keys) = match keys.strip_prefix('~') {
        None => (ListType::Atomic, Vec::new()),
        Some("") => (ListType::Set, Vec::new()),
        Some(keys) => (ListType::Map, keys.split(',').map(Into::into).collect()),
    };
    Arc::new(Schema {
        schema_type: Some(SchemaType::Array),
        has_defaults: child.has_defaults,
        items: Some(child),
        list_type,
        list_map_keys,
        ..Schema::default()
    })
}

fn anything() -> Schema {
    Schema { preserve_unknown_fields: true, ..Schema::default() }
}

fn scalar(text: &str) -> Option<Schema> {
    let of = |schema_type| Schema { schema_type: Some(schema_type), ..Schema::default() };
    Some(match text {
        "string" => of(SchemaType::String),
        "integer" => of(SchemaType::Integer),
        "boolean" => of(SchemaType::Boolean),
        "any" => anything(),
        "time" => Schema { format: Some("date-time".into()), nullable: true, ..of(SchemaType::String) },
        "micro-time" => Schema { format: Some("date-time".into()), nullable: true, ..of(SchemaType::String) },
        "quantity" | "int-or-string" => Schema { int_or_string: true, ..Schema::default() },
        "metadata" => metadata(),
        _ => return None,
    })
}

/// Metadata of a nested object (a pod template, a claim template). The root's own metadata is not part of any schema.
pub(crate) fn metadata() -> Schema {
    let of = |schema_type| Schema { schema_type: Some(schema_type), ..Schema::default() };
    let texts = || Schema {
        additional: Some(Additional::Schema(Arc::new(of(SchemaType::String)))),
        ..of(SchemaType::Object)
    };
    let members = [
        ("annotations", texts()),
        ("creationTimestamp", Schema { nullable: true, ..of(SchemaType::String) }),
        ("deletionGracePeriodSeconds", of(SchemaType::Integer)),
        ("deletionTimestamp", Schema { nullable: true, ..of(SchemaType::String) }),
        (
            "finalizers",
            Schema {
                items: Some(Arc::new(of(SchemaType::String))),
                list_type: ListType::Set,
                ..of(SchemaType::Array)
            },
        ),
        ("generateName", of(SchemaType::String)),
        ("generation", of(SchemaType::Integer)),
        ("labels", texts()),
        ("managedFields", Schema { items: Some(Arc::new(anything())), ..of(SchemaType::Array) }),
        ("name", of(SchemaType::String)),
        ("namespace", of(SchemaType::String)),
        (
            "ownerReferences",
            Schema {
                items: Some(Arc::new(Schema { map_type: MapType::Atomic, ..anything() })),
                list_type: ListType::Map,
                list_map_keys: vec!["uid".into()],
                ..of(SchemaType::Array)
            },
        ),
        ("resourceVersion", of(SchemaType::String)),
        ("selfLink", of(SchemaType::String)),
        ("uid", of(SchemaType::String)),
    ];
    let properties = members.into_iter().map(|(name, schema)| (name.into(), Arc::new(schema))).collect();
    Schema { properties, ..of(SchemaType::Object) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        let common = [
            "string",
            "integer",
            "boolean",
            "any",
            "time",
            "micro-time",
            "quantity",
            "int-or-string",
            "metadata",
            "atomic",
        ];
        assert!(SHAPES.len() > 200, "the file of shapes cannot be read");
        for (owner, members) in SHAPES.iter() {
            for (member, text) in members {
                let text = text.split('=').next().unwrap_or_default();
                let text = text.split('~').next().unwrap_or_default();
                let name = text.trim_matches(|character| "[]{}!".contains(character));
                assert!(common.contains(&name) || known(name), "{owner}.{member}: no type {name:?}");
            }
        }
    }

    #[test]
    fn lists_keep_their_keys_and_defaults() {
        let ports = schema("ServiceSpec").properties.get("ports").cloned().unwrap_or_default();
        assert_eq!(ports.list_type, ListType::Map);
        assert_eq!(ports.list_map_keys, vec!["port".into(), "protocol".into()] as Vec<Box<str>>);
        assert!(ports.has_defaults);
    }
}
