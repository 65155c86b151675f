//! The fields that an object names: what an applier owns.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fieldset::{FieldSet, field_element};
use super::typed::{Shape, Type, is_void};

/// The set of fields that an object names.
///
/// Leaves are in it, and list items and members of free-form maps themselves; members that a schema names are in it only
/// as leaves (or when they are null or an empty map).
pub(super) fn fields_of(object: &Value, root: Type<'_>) -> FieldSet {
    collect(object, root).1
}

/// Whether the place itself is a leaf, and what lies below.
fn collect(value: &Value, place: Type<'_>) -> (bool, FieldSet) {
    match place.shape(Some(value)) {
        Shape::Scalar => (true, FieldSet::new()),
        Shape::Map if place.map_is_atomic() => (true, FieldSet::new()),
        Shape::List if place.list_is_atomic() => (true, FieldSet::new()),
        Shape::Map => match value {
            Value::Object(members) => (false, collect_members(members, place)),
            _ => (false, FieldSet::new()),
        },
        Shape::List => match value {
            Value::Array(items) => (false, collect_items(items, place)),
            _ => (false, FieldSet::new()),
        },
    }
}

fn collect_members(members: &Map<String, Value>, place: Type<'_>) -> FieldSet {
    let mut set = FieldSet::new();
    for (name, value) in members {
        let (member_type, named) = place.member(name);
        if matches!(member_type, Type::Hidden) {
            continue;
        }
        let (leaf, below) = collect(value, member_type);
        let void = !value.is_array() && is_void(Some(value));
        set.attach(|| field_element(name), leaf || void || !named, below);
    }
    set
}

fn collect_items(items: &[Value], place: Type<'_>) -> FieldSet {
    let mut elements: BTreeMap<String, (usize, &Value)> = BTreeMap::new();
    for item in items {
        // An item without an element cannot be owned; the check of the applied object has refused it already.
        let Ok(element) = place.item_element(item) else { continue };
        elements.entry(element).and_modify(|(count, _)| *count += 1).or_insert((1, item));
    }
    let item_type = place.item();
    let mut set = FieldSet::new();
    for (element, (count, item)) in elements {
        // Items that occur twice are owned as one, without looking inside.
        let below = if count > 1 { FieldSet::new() } else { collect(item, item_type).1 };
        set.attach(|| element, true, below);
    }
    set
}
