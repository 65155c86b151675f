//! Strategic merge patch of built-in kinds: a merge patch that knows lists by the keys of their items.

use std::collections::BTreeMap;

use machinery::schema::{ListType, MapType, Schema};
use serde_json::{Map, Value};

/// Why a strategic merge patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategicError {
    /// An item of a keyed list does not have its key.
    #[error("map: {item} does not contain declared merge key: {key}")]
    NoKey {
        /// The item.
        item: String,
        /// The key it should have.
        key: String,
    },
    /// An unknown directive.
    #[error("Unknown patch type: {0}")]
    Directive(String),
    /// An order that leaves out items of the patch.
    #[error("The order in patch list:\n{patch}\n doesn't match setElementOrder list:\n{order}")]
    Order {
        /// Items of the patch.
        patch: String,
        /// Items of the order.
        order: String,
    },
}

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// Applies a patch to an object.
pub fn apply(schema: &Schema, target: &mut Value, patch: &Value) -> Result<(), StrategicError> {
    let (Value::Object(_), Value::Object(changes)) = (&*target, patch) else {
        *target = strip(patch);
        return Ok(());
    };
    match changes.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            *target = strip(patch);
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(StrategicError::Directive(other.to_owned())),
    }
    let Value::Object(members) = target else { return Ok(()) };
    if let Some(Value::Array(kept)) = changes.get(RETAIN) {
        members.retain(|name, _| kept.iter().any(|kept| kept.as_str() == Some(name)));
    }
    let before: BTreeMap<String, Vec<Value>> = merged_lists(schema, members, changes);
    for (name, change) in changes.iter().filter(|(name, _)| !name.starts_with('$')) {
        if change.is_null() {
            members.remove(name);
            continue;
        }
        let child = schema.member(name);
        match (members.get_mut(name), change) {
            (Some(list @ Value::Array(_)), Value::Array(items)) => merge_list(child, list, items)?,
            (Some(member @ Value::Object(_)), Value::Object(_)) => {
                let any = Schema::default();
                apply(child.unwrap_or(&any), member, change)?;
            }
            _ => {
                members.insert(name.clone(), strip(change));
            }
        }
    }
    for (name, items) in changes {
        if let (Some(list), Value::Array(items)) = (name.strip_prefix(DELETE), items)
            && let Some(Value::Array(list)) = members.get_mut(list)
        {
            list.retain(|item| !items.contains(item));
        }
    }
    for (name, original) in before {
        let child = schema.member(&name);
        if let (Some(order), Some(Value::Array(items))) =
            (order_of(child, changes, &name)?, members.get_mut(&name))
        {
            reorder(child, items, &original, order);
        }
    }
    Ok(())
}

/// Lists that the patch merges or orders, as they were before.
fn merged_lists(
    schema: &Schema,
    members: &Map<String, Value>,
    changes: &Map<String, Value>,
) -> BTreeMap<String, Vec<Value>> {
    let mut lists = BTreeMap::new();
    for name in changes.keys() {
        let name = name.strip_prefix(ORDER).unwrap_or(name);
        let merges = schema.member(name).is_some_and(|child| child.list_type != ListType::Atomic);
        if let Some(Value::Array(items)) = members.get(name).filter(|_| merges) {
            lists.insert(name.to_owned(), items.clone());
        }
    }
    lists
}

/// The order that a patch gives a list: what it says, or the order of its own items.
fn order_of<'a>(
    schema: Option<&Schema>,
    changes: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a [Value]>, StrategicError> {
    let patch = changes.get(name);
    if let Some(Value::Array(order)) = changes.get(&format!("{ORDER}{name}")) {
        check_order(schema, patch, order)?;
        return Ok(Some(order));
    }
    Ok(patch.and_then(Value::as_array).map(Vec::as_slice))
}

/// The key that items of a list are told apart by; the first where there are several.
fn merge_key(schema: Option<&Schema>) -> Option<&str> {
    let schema = schema.filter(|schema| schema.list_type == ListType::Map)?;
    schema.list_map_keys.first().map(|key| &**key)
}

