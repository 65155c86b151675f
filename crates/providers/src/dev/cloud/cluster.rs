//! One simulated cluster: its state, its place on the network, and how both are kept.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use apiserver::{ApiServer, Identifiers};
use bytes::Bytes;
use runtime::clock::Clock;
use runtime::entropy::Stream;
use runtime::network::{Connection, Listener, SharedNetwork};
use runtime::shutdown::Shutdown;
use runtime::wire::Wire;
use rustls::ServerConfig;
use store::{Change, Options, Precondition};
use tokio::task::JoinHandle;

use super::error::CloudError;
use super::front::Front;
use super::records::{ClusterId, ClusterRecord, MachineRecord};
use super::{Ground, certificates, tunnel};

/// How long accepting pauses after a failure, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long to wait before an address that somebody else has is tried again.
const TAKEN_PAUSE: Duration = Duration::from_secs(1);

/// What becomes of a cluster whose address somebody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It cannot be started.
    Fails,
    /// It starts, and is reached once the address is free.
    Waits,
}

/// A simulated cluster.
pub(crate) struct Cluster {
    pub(super) id: ClusterId,
    pub(super) ground: Arc<Ground>,
    state: Mutex<State>,
    /// One write of records at a time, each with the state of its moment: an older one never comes after a newer one.
    saving: tokio::sync::Mutex<()>,
    /// One founding at a time.
    pub(super) founding: tokio::sync::Mutex<()>,
}

/// What changes.
pub(super) struct State {
    pub record: ClusterRecord,
    pub machines: BTreeMap<String, MachineRecord>,
    /// Present once the cluster was founded.
    pub api: Option<ApiServer>,
    /// What the API server shows; made when the first one starts.
    pub tls: Option<Arc<ServerConfig>>,
    /// What etcd shows, by node; made when first asked for.
    pub etcd_tls: BTreeMap<String, Arc<ServerConfig>>,
    /// Present while an API server runs; ends its connections.
    pub serving: Option<Shutdown>,
    /// Ends connections to processes of a machine.
    pub processes: BTreeMap<String, Shutdown>,
    accepting: Option<JoinHandle<()>>,
    forgotten: bool,
}

impl State {
    /// Whether some machine's API server can do its work: it runs, and so does the etcd member beside it.
    fn can_serve(&self) -> bool {
        let etcd = &self.record.etcd;
        let external = self.record.init.as_ref().is_some_and(|init| init.etcd_authority.is_none());
        self.machines.values().any(|machine| {
            machine.api_server_started
                && machine.node().is_some_and(|(node, _)| {
                    external || etcd.named(node).is_some_and(|member| member.running)
                })
        })
    }

    /// Opens or closes the door, after anything that may have changed whether an API server runs.
    pub fn refresh(&mut self) {
        if !self.can_serve() {
            if let Some(serving) = self.serving.take() {
                serving.request();
            }
        } else if self.serving.is_none() && self.tls.is_some() {
            self.serving = Some(Shutdown::new());
        }
    }

    /// The newest version among control plane nodes.
    pub fn version(&self) -> Option<&str> {
        let nodes =
            self.machines.values().filter(|machine| machine.control_plane && machine.node().is_some());
        let newest = nodes.max_by_key(|machine| super::kubeadm::minor(&machine.version));
        newest.map(|machine| machine.version.as_str())
    }
}

