//! KubeadmControlPlane: what it sees, what it looks up, and what wakes it.

mod look;
mod memory;
mod observe;

use std::sync::Arc;

use api::Kind as _;
use api::bootstrap::KubeadmConfig;
use api::conditions::AVAILABLE;
use api::controlplane::{KubeadmControlPlane, KubeadmControlPlaneStatus};
use api::core::{Cluster, Machine};
use api::labels;
use api::workload::Pod;
use decide::kubeadm_control_plane::{MANAGER, Need, Observed, Waiting};
use decide::owners;
use decide::plan::Plan;
use k8s_openapi::api::core::v1::{Node, Secret};
use kube_core::Resource as _;
use runtime::cache::Store;
use runtime::key::Key;
use runtime::queue::{Priority, Queue};
use runtime::workload::Change;

pub use memory::Memory;

use crate::context::Context;
use crate::controller::Controller;
use crate::error::Error;
use crate::gathering::turned;
use crate::table;

/// The controller of KubeadmControlPlanes.
pub struct KubeadmControlPlaneController;

/// The key of the Cluster that a KubeadmControlPlane belongs to; its own before it has one.
pub fn group_of(cx: &Context, key: &Key) -> Key {
    let control_plane = cx.get::<KubeadmControlPlane>(key).ok().flatten();
    control_plane.and_then(|control_plane| observe::cluster_of(&control_plane)).unwrap_or_else(|| key.clone())
}

impl Controller for KubeadmControlPlaneController {
    const NAME: &'static str = "kubeadmcontrolplane";
    const MANAGER: &'static str = MANAGER;
    type Kind = KubeadmControlPlane;
    type Seen = Observed;
    type Status = KubeadmControlPlaneStatus;
    type Waiting = Waiting;
    type Need = Need;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(cx, key).await
    }

    async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
        look::look(cx, need, seen).await
    }

    fn decide(seen: &Observed) -> Plan<KubeadmControlPlaneStatus, Waiting, Need> {
        decide::kubeadm_control_plane::decide(seen)
    }

    fn is_urgent(published: &KubeadmControlPlane, status: &KubeadmControlPlaneStatus) -> bool {
        published.status.initialization != status.initialization
            || published.status.last_remediation != status.last_remediation
            || turned(&published.status.conditions, &status.conditions, &[AVAILABLE])
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        cx.kind::<KubeadmControlPlane>()?.subscribe(queue, |old, new| {
            new.or(old).map(|control_plane| Key::of(&control_plane.metadata)).into_iter().collect()
        });
        let clusters = cx.kind::<Cluster>()?;
        clusters.subscribe(queue, |old, new| {
            // Only what decisions depend on: the rest of a Cluster changes with every Machine.
            if let (Some(old), Some(new)) = (old, new)
                && relevant(old) == relevant(new)
            {
                return Vec::new();
            }
            new.or(old).and_then(control_plane_of).into_iter().collect()
        });
        wake_on_machines(cx, queue, &clusters)?;
        wake_on_parts(cx, queue)?;
        wake_on_workload(cx, queue, clusters);
        Ok(())
    }
}

/// What of a Cluster decisions here depend on.
fn relevant(cluster: &Cluster) -> impl PartialEq + use<> {
    let annotations = cluster.metadata.annotations.as_ref();
    (
        cluster.spec.paused,
        cluster.spec.control_plane_endpoint.clone(),
        cluster.status.initialization.infrastructure_provisioned,
        cluster.status.failure_domains.clone(),
        cluster.spec.topology.as_ref().map(|topology| topology.version.clone()),
        annotations.and_then(|all| all.get(labels::TOPOLOGY_UPGRADE_STEP)).cloned(),
    )
}

/// The KubeadmControlPlane of a Cluster.
fn control_plane_of(cluster: &Cluster) -> Option<Key> {
    let reference = cluster.spec.control_plane_ref.as_ref()?;
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    (reference.kind == KubeadmControlPlane::KIND).then(|| Key::new(namespace, &reference.name))
}

/// Own Machines wake their owner; those that nobody controls, and workers that are gone, the control plane of their Cluster.
fn wake_on_machines(cx: &Context, queue: &Queue, clusters: &Store<Cluster>) -> Result<(), Error> {
    let clusters = clusters.clone();
    cx.kind::<Machine>()?.subscribe(queue, move |old, new| {
        let Some(machine) = new.or(old) else { return Vec::new() };
        let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
        if let Some(owner) = owner_of(machine) {
            return vec![owner];
        }
        let has_controller = owners::controller_of(&machine.metadata).is_some();
        if has_controller && new.is_some() {
            return Vec::new();
        }
        let cluster = clusters.get(&Key::new(namespace, &machine.spec.cluster_name));
        cluster.as_deref().and_then(control_plane_of).into_iter().collect()
    });
    Ok(())
}

/// The KubeadmControlPlane that controls a Machine.
fn owner_of(machine: &Machine) -> Option<Key> {
    let owner =
        owners::controller_of(&machine.metadata).filter(|owner| owner.kind == KubeadmControlPlane::KIND)?;
    Some(Key::new(machine.metadata.namespace.as_deref().unwrap_or_default(), &owner.name))
}

