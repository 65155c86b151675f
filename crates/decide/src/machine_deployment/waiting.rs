//! What a MachineDeployment may wait for.

use crate::plan;

/// A reason not to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The Cluster does not exist.
    Cluster,
    /// The Cluster or the MachineDeployment is paused.
    Paused,
    /// The number of replicas is not set.
    Replicas,
    /// Templates do not exist, and a new MachineSet would need them.
    Templates {
        /// Which, and that they do not exist.
        missing: String,
    },
    /// `spec.paused`: MachineSets are kept in proportion, nothing is rolled out.
    RolloutPaused,
    /// The Cluster is being deleted: no new MachineSets.
    ClusterDeleting,
    /// Machines are being replaced.
    Rollout {
        /// Why each MachineSet has the number of replicas that it has.
        notes: Vec<String>,
    },
    /// MachineSets are being deleted.
    MachineSetDeletion {
        /// How many.
        count: usize,
    },
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Cluster => "WaitingForCluster",
            Waiting::Paused => "Paused",
            Waiting::Replicas => "WaitingForReplicasSet",
            Waiting::Templates { .. } => "WaitingForTemplates",
            Waiting::RolloutPaused => "RolloutPaused",
            Waiting::ClusterDeleting => "ClusterDeleting",
            Waiting::Rollout { .. } => "RollingOut",
            Waiting::MachineSetDeletion { .. } => "WaitingForMachineSetDeletion",
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Cluster => "Waiting for the Cluster to exist".to_owned(),
            Waiting::Paused => "Paused".to_owned(),
            Waiting::Replicas => "Waiting for spec.replicas set".to_owned(),
            Waiting::Templates { missing } => format!("A MachineSet cannot be made: {missing}"),
            Waiting::RolloutPaused => "spec.paused holds the rollout back".to_owned(),
            Waiting::ClusterDeleting => {
                "No MachineSets are made while the Cluster is being deleted".to_owned()
            }
            Waiting::Rollout { notes } => notes.join("; "),
            Waiting::MachineSetDeletion { count } => {
                format!("Waiting for {count} MachineSets to be deleted")
            }
        }
    }
}
