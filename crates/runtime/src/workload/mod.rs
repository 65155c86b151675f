//! Connections to other clusters: one per cluster, opened when there is something to open it with, watched over while it
//! lives, opened again when it breaks.
//!
//! A cluster's connection is tried as soon as somebody says that something changed ([`Workloads::nudge`]): its kubeconfig
//! appeared, its endpoint was set. A failed try is repeated after 50 ms, then ever later, up to 10 s. While connected, a
//! probe every 20 s is the one poll in this crate: an API server that stops answering tells nobody. A watch that breaks
//! starts a probe at once. Several failed probes in a row mean that the connection is given up, observers are told, and
//! trying starts again.
//!
//! One task serves one cluster: its probes and all of its watches. What watches deliver is trimmed before it is kept.
//!
//! Deliberately absent: which clusters there are, where their kubeconfigs come from, and what a lost connection means.

mod connection;
mod etcd_access;
mod watch;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use etcd_access::{EtcdAccess, EtcdError, etcd_pod_name};
pub use watch::{NODES, WatchSpec, Watched};

use crate::client::Client;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::key::Key;
use crate::network::SharedNetwork;
use crate::portforward::{PortForwardError, PortStream};
use crate::transport::Transport;
use crate::wire::Wire;
use watch::{Slot, Watch};

/// Gives the kubeconfig of a cluster as it is now; none where there is none yet. Asked before each try and after each
/// nudge; must not block.
pub type KubeconfigSource = Arc<dyn Fn(&Key) -> Option<Vec<u8>> + Send + Sync>;

/// What carries the requests to a cluster, given what carries them in production. A rehearsal puts its faults in between.
pub type WireFactory = Arc<dyn Fn(&Key, Transport) -> Wire + Send + Sync>;

/// Told about changes; must not block.
pub type Observer = Arc<dyn Fn(&Key, &Change<'_>) + Send + Sync>;

/// The times and numbers that govern connections.
#[derive(Clone)]
pub struct Settings {
    /// Path of the health probe.
    pub probe_path: String,
    /// Pause between two probes while the cluster answers.
    pub probe_interval: Duration,
    /// Pause after a probe that failed. Shorter: a silent cluster is found out sooner than with one pause for both, at fewer
    /// probes of all the others.
    pub doubt_interval: Duration,
    /// How long a probe may take.
    pub probe_timeout: Duration,
    /// After how many failed probes in a row the connection is given up.
    pub failure_threshold: u32,
    /// Pause after the first failed try.
    pub retry_min: Duration,
    /// Longest pause between two tries.
    pub retry_max: Duration,
    /// How requests are carried.
    pub wire: WireFactory,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Needs a known user, unlike /readyz, and does not depend on what stands behind the API server.
            probe_path: "/".to_owned(),
            probe_interval: Duration::from_secs(20),
            doubt_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(5),
            failure_threshold: 5,
            // Clusters that come up are looked for all the time; trying where nobody listens costs next to nothing.
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(10),
            wire: Arc::new(|_, transport| Wire::new(transport)),
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There is none; a try may follow.
    #[default]
    Disconnected,
    /// A try is under way.
    Connecting,
    /// It works, as far as is known.
    Connected {
        /// Since when.
        since: Timestamp,
    },
}

/// Where a connection stands, and what is known about the cluster's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub phase: Phase,
    /// When the API server was last asked.
    pub last_probe_time: Option<Timestamp>,
    /// When it last answered. Kept over a disconnect.
    pub last_probe_success_time: Option<Timestamp>,
    /// How often it has not answered since then.
    pub consecutive_failures: u32,
    /// What the last try or probe failed with; none while all is well.
    pub last_error: Option<String>,
}

impl Status {
    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }
}

/// What observers are told.
pub enum Change<'a> {
    /// The connection came, went, or began to fail.
    Connection(&'a Status),
    /// A watch has delivered all that there is at first.
    Synced {
        /// Name of the watch.
        watch: &'static str,
    },
    /// An object came (no old), changed or went (no new).
    Object {
        /// Name of the watch.
        watch: &'static str,
        /// What it was.
        old: Option<&'a dyn Any>,
        /// What it is.
        new: Option<&'a dyn Any>,
    },
}

