//! What wakes a Cluster, and how soon.
//!
//! Everything below a Cluster shows in its status, and most of it changes many times while machines come and go. What
//! somebody may wait for (an endpoint, a control plane that is initialized, availability, the end of something) wakes it
//! at once. All else is gathered for a moment, so that many small changes become one write.

use std::time::Duration;

use api::conditions::{AVAILABLE, HEALTH_CHECK_SUCCEEDED, OWNER_REMEDIATED, READY, UP_TO_DATE};
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use api::labels;
use decide::cluster::OWN_CONDITIONS;
use decide::{conditions, owners};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use runtime::cache::Object;
use runtime::clock::Clock;
use runtime::key::Key;
use runtime::queue::{Priority, Queue};
use serde_json::Value;

/// How long changes that nobody waits for are gathered.
const GATHERING: Duration = Duration::from_secs(1);

/// How soon a change matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It shows nowhere.
    Never,
    /// In a moment.
    Soon,
    /// Somebody may wait for it.
    Now,
}

/// Puts a Cluster into the queue, as soon as it matters.
pub fn wake(queue: &Queue, clock: &Clock, cluster: Key, urgency: Urgency, priority: Priority) {
    match urgency {
        Urgency::Never => {}
        Urgency::Soon => queue.add_at(cluster, clock.after(GATHERING)),
        Urgency::Now => queue.add(cluster, priority),
    }
}

fn when(is_urgent: bool) -> Urgency {
    if is_urgent { Urgency::Now } else { Urgency::Soon }
}

/// A change of the Cluster itself. Its own status, as this controller writes it, is no news.
pub fn of_cluster(old: Option<&Cluster>, new: Option<&Cluster>) -> Urgency {
    let (Some(old), Some(new)) = (old, new) else { return Urgency::Now };
    let metadata = |cluster: &Cluster| {
        let metadata = &cluster.metadata;
        (
            metadata.uid.clone(),
            metadata.generation,
            metadata.deletion_timestamp.clone(),
            metadata.finalizers.clone(),
            metadata.annotations.clone(),
        )
    };
    let of_others = |cluster: &Cluster| -> Vec<Condition> {
        let all = cluster.status.conditions.iter();
        all.filter(|condition| !OWN_CONDITIONS.contains(&condition.type_.as_str())).cloned().collect()
    };
    match metadata(old) == metadata(new) && of_others(old) == of_others(new) {
        true => Urgency::Never,
        false => Urgency::Now,
    }
}

/// A change of a Machine.
pub fn of_machine(old: Option<&Machine>, new: Option<&Machine>) -> Urgency {
    let Some(new) = new else { return Urgency::Now };
    let Some(old) = old else { return Urgency::Soon };
    let is_control_plane =
        new.metadata.labels.as_ref().is_some_and(|own| own.contains_key(labels::CONTROL_PLANE));
    let node_appeared = old.status.node_ref.is_none() && new.status.node_ref.is_some();
    // Nobody else tells that a control plane of such Machines is up.
    if is_control_plane && node_appeared && owners::controller_of(&new.metadata).is_none() {
        return Urgency::Now;
    }
    let shown = |machine: &Machine| {
        let version = machine.status.node_info.as_ref().map(|info| info.kubelet_version.clone());
        let metadata = &machine.metadata;
        (
            told(
                &machine.status.conditions,
                &[READY, AVAILABLE, UP_TO_DATE, HEALTH_CHECK_SUCCEEDED, OWNER_REMEDIATED],
            ),
            metadata.labels.clone(),
            metadata.owner_references.clone(),
            version,
            machine.spec.version.clone(),
        )
    };
    if shown(old) == shown(new) { Urgency::Never } else { Urgency::Soon }
}

fn told(all: &[Condition], types: &[&str]) -> Vec<Condition> {
    all.iter().filter(|condition| types.contains(&condition.type_.as_str())).cloned().collect()
}

/// A change of a MachineDeployment.
pub fn of_deployment(old: Option<&MachineDeployment>, new: Option<&MachineDeployment>) -> Urgency {
    let (Some(old), Some(new)) = (old, new) else { return when(new.is_none()) };
    if old.status == new.status && old.spec.replicas == new.spec.replicas {
        return Urgency::Never;
    }
    when(availability(&old.status.conditions) != availability(&new.status.conditions))
}

