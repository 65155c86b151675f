//! The simulation: a cloud in which every workload cluster is a real API server on its own port, and every machine boots
//! from its user data as a real one would.
//!
//! ```text
//!   DevCluster --> Cluster: a port, later an API server over a store of its own, etcd's membership
//!   DevMachine --> machine: cloud-init --> kubeadm --> Node, static Pods, etcd member, API server
//! ```
//!
//! What a client may find out is true: connections are closed while no API server runs, certificates are those of the
//! cluster's authority, a token that is not in the cluster lets nobody in, a member that dies stays in etcd's list, and
//! without a quorum nothing can be written.
//!
//! State lies in the database given to [`Cloud::open`]: one store for the cloud's records and one per cluster, all
//! written behind, in order. A database on disk makes clusters and their ports outlive the process.
//!
//! Deliberately absent: schedulers, kubelets that run containers, controllers of built-in kinds (a DaemonSet has no
//! Pods, an expired token stays), renewal of node Leases, reads that fail without a quorum.

pub mod addons;
pub mod api;
mod boot;
mod certificates;
pub mod cloud_init;
mod cluster;
mod demise;
mod directory;
pub mod error;
pub mod etcd;
mod front;
pub mod kubeadm;
mod member;
pub mod node;
pub mod records;
mod tunnel;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::network::SharedNetwork;
use store::{Database, Options, Store};
use tokio::task::JoinSet;

use self::cluster::{Cluster, Taken};
use self::directory::Directory;
pub use self::error::CloudError;
use self::etcd::Membership;
use self::records::ClusterRecord;
pub use self::records::{Bootstrap, ClusterId, Delays, MachineRecord};

/// Where clusters listen unless a DevCluster says otherwise.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The store of the cloud's own records.
pub const RECORDS: &str = "dev-cloud";
/// Under this prefix lies one [`ClusterRecord`] for each cluster.
pub const CLUSTER_RECORDS: &str = "/clusters/";

/// What all clusters stand on.
pub(crate) struct Ground {
    database: Database,
    records: Store,
    network: SharedNetwork,
    clock: Clock,
    entropy: Entropy,
}

/// The cloud. Clones share it. Dropping the last one takes all clusters off the network; nothing is forgotten.
#[derive(Clone)]
pub struct Cloud {
    ground: Arc<Ground>,
    clusters: Arc<Mutex<BTreeMap<ClusterId, Arc<Cluster>>>>,
    directory: Arc<Directory>,
    /// One change of the list at a time: a port must not be taken twice for one cluster.
    changing: Arc<tokio::sync::Mutex<()>>,
}

/// The names of what there is of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Machines, whatever runs on them.
    pub machines: Vec<String>,
    /// Nodes that its API server knows.
    pub nodes: Vec<String>,
    /// Members in the list of its etcd; empty for one that has not started.
    pub etcd_members: Vec<String>,
}

/// What a new machine is like.
pub struct NewMachine {
    /// Its name.
    pub name: String,
    /// Whether it is meant for the control plane.
    pub control_plane: bool,
    /// The Kubernetes version on its image; empty to take the cluster's.
    pub version: String,
    /// How long its parts take to come up.
    pub delays: Delays,
}

