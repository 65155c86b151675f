//! The objects of the simulated cluster, as a user writes them.

use serde_json::{Value, json};

use super::{CONTROL_PLANE, CONTROL_PLANE_NAME, NAME, WORKERS};

/// How machines come up that take their time: each part another time.
pub fn slow() -> Value {
    let part = |seconds: u64| json!({"provisioning": {"startupDuration": format!("{seconds}s"), "startupJitter": "2.0"}});
    json!({"vm": part(20), "node": part(10), "apiServer": part(5), "etcd": part(4)})
}

/// The objects of a cluster, as a user writes them; `pace` says how machines come up.
pub fn objects(control_plane: i64, workers: i64, version: &str, pace: &Value) -> Vec<Value> {
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let meta = |name: &str| json!({"name": name, "namespace": "default"});
    let reference =
        |group: &str, kind: &str, name: &str| json!({"apiGroup": group, "kind": kind, "name": name});
    let dev = |kind: &str, name: &str, spec: Value| json!({"apiVersion": format!("{infrastructure}/v1beta2"), "kind": kind, "metadata": meta(name), "spec": spec});
    let template = json!({"template": {"spec": {"backend": {"inMemory": pace}}}});
    vec![
        json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": meta(NAME), "spec": {
            "infrastructureRef": reference(infrastructure, "DevCluster", NAME),
            "controlPlaneRef": reference(CONTROL_PLANE, "KubeadmControlPlane", CONTROL_PLANE_NAME),
        }}),
        dev("DevCluster", NAME, json!({"backend": {"inMemory": {}}})),
        dev("DevMachineTemplate", CONTROL_PLANE_NAME, template.clone()),
        dev("DevMachineTemplate", WORKERS, template),
        json!({"apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane",
            "metadata": meta(CONTROL_PLANE_NAME), "spec": {
            "replicas": control_plane, "version": version,
            "machineTemplate": {"spec": {
                "infrastructureRef": reference(infrastructure, "DevMachineTemplate", CONTROL_PLANE_NAME),
            }},
            "kubeadmConfigSpec": {"initConfiguration": registration(), "joinConfiguration": registration()},
        }}),
        json!({"apiVersion": "bootstrap.cluster.x-k8s.io/v1beta2", "kind": "KubeadmConfigTemplate",
            "metadata": meta(WORKERS),
            "spec": {"template": {"spec": {"joinConfiguration": registration()}}}}),
        json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "metadata": meta(WORKERS), "spec": {
            "clusterName": NAME, "replicas": workers, "selector": {"matchLabels": {}},
            "template": {"spec": {
                "clusterName": NAME, "version": version,
                "bootstrap": {"configRef": reference("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", WORKERS)},
                "infrastructureRef": reference(infrastructure, "DevMachineTemplate", WORKERS),
            }},
        }}),
    ]
}

fn registration() -> Value {
    json!({"nodeRegistration": {"criSocket": "unix:///run/containerd/containerd.sock"}})
}
