//! What of a Machine its Node shows: labels, annotations and taints.
//!
//! Only labels and annotations of some domains are handed on. Which ones a Node has from its Machine is recorded in
//! annotations of the Node, so that they go when the Machine no longer has them. What others set stays.

use std::collections::BTreeMap;

use api::core::Machine;
use api::labels::{
    CLUSTER_NAME, INTERRUPTIBLE, MANAGED_NODE_DOMAIN, NODE_ANNOTATIONS_FROM_MACHINE, NODE_CLUSTER_NAMESPACE,
    NODE_LABELS_FROM_MACHINE, NODE_MACHINE, NODE_OWNER_KIND, NODE_OWNER_NAME, NODE_RESTRICTION_DOMAIN,
    NODE_ROLE_PREFIX, NODE_TAINTS_FROM_MACHINE, REVISION,
};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use super::observed::Observed;
use super::taints;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// Annotations that every Node of ours has.
const COMMON: [&str; 5] =
    [CLUSTER_NAME, NODE_CLUSTER_NAMESPACE, NODE_MACHINE, NODE_OWNER_KIND, NODE_OWNER_NAME];

type Pairs = BTreeMap<String, String>;

/// The patch of the Node that is due, if any.
pub fn synchronize(seen: &Observed) -> Option<Action> {
    let node = seen.node.found().filter(|_| seen.machine.spec.provider_id.is_some())?;
    let patch = patch(seen, node)?;
    let target = ObjectRef::of::<Node>("", node.metadata.name.as_deref().unwrap_or_default());
    let why = "what its Machine says of it";
    Some(Action::patch(target, patch, why).in_workload(super::cluster_ref(&seen.machine)))
}

fn patch(seen: &Observed, node: &Node) -> Option<Value> {
    let empty = Pairs::new();
    let current_labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let current_annotations = node.metadata.annotations.as_ref().unwrap_or(&empty);
    let labels = labels(seen);
    let mut annotations = annotations(&seen.machine);
    let own: Vec<&str> = annotations.keys().map(String::as_str).filter(|key| !COMMON.contains(key)).collect();
    let own = own.join(",");
    let current_taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let record = current_annotations.get(NODE_TAINTS_FROM_MACHINE).map(String::as_str);
    let taints = taints::wanted(current_taints, record, &seen.machine.spec.taints, is_outdated(seen));
    let recorded =
        |key: &str| current_annotations.get(key).map(String::as_str).unwrap_or_default().split(',');
    let stale_labels: Vec<&str> = recorded(NODE_LABELS_FROM_MACHINE).collect();
    let stale_annotations: Vec<&str> = recorded(NODE_ANNOTATIONS_FROM_MACHINE)
        .filter(|key| *key != NODE_ANNOTATIONS_FROM_MACHINE)
        .chain(COMMON)
        .collect();
    annotations.insert(NODE_ANNOTATIONS_FROM_MACHINE.to_owned(), own);
    annotations.insert(
        NODE_LABELS_FROM_MACHINE.to_owned(),
        labels.keys().map(String::as_str).collect::<Vec<_>>().join(","),
    );
    annotations.insert(NODE_TAINTS_FROM_MACHINE.to_owned(), taints.record);
    let mut metadata = Map::new();
    put(&mut metadata, "labels", difference(current_labels, &labels, &stale_labels));
    put(&mut metadata, "annotations", difference(current_annotations, &annotations, &stale_annotations));
    let mut patch = json!({});
    if taints.taints != current_taints {
        // A list is written as a whole, so nobody else may have changed it meanwhile.
        metadata.insert("resourceVersion".to_owned(), json!(node.metadata.resource_version));
        let all = if taints.taints.is_empty() { Value::Null } else { json!(taints.taints) };
        patch["spec"] = json!({"taints": all});
    }
    if metadata.is_empty() {
        return None;
    }
    patch["metadata"] = Value::Object(metadata);
    Some(patch)
}

fn put(metadata: &mut Map<String, Value>, member: &str, changes: Map<String, Value>) {
    if !changes.is_empty() {
        metadata.insert(member.to_owned(), Value::Object(changes));
    }
}

/// What to set and what to remove: `stale` are keys that may be removed.
fn difference(current: &Pairs, wanted: &Pairs, stale: &[&str]) -> Map<String, Value> {
    let set = wanted.iter().filter(|(key, value)| current.get(*key) != Some(*value));
    let mut changes: Map<String, Value> = set.map(|(key, value)| (key.clone(), json!(value))).collect();
    for key in stale.iter().filter(|key| current.contains_key(**key) && !wanted.contains_key(**key)) {
        changes.insert((*key).to_owned(), Value::Null);
    }
    changes
}

