//! One watch of one cluster: a feed of the [cache](crate::cache)'s, over a connection that comes and goes.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node;
use serde::de::DeserializeOwned;

use super::{Change, Entry, Shared};
use crate::cache::{AnyStore as _, Decode, Feed, Scope, Store, Surroundings, Traits};
use crate::client::Client;
use crate::key::Key;
use crate::kind::Kind;

/// Name of the watch that every connected cluster has.
pub const NODES: &str = "nodes";

/// How long a server is asked to keep one watch open. Long, since the watch shares its connection with the probes, which find
/// out sooner whether it still carries anything.
const WATCH_TIME: Duration = Duration::from_secs(1800);

/// What can be watched in a workload cluster.
pub trait Watched: kube_core::Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static {}

impl<K> Watched for K where K: kube_core::Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static
{}

/// What to watch, and what to keep of it.
pub struct WatchSpec<K> {
    /// Tells watches of one cluster apart.
    pub name: &'static str,
    /// Objects of this namespace; empty for all.
    pub namespace: &'static str,
    /// Label selector; empty for all.
    pub labels: &'static str,
    /// Removes what nobody reads. Managed fields are always removed.
    pub trim: fn(&mut K),
}

/// Nodes, without the lists that make them large.
pub(super) fn nodes() -> WatchSpec<Node> {
    WatchSpec {
        name: NODES,
        namespace: "",
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
    fn run(self: Arc<Self>, client: Client, shared: Arc<Shared>, entry: Arc<Entry>)
    -> BoxFuture<'static, ()>;

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A watch and what it has delivered.
pub(super) struct Watch<K> {
    name: &'static str,
    store: Store<K>,
    feed: Feed,
}

impl<K: Watched> Watch<K> {
    /// A watch of `cluster` that tells every change to the observers in `shared`.
    pub(super) fn new(spec: &WatchSpec<K>, shared: &Arc<Shared>, cluster: &Key) -> Self {
        let kind = Arc::new(Kind::of::<K>());
        let traits = Traits {
            decode: Decode::Typed(|text| serde_json::from_str(text)),
            // Nothing is applied by way of it.
            encode: None,
            trim: Some(spec.trim),
            label: None,
            managers: |_| false,
            indexes: Vec::new(),
        };
        let store = Store::new(Arc::clone(&kind), traits);
        let labels = (!spec.labels.is_empty()).then(|| spec.labels.to_owned());
        let scope = Scope { namespace: spec.namespace, labels };
        let feed = Feed::new(kind, scope, Arc::new(store.clone()));
        // The task of the cluster holds what is shared for as long as it watches.
        let (observers, cluster, watch) = (Arc::downgrade(shared), cluster.clone(), spec.name);
        store.observe(move |old, new, _| {
            let Some(shared) = observers.upgrade() else { return };
            let old = old.map(|object| object as &dyn Any);
            let new = new.map(|object| object as &dyn Any);
            shared.tell(&cluster, &Change::Object { watch, old, new });
        });
        Self { name: spec.name, store, feed }
    }

    /// Everything; none before the first list is complete.
    pub(super) fn all(&self) -> Option<Vec<Arc<K>>> {
        self.store.is_synced().then(|| self.store.list(""))
    }

    /// One object, perhaps absent; none before the first list is complete.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Arc<K>>> {
        self.store.is_synced().then(|| self.store.get(key))
    }

    /// Tells observers of the first list, once.
    async fn tell_synced(&self, shared: &Shared, cluster: &Key) {
        if !self.store.is_synced() {
            self.store.synced().await;
            shared.tell(cluster, &Change::Synced { watch: self.name });
        }
    }
}

impl<K: Watched> Slot for Watch<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(
        self: Arc<Self>,
        client: Client,
        shared: Arc<Shared>,
        entry: Arc<Entry>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.store.unsettle();
            let doubted = Arc::clone(&entry);
            let around = Surroundings {
                client,
                clock: shared.clock.clone(),
                entropy: shared.entropy.clone(),
                filter: None,
                watch_time: Some(WATCH_TIME),
                server: entry.key.to_string(),
                streams_lists: false,
                interrupted: Some(Arc::new(move || {
                    doubted.doubt.store(true, Ordering::Relaxed);
                    doubted.wake.notify_one();
                })),
            };
            futures::join!(self.feed.follow(&around), self.tell_synced(&shared, &entry.key));
        })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