/// Secrets of the Cluster, and what Machines are made of.
fn wake_on_parts(cx: &Context, queue: &Queue) -> Result<(), Error> {
    let clusters = cx.kind::<Cluster>()?;
    cx.kind::<Secret>()?.subscribe(queue, move |old, new| {
        let Some(secret) = new.or(old) else { return Vec::new() };
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let Some((cluster, _)) = kubeadm::certificates::Purpose::of_secret_name(name) else {
            return Vec::new();
        };
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        let cluster = clusters.get(&Key::new(namespace, cluster));
        cluster.as_deref().and_then(control_plane_of).into_iter().collect()
    });
    let machines = cx.kind::<Machine>()?;
    cx.kind::<KubeadmConfig>()?.subscribe(queue, move |old, new| {
        let metadata =
            |config: &KubeadmConfig| (config.metadata.labels.clone(), config.metadata.annotations.clone());
        // Its status is the Machine's business; what it says matters when it changes.
        if let (Some(old), Some(new)) = (old, new)
            && old.metadata.generation == new.metadata.generation
            && metadata(old) == metadata(new)
        {
            return Vec::new();
        }
        let Some(config) = new.or(old) else { return Vec::new() };
        let controller = owners::controller_of(config.meta());
        let namespace = config.metadata.namespace.as_deref().unwrap_or_default();
        let machine = controller.and_then(|owner| machines.get(&Key::new(namespace, &owner.name)));
        machine.as_deref().and_then(owner_of).into_iter().collect()
    });
    wake_on_infrastructure(cx, queue)
}

/// Infrastructure objects wake the owner of their Machine when they come or go or get other labels; templates those that
/// use them.
fn wake_on_infrastructure(cx: &Context, queue: &Queue) -> Result<(), Error> {
    let machines = cx.kind::<Machine>()?;
    let control_planes = cx.kind::<KubeadmControlPlane>()?;
    cx.cache.subscribe_dynamic(queue, move |kind, old, new| {
        let Some(object) = new.or(old) else { return Vec::new() };
        if kind.kind.ends_with("Template") {
            let uses = |control_plane: &&Arc<KubeadmControlPlane>| {
                let reference = &control_plane.spec.machine_template.spec.infrastructure_ref;
                reference.kind == kind.kind
                    && reference.api_group == kind.group
                    && reference.name == object.name()
            };
            let users = control_planes.list(object.namespace());
            return users.iter().filter(uses).map(|user| Key::of(&user.metadata)).collect();
        }
        if let (Some(old), Some(new)) = (old, new)
            && old.value()["metadata"]["labels"] == new.value()["metadata"]["labels"]
            && old.value()["metadata"]["annotations"] == new.value()["metadata"]["annotations"]
        {
            return Vec::new();
        }
        let value = table::object_value(object.namespace(), &kind.group, &kind.kind, object.name());
        machines
            .by_index(table::BY_REFERENCE, &value)
            .iter()
            .filter_map(|machine| owner_of(machine))
            .collect()
    });
    Ok(())
}

/// Connections that come and go, control plane Nodes and static Pods.
fn wake_on_workload(cx: &Context, queue: &Queue, clusters: Store<Cluster>) {
    let queue = queue.clone();
    cx.workloads.subscribe(Arc::new(move |cluster: &Key, change: &Change<'_>| {
        if !is_relevant(change) {
            return;
        }
        if let Some(key) = clusters.get(cluster).as_deref().and_then(control_plane_of) {
            queue.add(key, Priority::Fresh);
        }
    }));
}

/// Whether a change in a workload cluster can change a decision. Kubelets write to their Nodes all the time.
fn is_relevant(change: &Change<'_>) -> bool {
    if matches!(change, Change::Connection(_) | Change::Synced { .. }) {
        return true;
    }
    if let Some((old, new)) = change.object::<Node>() {
        return new.or(old).is_some_and(is_control_plane) && old.map(facts_of_node) != new.map(facts_of_node);
    }
    change.object::<Pod>().is_some_and(|(old, new)| old.map(facts_of_pod) != new.map(facts_of_pod))
}

fn is_control_plane(node: &Node) -> bool {
    // A Node that has yet to get the label is no worker for sure.
    let labels = node.metadata.labels.as_ref();
    labels.is_some_and(|all| all.contains_key(kubeadm::naming::CONTROL_PLANE_LABEL))
        || node.status.is_none()
        || labels.is_none()
}

fn facts_of_node(node: &Node) -> impl PartialEq + use<> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    (
        node.metadata.uid.clone(),
        node.metadata.labels.clone(),
        node.spec.as_ref().and_then(|spec| spec.taints.clone()),
        node.spec.as_ref().and_then(|spec| spec.provider_id.clone()),
        ready.map(|condition| condition.status.clone()),
    )
}

fn facts_of_pod(pod: &Pod) -> impl PartialEq + use<> {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let conditions: Vec<(String, String)> = conditions
        .into_iter()
        .flatten()
        .map(|condition| (condition.type_.clone(), condition.status.clone()))
        .collect();
    (
        pod.metadata.uid.clone(),
        status.and_then(|status| status.phase.clone()),
        conditions,
        status.and_then(|status| status.container_statuses.clone()),
    )
}