/// Labels that go from the Machine to the Node.
fn labels(seen: &Observed) -> Pairs {
    let domains = [NODE_RESTRICTION_DOMAIN, MANAGED_NODE_DOMAIN];
    let own = seen.machine.metadata.labels.iter().flatten();
    let is_handed_on = |key: &str| {
        domain(key) == NODE_ROLE_PREFIX || domains.iter().any(|wanted| is_within(domain(key), wanted))
    };
    let mut labels: Pairs = own.filter(|(key, _)| is_handed_on(key)).map(copy).collect();
    let infrastructure = seen.infrastructure.object();
    if infrastructure.is_some_and(|object| object["status"]["interruptible"] == true) {
        labels.insert(INTERRUPTIBLE.to_owned(), String::new());
    }
    labels
}

/// Annotations that go from the Machine to the Node, and those that say whose Node it is.
fn annotations(machine: &Machine) -> Pairs {
    let own = machine.metadata.annotations.iter().flatten();
    let mut annotations: Pairs =
        own.filter(|(key, _)| is_within(domain(key), MANAGED_NODE_DOMAIN)).map(copy).collect();
    let mut tell = |key: &str, value: &str| annotations.insert(key.to_owned(), value.to_owned());
    tell(CLUSTER_NAME, &machine.spec.cluster_name);
    tell(NODE_CLUSTER_NAMESPACE, machine.metadata.namespace.as_deref().unwrap_or_default());
    tell(NODE_MACHINE, machine.metadata.name.as_deref().unwrap_or_default());
    if let Some(owner) = owners::controller_of(&machine.metadata) {
        tell(NODE_OWNER_KIND, &owner.kind);
        tell(NODE_OWNER_NAME, &owner.name);
    }
    annotations
}

fn copy((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

fn domain(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

fn is_within(domain: &str, wanted: &str) -> bool {
    domain == wanted || domain.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether the Machine's MachineSet is not the newest of its MachineDeployment. A revision that is no number counts as
/// none, so that a mistake in an annotation keeps no Node from its labels.
fn is_outdated(seen: &Observed) -> bool {
    let revision = |metadata: &ObjectMeta| -> i64 {
        let text = metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    match (&seen.machine_set, &seen.machine_deployment) {
        (Some(set), Some(deployment)) => revision(&set.metadata) < revision(&deployment.metadata),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::testing;
    use super::*;

    fn node(seen: &Observed) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some("n".to_owned());
        if let Some(patch) = patch(seen, &node) {
            node.metadata = serde_json::from_value(patch["metadata"].clone()).unwrap();
        }
        node
    }

    #[test]
    fn only_labels_and_annotations_of_our_domains_are_handed_on() {
        let mut seen = testing::running();
        let machine = testing::change(&mut seen);
        let labels = machine.metadata.labels.get_or_insert_default();
        for key in [
            "node-role.kubernetes.io/x",
            "a.node-restriction.kubernetes.io/y",
            "node.cluster.x-k8s.io/z",
            "q/w",
        ] {
            labels.insert(key.to_owned(), "v".to_owned());
        }
        let annotations = machine.metadata.annotations.get_or_insert_default();
        annotations.insert("b.node.cluster.x-k8s.io/note".to_owned(), "n".to_owned());
        annotations.insert("other/note".to_owned(), "n".to_owned());
        let node = node(&seen);
        let labels: Vec<&String> = node.metadata.labels.as_ref().unwrap().keys().collect();
        assert_eq!(
            labels,
            ["a.node-restriction.kubernetes.io/y", "node-role.kubernetes.io/x", "node.cluster.x-k8s.io/z"]
        );
        let annotations = node.metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations[NODE_ANNOTATIONS_FROM_MACHINE], "b.node.cluster.x-k8s.io/note");
        assert_eq!(annotations[NODE_MACHINE], "m");
        assert!(!annotations.contains_key("other/note"));
        // What is there already is not written again.
        assert_eq!(patch(&seen, &node), None);
    }

    #[test]
    fn what_a_machine_loses_its_node_loses_too() {
        let mut seen = testing::running();
        let labels = testing::change(&mut seen).metadata.labels.get_or_insert_default();
        labels.insert("node.cluster.x-k8s.io/z".to_owned(), "v".to_owned());
        let mut node = node(&seen);
        node.metadata.labels.as_mut().unwrap().insert("user".to_owned(), "own".to_owned());
        testing::change(&mut seen).metadata.labels = None;
        let patch = patch(&seen, &node).unwrap();
        assert_eq!(patch["metadata"]["labels"], json!({"node.cluster.x-k8s.io/z": null}));
        assert_eq!(patch["metadata"]["annotations"], json!({NODE_LABELS_FROM_MACHINE: ""}));
        assert_eq!(patch["metadata"].get("resourceVersion"), None);
    }
}
