//! What a Machine that is being deleted may have looked up in its workload cluster. Read live: nobody else needs it, and
//! it is needed once in the life of a Machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::workload::{self as kinds, DaemonSet, Pod, VolumeAttachment};
use decide::machine::{Looked, Need, Observed, PersistentVolume, PodsOnNode, Volumes};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use runtime::client::{Call, Client, Error, Verb, decode};
use runtime::key::Key;
use runtime::kind::Kind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::workload;

/// How many objects are asked for at once.
const PAGE: &str = "500";
/// How long Pods are asked about in one pass. The rest has its turn in the next.
const EVICTION_BUDGET: Duration = Duration::from_secs(10);
/// What is said of Pods that had no turn.
const TOO_LATE: &str = "eviction timeout of 10s reached, eviction will be retried";
/// What an API server refuses because the namespace is on its way out.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// Looks one thing up and writes down what became known, or that nothing did.
pub async fn look(cx: &Context, need: Need, seen: &mut Observed) {
    let namespace = seen.machine.metadata.namespace.as_deref().unwrap_or_default();
    let cluster = Key::new(namespace, &seen.machine.spec.cluster_name);
    match need {
        Need::Pods { node } => {
            seen.pods = Some(looked(cx, &cluster, async |client| pods(client, &node).await).await)
        }
        Need::Evictions { pods } => {
            let refused =
                looked(cx, &cluster, async |client| refused_evictions(cx, client, &pods).await).await;
            seen.refused_evictions = Some(refused);
        }
        Need::Volumes { node, node_reports_volumes } => {
            let found =
                looked(cx, &cluster, async |client| volumes(client, &node, node_reports_volumes).await).await;
            seen.volumes = Some(found);
        }
    }
}

async fn looked<T>(
    cx: &Context,
    cluster: &Key,
    read: impl AsyncFnOnce(&Client) -> Result<T, Error>,
) -> Looked<T> {
    let client = match workload::client(cx, cluster) {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(%cluster, %error, "a Machine that is being deleted cannot be seen to");
            return Looked::Failed;
        }
    };
    match read(&client).await {
        Ok(known) => Looked::Known(known),
        Err(error) => {
            if error.is_uncertain() {
                cx.workloads.doubt(cluster);
            }
            tracing::warn!(%cluster, %error, "a Machine that is being deleted cannot be seen to");
            Looked::Failed
        }
    }
}

/// The Pods of a Node, and what is needed to judge them, if there are any.
async fn pods(client: &Client, node: &str) -> Result<PodsOnNode, Error> {
    let pods: Vec<Pod> = list(client, &[("fieldSelector", &format!("spec.nodeName={node}"))]).await?;
    if pods.is_empty() {
        return Ok(PodsOnNode::default());
    }
    let daemon_sets: BTreeSet<(String, String)> = match pods.iter().any(is_of_daemon_set) {
        false => BTreeSet::new(),
        true => list::<DaemonSet>(client, &[])
            .await?
            .into_iter()
            .map(|set| (set.metadata.namespace.unwrap_or_default(), set.metadata.name.unwrap_or_default()))
            .collect(),
    };
    let namespaces = list::<Namespace>(client, &[]).await?;
    let namespaces = namespaces.into_iter().map(|namespace| {
        (namespace.metadata.name.unwrap_or_default(), namespace.metadata.labels.unwrap_or_default())
    });
    Ok(PodsOnNode { pods, daemon_sets, namespaces: namespaces.collect() })
}

fn is_of_daemon_set(pod: &Pod) -> bool {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && owner.kind == "DaemonSet")
}

/// Which evictions would be refused now, and with which words. Nothing is evicted: the API server only tries.
async fn refused_evictions(
    cx: &Context,
    client: &Client,
    pods: &[(String, String)],
) -> Result<BTreeMap<String, String>, Error> {
    let mut refused = BTreeMap::new();
    let began = cx.clock.now();
    for (namespace, name) in pods {
        let kind = Kind::new("", "v1", "Eviction", &format!("pods/{name}/eviction"));
        let key = Key::new(namespace, name);
        if cx.clock.since(began) > EVICTION_BUDGET {
            refused.insert(key.to_string(), TOO_LATE.to_owned());
            continue;
        }
        let mut call = Call::new(Verb::Create, &kind, &key);
        call.query = &[("dryRun", "All")];
        call.body = workload::eviction(&key, None).to_string().into();
        match client.call(call).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(Error::Refused { status, .. }) => drop(refused.insert(key.to_string(), words(&status))),
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

/// Why an eviction was refused, with everything that the API server has to say about it.
fn words(status: &kube_core::Status) -> String {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if status.code == 403 && causes.iter().any(|cause| cause.reason == NAMESPACE_TERMINATING) {
        return "Cannot evict pod from terminating namespace: unable to create eviction \
                (kube-controller-manager should set deletionTimestamp)"
            .to_owned();
    }
    if status.code != 429 || status.details.is_none() {
        return status.message.clone();
    }
    let causes: Vec<&str> = causes.iter().map(|cause| cause.message.as_str()).collect();
    format!("{} {}", status.message, causes.join(","))
}

/// What is attached to a Node, and to which volumes that belongs.
async fn volumes(client: &Client, node: &str, node_reports_volumes: bool) -> Result<Volumes, Error> {
    let mut found = Volumes::default();
    for attachment in list::<VolumeAttachment>(client, &[]).await? {
        let is_attached = attachment.status.as_ref().is_some_and(|status| status.attached);
        if !is_attached || attachment.spec.node_name != node {
            continue;
        }
        match attachment.spec.source.persistent_volume_name {
            Some(name) => drop(found.attached.insert(name)),
            None => found.unnamed_attachments.push(attachment.metadata.name.unwrap_or_default()),
        }
    }
    if node_reports_volumes || !found.attached.is_empty() {
        let all = list::<kinds::PersistentVolume>(client, &[]).await?;
        found.persistent_volumes = all.into_iter().map(persistent_volume).collect();
    }
    Ok(found)
}

fn persistent_volume(volume: kinds::PersistentVolume) -> PersistentVolume {
    let spec = volume.spec;
    let csi = spec.csi.map(|csi| format!("kubernetes.io/csi/{}^{}", csi.driver, csi.volume_handle));
    let claim = spec.claim_ref.filter(|claim| claim.kind.as_deref() == Some("PersistentVolumeClaim"));
    let claim = claim
        .map(|claim| format!("{}/{}", claim.namespace.unwrap_or_default(), claim.name.unwrap_or_default()));
    PersistentVolume { name: volume.metadata.name.unwrap_or_default(), name_on_node: csi, claim }
}

/// One page of a list.
#[derive(Deserialize)]
struct Page<K> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    items: Vec<K>,
}

/// All objects of a kind, page by page.
async fn list<K>(client: &Client, selectors: &[(&str, &str)]) -> Result<Vec<K>, Error>
where
    K: kube_core::Resource<DynamicType = ()> + DeserializeOwned,
{
    let kind = Kind::of::<K>();
    let everywhere = Key::new("", "");
    let mut all = Vec::new();
    let mut from = String::new();
    loop {
        let mut query = selectors.to_vec();
        query.push(("limit", PAGE));
        if !from.is_empty() {
            query.push(("continue", &from));
        }
        let mut call = Call::new(Verb::List, &kind, &everywhere);
        call.query = &query;
        let body = client.call(call).await?;
        let page: Page<K> = decode(&body).map_err(|source| Error::Unreadable {
            verb: Verb::List.name(),
            what: kind.to_string(),
            source,
        })?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => from = token,
            None => return Ok(all),
        }
    }
}
