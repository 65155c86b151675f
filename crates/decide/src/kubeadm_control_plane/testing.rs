//! Control planes put together by hand.

use std::sync::Arc;

use api::bootstrap::KubeadmConfig;
use api::conditions::{
    API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, DELETING, ETCD_MEMBER_HEALTHY, ETCD_POD_HEALTHY,
    NODE_KUBEADM_LABELS_AND_TAINTS_SET, SCHEDULER_POD_HEALTHY, reason,
};
use api::contract::Contract;
use api::controlplane::KubeadmControlPlane;
use api::core::{Cluster, Machine};
use api::labels;
use api::workload::Pod;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Secret};
use kubeadm::naming::Component;
use serde_json::{Value, json};

use super::desired;
use super::observed::{Addons, Connection, EtcdMember, EtcdMembers, EtcdView, Observed, SeenMachine};
use crate::applied::Applied;
use crate::conditions::{self, NewCondition};
use crate::referenced::Referenced;

pub const VERSION: &str = "v1.34.0";

/// The time in all tests.
pub fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

fn ago(duration: SignedDuration) -> Value {
    json!(now().checked_sub(duration).unwrap().to_string())
}

/// A KubeadmControlPlane in a Cluster whose infrastructure is there.
pub fn control_plane(replicas: i32) -> Observed {
    let control_plane: KubeadmControlPlane = serde_json::from_value(json!({
        "metadata": {
            "name": "cp", "namespace": "ns", "uid": "cp-uid", "resourceVersion": "10", "generation": 1,
            "finalizers": [labels::KUBEADM_CONTROL_PLANE_FINALIZER],
        },
        "spec": {
            "replicas": replicas, "version": VERSION,
            "machineTemplate": {"spec": {"infrastructureRef": {
                "apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevMachineTemplate", "name": "template",
            }}},
        },
    }))
    .unwrap();
    let cluster: Cluster = serde_json::from_value(json!({
        "metadata": {"name": "c", "namespace": "ns", "uid": "c-uid"},
        "spec": {"controlPlaneEndpoint": {"host": "h", "port": 6443}},
        "status": {"initialization": {"infrastructureProvisioned": true}},
    }))
    .unwrap();
    let template = json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "DevMachineTemplate",
        "metadata": {"name": "template", "namespace": "ns", "ownerReferences": [crate::owners::plain(&cluster)]},
        "spec": {"template": {"spec": {"backend": {}}}},
    });
    let mut seen = Observed {
        now: now(),
        control_plane: Arc::new(control_plane),
        cluster: Some(Arc::new(cluster)),
        template: Referenced::Found(Arc::new(template), Contract::V1Beta2),
        kubeconfig_expires: now().checked_add(SignedDuration::from_hours(24 * 300)).ok(),
        ..Observed::default()
    };
    seen.secrets = ["ca", "sa", "proxy", "etcd", "kubeconfig"].map(|suffix| secret(&seen, suffix)).into();
    seen
}

fn secret(seen: &Observed, suffix: &str) -> Arc<Secret> {
    let value = json!({
        "metadata": {
            "name": format!("c-{suffix}"), "namespace": "ns",
            "ownerReferences": [crate::owners::controller(&*seen.control_plane)],
        },
        "type": labels::CLUSTER_SECRET_TYPE,
        "data": {"tls.crt": "eA==", "tls.key": "eA==", "value": "eA=="},
    });
    Arc::new(serde_json::from_value(value).unwrap())
}

/// An initialized control plane with `count` healthy machines, the first of which leads etcd, that is as it should be.
pub fn running(count: usize) -> Observed {
    let mut seen = control_plane(i32::try_from(count).unwrap());
    edit(&mut seen, |control_plane| {
        control_plane.status.initialization.control_plane_initialized = Some(true);
    });
    seen.connection = Connection { is_up: true, last_success: Some(now()), failures: 0 };
    (seen.nodes, seen.pods) = (Some(Vec::new()), Some(Vec::new()));
    let members = EtcdMembers { members: Vec::new(), leader: 1 };
    seen.etcd = Some(EtcdView { taken: now(), outcome: Ok(members) });
    seen.addons = Some(Addons { taken: now(), ..Addons::default() });
    for index in 1..=count {
        add_machine(&mut seen, index);
    }
    seen
}

