//! What a kubelet leaves in the API: its Node, its Lease, and Pods for the manifests on its disk.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::kubeadm::Registration;
use super::kubeadm::config::CONTROL_PLANE_TAINT;

/// The scheme of provider IDs of simulated machines.
pub const PROVIDER_SCHEME: &str = "in-memory";
/// How long a Lease of a node lasts. It is written once: renewing it would be polling.
const LEASE_SECONDS: u32 = 40;

/// The provider ID of a machine.
pub fn provider_id(machine: &str) -> String {
    format!("{PROVIDER_SCHEME}://{machine}")
}

/// A moment as metadata writes it.
pub fn time_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The facts a Node is made of.
pub struct NodeFacts<'a> {
    /// The machine.
    pub machine: &'a str,
    /// As which node it registers.
    pub registration: &'a Registration,
    /// Whether it is one of the control plane.
    pub control_plane: bool,
    /// Version of the kubelet.
    pub version: &'a str,
    /// Its address.
    pub address: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// The Node, ready from the beginning: there is no network to wait for.
pub fn node(facts: &NodeFacts<'_>) -> Value {
    let registration = facts.registration;
    let name = registration.name.as_str();
    let mut labels: Map<String, Value> = Map::new();
    for (key, value) in &registration.labels {
        labels.insert(key.clone(), value.as_str().into());
    }
    for (key, value) in
        [("kubernetes.io/arch", "amd64"), ("kubernetes.io/hostname", name), ("kubernetes.io/os", "linux")]
    {
        labels.insert(key.to_owned(), value.into());
    }
    if facts.control_plane {
        labels.insert(CONTROL_PLANE_TAINT.to_owned(), "".into());
        labels.insert("node.kubernetes.io/exclude-from-external-load-balancers".to_owned(), "".into());
    }
    let mut spec = json!({"providerID": provider_id(facts.machine)});
    if !registration.taints.is_empty() {
        spec["taints"] = registration.taints.clone().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"kubeadm.alpha.kubernetes.io/cri-socket": registration.cri_socket},
        },
        "spec": spec,
        "status": status(facts),
    })
}

fn status(facts: &NodeFacts<'_>) -> Value {
    let now = time_text(facts.now);
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!({
        "addresses": [
            {"type": "InternalIP", "address": facts.address},
            {"type": "Hostname", "address": facts.registration.name},
        ],
        "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"},
        "capacity": {"cpu": "2", "memory": "4Gi", "pods": "110"},
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "nodeInfo": {
            "architecture": "amd64", "operatingSystem": "linux", "osImage": "simulated", "kernelVersion": "6.12.0",
            "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": facts.version, "kubeProxyVersion": facts.version,
            "machineID": facts.machine, "systemUUID": facts.machine, "bootID": facts.machine,
        },
    })
}

/// The Lease by which a node says that it lives.
pub fn lease(node: &str, now: Timestamp) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": node,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        },
    })
}

/// Names of the control plane's static Pods on every control plane node, besides etcd.
pub const COMPONENTS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// The Pod that mirrors a static manifest, running and ready.
pub fn static_pod(component: &str, node: &str, address: &str, version: &str, now: Timestamp) -> Value {
    let now = time_text(now);
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
    let image = image(component, version);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{component}-{node}"),
            "namespace": "kube-system",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": {"kubernetes.io/config.source": "file", "kubernetes.io/config.mirror": format!("{component}-{node}")},
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "containers": [{"name": component, "image": image}],
        },
        "status": {
            "phase": "Running",
            "hostIP": address,
            "podIP": address,
            "startTime": now,
            "conditions": [
                condition("PodReadyToStartContainers"), condition("Initialized"), condition("Ready"),
                condition("ContainersReady"), condition("PodScheduled"),
            ],
            "containerStatuses": [{
                "name": component, "image": image, "imageID": "", "ready": true, "started": true, "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }],
        },
    })
}

fn image(component: &str, version: &str) -> String {
    match component {
        "etcd" => "registry.k8s.io/etcd:3.6.5-0".to_owned(),
        // A build's metadata stands behind a plus sign, which no image tag may hold.
        component => format!("registry.k8s.io/{component}:{}", version.replace('+', "_")),
    }
}
