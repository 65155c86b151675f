//! Whether an apply would change anything, without a schema.
//!
//! The manager's own entry tells which of the applied values are leaves and which lists are keyed. Where that leaves a
//! doubt the answer is yes: an apply too many is only slow, an apply too few would be wrong.

use serde_json::{Map, Value};

use super::fieldset::value_element;

/// Whether an apply would change the live object or what the manager owns.
///
/// False only if the manager owns exactly what `applied` names, and each value is as applied and in the same order.
pub fn would_change(live: &Value, applied: &Value, manager: &str, subresource: Option<&str>) -> bool {
    let Some(owned) = owned_fields(live, applied, manager, subresource) else { return true };
    let (Value::Object(live), Value::Object(applied)) = (live, applied) else { return true };
    !same_members(live, applied, owned, Level::Root)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Metadata,
    Inner,
}

impl Level {
    /// Whether a member is never owned, so that only its value must agree.
    fn is_never_owned(self, name: &str) -> bool {
        match self {
            Self::Root => matches!(name, "apiVersion" | "kind"),
            Self::Metadata => matches!(
                name,
                "name"
                    | "namespace"
                    | "creationTimestamp"
                    | "generation"
                    | "resourceVersion"
                    | "selfLink"
                    | "uid"
            ),
            Self::Inner => false,
        }
    }
}

fn owned_fields<'a>(
    live: &'a Value,
    applied: &Value,
    manager: &str,
    subresource: Option<&str>,
) -> Option<&'a Map<String, Value>> {
    let entries = live.get("metadata")?.get("managedFields")?.as_array()?;
    let entry = entries.iter().find(|entry| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        text("manager") == manager
            && text("operation") == "Apply"
            && text("subresource") == subresource.unwrap_or("")
    })?;
    if entry.get("apiVersion") != applied.get("apiVersion") {
        return None;
    }
    entry.get("fieldsV1")?.as_object()
}

/// How many elements a node has, not counting its own mark.
fn count(owned: &Map<String, Value>) -> usize {
    owned.len() - usize::from(owned.contains_key("."))
}

fn same_members(
    live: &Map<String, Value>,
    applied: &Map<String, Value>,
    owned: &Map<String, Value>,
    level: Level,
) -> bool {
    let mut element = String::with_capacity(32);
    let mut matched = 0;
    for (name, value) in applied {
        let live_value = live.get(name);
        if level.is_never_owned(name) {
            if live_value != Some(value) {
                return false;
            }
            continue;
        }
        let Some(live_value) = live_value else { return false };
        element.clear();
        element.push_str("f:");
        element.push_str(name);
        let inner = if level == Level::Root && name == "metadata" { Level::Metadata } else { Level::Inner };
        let same = match owned.get(&element) {
            Some(node) => {
                matched += 1;
                same_value(live_value, value, node, inner)
            }
            // Metadata that names nothing but what is never owned has no element.
            None if inner == Level::Metadata => {
                same_value(live_value, value, &Value::Object(Map::new()), inner)
            }
            None => false,
        };
        if !same {
            return false;
        }
    }
    matched == count(owned)
}

fn same_value(live: &Value, applied: &Value, node: &Value, level: Level) -> bool {
    let Value::Object(owned) = node else { return false };
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) if count(owned) > 0 || level == Level::Metadata => {
            same_members(live, applied, owned, level)
        }
        (Value::Array(live), Value::Array(applied)) if count(owned) > 0 => same_items(live, applied, owned),
        // A leaf: a scalar, or something owned as a whole.
        (live, applied) => count(owned) == 0 && live == applied,
    }
}

/// Keyed lists and sets: each applied item must be owned and found live, in the same order.
fn same_items(live: &[Value], applied: &[Value], owned: &Map<String, Value>) -> bool {
    if applied.len() != count(owned) {
        return false;
    }
    let Some(keys) = owned.keys().find(|element| *element != ".").map(|element| key_names(element)) else {
        return false;
    };
    let mut rest = live.iter();
    applied.iter().all(|item| match &keys {
        Some(names) => {
            let Some(element) = item_element(item, names) else { return false };
            let Some(node) = owned.get(&element) else { return false };
            let found = rest.by_ref().find(|live| names.iter().all(|name| live.get(name) == item.get(name)));
            found.is_some_and(|live| same_value(live, item, node, Level::Inner))
        }
        None => owned.contains_key(&value_element(item)) && rest.by_ref().any(|live| live == item),
    })
}

