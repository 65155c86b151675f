//! A MachineDeployment and its surroundings, built by hand.

use std::sync::Arc;

use api::contract::Contract;
use api::core::Cluster;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use serde_json::{Value, json};

use super::{Observed, SeenMachineSet};
use crate::applied::Applied;
pub(super) use crate::machine_set::testing::overlay;
use crate::plan::{Action, Plan, Write};
use crate::referenced::Referenced;

pub(super) fn deployment(changes: Value) -> Arc<MachineDeployment> {
    let mut object = json!({
        "metadata": {
            "name": "d", "namespace": "n", "uid": "deployment-uid", "resourceVersion": "20", "generation": 3,
            "labels": {"cluster.x-k8s.io/cluster-name": "c"},
            "annotations": {"machinedeployment.clusters.x-k8s.io/revision": "1", "note": "x"},
            "finalizers": ["cluster.x-k8s.io/machinedeployment"],
            "ownerReferences": [
                {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "cluster-uid"}],
        },
        "spec": {
            "clusterName": "c",
            "replicas": 3,
            "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
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

fn template(kind: &str, name: &str) -> Referenced {
    let object = json!({
        "apiVersion": "x/v1beta2", "kind": kind,
        "metadata": {"name": name, "namespace": "n", "resourceVersion": "5", "ownerReferences": [
            {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "cluster-uid"}]},
    });
    Referenced::Found(Arc::new(object), Contract::V1Beta2)
}

/// A MachineDeployment of three replicas without MachineSets.
pub(super) fn observed() -> Observed {
    let cluster: Cluster =
        serde_json::from_value(json!({"metadata": {"name": "c", "namespace": "n", "uid": "cluster-uid"}}))
            .unwrap();
    Observed {
        now: "2026-01-01T01:00:00Z".parse().unwrap(),
        deployment: deployment(json!({})),
        cluster: Some(Arc::new(cluster)),
        infrastructure_template: template("DevMachineTemplate", "it"),
        bootstrap_template: template("KubeadmConfigTemplate", "bt"),
        ..Observed::default()
    }
}

/// What was applied, as the server would hold it.
pub(super) fn stored(object: &Value, created: &str, changes: Value) -> SeenMachineSet {
    let mut object = object.clone();
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    overlay(
        &mut object,
        json!({
            "metadata": {"uid": format!("{name}-uid"), "resourceVersion": "7", "generation": 1,
                "creationTimestamp": created},
            "status": {"observedGeneration": 1},
        }),
    );
    overlay(&mut object, changes);
    let machine_set: MachineSet = serde_json::from_value(object).unwrap();
    let keys = |map: &Option<std::collections::BTreeMap<String, String>>| {
        map.iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let applied = Applied {
        labels: keys(&machine_set.metadata.labels),
        annotations: keys(&machine_set.metadata.annotations),
    };
    SeenMachineSet { machine_set: Arc::new(machine_set), applied: Some(applied) }
}

/// Counters of a MachineSet all of whose Machines are well.
pub(super) fn well(count: i32) -> Value {
    json!({"spec": {"replicas": count}, "status": {"replicas": count, "readyReplicas": count,
        "availableReplicas": count, "upToDateReplicas": count}})
}

pub(super) fn object(action: &Action) -> &Value {
    match action {
        Action::Write { write: Write::Apply { object, .. }, .. } => object,
        Action::Write { write: Write::Patch { patch, .. }, .. } => patch,
        other => panic!("{other} has no object"),
    }
}

/// The actions in words, with the replicas that MachineSets are to have.
pub(super) fn acts<S, W>(plan: &Plan<S, W>) -> Vec<String> {
    let words = |action: &Action| match action {
        Action::Write { write: write @ Write::Apply { object, .. }, .. } => {
            format!("{write} {}", object["spec"]["replicas"])
        }
        Action::Write { write, .. } => write.to_string(),
        other => other.to_string(),
    };
    plan.actions.iter().map(words).collect()
}
