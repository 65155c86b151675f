//! What is seen of one Cluster.

use std::fmt;
use std::sync::Arc;

use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use api::labels;
use jiff::Timestamp;
use kubeadm::certificates::KeyPair;

use crate::machine::Connection;
use crate::owners;
use crate::referenced::Referenced;

/// Everything that is needed to decide about one Cluster. All lists are in order of names.
#[derive(Clone)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object.
    pub cluster: Arc<Cluster>,
    /// What all its machines share.
    pub infrastructure: Referenced,
    /// Its control plane.
    pub control_plane: Referenced,
    /// Its MachineDeployments.
    pub machine_deployments: Vec<Arc<MachineDeployment>>,
    /// Its MachineSets, those of MachineDeployments included.
    pub machine_sets: Vec<Arc<MachineSet>>,
    /// All its Machines.
    pub machines: Vec<Arc<Machine>>,
    /// The connection to the workload cluster.
    pub connection: Connection,
    /// Whether the Secret with its kubeconfig exists.
    pub has_kubeconfig: bool,
    /// The authority of the workload cluster, if its Secret exists.
    pub authority: Option<KeyPair>,
    /// Whether the last two are known for sure: Secrets of users may be there without being cached.
    pub has_looked_for_secrets: bool,
    /// A kubeconfig made for it; absent until asked for.
    pub new_kubeconfig: Option<NewKubeconfig>,
}

/// A kubeconfig that was just made, or could not be made. Shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum NewKubeconfig {
    /// This one.
    Made(String),
    /// The authority cannot be used.
    Failed,
}

impl fmt::Debug for NewKubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NewKubeconfig::Made(_) => "Made",
            NewKubeconfig::Failed => "Failed",
        })
    }
}

/// What may have to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Kubeconfig and authority, of Secrets that are not cached.
    Secrets,
    /// A kubeconfig with which an administrator reaches this server, `host:port`.
    Kubeconfig {
        /// The server.
        server: String,
    },
}

impl Observed {
    /// Whether the Cluster is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.cluster.metadata.deletion_timestamp.is_some()
    }

    /// Whether the objects of the Cluster come from a topology.
    pub fn has_topology(&self) -> bool {
        self.cluster.spec.topology.is_some()
    }

    /// Machines of the control plane.
    pub fn control_plane_machines(&self) -> Vec<&Machine> {
        self.machines.iter().map(|machine| &**machine).filter(|machine| is_control_plane(machine)).collect()
    }

    /// All other Machines, without those of MachinePools, which report no conditions of their own.
    pub fn worker_machines(&self) -> Vec<&Machine> {
        let workers =
            self.machines.iter().map(|machine| &**machine).filter(|machine| !is_control_plane(machine));
        workers.filter(|machine| !has_label(machine, labels::POOL_NAME)).collect()
    }

    /// MachineSets that no MachineDeployment made.
    pub fn stand_alone_machine_sets(&self) -> impl Iterator<Item = &MachineSet> {
        self.machine_sets
            .iter()
            .map(|set| &**set)
            .filter(|set| owners::controller_of(&set.metadata).is_none())
    }
}

/// Whether a Machine belongs to the control plane.
pub fn is_control_plane(machine: &Machine) -> bool {
    has_label(machine, labels::CONTROL_PLANE)
}

fn has_label(machine: &Machine, label: &str) -> bool {
    machine.metadata.labels.as_ref().is_some_and(|own| own.contains_key(label))
}