impl<'a> Change<'a> {
    /// Old and new, where this is about an object of type `K`.
    pub fn object<K: 'static>(&self) -> Option<(Option<&'a K>, Option<&'a K>)> {
        let Self::Object { old, new, .. } = self else { return None };
        let typed = |object: &Option<&'a dyn Any>| object.and_then(|object| object.downcast_ref::<K>());
        let (old, new) = (typed(old), typed(new));
        (old.is_some() || new.is_some()).then_some((old, new))
    }
}

/// What was asked for cannot be had now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAvailable {
    /// There is no connection.
    #[error("no connection to the API server of cluster {cluster}{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    NotConnected {
        /// Which cluster.
        cluster: Key,
        /// What the last try failed with.
        reason: Option<String>,
    },
    /// The watch has not delivered everything yet.
    #[error("{watch} of cluster {cluster} are not known yet")]
    NotSynced {
        /// Which cluster.
        cluster: Key,
        /// Name of the watch.
        watch: &'static str,
    },
}

/// All connections. Clones are handles to the same.
#[derive(Clone)]
pub struct Workloads {
    shared: Arc<Shared>,
}

struct Shared {
    network: SharedNetwork,
    clock: Clock,
    entropy: Entropy,
    source: KubeconfigSource,
    settings: Settings,
    observers: RwLock<Vec<Observer>>,
    entries: Mutex<BTreeMap<Key, Arc<Entry>>>,
}

/// One cluster.
struct Entry {
    key: Key,
    state: Mutex<State>,
    /// Something changed: kubeconfig, watches, or doubts about the connection.
    wake: Notify,
    /// Probe without waiting for the time to come.
    doubt: AtomicBool,
    nodes: Arc<Watch<Node>>,
}

#[derive(Default)]
struct State {
    status: Status,
    client: Option<Client>,
    /// Watches beyond the nodes, by name.
    watches: BTreeMap<&'static str, Arc<dyn Slot>>,
    task: Option<AbortHandle>,
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All watches, nodes first.
    fn slots(&self) -> Vec<Arc<dyn Slot>> {
        let nodes: Arc<dyn Slot> = self.nodes.clone();
        std::iter::once(nodes).chain(self.state().watches.values().cloned()).collect()
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, cluster: &Key) -> Option<Arc<Entry>> {
        self.entries().get(cluster).cloned()
    }

    /// Tells every observer; no lock of a cluster may be held.
    fn tell(&self, cluster: &Key, change: &Change<'_>) {
        for observer in self.observers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(cluster, change);
        }
    }
}

impl Workloads {
    /// No connections yet. Connections are opened through `network`, with what `source` gives.
    pub fn new(
        network: SharedNetwork,
        clock: Clock,
        entropy: Entropy,
        source: KubeconfigSource,
        settings: Settings,
    ) -> Self {
        let (observers, entries) = (RwLock::default(), Mutex::default());
        Self { shared: Arc::new(Shared { network, clock, entropy, source, settings, observers, entries }) }
    }

