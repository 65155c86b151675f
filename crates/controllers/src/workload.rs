//! Acting in workload clusters: writes to their API, changes to their etcd; and when to connect to them.

use api::core::Cluster;
use decide::plan::{ClusterRef, EtcdChange, ObjectRef, Part, Write};
use k8s_openapi::api::core::v1::Secret;
use runtime::cache::Cache;
use runtime::client::{Call, Client, Verb};
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::queue::Priority;
use runtime::workload::{EtcdAccess, KubeconfigSource, Workloads};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::act::{self, Progress};
use crate::context::Context;
use crate::error::Error;
use crate::etcd_identity::EtcdIdentity;

/// What the name of the Secret with a cluster's kubeconfig ends with.
const KUBECONFIG_SUFFIX: &str = "-kubeconfig";

/// Gives the kubeconfig of a cluster from its Secret `<cluster>-kubeconfig`, key `value`.
pub fn kubeconfigs(cache: &Cache) -> KubeconfigSource {
    let cache = cache.clone();
    Arc::new(move |cluster: &Key| {
        let secrets = cache.kind::<Secret>().ok()?;
        let secret =
            secrets.get(&Key::new(cluster.namespace(), &format!("{}{KUBECONFIG_SUFFIX}", cluster.name())))?;
        Some(secret.data.as_ref()?.get("value")?.0.clone())
    })
}

/// Connects to a workload cluster when its kubeconfig or endpoint appears or changes, and lets go of it when its Cluster
/// is gone.
///
/// # Errors
/// When the cache was not built for this: a fault of ours.
pub fn follow(cache: &Cache, workloads: &Workloads) -> Result<(), Error> {
    let connections = workloads.clone();
    cache.kind::<Secret>()?.observe(move |_, new: Option<&Secret>, _: Priority| {
        let Some(metadata) = new.map(|secret| &secret.metadata) else { return };
        if let Some(cluster) = metadata.name.as_deref().and_then(|name| name.strip_suffix(KUBECONFIG_SUFFIX))
        {
            connections.nudge(&Key::new(metadata.namespace.as_deref().unwrap_or_default(), cluster));
        }
    });
    let connections = workloads.clone();
    cache.kind::<Cluster>()?.observe(move |old: Option<&Cluster>, new: Option<&Cluster>, _: Priority| {
        if let (Some(old), None) = (old, new) {
            connections.remove(&Key::of(&old.metadata));
        }
    });
    Ok(())
}

/// A write to the API of a workload cluster.
///
/// # Errors
/// When there is no connection, or the cluster refuses.
pub async fn write(cx: &Context, cluster: &ClusterRef, write: &Write) -> Result<Progress, Error> {
    let key = Key::new(&cluster.namespace, &cluster.name);
    let client = client(cx, &key)?;
    let reference = write.target();
    let kind = kind_of(&reference)?;
    let object = Key::new(&reference.namespace, &reference.name);
    let outcome = match write {
        Write::Apply { object: body, manager, part } => {
            let mut call = Call::new(Verb::Apply, &kind, &object);
            let query = [("fieldManager", *manager), ("force", "true")];
            (call.query, call.subresource, call.body) = (&query, subresource(*part), body.to_string().into());
            client.call(call).await
        }
        Write::Create { object: body } => {
            let mut call = Call::new(Verb::Create, &kind, &object);
            call.body = body.to_string().into();
            client.call(call).await
        }
        Write::Patch { patch, part, .. } => {
            let mut call = Call::new(Verb::Patch, &kind, &object);
            (call.subresource, call.body) = (subresource(*part), patch.to_string().into());
            client.call(call).await
        }
        Write::Delete { uid, .. } => {
            let mut call = Call::new(Verb::Delete, &kind, &object);
            call.body = delete_options(uid.as_deref()).to_string().into();
            client.call(call).await
        }
        Write::Evict { grace_period_seconds, .. } => {
            evict(&client, &kind, &object, *grace_period_seconds).await
        }
    };
    match outcome {
        Ok(_) => Ok(Progress::OutOfSight),
        Err(error) if is_done_already(write, &error) => Ok(Progress::Nothing),
        Err(error) => {
            if error.is_uncertain() {
                cx.workloads.doubt(&key);
            }
            Err(failed(&key, &error))
        }
    }
}

