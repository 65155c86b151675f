//! The parts of a cluster, kept current by watches: for views that are woken instead of asking again and again.

use std::collections::BTreeMap;
use std::sync::Arc;

use machinery::gvk::{GroupKind, GroupVersionKind};
use manager::Environment;
use runtime::cache::{Cache, Object, Store};
use runtime::client::{Client, Error};
use runtime::key::Key;
use runtime::shutdown::Shutdown;
use serde_json::Value;
use tokio::sync::Notify;

use crate::tree::{Parts, Referenced};

const CORE: &str = "cluster.x-k8s.io";

/// Live objects of the kinds that make up a cluster. Watching ends when this is dropped.
pub struct Watched {
    stores: BTreeMap<GroupKind, Store<Object>>,
    changed: Arc<Notify>,
    shutdown: Shutdown,
}

impl Watched {
    /// Begins to watch the core's kinds and `others`; returns when everything that is there is known.
    pub async fn start(
        client: Client,
        environment: &Environment,
        others: impl IntoIterator<Item = GroupVersionKind>,
    ) -> Result<Self, Error> {
        let shutdown = Shutdown::new();
        let cache = Cache::builder(client, environment.clock.clone(), environment.entropy.clone());
        let cache = cache.dynamic_managers(|_| false).start(&shutdown);
        let mut watched = Self { stores: BTreeMap::new(), changed: Arc::default(), shutdown };
        let core = ["Cluster", "MachineDeployment", "MachineSet", "Machine"];
        let core = core.map(|kind| GroupVersionKind::new(CORE, "v1beta2", kind));
        for kind in core.into_iter().chain(others) {
            let group_kind = GroupKind::new(kind.group.as_str(), kind.kind.as_str());
            if watched.stores.contains_key(&group_kind) {
                continue;
            }
            let store = cache.dynamic(&kind).await?;
            let changed = Arc::clone(&watched.changed);
            store.observe(move |_, _, _| changed.notify_one());
            watched.stores.insert(group_kind, store);
        }
        Ok(watched)
    }

    /// Returns once something changed since the last call; at once where it did meanwhile.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The parts of one cluster, as far as they exist.
    pub fn parts(&self, cluster: &Key) -> Parts {
        let object = self.one(CORE, "Cluster", cluster).unwrap_or_default();
        let referenced = |reference: &Value| {
            let part = |field: &str| reference[field].as_str().unwrap_or_default();
            if part("name").is_empty() {
                return Referenced::Unset;
            }
            let key = Key::new(cluster.namespace(), part("name"));
            self.one(part("apiGroup"), part("kind"), &key).map_or(Referenced::Missing, Referenced::Found)
        };
        Parts {
            infrastructure: referenced(&object["spec"]["infrastructureRef"]),
            control_plane: referenced(&object["spec"]["controlPlaneRef"]),
            machine_deployments: self.of_cluster("MachineDeployment", cluster),
            machine_sets: self.of_cluster("MachineSet", cluster),
            machines: self.of_cluster("Machine", cluster),
            cluster: object,
        }
    }

    fn one(&self, group: &str, kind: &str, key: &Key) -> Option<Value> {
        let object = self.stores.get(&GroupKind::new(group, kind))?.get(key)?;
        Some(object.value().clone())
    }

    fn of_cluster(&self, kind: &str, cluster: &Key) -> Vec<Value> {
        let Some(store) = self.stores.get(&GroupKind::new(CORE, kind)) else { return Vec::new() };
        let objects = store.list(cluster.namespace());
        let own = objects.iter().filter(|object| object.value()["spec"]["clusterName"] == cluster.name());
        own.map(|object| object.value().clone()).collect()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}
