//! Small steps of filling in.

use serde_json::{Map, Value};

/// The object at a path, made where it is absent. `None` where something else is in the way.
pub(super) fn object_at<'a>(root: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut here = root.as_object_mut()?;
    for name in path {
        let next = here.entry(*name).or_insert(Value::Null);
        if next.is_null() {
            *next = Value::Object(Map::new());
        }
        here = next.as_object_mut()?;
    }
    Some(here)
}

/// Sets a field of the object at a path, whatever it was.
pub(super) fn set(root: &mut Value, path: &[&str], name: &str, value: Value) {
    if let Some(object) = object_at(root, path) {
        object.insert(name.to_owned(), value);
    }
}

/// Sets a field of the object at a path if it is absent.
pub(super) fn set_if_absent(root: &mut Value, path: &[&str], name: &str, value: Value) {
    if let Some(object) = object_at(root, path) {
        let slot = object.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    }
}

/// The text at a path; nothing where there is none or it is empty.
pub(super) fn text_at<'a>(root: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(root, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.is_empty())
}

/// Puts the `v` before a Kubernetes version that lacks it, be it empty.
pub(super) fn prefix_version(root: &mut Value, path: &[&str]) {
    let Some(slot) = path.iter().try_fold(root, |value, name| value.get_mut(name)) else { return };
    if let Value::String(version) = slot
        && !version.starts_with('v')
    {
        version.insert(0, 'v');
    }
}

/// Copies `spec.clusterName` into a label of the object at a path.
pub(super) fn label_with_cluster(root: &mut Value, path: &[&str]) {
    let name = root.pointer("/spec/clusterName").and_then(Value::as_str).unwrap_or_default();
    let name = Value::String(name.to_owned());
    set(root, path, crate::labels::CLUSTER_NAME, name);
}

/// Whether the label selector at `spec.selector` selects everything: it has no requirement.
pub(super) fn selector_is_empty(root: &Value) -> bool {
    let Some(selector) = root.pointer("/spec/selector") else { return true };
    let labels = selector.get("matchLabels").and_then(Value::as_object).is_none_or(Map::is_empty);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).is_none_or(Vec::is_empty);
    labels && expressions
}