fn merge_list(schema: Option<&Schema>, target: &mut Value, patch: &[Value]) -> Result<(), StrategicError> {
    let Value::Array(items) = target else { return Ok(()) };
    let replaces = patch.iter().any(|item| item.get(DIRECTIVE).and_then(Value::as_str) == Some("replace"));
    let is_set = schema.is_some_and(|schema| schema.list_type == ListType::Set);
    if is_set && !replaces {
        for item in patch {
            if !items.contains(item) {
                items.push(item.clone());
            }
        }
        return Ok(());
    }
    let Some(key) = merge_key(schema).filter(|_| !replaces) else {
        *items = patch.iter().filter(|item| item.get(DIRECTIVE).is_none()).map(strip).collect();
        return Ok(());
    };
    let any = Schema::default();
    let item_schema = schema.and_then(|schema| schema.items.as_deref()).unwrap_or(&any);
    for item in patch {
        let Some(value) = item.get(key) else {
            return Err(StrategicError::NoKey { item: item.to_string(), key: key.to_owned() });
        };
        let directive = item.get(DIRECTIVE).and_then(Value::as_str);
        if directive == Some("delete") {
            items.retain(|known| known.get(key) != Some(value));
            continue;
        }
        match items.iter_mut().find(|known| known.get(key) == Some(value)) {
            Some(known) if item_schema.map_type == MapType::Atomic => *known = strip(item),
            Some(known) => apply(item_schema, known, item)?,
            None => items.push(strip(item)),
        }
    }
    Ok(())
}

fn identity<'a>(schema: Option<&Schema>, item: &'a Value) -> &'a Value {
    merge_key(schema).and_then(|key| item.get(key)).unwrap_or(item)
}

fn check_order(
    schema: Option<&Schema>,
    patch: Option<&Value>,
    order: &[Value],
) -> Result<(), StrategicError> {
    let items = patch.and_then(Value::as_array).into_iter().flatten();
    let items: Vec<&Value> = items.filter(|item| item.get(DIRECTIVE).is_none()).collect();
    let mut positions = order.iter();
    for item in &items {
        let found = positions.any(|wanted| identity(schema, wanted) == identity(schema, item));
        if !found {
            let text =
                |items: &[&Value]| items.iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
            return Err(StrategicError::Order {
                patch: text(&items),
                order: text(&order.iter().collect::<Vec<_>>()),
            });
        }
    }
    Ok(())
}

/// Puts the items that the order names into that order, between the others, which keep theirs: of two neighbours the one
/// that stood first before goes first, if both stood there; else the one that the order names.
fn reorder(schema: Option<&Schema>, items: &mut Vec<Value>, original: &[Value], order: &[Value]) {
    let place = |list: &[Value], item: &Value| {
        list.iter().position(|other| identity(schema, other) == identity(schema, item))
    };
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        std::mem::take(items).into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    others.sort_by_key(|item| place(original, item));
    let mut named = named.into_iter().peekable();
    let mut others = others.into_iter().peekable();
    while let Some(other) = others.peek() {
        let first = named.peek().map(|item| (place(original, other), place(original, item)));
        let next = match first {
            Some((Some(other), Some(item))) if other < item => others.next(),
            Some(_) => named.next(),
            None => others.next(),
        };
        items.extend(next);
    }
    items.extend(named);
}

/// A value without directives, as it is stored where nothing was before.
fn strip(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), strip(value))).collect())
        }
        Value::Array(items) => {
            let kept = items.iter().filter(|item| {
                !matches!(item.get(DIRECTIVE).and_then(Value::as_str), Some("delete" | "replace"))
            });
            Value::Array(kept.map(strip).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::shape;
    use serde_json::json;

    fn patched(shape: &str, mut target: Value, patch: Value) -> Value {
        apply(&shape::schema(shape), &mut target, &patch).unwrap();
        target
    }

    #[test]
    fn containers_are_merged_by_name() {
        let pod = json!({"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}});
        let patch = json!({"spec": {"containers": [{"name": "b", "image": "z"}, {"name": "a", "$patch": "delete"}, {"name": "c"}]}});
        let expected = json!({"spec": {"containers": [{"name": "b", "image": "z"}, {"name": "c"}]}});
        assert_eq!(patched("Pod", pod, patch), expected);
    }

    #[test]
    fn an_item_without_its_key_is_refused() {
        let mut pod = json!({"spec": {"containers": [{"name": "a"}]}});
        let patch = json!({"spec": {"containers": [{"image": "x"}]}});
        assert!(apply(&shape::schema("Pod"), &mut pod, &patch).is_err());
    }

    #[test]
    fn orders_and_deletions_of_plain_items() {
        let event =
            patched("Event", json!({"count": 1, "message": "m"}), json!({"count": 2, "message": null}));
        assert_eq!(event, json!({"count": 2}));
        let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        let patch = json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}});
        assert_eq!(
            patched("Pod", pod, patch),
            json!({"spec": {"containers": [{"name": "b"}, {"name": "a"}]}})
        );
    }
}
