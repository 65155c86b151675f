//! The kinds of the core group.

use serde_json::{Value, json};

use super::edit::{
    label_with_cluster, object_at, prefix_version, selector_is_empty, set, set_if_absent, text_at,
};
use super::replicas::{InvalidAnnotation, replicas};
use crate::labels;

/// How long to try to delete a Node where nobody says, in seconds.
const NODE_DELETION_TIMEOUT_SECONDS: i32 = 10;

/// The version of a managed topology. Its variables are filled in from the class, which is not known here.
pub(super) fn cluster(object: &mut Value) {
    let topology = object.pointer("/spec/topology").and_then(Value::as_object);
    if topology.is_some_and(|topology| !topology.is_empty()) {
        set_if_absent(object, &["spec", "topology"], "version", json!(""));
        prefix_version(object, &["spec", "topology", "version"]);
    }
}

pub(super) fn machine(object: &mut Value) {
    label_with_cluster(object, &["metadata", "labels"]);
    prefix_given_version(object, &["spec", "version"]);
    let timeout = json!(NODE_DELETION_TIMEOUT_SECONDS);
    set_if_absent(object, &["spec", "deletion"], "nodeDeletionTimeoutSeconds", timeout);
}

pub(super) fn machine_set(object: &mut Value, old: Option<&Value>) -> Result<(), InvalidAnnotation> {
    let replicas = replicas(object, old)?;
    label_with_cluster(object, &["metadata", "labels"]);
    set(object, &["spec"], "replicas", replicas);
    if selector_is_empty(object) {
        // A name may be longer than a label's value.
        let value = machinery::selector::label_value_or_hash(name_of(object));
        select_by(object, labels::SET_NAME, value);
    }
    prefix_given_version(object, &["spec", "template", "spec", "version"]);
    Ok(())
}

pub(super) fn machine_deployment(object: &mut Value, old: Option<&Value>) -> Result<(), InvalidAnnotation> {
    let replicas = replicas(object, old)?;
    label_with_cluster(object, &["metadata", "labels"]);
    set(object, &["spec"], "replicas", replicas);
    rollout_strategy(object);
    if selector_is_empty(object) {
        let value = name_of(object).to_owned();
        select_by(object, labels::DEPLOYMENT_NAME, value);
    }
    // Machines of another cluster are never selected.
    label_with_cluster(object, &["spec", "selector", "matchLabels"]);
    label_with_cluster(object, &["spec", "template", "metadata", "labels"]);
    prefix_given_version(object, &["spec", "template", "spec", "version"]);
    Ok(())
}

/// A rolling update that adds one machine before it takes one away.
fn rollout_strategy(object: &mut Value) {
    const STRATEGY: [&str; 3] = ["spec", "rollout", "strategy"];
    const LIMITS: [&str; 4] = ["spec", "rollout", "strategy", "rollingUpdate"];
    if text_at(object, &[&STRATEGY[..], &["type"]].concat()).is_none() {
        set(object, &STRATEGY, "type", json!("RollingUpdate"));
    }
    if text_at(object, &[&STRATEGY[..], &["type"]].concat()) == Some("RollingUpdate") {
        set_if_absent(object, &LIMITS, "maxSurge", json!(1));
        set_if_absent(object, &LIMITS, "maxUnavailable", json!(0));
    }
}

/// Sets a label in the template and selects by it.
fn select_by(object: &mut Value, label: &str, value: String) {
    set(object, &["spec", "template", "metadata", "labels"], label, Value::String(value.clone()));
    if let Some(selected) = object_at(object, &["spec", "selector", "matchLabels"]) {
        selected.insert(label.to_owned(), Value::String(value));
    }
}

/// A machine may have no version; then it has no `v` either.
fn prefix_given_version(object: &mut Value, path: &[&str]) {
    if text_at(object, path).is_some() {
        prefix_version(object, path);
    }
}

fn name_of(object: &Value) -> &str {
    text_at(object, &["metadata", "name"]).unwrap_or_default()
}
