//! What is seen of one Machine: all of it from caches.

use std::sync::Arc;

use api::core::common::ContractVersionedObjectReference;
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use api::{Conditioned, conditions, labels};
use decide::machine::{Connection, NodeView, Observed, Surroundings};
use decide::owners;
use decide::referenced::Referenced;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use runtime::key::Key;

use crate::context::Context;
use crate::definitions::Definition;
use crate::error::Error;
use crate::table;

/// Everything a decision about the Machine needs.
pub async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(machine) = cx.get::<Machine>(key)? else { return Ok(None) };
    let namespace = key.namespace();
    let cluster_key = Key::new(namespace, &machine.spec.cluster_name);
    let cluster = cx.get::<Cluster>(&cluster_key)?;
    let machine_set = machine_set(cx, &machine)?;
    let deployment = machine_set.as_ref().and_then(|set| label(&set.metadata, labels::DEPLOYMENT_NAME));
    let deployment =
        deployment.map(|name| cx.get::<MachineDeployment>(&Key::new(namespace, name))).transpose()?;
    let bootstrap = match &machine.spec.bootstrap.config_ref {
        Some(reference) => cx.referenced(namespace, reference).await?,
        None => Referenced::Unset,
    };
    let infrastructure = cx.referenced(namespace, &machine.spec.infrastructure_ref).await?;
    let surroundings = match &cluster {
        Some(cluster) if machine.metadata.deletion_timestamp.is_some() => surroundings(cx, cluster).await?,
        _ => Surroundings::default(),
    };
    let mut seen = Observed {
        now: cx.clock.now(),
        machine_set,
        machine_deployment: deployment.flatten(),
        bootstrap,
        infrastructure,
        connection: connection(cx, &cluster_key),
        node: NodeView::NotConnected,
        surroundings,
        pods: None,
        refused_evictions: None,
        volumes: None,
        machine,
        cluster,
    };
    seen.node = node(cx, &cluster_key, &seen);
    Ok(Some(seen))
}

/// Whether a reference names a kind by this definition.
pub fn is_of(reference: &ContractVersionedObjectReference, definition: &Definition) -> bool {
    reference.api_group == definition.spec.group && reference.kind == definition.spec.names.kind
}

fn machine_set(cx: &Context, machine: &Machine) -> Result<Option<Arc<MachineSet>>, Error> {
    let owner = owners::controller_of(&machine.metadata).filter(|owner| owner.kind == "MachineSet");
    let Some(owner) = owner else { return Ok(None) };
    let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
    cx.get::<MachineSet>(&Key::new(namespace, &owner.name))
}

/// What decides whether the Node of a Machine that goes matters.
async fn surroundings(cx: &Context, cluster: &Cluster) -> Result<Surroundings, Error> {
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    let control_plane = match &cluster.spec.control_plane_ref {
        Some(reference) => cx.referenced(namespace, reference).await?,
        None => Referenced::Unset,
    };
    let machines = cx.by_index::<Machine>(table::BY_CLUSTER, &table::value_of(&cluster.metadata))?;
    let active = machines.iter().filter(|machine| {
        machine.metadata.deletion_timestamp.is_none()
            && label(&machine.metadata, labels::CONTROL_PLANE).is_some()
    });
    Ok(Surroundings { control_plane, active_control_plane_machines: active.count() })
}

/// How the connection to a workload cluster stands.
pub fn connection(cx: &Context, cluster: &Key) -> Connection {
    let status = cx.workloads.status(cluster);
    Connection {
        is_connected: status.is_connected(),
        is_healthy: status.is_connected() && status.consecutive_failures == 0,
        last_success: status.last_probe_success_time,
        consecutive_failures: status.consecutive_failures,
    }
}

/// The Node with the Machine's provider ID. Its name is known once it was found, which spares looking at all of them; and a
/// Machine that goes takes leave of the Node of that name, whatever that says of itself by now.
fn node(cx: &Context, cluster: &Key, seen: &Observed) -> NodeView {
    let id = seen.provider_id();
    let has_id = |node: &Node| {
        id.is_some() && node.spec.as_ref().and_then(|spec| spec.provider_id.as_ref()) == id.as_ref()
    };
    let is_going = seen.machine.metadata.deletion_timestamp.is_some();
    if let Some(recorded) = &seen.machine.status.node_ref
        && let Ok(Some(node)) = cx.workloads.node(cluster, &recorded.name)
        && (is_going || has_id(&node))
    {
        return NodeView::Found(node);
    }
    if id.is_none() {
        return NodeView::Absent;
    }
    let Ok(nodes) = cx.workloads.nodes(cluster) else { return NodeView::NotConnected };
    let mut with_id = nodes.into_iter().filter(|node| has_id(node));
    match (with_id.next(), with_id.next()) {
        (None, _) => NodeView::Absent,
        (Some(node), None) => NodeView::Found(node),
        (Some(_), Some(_)) => NodeView::Ambiguous,
    }
}

fn label<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(name).map(String::as_str)
}

/// The MachineDeployment that made a Machine.
pub fn deployment_of(machine: &Machine) -> Option<&str> {
    label(&machine.metadata, labels::DEPLOYMENT_NAME)
}

/// What of a Cluster decisions here depend on.
pub fn relevant_of_cluster(cluster: &Cluster) -> impl PartialEq + use<> {
    let initialized = cluster.condition(conditions::CONTROL_PLANE_INITIALIZED);
    (
        cluster.spec.paused,
        cluster.status.initialization.infrastructure_provisioned,
        initialized.map(|condition| (condition.status.clone(), condition.last_transition_time.clone())),
        cluster.metadata.deletion_timestamp.is_some(),
    )
}

/// The same of a MachineSet.
pub fn relevant_of_set(set: &MachineSet) -> impl PartialEq + use<'_> {
    (revision(&set.metadata), &set.spec.template.spec, label(&set.metadata, labels::DEPLOYMENT_NAME))
}

/// The same of a MachineDeployment.
pub fn relevant_of_deployment(deployment: &MachineDeployment) -> impl PartialEq + use<'_> {
    (revision(&deployment.metadata), &deployment.spec.template.spec, &deployment.spec.rollout.after)
}

fn revision(metadata: &ObjectMeta) -> Option<&String> {
    metadata.annotations.as_ref()?.get(labels::REVISION)
}

/// Whether nothing changed that decisions here depend on.
pub fn is_same_node(old: &Node, new: &Node) -> bool {
    let metadata = |node: &'_ Node| {
        let metadata = &node.metadata;
        (metadata.labels.clone(), metadata.annotations.clone(), metadata.uid.clone())
    };
    let said = |node: &Node| -> Vec<NodeCondition> {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .map(|condition| NodeCondition { last_heartbeat_time: None, ..condition.clone() })
            .collect()
    };
    let (was, is) = (old.status.as_ref(), new.status.as_ref());
    old.spec == new.spec
        && metadata(old) == metadata(new)
        && was.map(|status| &status.node_info) == is.map(|status| &status.node_info)
        && was.map(|status| &status.volumes_attached) == is.map(|status| &status.volumes_attached)
        && said(old) == said(new)
}