impl Cluster {
    /// Puts a cluster on the network, as its record says.
    ///
    /// # Errors
    /// When nothing can listen there, unless `taken` has it that the address is waited for.
    pub async fn start(
        ground: &Arc<Ground>,
        mut record: ClusterRecord,
        machines: Vec<MachineRecord>,
        taken: Taken,
    ) -> Result<Arc<Self>, CloudError> {
        let id = record.id.clone();
        let address = format!("{}:{}", record.host, record.port);
        let listener = match ground.network.listen(&address).await {
            Ok(listener) => {
                record.port = listener.port();
                Some(listener)
            }
            Err(error) if taken == Taken::Waits && error.kind() == io::ErrorKind::AddrInUse => {
                tracing::error!(cluster = %id, address, "somebody else listens where this simulated cluster is reached; it waits until that ends");
                None
            }
            Err(source) => return Err(CloudError::Listen { cluster: id.to_string(), source }),
        };
        let founded = record.init.is_some();
        let state = State {
            record,
            machines: machines.into_iter().map(|machine| (machine.name.clone(), machine)).collect(),
            api: None,
            tls: None,
            etcd_tls: BTreeMap::new(),
            serving: None,
            processes: BTreeMap::new(),
            accepting: None,
            forgotten: false,
        };
        let cluster = Arc::new(Self {
            id,
            ground: Arc::clone(ground),
            state: Mutex::new(state),
            saving: tokio::sync::Mutex::default(),
            founding: tokio::sync::Mutex::default(),
        });
        if founded {
            let api = cluster.build_api().await?;
            let tls = certificates::api_server(&cluster)?;
            let mut state = cluster.state();
            state.api = Some(api);
            state.tls = Some(tls);
            state.refresh();
        }
        let (network, clock, weak) = (ground.network.clone(), ground.clock.clone(), Arc::downgrade(&cluster));
        let accepting = tokio::spawn(async move {
            let listener = match listener {
                Some(listener) => listener,
                None => once_free(&network, &clock, &address).await,
            };
            accept(listener, weak).await;
        });
        cluster.state().accepting = Some(accepting);
        Ok(cluster)
    }

    /// An API server over the cluster's store as it is.
    pub(super) async fn build_api(self: &Arc<Self>) -> Result<ApiServer, CloudError> {
        let store = self.ground.database.store_with(&self.id.store_name(), Options::small())?;
        let clock = self.ground.clock.clone();
        let stream = self.ground.entropy.stream("dev-cluster", &self.id.to_string());
        let builder = ApiServer::builder(store)
            .clock(move || clock.now())
            .identifiers(Names(Mutex::new(stream)))
            .connector("pods", "portforward", tunnel::connector(Arc::downgrade(self)));
        Ok(builder.build().await?)
    }