    /// Has `observer` told about every change from now on.
    pub fn subscribe(&self, observer: Observer) {
        self.shared.observers.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Says that something about `cluster` may have changed: connects where there is no connection, connects anew where
    /// the kubeconfig is another, and otherwise does nothing. Cheap enough to call on every event.
    pub fn nudge(&self, cluster: &Key) {
        let entry = self.ensure(cluster);
        entry.wake.notify_one();
    }

    fn ensure(&self, cluster: &Key) -> Arc<Entry> {
        let mut entries = self.shared.entries();
        if let Some(entry) = entries.get(cluster) {
            return entry.clone();
        }
        let entry = Arc::new(Entry {
            key: cluster.clone(),
            state: Mutex::default(),
            wake: Notify::new(),
            doubt: AtomicBool::new(false),
            nodes: Arc::new(Watch::new(&watch::nodes(), &self.shared, cluster)),
        });
        // Still under the lock, so that whoever removes the cluster finds the task.
        let task = tokio::spawn(connection::keep(self.shared.clone(), entry.clone()));
        entry.state().task = Some(task.abort_handle());
        entries.insert(cluster.clone(), entry.clone());
        entry
    }

    /// Closes the connection to `cluster` and forgets everything about it. Observers are not told. To be called after the last
    /// nudge: a later one makes the cluster known again.
    pub fn remove(&self, cluster: &Key) {
        if let Some(entry) = self.shared.entries().remove(cluster) {
            let mut state = entry.state();
            if let Some(task) = state.task.take() {
                task.abort();
            }
            *state = State::default();
        }
    }

    /// Closes all connections.
    pub fn shutdown(&self) {
        let all: Vec<Key> = self.shared.entries().keys().cloned().collect();
        all.iter().for_each(|cluster| self.remove(cluster));
    }

    /// Where the connection to `cluster` stands.
    pub fn status(&self, cluster: &Key) -> Status {
        self.shared.entry(cluster).map(|entry| entry.state().status.clone()).unwrap_or_default()
    }

    /// The client of `cluster`. Never opens a connection itself, so callers never wait here.
    pub fn client(&self, cluster: &Key) -> Result<Client, NotAvailable> {
        let Some(entry) = self.shared.entry(cluster) else {
            return Err(NotAvailable::NotConnected { cluster: cluster.clone(), reason: None });
        };
        let state = entry.state();
        state.client.clone().ok_or_else(|| NotAvailable::NotConnected {
            cluster: cluster.clone(),
            reason: state.status.last_error.clone(),
        })
    }

    /// Says that a call to `cluster` failed in a way that makes its connection doubtful: it is probed at once.
    pub fn doubt(&self, cluster: &Key) {
        if let Some(entry) = self.shared.entry(cluster) {
            entry.doubt.store(true, Ordering::Relaxed);
            entry.wake.notify_one();
        }
    }

    /// All nodes of `cluster`, by name.
    pub fn nodes(&self, cluster: &Key) -> Result<Vec<Arc<Node>>, NotAvailable> {
        self.client(cluster)?;
        let entry = self.shared.entry(cluster);
        entry.and_then(|entry| entry.nodes.all()).ok_or_else(|| not_synced(cluster, NODES))
    }

    /// One node of `cluster`; none where it has no such node.
    pub fn node(&self, cluster: &Key, name: &str) -> Result<Option<Arc<Node>>, NotAvailable> {
        self.client(cluster)?;
        let entry = self.shared.entry(cluster);
        entry
            .and_then(|entry| entry.nodes.get(&Key::cluster_scoped(name)))
            .ok_or_else(|| not_synced(cluster, NODES))
    }

    /// All objects that `spec` watches in `cluster`. The first call starts the watch, which lasts as long as the cluster is
    /// known; until it has delivered everything, and while there is no connection, nothing is given. `spec.name` stands
    /// for the watch: always use it with the same spec.
    pub fn watched<K: Watched>(
        &self,
        cluster: &Key,
        spec: &WatchSpec<K>,
    ) -> Result<Vec<Arc<K>>, NotAvailable> {
        let watch = self.watch(cluster, spec);
        self.client(cluster)?;
        watch.and_then(|watch| watch.all()).ok_or_else(|| not_synced(cluster, spec.name))
    }

    fn watch<K: Watched>(&self, cluster: &Key, spec: &WatchSpec<K>) -> Option<Arc<Watch<K>>> {
        let entry = self.ensure(cluster);
        let known = entry.state().watches.get(spec.name).cloned();
        if let Some(slot) = known {
            return slot.as_any().downcast().ok();
        }
        let watch = Arc::new(Watch::new(spec, &self.shared, cluster));
        entry.state().watches.insert(spec.name, watch.clone());
        entry.wake.notify_one();
        Some(watch)
    }

    /// Opens a byte stream to a port of a pod in `cluster`.
    ///
    /// # Errors
    /// When there is no connection, or the API server refuses.
    pub fn open_port<'a>(
        &'a self,
        cluster: &'a Key,
        namespace: &'a str,
        pod: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<PortStream, OpenPortError>> {
        Box::pin(async move {
            let client = self.client(cluster)?;
            Ok(crate::portforward::open(&client, namespace, pod, port).await?)
        })
    }
}

impl fmt::Debug for Workloads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Workloads").field("clusters", &self.shared.entries().len()).finish()
    }
}

/// Why a stream to a pod could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenPortError {
    /// There is no connection to the cluster.
    #[error(transparent)]
    NotAvailable(#[from] NotAvailable),
    /// The API server refused, or the connection broke.
    #[error(transparent)]
    PortForward(#[from] PortForwardError),
}

fn not_synced(cluster: &Key, watch: &'static str) -> NotAvailable {
    NotAvailable::NotSynced { cluster: cluster.clone(), watch }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
