//! A MachineSet and its surroundings, built by hand.

use std::sync::Arc;

use api::contract::Contract;
use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Observed, SeenMachine, machine};
use crate::applied::Applied;
use crate::plan::{Action, Plan};
use crate::referenced::Referenced;

pub(super) const NOW: &str = "2026-01-01T01:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Lays `changes` over `base`; null takes away.
pub(crate) fn overlay(base: &mut Value, changes: Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, value) in changes {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    overlay(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, changes) => *base = changes,
    }
}

pub(super) fn set(changes: Value) -> Arc<MachineSet> {
    let mut object = json!({
        "metadata": {
            "name": "s", "namespace": "n", "uid": "set-uid", "resourceVersion": "10", "generation": 2,
            "labels": {"cluster.x-k8s.io/cluster-name": "c", "cluster.x-k8s.io/deployment-name": "d"},
            "annotations": {"machinedeployment.clusters.x-k8s.io/revision": "1"},
            "finalizers": ["cluster.x-k8s.io/machineset"],
            "ownerReferences": [{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "name": "d",
                "uid": "deployment-uid", "controller": true}],
        },
        "spec": {
            "clusterName": "c",
            "replicas": 2,
            "selector": {"matchLabels": {"cluster.x-k8s.io/cluster-name": "c", "pool": "a"}},
            "template": {
                "metadata": {"labels": {"cluster.x-k8s.io/cluster-name": "c", "pool": "a"}},
                "spec": {
                    "clusterName": "c",
                    "version": "v1.35.0",
                    "bootstrap": {"configRef": {"apiGroup": "bootstrap.cluster.x-k8s.io",
                        "kind": "KubeadmConfigTemplate", "name": "bt"}},
                    "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io",
                        "kind": "DevMachineTemplate", "name": "it"},
                },
            },
        },
    });
    overlay(&mut object, changes);
    Arc::new(serde_json::from_value(object).unwrap())
}

pub(super) fn cluster(changes: Value) -> Arc<Cluster> {
    let mut object = json!({
        "metadata": {"name": "c", "namespace": "n", "uid": "cluster-uid"},
        "spec": {"controlPlaneRef": {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane",
            "name": "cp"}},
    });
    overlay(&mut object, changes);
    Arc::new(serde_json::from_value(object).unwrap())
}

pub(super) fn deployment(changes: Value) -> Arc<MachineDeployment> {
    let mut object = json!({
        "metadata": {"name": "d", "namespace": "n", "uid": "deployment-uid",
            "annotations": {"machinedeployment.clusters.x-k8s.io/revision": "1"}},
        "spec": {"clusterName": "c", "replicas": 2},
    });
    overlay(&mut object, changes);
    Arc::new(serde_json::from_value(object).unwrap())
}

pub(super) fn found(changes: Value) -> Referenced {
    let mut object = json!({"metadata": {"namespace": "n", "resourceVersion": "5", "uid": "u"}});
    overlay(&mut object, changes);
    Referenced::Found(Arc::new(object), Contract::V1Beta2)
}

fn template(api_version: &str, kind: &str, name: &str) -> Referenced {
    found(json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "ownerReferences": [
            {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "cluster-uid"}]},
        "spec": {"template": {"metadata": {"labels": {"from-template": "yes"}}, "spec": {"size": "large"}}},
    }))
}

/// A MachineSet of two replicas without Machines, in a cluster that is up.
pub(super) fn observed() -> Observed {
    Observed {
        now: now(),
        machine_set: set(json!({})),
        cluster: Some(cluster(json!({}))),
        deployment: Some(deployment(json!({}))),
        infrastructure_template: template(
            "infrastructure.cluster.x-k8s.io/v1beta2",
            "DevMachineTemplate",
            "it",
        ),
        bootstrap_template: template("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate", "bt"),
        control_plane: found(json!({
            "kind": "KubeadmControlPlane",
            "metadata": {"name": "cp"},
            "spec": {"version": "v1.35.0"},
            "status": {"versions": [{"version": "v1.35.0", "replicas": 1}]},
        })),
        ..Observed::default()
    }
}

pub(super) fn condition(type_: &str, status: &str) -> Value {
    json!({"type": type_, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// A Machine as the MachineSet makes it, an hour old, and what it is made of.
pub(super) fn made(seen: &Observed, name: &str, changes: Value) -> SeenMachine {
    let metadata = seen.machine_metadata();
    let mut object = serde_json::to_value(machine::new(&seen.machine_set, &metadata, name)).unwrap();
    let created = json!({"metadata": {"uid": format!("{name}-uid"), "resourceVersion": "7", "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z"}});
    overlay(&mut object, created);
    overlay(&mut object, changes);
    let machine: Machine = serde_json::from_value(object).unwrap();
    let part = |kind: &str, group: &str| {
        found(json!({
            "apiVersion": format!("{group}.cluster.x-k8s.io/v1beta2"),
            "kind": kind,
            "metadata": {"name": name, "labels": metadata.labels, "annotations": metadata.annotations},
        }))
    };
    SeenMachine {
        machine: Arc::new(machine),
        applied: Some(Applied {
            labels: metadata.labels.keys().cloned().collect(),
            annotations: metadata.annotations.keys().cloned().collect(),
        }),
        bootstrap: part("KubeadmConfig", "bootstrap"),
        infrastructure: part("DevMachine", "infrastructure"),
    }
}

/// A Machine that is up.
pub(super) fn up(seen: &Observed, name: &str) -> SeenMachine {
    made(
        seen,
        name,
        json!({"status": {
            "nodeRef": {"name": name},
            "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true},
            "conditions": [condition("Ready", "True"), condition("Available", "True"), condition("UpToDate", "True")],
        }}),
    )
}

/// The actions in words, without the reasons.
pub(super) fn acts<S, W>(plan: &Plan<S, W>) -> Vec<String> {
    plan.actions
        .iter()
        .map(|action| match action {
            Action::Write { write, .. } => write.to_string(),
            other => other.to_string(),
        })
        .collect()
}