    /// Held for moments only, never across a wait.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn endpoint(&self) -> (String, u16) {
        let state = self.state();
        (state.record.host.clone(), state.record.port)
    }

    pub(super) fn dev_cluster(&self) -> String {
        self.state().record.dev_cluster.clone()
    }

    pub(super) fn machine(&self, name: &str) -> Option<MachineRecord> {
        self.state().machines.get(name).cloned()
    }

    pub(super) fn known_machine(&self, name: &str) -> Result<MachineRecord, CloudError> {
        self.machine(name)
            .ok_or_else(|| CloudError::NoMachine { cluster: self.id.to_string(), machine: name.to_owned() })
    }

    /// The API server, once the cluster was founded.
    pub(super) fn api(&self) -> Option<ApiServer> {
        self.state().api.clone()
    }

    /// Writes the record of the cluster.
    pub(super) async fn save_cluster(&self) -> Result<(), CloudError> {
        self.save(&self.id.record_key(), |state| serde_json::to_vec(&state.record)).await
    }

    /// Writes the record of a machine; removes it where the machine is gone.
    pub(super) async fn save_machine(&self, name: &str) -> Result<(), CloudError> {
        let key = self.id.machine_key(name);
        if self.state().machines.contains_key(name) {
            return self.save(&key, |state| serde_json::to_vec(&state.machines.get(name))).await;
        }
        let _one_at_a_time = self.saving.lock().await;
        self.remove_record(&key).await
    }

    async fn save(
        &self,
        key: &str,
        encode: impl FnOnce(&State) -> Result<Vec<u8>, serde_json::Error>,
    ) -> Result<(), CloudError> {
        let _one_at_a_time = self.saving.lock().await;
        let encoded = {
            let state = self.state();
            if state.forgotten {
                return Ok(());
            }
            encode(&state)
        };
        let encoded =
            encoded.map_err(|error| CloudError::Record { key: key.to_owned(), reason: error.to_string() })?;
        let change = move |_| Change::Put(Bytes::from(encoded));
        let saved = self.ground.records.commit(key, Precondition::Any, change).await;
        saved.map(|_| ()).map_err(|source| CloudError::Save { key: key.to_owned(), source })
    }

    async fn remove_record(&self, key: &str) -> Result<(), CloudError> {
        let change = |_| Change::Delete { last: Bytes::new() };
        match self.ground.records.commit(key, Precondition::Any, change).await {
            Ok(_) | Err(store::CommitError::Conflict { current: None, .. }) => Ok(()),
            Err(source) => Err(CloudError::Save { key: key.to_owned(), source }),
        }
    }

    /// Takes the cluster off the network.
    pub(super) async fn stop(&self) {
        let accepting = {
            let mut state = self.state();
            if let Some(serving) = state.serving.take() {
                serving.request();
            }
            for process in std::mem::take(&mut state.processes).into_values() {
                process.request();
            }
            state.accepting.take()
        };
        if let Some(task) = accepting {
            task.abort();
            // Cancelled is what it is meant to be.
            let _cancelled = task.await;
        }
    }

    /// Takes the cluster off the network and out of the records.
    pub(super) async fn forget(&self) -> Result<(), CloudError> {
        self.stop().await;
        let names: Vec<String> = {
            let mut state = self.state();
            state.forgotten = true;
            state.api = None;
            state.machines.keys().cloned().collect()
        };
        let _one_at_a_time = self.saving.lock().await;
        for name in names {
            self.remove_record(&self.id.machine_key(&name)).await?;
        }
        self.ground.database.drop_store(&self.id.store_name());
        self.remove_record(&self.id.record_key()).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = state.accepting.take() {
            task.abort();
        }
        if let Some(serving) = state.serving.take() {
            serving.request();
        }
    }
}

/// Listens on an address as soon as nobody else does. Nobody tells when that is, so it is tried again and again.
async fn once_free(network: &SharedNetwork, clock: &Clock, address: &str) -> Listener {
    loop {
        clock.sleep(TAKEN_PAUSE).await;
        if let Ok(listener) = network.listen(address).await {
            tracing::info!(address, "the address is free again");
            return listener;
        }
    }
}

/// Accepts until the cluster is gone. While no API server runs, connections are closed at once.
async fn accept(mut listener: Listener, cluster: Weak<Cluster>) {
    loop {
        let accepted = listener.accept().await;
        let Some(cluster) = cluster.upgrade() else { return };
        match accepted {
            Ok(connection) => serve(&cluster, connection),
            Err(error) => {
                tracing::warn!(cluster = %cluster.id, %error, "a connection could not be accepted");
                let clock = cluster.ground.clock.clone();
                drop(cluster);
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn serve(cluster: &Arc<Cluster>, connection: Connection) {
    let (tls, serving) = {
        let state = cluster.state();
        let (Some(tls), Some(serving)) = (state.tls.clone(), state.serving.clone()) else { return };
        (tls, serving)
    };
    let front = Wire::new(Front::new(Arc::downgrade(cluster)));
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = serving.requested() => {}
            ended = runtime::serve::connection(connection, Some(tls), front) => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection to a simulated API server ended");
                }
            }
        }
    });
}

/// Names and uids of one simulated cluster.
struct Names(Mutex<Stream>);

impl Names {
    fn draw(&self, draw: impl FnOnce(&mut Stream) -> String) -> String {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Identifiers for Names {
    fn uid(&self) -> String {
        self.draw(Stream::uid)
    }

    fn suffix(&self) -> String {
        self.draw(Stream::suffix)
    }
}