/// Whether a refusal says that there is nothing left to do: what was to be created is there (its name is derived from what
/// it is for), what was to be changed or removed is gone.
fn is_done_already(write: &Write, error: &runtime::client::Error) -> bool {
    match write {
        Write::Create { .. } => error.is_already_exists(),
        Write::Patch { .. } | Write::Delete { .. } | Write::Evict { .. } => error.is_not_found(),
        Write::Apply { .. } => false,
    }
}

async fn evict(
    client: &Client,
    pods: &Kind,
    pod: &Key,
    grace_period_seconds: Option<u32>,
) -> Result<bytes::Bytes, runtime::client::Error> {
    // `pods/NAME/eviction` is created, so the path of the pod is the path of a collection to the client.
    let evictions =
        Kind::new(&pods.group, &pods.version, "Eviction", &format!("pods/{}/eviction", pod.name()));
    let mut call = Call::new(Verb::Create, &evictions, pod);
    call.body = eviction(pod, grace_period_seconds).to_string().into();
    client.call(call).await
}

/// The request to evict a Pod.
pub fn eviction(pod: &Key, grace_period_seconds: Option<u32>) -> Value {
    let mut eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"namespace": pod.namespace(), "name": pod.name()},
    });
    if let Some(seconds) = grace_period_seconds {
        eviction["deleteOptions"] = json!({"gracePeriodSeconds": seconds});
    }
    eviction
}

/// A change to the etcd of a workload cluster, through the first of `nodes` that can do it. Leadership can be handed over
/// by the leader only; any member can remove another.
///
/// # Errors
/// When none of the nodes could do it.
pub async fn etcd(
    cx: &Context,
    cluster: &ClusterRef,
    nodes: &[String],
    change: &EtcdChange,
) -> Result<Progress, Error> {
    let key = Key::new(&cluster.namespace, &cluster.name);
    let identity = EtcdIdentity::of(cx, &key).await?;
    let mut last = "no node was named".to_owned();
    for node in nodes {
        match through(cx, &key, node, &identity.access(), change).await {
            Ok(true) => return Ok(Progress::OutOfSight),
            Ok(false) => last = format!("etcd on node {node} does not lead"),
            Err(error) => last = error,
        }
    }
    Err(Error::Workload { cluster: key.to_string(), reason: last })
}

/// Tries a change through one node; whether it was done.
async fn through(
    cx: &Context,
    cluster: &Key,
    node: &str,
    access: &EtcdAccess<'_>,
    change: &EtcdChange,
) -> Result<bool, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut client = cx.workloads.etcd(cluster, node, access).await.map_err(|error| text(&error))?;
    match change {
        EtcdChange::MoveLeader { to } => {
            return client.hand_over(to).await.map_err(|error| text(&error));
        }
        EtcdChange::RemoveMember { id } => match client.member_remove(*id).await {
            Err(error) if error.is(etcd::messages::errors::MEMBER_NOT_FOUND) => {}
            other => drop(other.map_err(|error| text(&error))?),
        },
    }
    Ok(true)
}

/// The client of a workload cluster.
///
/// # Errors
/// When there is no connection.
pub fn client(cx: &Context, cluster: &Key) -> Result<Client, Error> {
    let client = cx.workloads.client(cluster);
    client.map_err(|error| Error::Workload { cluster: cluster.to_string(), reason: error.to_string() })
}

/// The kind of an object in a workload cluster. Built-in plurals follow the rule of definitions.
///
/// # Errors
/// When its apiVersion is none.
pub fn kind_of(reference: &ObjectRef) -> Result<Kind, Error> {
    let kind = act::kind_of(reference)?;
    let plural = api::contract::names::resource(&kind.kind);
    Ok(Kind::new(&kind.group, &kind.version, &kind.kind, &plural))
}

fn subresource(part: Part) -> &'static str {
    match part {
        Part::Main => "",
        Part::Status => "status",
    }
}

fn delete_options(uid: Option<&str>) -> Value {
    match uid {
        Some(uid) => json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}),
        None => json!({"apiVersion": "v1", "kind": "DeleteOptions"}),
    }
}

fn failed(cluster: &Key, error: &runtime::client::Error) -> Error {
    Error::Workload { cluster: cluster.to_string(), reason: error.to_string() }
}
