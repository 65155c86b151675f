//! What is seen of one KubeadmControlPlane: all of it from caches.

use std::fmt::Write as _;
use std::sync::Arc;

use api::bootstrap::KubeadmConfig;
use api::controlplane::KubeadmControlPlane;
use api::core::{Cluster, Machine};
use api::workload::Pod;
use api::{Kind as _, labels};
use decide::applied::Applied;
use decide::certificates::kubeconfig_name;
use decide::kubeadm_control_plane::{self as decision, Connection, Expiry, Observed, SeenMachine};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Secret};
use kubeadm::certificates::KUBECONFIG_KEY;
use runtime::key::Key;
use runtime::workload::WatchSpec;

use crate::certificates;
use crate::context::Context;
use crate::error::Error;
use crate::table;

/// The static Pods of control planes.
pub fn pods() -> WatchSpec<Pod> {
    WatchSpec {
        name: "control-plane-pods",
        namespace: kubeadm::naming::NAMESPACE,
        labels: "tier=control-plane",
        // Health is all in the status.
        trim: |pod| pod.spec = None,
    }
}

/// The key of the Cluster that owns a KubeadmControlPlane.
pub fn cluster_of(control_plane: &KubeadmControlPlane) -> Option<Key> {
    let owners = control_plane.metadata.owner_references.iter().flatten();
    let group = format!("{}/", Cluster::GROUP);
    let mut clusters =
        owners.filter(|owner| owner.kind == Cluster::KIND && owner.api_version.starts_with(&group));
    let namespace = control_plane.metadata.namespace.as_deref().unwrap_or_default();
    clusters.next().map(|owner| Key::new(namespace, &owner.name))
}

/// Everything a decision about the KubeadmControlPlane needs.
pub async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(control_plane) = cx.get::<KubeadmControlPlane>(key)? else {
        cx.control_planes.forget(key);
        return Ok(None);
    };
    let mut seen = Observed { now: cx.clock.now(), control_plane, ..Observed::default() };
    let Some(cluster_key) = cluster_of(&seen.control_plane) else { return Ok(Some(seen)) };
    seen.cluster = cx.get::<Cluster>(&cluster_key)?;
    let value = table::cluster_value(cluster_key.namespace(), cluster_key.name());
    seen.secrets = cx.by_index::<Secret>(table::BY_CLUSTER, &value)?;
    seen.kubeconfig_expires = kubeconfig_expires(cx, key, &cluster_key)?;
    let reference = &seen.control_plane.spec.machine_template.spec.infrastructure_ref;
    seen.template = cx.referenced(key.namespace(), reference).await?;
    for machine in cx.by_index::<Machine>(table::BY_CLUSTER, &value)? {
        let name = machine.metadata.name.clone().unwrap_or_default();
        let is_control_plane =
            machine.metadata.labels.as_ref().is_some_and(|all| all.contains_key(labels::CONTROL_PLANE));
        if is_control_plane {
            seen.machines.push(seen_machine(cx, machine).await?);
        } else {
            seen.workers.push(name.clone());
        }
        seen.taken_names.insert(name);
    }
    observe_workload(cx, key, &cluster_key, &mut seen);
    Ok(Some(seen))
}

fn kubeconfig_expires(cx: &Context, key: &Key, cluster: &Key) -> Result<Option<jiff::Timestamp>, Error> {
    let secret = cx.get::<Secret>(&Key::new(cluster.namespace(), &kubeconfig_name(cluster.name())))?;
    let Some(secret) = secret else { return Ok(None) };
    let version = secret.metadata.resource_version.clone().unwrap_or_default();
    if let Some(known) = cx.control_planes.kubeconfig_expires(key, &version) {
        return Ok(known);
    }
    let kubeconfig = secret.data.as_ref().and_then(|data| data.get(KUBECONFIG_KEY));
    let expires = kubeconfig.and_then(|kubeconfig| certificates::kubeconfig_expires(&kubeconfig.0));
    cx.control_planes.put_kubeconfig_expires(key, version, expires);
    Ok(expires)
}

async fn seen_machine(cx: &Context, machine: Arc<Machine>) -> Result<SeenMachine, Error> {
    let key = Key::of(&machine.metadata);
    let fields = cx.kind::<Machine>()?.applied_fields(&key, decision::MANAGER, "");
    let reference =
        machine.spec.bootstrap.config_ref.as_ref().filter(|config| config.kind == KubeadmConfig::KIND);
    let config = reference.map(|config| cx.get::<KubeadmConfig>(&Key::new(key.namespace(), &config.name)));
    Ok(SeenMachine {
        applied: fields.as_ref().map(Applied::from_fields),
        config: config.transpose()?.flatten(),
        infrastructure: cx.referenced(key.namespace(), &machine.spec.infrastructure_ref).await?,
        machine,
    })
}

/// What is known of the workload cluster without asking it.
fn observe_workload(cx: &Context, key: &Key, cluster: &Key, seen: &mut Observed) {
    let status = cx.workloads.status(cluster);
    seen.connection = Connection {
        is_up: status.is_connected(),
        last_success: status.last_probe_success_time,
        failures: status.consecutive_failures,
    };
    // Nothing of a cluster is watched before there is a way to it.
    if seen.connection.is_up {
        seen.nodes = cx.workloads.nodes(cluster).ok();
        seen.pods = cx.workloads.watched(cluster, &pods()).ok();
    }
    seen.etcd = cx.control_planes.etcd(key, &fingerprint(seen));
    seen.addons = cx.control_planes.addons(key, &decision::wanted_addons(seen));
    let since = seen.now.checked_sub(decision::ASK_AGAIN).unwrap_or(Timestamp::UNIX_EPOCH);
    let silent = cx.control_planes.silent(key, since).into_iter();
    seen.certificate_expiries = silent.map(|(machine, asked)| (machine, Expiry::Silent(asked))).collect();
}

/// What the members of etcd depend on, as far as events tell: Machines, their Nodes and their etcd Pods.
pub fn fingerprint(seen: &Observed) -> String {
    let mut text = String::new();
    for machine in &seen.machines {
        let node = machine.node().unwrap_or_default();
        let hook = machine.is_annotated(labels::KUBEADM_PRE_TERMINATE_HOOK);
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {node} {} {hook};", machine.name(), machine.is_deleting());
    }
    let is_control_plane = |node: &&Arc<Node>| {
        let labels = node.metadata.labels.as_ref();
        labels.is_some_and(|all| all.contains_key(kubeadm::naming::CONTROL_PLANE_LABEL))
    };
    for node in seen.nodes.iter().flatten().filter(is_control_plane) {
        let _ = write!(text, "{};", node.metadata.uid.as_deref().unwrap_or_default());
    }
    for pod in seen.pods.iter().flatten().filter(|pod| is_etcd(pod)) {
        let ready = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready =
            ready.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let _ = write!(text, "{} {ready};", pod.metadata.uid.as_deref().unwrap_or_default());
    }
    text
}

fn is_etcd(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|all| all.get("component")).is_some_and(|component| component == "etcd")
}
