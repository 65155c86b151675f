//! Machines to decide about.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use api::contract::Contract;
use api::core::{Cluster, Machine};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::observed::{Connection, NodeView, Observed, Surroundings};
use crate::referenced::Referenced;

/// A moment.
pub const NOW: &str = "2026-01-01T00:10:00Z";

/// The Machine `m` of the Cluster `c`, that everybody has made ready to begin.
pub fn fresh() -> Observed {
    let machine: Machine = serde_json::from_value(json!({
        "metadata": {
            "name": "m", "namespace": "ns", "uid": "uid-m", "resourceVersion": "7", "generation": 1,
            "finalizers": ["machine.cluster.x-k8s.io"], "labels": {"cluster.x-k8s.io/cluster-name": "c",
            "cluster.x-k8s.io/set-name": "s"},
        },
        "spec": {
            "clusterName": "c", "version": "v1.35.0",
            "bootstrap": {"configRef": {"apiGroup": "b.io", "kind": "Config", "name": "m"}},
            "infrastructureRef": {"apiGroup": "i.io", "kind": "Server", "name": "m"},
        },
    }))
    .unwrap();
    let cluster: Cluster = serde_json::from_value(json!({
        "metadata": {"name": "c", "namespace": "ns", "uid": "uid-c"},
        "status": {
            "initialization": {"infrastructureProvisioned": true},
            "conditions": [{"type": "ControlPlaneInitialized", "status": "True", "reason": "R", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        },
    }))
    .unwrap();
    Observed {
        now: NOW.parse().unwrap(),
        machine: Arc::new(machine),
        cluster: Some(Arc::new(cluster)),
        machine_set: None,
        machine_deployment: None,
        bootstrap: object("Config", json!({})),
        infrastructure: object("Server", json!({})),
        connection: Connection {
            is_connected: true,
            is_healthy: true,
            last_success: Some(NOW.parse().unwrap()),
            consecutive_failures: 0,
        },
        node: NodeView::Absent,
        surroundings: Surroundings { active_control_plane_machines: 1, ..Surroundings::default() },
        pods: None,
        refused_evictions: None,
        volumes: None,
    }
}

/// An object `m` that belongs to the Machine, with further fields.
pub fn object(kind: &str, more: Value) -> Referenced {
    let group = if kind == "Config" { "b.io/v1" } else { "i.io/v1" };
    let mut object = json!({
        "apiVersion": group, "kind": kind,
        "metadata": {
            "name": "m", "namespace": "ns", "uid": format!("uid-{kind}"), "resourceVersion": "3",
            "labels": {"cluster.x-k8s.io/cluster-name": "c"},
            "ownerReferences": [{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "m",
                "uid": "uid-m", "controller": true, "blockOwnerDeletion": true}],
        },
    });
    for (member, value) in more.as_object().unwrap() {
        object[member] = value.clone();
    }
    Referenced::Found(Arc::new(object), Contract::V1Beta2)
}

/// The bootstrap data is there.
pub fn config() -> Referenced {
    object(
        "Config",
        json!({"status": {"dataSecretName": "m", "initialization": {"dataSecretCreated": true},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}),
    )
}

/// The server is there.
pub fn server() -> Referenced {
    object(
        "Server",
        json!({"spec": {"providerID": "x://1"}, "status": {"initialization": {"provisioned": true},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "Ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}),
    )
}

/// The Node `n`, in good health.
pub fn node() -> Node {
    let condition = |type_: &str, status: &str| json!({"type": type_, "status": status, "lastTransitionTime": "2026-01-01T00:05:00Z"});
    serde_json::from_value(json!({
        "metadata": {"name": "n", "resourceVersion": "9"},
        "spec": {"providerID": "x://1"},
        "status": {
            "conditions": [condition("Ready", "True"), condition("MemoryPressure", "False"),
                condition("DiskPressure", "False"), condition("PIDPressure", "False")],
            "nodeInfo": {"kubeletVersion": "v1.35.0", "architecture": "", "bootID": "", "containerRuntimeVersion": "",
                "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
                "systemUUID": ""},
        },
    }))
    .unwrap()
}

/// A Machine that is up, with its Node.
pub fn running() -> Observed {
    let mut seen = fresh();
    let machine = change(&mut seen);
    machine.spec.provider_id = Some("x://1".to_owned());
    machine.spec.bootstrap.data_secret_name = Some("m".to_owned());
    seen.bootstrap = config();
    seen.infrastructure = server();
    seen.node = NodeView::Found(Arc::new(node()));
    seen
}

/// A Machine that was up and is being deleted.
pub fn deleting() -> Observed {
    let mut seen = running();
    let machine = change(&mut seen);
    machine.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:09:00Z")).unwrap();
    machine.status.node_ref = serde_json::from_value(json!({"name": "n"})).unwrap();
    machine.status.initialization.infrastructure_provisioned = Some(true);
    machine.status.initialization.bootstrap_data_secret_created = Some(true);
    seen
}

/// The Machine, to be changed.
pub fn change(seen: &mut Observed) -> &mut Machine {
    Arc::make_mut(&mut seen.machine)
}