impl Cloud {
    /// Opens the cloud: reads the records and puts every cluster back on its address, before anybody asks for it. One whose
    /// address somebody else has meanwhile is there all the same, and is reached once that is free.
    ///
    /// # Errors
    /// When records cannot be read, or an address cannot be listened on for another reason: it is named.
    pub async fn open(
        database: Database,
        network: SharedNetwork,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, CloudError> {
        let records = database.store_with(RECORDS, Options::small())?;
        let ground = Arc::new(Ground { database, records, network, clock, entropy });
        let cloud =
            Self { ground, clusters: Arc::default(), directory: Arc::default(), changing: Arc::default() };
        // Each needs keys, certificates and what its store holds: work for every core.
        let mut starting = JoinSet::new();
        for entry in cloud.ground.records.list(CLUSTER_RECORDS).entries {
            let record: ClusterRecord = decode(&entry)?;
            let machines = cloud.ground.records.list(&record.id.machine_key("")).entries;
            let machines = machines.iter().map(decode).collect::<Result<Vec<MachineRecord>, _>>()?;
            machines.iter().for_each(|machine| cloud.directory.enter(&record.id, &machine.name));
            let ground = Arc::clone(&cloud.ground);
            starting.spawn(async move {
                let id = record.id.clone();
                Cluster::start(&ground, record, machines, Taken::Waits).await.map(|cluster| (id, cluster))
            });
        }
        while let Some(started) = starting.join_next().await {
            let (id, cluster) = started.map_err(|error| CloudError::Start(error.to_string()))??;
            cloud.clusters().insert(id, cluster);
        }
        Ok(cloud)
    }

    /// Takes all clusters off the network and waits until their addresses are free and all is written.
    pub async fn close(self) {
        let clusters = std::mem::take(&mut *self.clusters());
        for cluster in clusters.into_values() {
            cluster.stop().await;
        }
        if let Err(error) = self.ground.database.flush().await {
            tracing::error!(%error, "the simulated cloud could not be written");
        }
    }

    /// Host and port of a cluster, once it has them.
    pub fn endpoint(&self, id: &ClusterId) -> Option<(String, u16)> {
        self.clusters().get(id).map(|cluster| cluster.endpoint())
    }

    /// A machine as it is.
    pub fn machine(&self, id: &ClusterId, name: &str) -> Option<MachineRecord> {
        self.clusters().get(id)?.machine(name)
    }

    /// All clusters.
    pub fn ids(&self) -> Vec<ClusterId> {
        self.clusters().keys().cloned().collect()
    }

    /// What there is of a cluster.
    pub fn inspect(&self, id: &ClusterId) -> Option<Inventory> {
        let cluster = self.clusters().get(id).cloned()?;
        let api = cluster.api();
        let state = cluster.state();
        let nodes = api.map(|api| api.reader().list("", "nodes", None)).unwrap_or_default();
        let name =
            |node: &serde_json::Value| node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Some(Inventory {
            machines: state.machines.keys().cloned().collect(),
            nodes: nodes.iter().map(name).collect(),
            etcd_members: state.record.etcd.members.iter().map(|member| member.name.clone()).collect(),
        })
    }

    /// The namespace and name of each DevCluster that something here was made for.
    pub fn dev_clusters(&self) -> Vec<(String, String)> {
        self.clusters().iter().map(|(id, cluster)| (id.namespace.clone(), cluster.dev_cluster())).collect()
    }

    /// The namespace and name of each machine here.
    pub fn machines(&self) -> Vec<(String, String)> {
        let clusters = self.clusters();
        let of = |(id, cluster): (&ClusterId, &Arc<Cluster>)| {
            let names: Vec<String> = cluster.state().machines.keys().cloned().collect();
            names.into_iter().map(|name| (id.namespace.clone(), name)).collect::<Vec<_>>()
        };
        clusters.iter().flat_map(of).collect()
    }

    /// The clusters that were made for a DevCluster.
    pub fn clusters_of(&self, namespace: &str, dev_cluster: &str) -> Vec<ClusterId> {
        let clusters = self.clusters();
        let mut found = clusters.iter().filter(|(id, _)| id.namespace == namespace).collect::<Vec<_>>();
        found.retain(|(_, cluster)| cluster.dev_cluster() == dev_cluster);
        found.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// The clusters of a namespace that have a machine of this name.
    pub fn clusters_with(&self, namespace: &str, machine: &str) -> Vec<ClusterId> {
        self.directory.clusters_with(namespace, machine)
    }

    /// Gives a cluster an address; does nothing where it has one.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn create_cluster(
        &self,
        id: &ClusterId,
        dev_cluster: &str,
        host: Option<&str>,
        port: Option<u16>,
    ) -> Result<(), CloudError> {
        let _one_at_a_time = self.changing.lock().await;
        if self.clusters().contains_key(id) {
            return Ok(());
        }
        let record = ClusterRecord {
            id: id.clone(),
            dev_cluster: dev_cluster.to_owned(),
            host: host.unwrap_or(DEFAULT_HOST).to_owned(),
            port: port.unwrap_or(0),
            addresses: 0,
            etcd: Membership::default(),
            init: None,
        };
        let cluster = Cluster::start(&self.ground, record, Vec::new(), Taken::Fails).await?;
        cluster.save_cluster().await?;
        self.clusters().insert(id.clone(), cluster);
        Ok(())
    }

    /// Takes a cluster away with everything in it; does nothing where there is none.
    ///
    /// # Errors
    /// When its records cannot be removed.
    pub async fn delete_cluster(&self, id: &ClusterId) -> Result<(), CloudError> {
        let _one_at_a_time = self.changing.lock().await;
        let Some(cluster) = self.clusters().get(id).cloned() else { return Ok(()) };
        let machines: Vec<String> = cluster.state().machines.keys().cloned().collect();
        cluster.forget().await?;
        machines.iter().for_each(|machine| self.directory.strike(id, machine));
        self.clusters().remove(id);
        Ok(())
    }

    /// Makes a machine; does nothing where it is there.
    ///
    /// # Errors
    /// When there is no such cluster, or its record cannot be written.
    pub async fn create_machine(&self, id: &ClusterId, new: NewMachine) -> Result<(), CloudError> {
        let cluster = self.cluster(id)?;
        self.directory.enter(id, &new.name);
        cluster.create_machine(new).await
    }

    /// Boots a machine from its user data. What came of it is in its record: wrong data is no error of the cloud's.
    ///
    /// # Errors
    /// When there is no such machine, or something beneath it fails.
    pub async fn bootstrap(&self, id: &ClusterId, machine: &str, user_data: &[u8]) -> Result<(), CloudError> {
        self.cluster(id)?.bootstrap(machine, user_data).await
    }

    /// Starts the etcd member of a control plane machine.
    ///
    /// # Errors
    /// When there is no such node, or etcd refuses the member.
    pub async fn start_etcd(&self, id: &ClusterId, machine: &str) -> Result<(), CloudError> {
        self.cluster(id)?.start_etcd(machine).await
    }

    /// Starts the API server of a control plane machine, and what stands beside it.
    ///
    /// # Errors
    /// When there is no such node, or no certificate can be made.
    pub async fn start_api_server(&self, id: &ClusterId, machine: &str) -> Result<(), CloudError> {
        self.cluster(id)?.start_api_server(machine).await
    }

    /// Destroys a machine; does nothing where there is none.
    ///
    /// # Errors
    /// When its record cannot be removed.
    pub async fn delete_machine(&self, id: &ClusterId, machine: &str) -> Result<(), CloudError> {
        let cluster = self.clusters().get(id).cloned();
        if let Some(cluster) = cluster {
            cluster.delete_machine(machine).await?;
        }
        // Also where the cluster is gone, and the machine may never have been made.
        self.directory.strike(id, machine);
        Ok(())
    }

    /// Waits until everything done so far will be found again.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn settle(&self) -> Result<(), CloudError> {
        let saved = self.ground.database.flush().await;
        saved.map_err(|source| CloudError::Save { key: "/".to_owned(), source })
    }

    fn cluster(&self, id: &ClusterId) -> Result<Arc<Cluster>, CloudError> {
        self.clusters().get(id).cloned().ok_or_else(|| CloudError::NoCluster(id.to_string()))
    }

    fn clusters(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Arc<Cluster>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode<T: serde::de::DeserializeOwned>(entry: &store::Entry) -> Result<T, CloudError> {
    serde_json::from_slice(&entry.value)
        .map_err(|error| CloudError::Record { key: entry.key.to_string(), reason: error.to_string() })
}