/// Adds a machine that is up, with its Node, Pods and etcd member. Lower numbers are older.
pub fn add_machine(seen: &mut Observed, index: usize) {
    let name = format!("cp-{index}");
    seen.machines.push(machine(seen, &name, index));
    let node: Node = serde_json::from_value(json!({
        "metadata": {
            "name": name, "uid": format!("node-{index}"), "labels": {"node-role.kubernetes.io/control-plane": ""},
            "creationTimestamp": ago(SignedDuration::from_hours(1)),
        },
        "spec": {
            "providerID": format!("dev://{name}"),
            "taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }))
    .unwrap();
    seen.nodes.get_or_insert_default().push(Arc::new(node));
    for component in Component::ALL {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": component.pod_name(&name), "namespace": "kube-system"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap();
        seen.pods.get_or_insert_default().push(Arc::new(pod));
    }
    let member = EtcdMember { id: index as u64, name, ..EtcdMember::default() };
    members(seen).members.push(member);
}

/// The etcd members, to be changed.
pub fn members(seen: &mut Observed) -> &mut EtcdMembers {
    seen.etcd.as_mut().unwrap().outcome.as_mut().unwrap()
}

fn machine(seen: &Observed, name: &str, index: usize) -> SeenMachine {
    let mut machine = desired::new_machine(seen, "c", name, None);
    machine.metadata.uid = Some(format!("{name}-uid"));
    machine.metadata.resource_version = Some("1".to_owned());
    machine.metadata.creation_timestamp =
        serde_json::from_value(ago(SignedDuration::from_mins(60 - i64::try_from(index).unwrap()))).unwrap();
    machine.spec.provider_id = Some(format!("dev://{name}"));
    let mut status: api::core::machine::MachineStatus = serde_json::from_value(json!({
        "nodeRef": {"name": name},
        "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true},
    }))
    .unwrap();
    let healthy = [
        (API_SERVER_POD_HEALTHY, reason::RUNNING),
        (CONTROLLER_MANAGER_POD_HEALTHY, reason::RUNNING),
        (SCHEDULER_POD_HEALTHY, reason::RUNNING),
        (ETCD_POD_HEALTHY, reason::RUNNING),
        (ETCD_MEMBER_HEALTHY, reason::HEALTHY),
        (NODE_KUBEADM_LABELS_AND_TAINTS_SET, reason::SET),
        (api::conditions::UP_TO_DATE, reason::UP_TO_DATE),
    ];
    let long_ago = now().checked_sub(SignedDuration::from_mins(30)).unwrap();
    for (condition, reason) in healthy {
        conditions::set(&mut status.conditions, NewCondition::new(condition, true, reason, ""), 0, long_ago);
    }
    machine.status = status;
    let mut config: KubeadmConfig =
        serde_json::from_value(desired::config(seen, &machine, name, index > 1)).unwrap();
    config.metadata.annotations =
        Some([(labels::CERTIFICATES_EXPIRY.to_owned(), "2031-01-01T00:00:00Z".to_owned())].into());
    let infrastructure = desired::infrastructure(seen, &machine, seen.template.object().unwrap());
    SeenMachine {
        machine: Arc::new(machine),
        applied: Some(Applied::default()),
        config: Some(Arc::new(config)),
        infrastructure: Referenced::Found(Arc::new(infrastructure), Contract::V1Beta2),
    }
}

/// Changes the KubeadmControlPlane.
pub fn edit(seen: &mut Observed, change: impl FnOnce(&mut KubeadmControlPlane)) {
    change(Arc::make_mut(&mut seen.control_plane));
}

/// Changes a Machine.
pub fn edit_machine(seen: &mut Observed, index: usize, change: impl FnOnce(&mut Machine)) {
    let name = format!("cp-{index}");
    let found = seen.machines.iter_mut().find(|machine| machine.name() == name).unwrap();
    change(Arc::make_mut(&mut found.machine));
}

/// Says something on a Machine.
pub fn say(seen: &mut Observed, index: usize, condition: &'static str, status: bool, reason: &'static str) {
    let since = now().checked_sub(SignedDuration::from_mins(1)).unwrap();
    edit_machine(seen, index, |machine| {
        conditions::set(
            &mut machine.status.conditions,
            NewCondition::new(condition, status, reason, ""),
            0,
            since,
        );
    });
}

/// A health check finds a Machine unhealthy and leaves it to us.
pub fn give_up(seen: &mut Observed, index: usize) {
    say(seen, index, api::conditions::HEALTH_CHECK_SUCCEEDED, false, reason::UNHEALTHY_NODE);
    say(seen, index, api::conditions::OWNER_REMEDIATED, false, reason::WAITING_FOR_REMEDIATION);
}

/// Asks for the deletion of a Machine.
pub fn delete(seen: &mut Observed, index: usize) {
    edit_machine(seen, index, |machine| {
        machine.metadata.deletion_timestamp =
            serde_json::from_value(ago(SignedDuration::from_mins(1))).unwrap();
    });
}

/// The Machine is drained and waits for us.
pub fn drained(seen: &mut Observed, index: usize) {
    delete(seen, index);
    say(seen, index, DELETING, true, reason::WAITING_FOR_PRE_TERMINATE_HOOK);
}

/// The Pods of a machine are gone.
pub fn break_pods(seen: &mut Observed, index: usize) {
    let end = format!("-cp-{index}");
    seen.pods.as_mut().unwrap().retain(|pod| !pod.metadata.name.as_deref().unwrap().ends_with(&end));
}

/// The Machine waits for its Node.
pub fn unprovisioned(seen: &mut Observed, index: usize) {
    let name = format!("cp-{index}");
    edit_machine(seen, index, |machine| machine.status.node_ref = None);
    seen.nodes.as_mut().unwrap().retain(|node| node.metadata.name.as_deref() != Some(name.as_str()));
    members(seen).members.retain(|member| member.name != name);
}