/// The names in `k:{...}`; nothing for an item of a set.
fn key_names(element: &str) -> Option<Vec<String>> {
    let keys: Map<String, Value> = serde_json::from_str(element.strip_prefix("k:")?).ok()?;
    Some(keys.into_iter().map(|(name, _)| name).collect())
}

fn item_element(item: &Value, names: &[String]) -> Option<String> {
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        keys.push((name.as_str(), item.get(name)?));
    }
    Some(super::fieldset::key_element(keys.into_iter()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::apply::{ApplyRequest, FieldSet, apply};
    use crate::schema::Schema;

    fn schema() -> Schema {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "a": {"type": "string"},
            "n": {"type": "integer"},
            "atomic": {"type": "array", "items": {"type": "string"}},
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "whole": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
            "list": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "value": {"type": "string"},
                }},
            },
        }}}});
        Schema::parse(&schema).unwrap()
    }

    fn apply_as(schema: &Schema, manager: &str, live: Option<&Value>, applied: &Value, second: i64) -> Value {
        let request = ApplyRequest {
            schema,
            live,
            applied,
            manager,
            force: true,
            api_version: "example.com/v1",
            subresource: None,
            reset_fields: &FieldSet::new(),
            now: jiff::Timestamp::from_second(second).unwrap(),
        };
        apply(&request).unwrap()
    }

    fn texts() -> impl Strategy<Value = Vec<&'static str>> {
        prop::sample::subsequence(vec!["x", "y", "z"], 0..=3).prop_shuffle()
    }

    fn object(spec: Value) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec})
    }

    fn applied() -> impl Strategy<Value = Value> {
        let text = || prop::option::of(prop::sample::select(vec!["p", "q"]));
        let whole = (texts(), texts(), texts(), texts(), texts());
        (text(), prop::option::of(0..3_i64), whole, text()).prop_map(|(a, n, lists, value)| {
            let mut spec = Map::new();
            let mut put = |name: &str, value: Option<Value>| {
                spec.extend(value.map(|value| (name.to_owned(), value)));
            };
            let some = |list: &[&str], value: Value| (!list.is_empty()).then_some(value);
            let map =
                |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), json!("v"))).collect::<Map<_, _>>();
            put("a", a.map(Value::from));
            put("n", n.map(Value::from));
            put("atomic", some(&lists.0, json!(lists.0)));
            put("set", some(&lists.1, json!(lists.1)));
            put("map", some(&lists.2, Value::Object(map(&lists.2))));
            put("whole", some(&lists.3, Value::Object(map(&lists.3))));
            let items: Vec<Value> =
                lists.4.iter().map(|name| json!({"name": name, "value": value.unwrap_or("d")})).collect();
            put("list", some(&lists.4, Value::Array(items)));
            object(Value::Object(spec))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_would_not_change_does_not(first in applied(), second in applied(), third in applied()) {
            let schema = schema();
            let live = apply_as(&schema, "one", None, &first, 1);
            let live = apply_as(&schema, "two", Some(&live), &second, 2);
            let again = apply_as(&schema, "one", Some(&live), &third, 3);
            if !would_change(&live, &third, "one", None) {
                prop_assert_eq!(&again, &live);
            }
            // What was just applied, and is not disputed, need not be applied again.
            prop_assert_eq!(&apply_as(&schema, "one", Some(&again), &third, 4), &again);
            // An empty map leaves a doubt: where maps are owned as a whole it would empty what others have put there.
            let doubt = third["spec"] == json!({}) && again["spec"] != json!({});
            prop_assert!(doubt || !would_change(&again, &third, "one", None), "{again} {third}");
        }
    }

    #[test]
    fn only_the_managers_own_entry_counts() {
        let schema = schema();
        let applied = object(json!({"a": "p"}));
        let live = apply_as(&schema, "one", None, &applied, 1);
        assert!(!would_change(&live, &applied, "one", None));
        assert!(would_change(&live, &applied, "two", None));
        assert!(would_change(&live, &applied, "one", Some("status")));
        assert!(would_change(&live, &object(json!({})), "one", None));
        assert!(would_change(&live, &object(json!({"a": "p", "n": 1})), "one", None));
        let mut other = live.clone();
        other["spec"]["a"] = json!("q");
        assert!(would_change(&other, &applied, "one", None));
    }
}
