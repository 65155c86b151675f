//! What the cloud remembers: one record per cluster, one per machine. Written so that a restart goes on where it was.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::etcd::Membership;

/// A workload cluster, by namespace and name of its Cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ClusterId {
    /// From its two parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn record_key(&self) -> String {
        format!("{}{self}", super::CLUSTER_RECORDS)
    }

    pub(super) fn machine_key(&self, machine: &str) -> String {
        format!("/machines/{self}/{machine}")
    }

    pub(super) fn store_name(&self) -> String {
        format!("dev/{self}")
    }
}

impl std::fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A simulated cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Which.
    pub id: ClusterId,
    /// The DevCluster it was made for, in the namespace of the cluster.
    pub dev_cluster: String,
    /// Where its API server listens.
    pub host: String,
    /// Where its API server listens.
    pub port: u16,
    /// Addresses handed out to machines so far.
    pub addresses: u32,
    /// Who is in etcd.
    pub etcd: Membership,
    /// Set by `kubeadm init`.
    pub init: Option<Init>,
}

/// What `kubeadm init` settled for the whole cluster.
#[derive(Clone, Serialize, Deserialize)]
pub struct Init {
    /// The authority behind the API server's certificate and those of its clients.
    pub authority: Pair,
    /// The authority of etcd; absent where etcd is external.
    pub etcd_authority: Option<Pair>,
    /// Names for the API server's certificate besides the usual ones.
    pub names: Vec<String>,
    /// Domain of services.
    pub domain: String,
}

impl std::fmt::Debug for Init {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Init").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Certificate and private key as PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// How long the parts of a machine take to come up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// The virtual machine, from its creation.
    pub vm: Duration,
    /// The node, from when the virtual machine is up.
    pub node: Duration,
    /// The etcd member, from when the node is up.
    pub etcd: Duration,
    /// The API server, from when the node is up.
    pub api_server: Duration,
}

/// A simulated machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRecord {
    /// Its name, which is the DevMachine's.
    pub name: String,
    /// Whether it is meant for the control plane.
    pub control_plane: bool,
    /// Version of the kubeadm and kubelet on its image.
    pub version: String,
    /// Its address in the cluster's own network.
    pub address: String,
    /// When it was made.
    pub created: Timestamp,
    /// How long its parts take.
    pub delays: Delays,
    /// How far its bootstrap is.
    pub bootstrap: Bootstrap,
    /// The etcd member runs, or etcd is external.
    pub etcd_started: bool,
    /// The API server runs.
    pub api_server_started: bool,
    /// Where it listens on the machine; kubeadm's default before it is told otherwise.
    #[serde(default = "api_server_port")]
    pub api_server_port: u16,
}

fn api_server_port() -> u16 {
    super::kubeadm::API_SERVER_PORT
}

/// How far the bootstrap of a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bootstrap {
    /// Nothing was tried.
    #[default]
    Pending,
    /// `kubeadm join` keeps trying to reach the cluster.
    Trying {
        /// Since when.
        since: Timestamp,
        /// When it last tried.
        last: Timestamp,
        /// What was missing.
        reason: String,
    },
    /// It failed; it is not tried again on this machine.
    Failed {
        /// Why.
        reason: String,
    },
    /// The node is registered.
    Done {
        /// When.
        at: Timestamp,
        /// The name of the node.
        node: String,
    },
}

impl MachineRecord {
    /// When the virtual machine is up.
    pub fn vm_due(&self) -> Timestamp {
        later(self.created, self.delays.vm)
    }

    /// When the node can come up.
    pub fn node_due(&self) -> Timestamp {
        later(self.vm_due(), self.delays.node)
    }

    /// The name of its node and since when it is registered.
    pub fn node(&self) -> Option<(&str, Timestamp)> {
        match &self.bootstrap {
            Bootstrap::Done { at, node } => Some((node, *at)),
            Bootstrap::Pending | Bootstrap::Trying { .. } | Bootstrap::Failed { .. } => None,
        }
    }

    /// When the etcd member is up; `None` before there is a node.
    pub fn etcd_due(&self) -> Option<Timestamp> {
        self.node().map(|(_, at)| later(at, self.delays.etcd))
    }

    /// When the API server is up; `None` before there is a node.
    pub fn api_server_due(&self) -> Option<Timestamp> {
        self.node().map(|(_, at)| later(at, self.delays.api_server))
    }
}

/// `duration` after `time`.
pub fn later(time: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|signed| time.checked_add(signed).ok())
        .unwrap_or(Timestamp::MAX)
}
