//! One watch of one cluster, and what it has delivered.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::runtime::watcher::{self, Event};
use serde::de::DeserializeOwned;

use super::{Change, Entry, Shared};
use crate::key::Key;

/// Name of the watch that every connected cluster has.
pub const NODES: &str = "nodes";

/// Pause after a watch failed, doubled with each failure in a row.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What can be watched in a workload cluster.
pub trait Watched:
    kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static
{
}

impl<K> Watched for K where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static
{
}

/// What to watch, and what to keep of it.
pub struct WatchSpec<K> {
    /// Tells watches of one cluster apart.
    pub name: &'static str,
    /// Where to connect it to: all objects of the kind, or those of one namespace.
    pub api: fn(kube::Client) -> Api<K>,
    /// Label selector; empty for all.
    pub labels: &'static str,
    /// Removes what nobody reads. Managed fields and the last applied configuration are always removed.
    pub trim: fn(&mut K),
}

impl<K> Clone for WatchSpec<K> {
    fn clone(&self) -> Self {
        Self { name: self.name, api: self.api, labels: self.labels, trim: self.trim }
    }
}

/// Nodes, without the lists that make them large.
pub(super) fn nodes() -> WatchSpec<Node> {
    WatchSpec {
        name: NODES,
        api: Api::all,
        labels: "",
        trim: |node| {
            if let Some(status) = &mut node.status {
                // A node lists up to 50 images with several names each.
                status.images = None;
                status.config = None;
                status.daemon_endpoints = None;
                status.features = None;
                status.runtime_handlers = None;
            }
        },
    }
}

/// A watch whatever its type.
pub(super) trait Slot: Send + Sync {
    fn name(&self) -> &'static str;

    /// Watches until dropped.
    fn run(
        self: Arc<Self>,
        client: kube::Client,
        shared: Arc<Shared>,
        entry: Arc<Entry>,
    ) -> BoxFuture<'static, ()>;

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// What a watch has delivered.
pub(super) struct Store<K> {
    spec: WatchSpec<K>,
    content: Mutex<Content<K>>,
}

struct Content<K> {
    objects: BTreeMap<Key, Arc<K>>,
    is_synced: bool,
    /// What a list that is under way has delivered so far.
    listing: BTreeMap<Key, Arc<K>>,
}

/// Old and new of one object.
type Difference<K> = (Option<Arc<K>>, Option<Arc<K>>);

impl<K: Watched> Store<K> {
    pub(super) fn new(spec: WatchSpec<K>) -> Self {
        let content = Content { objects: BTreeMap::new(), is_synced: false, listing: BTreeMap::new() };
        Self { spec, content: Mutex::new(content) }
    }

    fn content(&self) -> MutexGuard<'_, Content<K>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything; none before the first list is complete.
    pub(super) fn all(&self) -> Option<Vec<Arc<K>>> {
        let content = self.content();
        content.is_synced.then(|| content.objects.values().cloned().collect())
    }

    /// One object, perhaps absent; none before the first list is complete.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Arc<K>>> {
        let content = self.content();
        content.is_synced.then(|| content.objects.get(key).cloned())
    }

    fn trimmed(&self, mut object: K) -> (Key, Arc<K>) {
        let metadata = object.meta_mut();
        metadata.managed_fields = None;
        if let Some(annotations) = &mut metadata.annotations {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        (self.spec.trim)(&mut object);
        (Key::of(object.meta()), Arc::new(object))
    }

    /// Takes in what a watch delivered; gives what that changed, and whether it completed the first list.
    fn take_in(&self, event: Event<K>) -> (Vec<Difference<K>>, bool) {
        let mut content = self.content();
        match event {
            Event::Init => content.listing = BTreeMap::new(),
            Event::InitApply(object) => {
                let (key, object) = self.trimmed(object);
                content.listing.insert(key, object);
            }
            Event::InitDone => return content.complete_list(),
            Event::Apply(object) => {
                let (key, object) = self.trimmed(object);
                let old = content.objects.insert(key, object.clone());
                return (vec![(old, Some(object))], false);
            }
            Event::Delete(object) => {
                let old = content.objects.remove(&Key::of(object.meta()));
                return (old.map(|old| (Some(old), None)).into_iter().collect(), false);
            }
        }
        (Vec::new(), false)
    }
}

impl<K: Watched> Content<K> {
    fn complete_list(&mut self) -> (Vec<Difference<K>>, bool) {
        let new = std::mem::take(&mut self.listing);
        let mut old = std::mem::take(&mut self.objects);
        let mut differences = Vec::new();
        for (key, object) in &new {
            let before = old.remove(key);
            let is_same = before.as_ref().is_some_and(|before| {
                before.meta().resource_version == object.meta().resource_version
                    && before.meta().uid == object.meta().uid
            });
            if !is_same {
                differences.push((before, Some(object.clone())));
            }
        }
        differences.extend(old.into_values().map(|gone| (Some(gone), None)));
        self.objects = new;
        (differences, !std::mem::replace(&mut self.is_synced, true))
    }
}

impl<K: Watched> Slot for Store<K> {
    fn name(&self) -> &'static str {
        self.spec.name
    }

    fn run(
        self: Arc<Self>,
        client: kube::Client,
        shared: Arc<Shared>,
        entry: Arc<Entry>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut config = watcher::Config::default();
            if !self.spec.labels.is_empty() {
                config = config.labels(self.spec.labels);
            }
            let mut events = watcher::watcher((self.spec.api)(client), config).boxed();
            let mut pause = RETRY_MIN;
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        pause = RETRY_MIN;
                        self.publish(event, &shared, &entry.key);
                    }
                    Err(error) => {
                        tracing::debug!(cluster = %entry.key, watch = self.spec.name, %error, "a watch failed");
                        entry.doubt.store(true, Ordering::Relaxed);
                        entry.wake.notify_one();
                        shared.clock.sleep(pause).await;
                        pause = (pause * 2).min(RETRY_MAX);
                    }
                }
            }
        })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<K: Watched> Store<K> {
    fn publish(&self, event: Event<K>, shared: &Shared, cluster: &Key) {
        let (differences, has_synced) = self.take_in(event);
        let watch = self.spec.name;
        for (old, new) in &differences {
            let old = old.as_deref().map(|object| object as &dyn Any);
            let new = new.as_deref().map(|object| object as &dyn Any);
            shared.tell(cluster, &Change::Object { watch, old, new });
        }
        if has_synced {
            shared.tell(cluster, &Change::Synced { watch });
        }
    }
}
