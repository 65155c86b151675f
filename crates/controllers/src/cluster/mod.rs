//! Cluster: what it sees, what it looks up, and what wakes it.

mod observe;
mod wake;

use std::sync::Arc;

use api::conditions::{AVAILABLE, CONTROL_PLANE_INITIALIZED, PAUSED};
use api::core::cluster::ClusterStatus;
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use decide::certificates::key_pairs;
use decide::cluster::{Need, NewKubeconfig, Observed, Waiting};
use decide::plan::Plan;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubeadm::certificates::Purpose;
use runtime::cache::{Store, Typed};
use runtime::key::Key;
use runtime::queue::{Priority, Queue};
use runtime::workload::Change;

use crate::context::Context;
use crate::controller::Controller;
use crate::definitions::Definition;
use crate::error::Error;
use crate::gathering::turned;
use crate::{certificates, machine, secrets, table};
use wake::{Urgency, wake};

/// The controller of Clusters.
pub struct ClusterController;

impl Controller for ClusterController {
    const NAME: &'static str = "cluster";
    const MANAGER: &'static str = "capi-cluster";
    type Kind = Cluster;
    type Seen = Observed;
    type Status = ClusterStatus;
    type Waiting = Waiting;
    type Need = Need;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(cx, key).await
    }

    async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
        match need {
            Need::Secrets => {
                let cluster = Key::of(&seen.cluster.metadata);
                let purposes = [Purpose::Kubeconfig, Purpose::ClusterCa];
                let found = secrets::of_cluster(cx, &cluster, &purposes).await?;
                let kubeconfig = Purpose::Kubeconfig.secret_name(cluster.name());
                seen.has_kubeconfig |=
                    found.iter().any(|secret| secret.metadata.name.as_ref() == Some(&kubeconfig));
                let authority = key_pairs(cluster.name(), &found).remove(&Purpose::ClusterCa);
                seen.authority = seen.authority.take().or(authority);
                seen.has_looked_for_secrets = true;
            }
            Need::Kubeconfig { server } => seen.new_kubeconfig = Some(kubeconfig(cx, seen, &server)),
        }
        Ok(())
    }

    fn decide(seen: &Observed) -> Plan<ClusterStatus, Waiting, Need> {
        decide::cluster::decide(seen)
    }

    fn is_urgent(published: &Cluster, status: &ClusterStatus) -> bool {
        published.status.initialization != status.initialization
            || turned(
                &published.status.conditions,
                &status.conditions,
                &[AVAILABLE, CONTROL_PLANE_INITIALIZED, PAUSED],
            )
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        let clusters = cx.kind::<Cluster>()?;
        let (own, clock) = (queue.clone(), cx.clock.clone());
        clusters.observe(move |old, new, priority| {
            if let Some(cluster) = new.or(old) {
                wake(&own, &clock, Key::of(&cluster.metadata), wake::of_cluster(old, new), priority);
            }
        });
        follow::<Machine>(cx, queue, |machine| &machine.spec.cluster_name, wake::of_machine)?;
        follow::<MachineDeployment>(
            cx,
            queue,
            |deployment| &deployment.spec.cluster_name,
            wake::of_deployment,
        )?;
        follow::<MachineSet>(cx, queue, |set| &set.spec.cluster_name, wake::of_set)?;
        follow_references(cx, queue, clusters.clone());
        follow_definitions(cx, queue, clusters.clone())?;
        follow_secrets(cx, queue, clusters)?;
        let connections = queue.clone();
        cx.workloads.subscribe(Arc::new(move |cluster: &Key, change: &Change<'_>| {
            if matches!(change, Change::Connection(_)) {
                connections.add(cluster.clone(), Priority::Fresh);
            }
        }));
        Ok(())
    }
}

/// Objects that name a Cluster wake it, as soon as they matter to it.
fn follow<K: Typed>(
    cx: &Context,
    queue: &Queue,
    cluster_of: fn(&K) -> &String,
    urgency: fn(Option<&K>, Option<&K>) -> Urgency,
) -> Result<(), Error> {
    let (queue, clock) = (queue.clone(), cx.clock.clone());
    cx.kind::<K>()?.observe(move |old, new, priority| {
        // What is there at the beginning wakes nobody: all Clusters are looked at then.
        let Some(object) = new.or(old).filter(|_| priority != Priority::Resync) else { return };
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        wake(&queue, &clock, Key::new(namespace, cluster_of(object)), urgency(old, new), priority);
    });
    Ok(())
}

/// Infrastructure and control plane wake the Cluster that refers to them.
fn follow_references(cx: &Context, queue: &Queue, clusters: Store<Cluster>) {
    let (own, clock) = (queue.clone(), cx.clock.clone());
    cx.cache.subscribe_dynamic(queue, move |kind, old, new| {
        let Some(object) = new.or(old) else { return Vec::new() };
        let value = table::object_value(object.namespace(), &kind.group, &kind.kind, object.name());
        let keys = clusters.keys_by_index(table::BY_REFERENCE, &value);
        if keys.is_empty() {
            return keys;
        }
        let urgency = wake::of_reference(old, new);
        if urgency == Urgency::Now {
            return keys;
        }
        for key in keys {
            wake(&own, &clock, key, urgency, Priority::Fresh);
        }
        Vec::new()
    });
}

/// A definition that comes, goes or begins to be served wakes the Clusters that refer to its kind. That is rare: all Clusters
/// may be looked through for it.
fn follow_definitions(cx: &Context, queue: &Queue, clusters: Store<Cluster>) -> Result<(), Error> {
    let queue = queue.clone();
    cx.kind::<Definition>()?.observe(move |old, new, priority| {
        let Some(definition) = new.or(old).filter(|_| priority != Priority::Resync) else { return };
        for cluster in clusters.list("") {
            let references = [&cluster.spec.infrastructure_ref, &cluster.spec.control_plane_ref];
            if references
                .into_iter()
                .flatten()
                .any(|reference| machine::observe::is_of(reference, definition))
            {
                queue.add(Key::of(&cluster.metadata), priority);
            }
        }
    });
    Ok(())
}

/// Authority and kubeconfig wake a Cluster that has nobody else to make a kubeconfig.
fn follow_secrets(cx: &Context, queue: &Queue, clusters: Store<Cluster>) -> Result<(), Error> {
    cx.kind::<Secret>()?.subscribe(queue, move |old, new| {
        let metadata: Option<&ObjectMeta> = new.or(old).map(|secret| &secret.metadata);
        let cluster = metadata.and_then(|metadata| {
            let (cluster, purpose) = Purpose::of_secret_name(metadata.name.as_deref()?)?;
            let is_of_interest = matches!(purpose, Purpose::ClusterCa | Purpose::Kubeconfig);
            let key = Key::new(metadata.namespace.as_deref().unwrap_or_default(), cluster);
            let cluster = clusters.get(&key).filter(|_| is_of_interest)?;
            cluster.spec.control_plane_ref.is_none().then_some(key)
        });
        cluster.into_iter().collect()
    });
    Ok(())
}

/// A kubeconfig of the cluster's own authority.
fn kubeconfig(cx: &Context, seen: &Observed, server: &str) -> NewKubeconfig {
    let name = seen.cluster.metadata.name.as_deref().unwrap_or_default();
    let Some(authority) = &seen.authority else { return NewKubeconfig::Failed };
    match certificates::kubeconfig(cx, name, server, authority) {
        Ok(text) => NewKubeconfig::Made(text),
        Err(error) => {
            tracing::warn!(cluster = name, %error, "a kubeconfig cannot be made");
            NewKubeconfig::Failed
        }
    }
}
