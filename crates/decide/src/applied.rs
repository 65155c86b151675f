//! Labels and annotations that one of our field managers applied to an object before: what it may take back.
//!
//! Server-side apply takes back by itself what a manager no longer applies. What is known here decides whether an apply
//! is due at all, and what has to be taken from objects that were made from the first one and carry the same labels.

use std::collections::{BTreeMap, BTreeSet};

use api::core::common::Metadata;
use machinery::selector::Labels;
use serde_json::{Map, Value, json};

use crate::plan::{Action, ObjectRef};

/// Keys that a manager owns of an object's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Of its labels.
    pub labels: BTreeSet<String>,
    /// Of its annotations.
    pub annotations: BTreeSet<String>,
}

impl Applied {
    /// Reads them from a manager's `fieldsV1`.
    pub fn from_fields(fields: &Value) -> Self {
        Self { labels: keys(fields, "f:labels"), annotations: keys(fields, "f:annotations") }
    }

    /// What was applied and is no longer wanted.
    #[must_use]
    pub fn stale(&self, wanted: &Metadata) -> Self {
        let missing = |keys: &BTreeSet<String>, wanted: &BTreeMap<String, String>| {
            keys.iter().filter(|key| !wanted.contains_key(*key)).cloned().collect()
        };
        Self {
            labels: missing(&self.labels, &wanted.labels),
            annotations: missing(&self.annotations, &wanted.annotations),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// Without what an object has from its own template: that stays, though we gave it too for a while.
    #[must_use]
    pub fn without_those_of(&self, template: Option<&Value>) -> Self {
        let rest = |member: &str, keys: &BTreeSet<String>| {
            let given = template.map(|object| &object["spec"]["template"]["metadata"][member]);
            let is_ours = |key: &&String| given.is_none_or(|given| given.get(key.as_str()).is_none());
            keys.iter().filter(is_ours).cloned().collect()
        };
        Self { labels: rest("labels", &self.labels), annotations: rest("annotations", &self.annotations) }
    }

    /// A merge patch that takes these keys from an object; `None` if it has none of them.
    pub fn removal(&self, object: &Value) -> Option<Value> {
        let metadata = &object["metadata"];
        let nulls = |keys: &BTreeSet<String>, member: &str| -> Map<String, Value> {
            let there = |key: &&String| metadata[member].get(key.as_str()).is_some();
            keys.iter().filter(there).map(|key| (key.clone(), Value::Null)).collect()
        };
        let (labels, annotations) = (nulls(&self.labels, "labels"), nulls(&self.annotations, "annotations"));
        if labels.is_empty() && annotations.is_empty() {
            return None;
        }
        let mut patch = json!({"metadata": {"resourceVersion": metadata["resourceVersion"]}});
        if !labels.is_empty() {
            patch["metadata"]["labels"] = Value::Object(labels);
        }
        if !annotations.is_empty() {
            patch["metadata"]["annotations"] = Value::Object(annotations);
        }
        Some(patch)
    }
}

/// Brings labels and annotations of an object that a Machine is made of up to date: takes away what is stale, and applies
/// what is wanted as `manager`. `of` is whose template says so.
pub fn hand_on(
    target: &ObjectRef,
    object: &Value,
    wanted: &Metadata,
    stale: &Applied,
    manager: &'static str,
    of: &str,
) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(patch) = stale.removal(object) {
        let why = format!("the template of the {of} no longer has these labels or annotations");
        actions.push(Action::patch(target.clone(), patch, why));
    }
    if !object_covers(object, wanted) {
        let object = json!({
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "uid": object["metadata"]["uid"],
                "labels": wanted.labels,
                "annotations": wanted.annotations,
            },
        });
        actions.push(Action::apply(manager, object, format!("the template of the {of} says so")));
    }
    actions
}

/// Whether everything that is wanted is there, with its value.
pub fn covers(live: &impl Labels, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| live.label(key) == Some(value))
}

/// Whether an object in JSON has all labels and annotations that are wanted.
pub fn object_covers(object: &Value, wanted: &Metadata) -> bool {
    let metadata = &object["metadata"];
    covers(&metadata["labels"].as_object(), &wanted.labels)
        && covers(&metadata["annotations"].as_object(), &wanted.annotations)
}

fn keys(fields: &Value, member: &str) -> BTreeSet<String> {
    let owned = fields["f:metadata"][member].as_object();
    owned.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:")).map(str::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn metadata(labels: &[(&str, &str)]) -> Metadata {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Metadata { labels, ..Metadata::default() }
    }

    #[test]
    fn what_was_applied_and_is_not_wanted_is_taken_back_and_nothing_else() {
        let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}, "f:b": {}}}, "f:spec": {}});
        let stale = Applied::from_fields(&fields).stale(&metadata(&[("a", "1")]));
        assert_eq!(stale.labels, BTreeSet::from(["b".to_owned()]));
        let object = json!({"metadata": {"resourceVersion": "7", "labels": {"b": "1", "user": "x"}}});
        let patch = json!({"metadata": {"resourceVersion": "7", "labels": {"b": null}}});
        assert_eq!(stale.removal(&object), Some(patch));
        assert_eq!(stale.removal(&json!({"metadata": {"labels": {"user": "x"}}})), None);
    }

    #[test]
    fn an_object_covers_what_it_has_with_the_same_value() {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        assert!(object_covers(&object, &metadata(&[("a", "1")])));
        assert!(!object_covers(&object, &metadata(&[("a", "2")])));
        assert!(!object_covers(&json!({}), &metadata(&[("a", "1")])));
        assert!(object_covers(&json!({}), &metadata(&[])));
    }
}
