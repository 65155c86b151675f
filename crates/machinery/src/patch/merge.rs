//! JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

/// Merges `patch` into `target`: null removes, objects merge, anything else replaces.
pub fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            apply(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// The merge patch that turns `old` into `new`; an empty object where they are equal.
///
/// Lists are replaced whole. Members of `new` that are null are taken as absent, for the patch cannot set null.
pub fn diff(old: &Value, new: &Value) -> Value {
    let (Value::Object(old_members), Value::Object(new_members)) = (old, new) else {
        return new.clone();
    };
    let mut changes = Map::new();
    for name in old_members.keys() {
        if new_members.get(name).is_none_or(Value::is_null) {
            changes.insert(name.clone(), Value::Null);
        }
    }
    for (name, new_value) in new_members {
        match old_members.get(name) {
            Some(old_value) if old_value == new_value => {}
            _ if new_value.is_null() => {}
            Some(old_value) if old_value.is_object() && new_value.is_object() => {
                changes.insert(name.clone(), diff(old_value, new_value));
            }
            _ => {
                changes.insert(name.clone(), new_value.clone());
            }
        }
    }
    Value::Object(changes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_removes_and_objects_merge() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "l": [1, 2], "s": "x"});
        apply(
            &mut target,
            &json!({"a": {"b": null, "d": {"e": null, "f": 1}}, "l": [3], "s": {"t": 1}, "zz": null}),
        );
        assert_eq!(target, json!({"a": {"c": 2, "d": {"f": 1}}, "l": [3], "s": {"t": 1}}));
    }

    #[test]
    fn diff_is_the_inverse_of_apply() {
        let old = json!({"a": {"b": 1, "c": 2}, "l": [1], "gone": true});
        let new = json!({"a": {"c": 3}, "l": [1, 2], "new": {}});
        let patch = diff(&old, &new);
        assert_eq!(patch, json!({"a": {"b": null, "c": 3}, "l": [1, 2], "gone": null, "new": {}}));
        let mut patched = old;
        apply(&mut patched, &patch);
        assert_eq!(patched, new);
    }
}
