//! What a Cluster may wait for, in the words of its conditions.

use api::conditions::reason;

use crate::plan;

/// The message of what only the log can tell.
pub const SEE_LOG: &str = "Please check controller logs for errors";

/// What comes next for a Cluster, and is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The references, which follow from the topology.
    Topology,
    /// The infrastructure, of this kind.
    Infrastructure(String),
    /// The control plane; of this kind, or of Machines that stand alone.
    ControlPlane(Option<String>),
    /// The authority with which a kubeconfig can be made.
    Authority,
    /// What runs in the cluster to go; which objects, in words.
    Workers(String),
    /// The control plane to go, of this kind.
    ControlPlaneDeletion(String),
    /// The infrastructure to go, of this kind.
    InfrastructureDeletion(String),
    /// The kind of a reference, this one, cannot be read.
    Unreadable(String),
    /// Nothing of ours: other finalizers.
    Completed,
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Topology => reason::OBJECT_DOES_NOT_EXIST,
            Waiting::Infrastructure(_) => reason::NOT_PROVISIONED,
            Waiting::ControlPlane(_) => reason::NOT_INITIALIZED,
            Waiting::Authority => reason::NOT_AVAILABLE,
            Waiting::Workers(_) => reason::WAITING_FOR_WORKERS_DELETION,
            Waiting::ControlPlaneDeletion(_) => reason::WAITING_FOR_CONTROL_PLANE_DELETION,
            Waiting::InfrastructureDeletion(_) => reason::WAITING_FOR_INFRASTRUCTURE_DELETION,
            Waiting::Unreadable(_) => reason::INTERNAL_ERROR,
            Waiting::Completed => reason::DELETION_COMPLETED,
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Topology => "Waiting for cluster topology to be reconciled".to_owned(),
            Waiting::Infrastructure(kind) => format!("Waiting for {kind} to be provisioned"),
            Waiting::ControlPlane(Some(_)) => "Control plane not yet initialized".to_owned(),
            Waiting::ControlPlane(None) => {
                "Waiting for the first control plane machine to have status.nodeRef set".to_owned()
            }
            Waiting::Authority => "Waiting for the certificate authority of the cluster".to_owned(),
            Waiting::Workers(lines) => lines.clone(),
            Waiting::ControlPlaneDeletion(kind) | Waiting::InfrastructureDeletion(kind) => {
                format!("Waiting for {kind} to be deleted")
            }
            Waiting::Unreadable(_) => SEE_LOG.to_owned(),
            Waiting::Completed => "Deletion completed".to_owned(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Waiting::Unreadable(kind) => plan::unreadable(kind),
            _ => self.message(),
        }
    }
}
