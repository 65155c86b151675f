//! What a MachineSet may wait for.

use crate::plan;

/// A reason not to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The Cluster does not exist.
    Cluster,
    /// The MachineDeployment that the MachineSet is labelled with does not exist.
    Deployment,
    /// The Cluster or the MachineSet is paused.
    Paused,
    /// The Cluster is being deleted: no new Machines.
    ClusterDeleting,
    /// The number of replicas is not set.
    Replicas,
    /// Templates do not exist.
    Templates {
        /// Which, and that they do not exist.
        missing: String,
    },
    /// Checks before Machines are made failed.
    Preflight {
        /// One sentence for each.
        failures: Vec<String>,
    },
    /// The annotation says that no Machines are to be made.
    CreationDisabled,
    /// Surplus Machines are to be handed over to another MachineSet, not deleted.
    Move {
        /// Which.
        target: String,
    },
    /// Names cannot be made.
    Naming {
        /// Why.
        reason: String,
    },
    /// Unhealthy Machines have to wait for those before them.
    Remediation {
        /// How many wait.
        deferred: usize,
    },
    /// Machines are being deleted.
    MachineDeletion {
        /// How many.
        count: usize,
    },
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Cluster => "WaitingForCluster",
            Waiting::Deployment => "WaitingForMachineDeployment",
            Waiting::Paused => "Paused",
            Waiting::ClusterDeleting => "ClusterDeleting",
            Waiting::Replicas => "WaitingForReplicasSet",
            Waiting::Templates { .. } => "WaitingForTemplates",
            Waiting::Preflight { .. } => "PreflightCheckFailed",
            Waiting::CreationDisabled => "MachineCreationDisabled",
            Waiting::Move { .. } => "WaitingForMove",
            Waiting::Naming { .. } => "InvalidMachineNaming",
            Waiting::Remediation { .. } => "RemediationDeferred",
            Waiting::MachineDeletion { .. } => "WaitingForMachineDeletion",
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Cluster => "Waiting for the Cluster to exist".to_owned(),
            Waiting::Deployment => "Waiting for the MachineDeployment to exist".to_owned(),
            Waiting::Paused => "Paused".to_owned(),
            Waiting::ClusterDeleting => "No Machines are made while the Cluster is being deleted".to_owned(),
            Waiting::Replicas => "Waiting for spec.replicas set".to_owned(),
            Waiting::Templates { missing } => format!("Machines cannot be made: {missing}"),
            Waiting::Preflight { failures } => failures.join("; "),
            Waiting::CreationDisabled => "Creating Machines is disabled by annotation".to_owned(),
            Waiting::Move { target } => format!("Surplus Machines are to move to MachineSet {target}"),
            Waiting::Naming { reason } => format!("spec.machineNaming.template gives no name: {reason}"),
            Waiting::Remediation { deferred } => {
                format!("{deferred} unhealthy Machines are not replaced yet")
            }
            Waiting::MachineDeletion { count } => format!("Waiting for {count} Machines to be deleted"),
        }
    }
}
