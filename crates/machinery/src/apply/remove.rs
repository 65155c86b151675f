//! Taking fields out of an object: what a manager applied before and applies no more.

use serde_json::Value;

use super::collect::fields_of;
use super::fieldset::{FieldSet, FieldSetView, field_element};
use super::typed::{Shape, Type};

/// Removes what the applier named last time and nobody names now.
///
/// `last` is what the applier owned before, `managed` what all own now (the applier included). A field goes only if the
/// applier owned it itself; what merely lies below something that goes stays with it only if somebody owns it.
pub(super) fn prune(merged: Value, root: Type<'_>, last: &FieldSet, managed: &FieldSet) -> Value {
    if last.is_subset_of(managed) {
        // Every owner of a field owns its parents: nothing can go.
        return merged;
    }
    let last = with_named_parents(last, root);
    let managed = with_named_parents(managed, root);
    let all = with_named_parents(&fields_of(&merged, root), root);

    let mut without_last = merged.clone();
    remove(&mut without_last, last.view(), root);
    let left = with_named_parents(&fields_of(&without_last, root), root);
    drop(without_last);

    let mut kept = merged.clone();
    let unowned = all.clone().difference(&left.union(&managed));
    remove(&mut kept, unowned.view(), root);
    let left = with_named_parents(&fields_of(&kept, root), root);
    drop(kept);

    let gone = all.difference(&left).intersection(&last);
    let mut pruned = merged;
    remove(&mut pruned, gone.view(), root);
    pruned
}

/// The set with the containers that a schema names and that have children in it: they go when all children go.
fn with_named_parents(set: &FieldSet, place: Type<'_>) -> FieldSet {
    named_parents(set.view(), place)
}

fn named_parents(set: FieldSetView<'_>, place: Type<'_>) -> FieldSet {
    let mut result = FieldSet::new();
    for (element, member, below) in set.elements() {
        let (child, named) = match element.strip_prefix("f:") {
            Some(name) => place.member(name),
            None => (place.item(), false),
        };
        let children = below.map(|below| named_parents(below, child)).unwrap_or_default();
        let is_parent = named && below.is_some();
        result.attach(|| element.to_owned(), member || is_parent, children);
    }
    result
}

/// Removes the fields of a set. A container that loses all it held becomes null, as the Go library leaves it.
fn remove(value: &mut Value, set: FieldSetView<'_>, place: Type<'_>) {
    match place.shape(Some(value)) {
        Shape::Scalar => {}
        Shape::Map => remove_members(value, set, place),
        Shape::List => remove_items(value, set, place),
    }
}

fn remove_members(value: &mut Value, set: FieldSetView<'_>, place: Type<'_>) {
    let keep_as_null = match value {
        Value::Object(members) if !members.is_empty() && !place.map_is_atomic() => {
            members.retain(|name, member| {
                let (member_type, _) = place.member(name);
                if matches!(member_type, Type::Hidden) {
                    return true;
                }
                let element = field_element(name);
                if set.has(&element) {
                    return false;
                }
                if let Some(below) = set.below(&element) {
                    remove(member, below, member_type);
                }
                true
            });
            members.is_empty()
        }
        _ => true,
    };
    if keep_as_null {
        *value = Value::Null;
    }
}

fn remove_items(value: &mut Value, set: FieldSetView<'_>, place: Type<'_>) {
    let keep_as_null = match value {
        Value::Array(items) if !items.is_empty() && !place.list_is_atomic() => {
            let item_type = place.item();
            items.retain_mut(|item| {
                let Ok(element) = place.item_element(item) else { return true };
                if set.has(&element) {
                    return false;
                }
                if let Some(below) = set.below(&element) {
                    remove(item, below, item_type);
                }
                true
            });
            items.is_empty()
        }
        _ => true,
    };
    if keep_as_null {
        *value = Value::Null;
    }
}