fn availability(all: &[Condition]) -> Option<&str> {
    conditions::get(all, AVAILABLE).map(|condition| condition.status.as_str())
}

/// A change of a MachineSet. Those of MachineDeployments show only by being there while the Cluster goes.
pub fn of_set(old: Option<&MachineSet>, new: Option<&MachineSet>) -> Urgency {
    let Some(new) = new else { return Urgency::Now };
    let Some(old) = old else { return Urgency::Soon };
    let is_same = old.status == new.status
        && old.spec.replicas == new.spec.replicas
        && old.metadata.owner_references == new.metadata.owner_references;
    if is_same || owners::controller_of(&new.metadata).is_some() { Urgency::Never } else { Urgency::Soon }
}

/// A change of the infrastructure or the control plane, by what the contract says about both. Numbers, and the words of
/// conditions, can wait.
pub fn of_reference(old: Option<&Object>, new: Option<&Object>) -> Urgency {
    let (Some(old), Some(new)) = (old, new) else { return Urgency::Now };
    let (old, new) = (old.value(), new.value());
    let differs = |path: &str| old.pointer(path) != new.pointer(path);
    let urgent = [
        "/metadata/deletionTimestamp",
        "/metadata/ownerReferences",
        "/metadata/labels",
        "/spec",
        "/status/initialization",
        "/status/initialized",
        "/status/ready",
        "/status/failureDomains",
    ];
    if urgent.into_iter().any(differs) {
        return Urgency::Now;
    }
    if !differs("/status") {
        return Urgency::Never;
    }
    when(
        [READY, AVAILABLE]
            .into_iter()
            .any(|type_| condition_status(old, type_) != condition_status(new, type_)),
    )
}

fn condition_status<'a>(object: &'a Value, type_: &str) -> Option<&'a str> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| condition["type"] == type_)?["status"].as_str()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plane(status: &Value) -> Object {
        Object::new(json!({"metadata": {"name": "p", "resourceVersion": "1"}, "spec": {}, "status": status}))
    }

    #[test]
    fn numbers_can_wait_and_availability_cannot() {
        let condition =
            |status: &str, message: &str| json!({"type": "Available", "status": status, "message": message});
        let was = plane(&json!({"replicas": 1, "conditions": [condition("False", "a")]}));
        let urgency = |status: Value| of_reference(Some(&was), Some(&plane(&status)));
        assert_eq!(urgency(json!({"replicas": 1, "conditions": [condition("False", "a")]})), Urgency::Never);
        assert_eq!(urgency(json!({"replicas": 2, "conditions": [condition("False", "b")]})), Urgency::Soon);
        assert_eq!(urgency(json!({"replicas": 1, "conditions": [condition("True", "")]})), Urgency::Now);
        let initialized = json!({"replicas": 1, "initialization": {"controlPlaneInitialized": true}});
        assert_eq!(urgency(initialized), Urgency::Now);
    }

    #[test]
    fn the_own_status_is_no_news() {
        let cluster = |own: &str, others: &str| -> Cluster {
            let condition = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
            let conditions = json!([condition("Available", own), condition("Gate", others)]);
            serde_json::from_value(json!({"metadata": {"name": "c"}, "status": {"conditions": conditions}}))
                .unwrap()
        };
        let was = cluster("False", "False");
        assert_eq!(of_cluster(Some(&was), Some(&cluster("True", "False"))), Urgency::Never);
        assert_eq!(of_cluster(Some(&was), Some(&cluster("False", "True"))), Urgency::Now);
        assert_eq!(of_cluster(Some(&was), None), Urgency::Now);
    }

    #[test]
    fn of_a_machine_only_what_is_shown_matters_and_its_end_at_once() {
        let machine = |ready: &str, phase: &str| -> Machine {
            let condition = json!({"type": "Ready", "status": ready, "reason": "R", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"});
            serde_json::from_value(
                json!({"metadata": {"name": "m"}, "status": {"phase": phase, "conditions": [condition]}}),
            )
            .unwrap()
        };
        let was = machine("False", "Pending");
        assert_eq!(of_machine(Some(&was), Some(&machine("False", "Running"))), Urgency::Never);
        assert_eq!(of_machine(Some(&was), Some(&machine("True", "Running"))), Urgency::Soon);
        assert_eq!(of_machine(Some(&was), None), Urgency::Now);
    }
}
