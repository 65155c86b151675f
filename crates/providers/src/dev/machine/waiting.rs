//! What a DevMachine may wait for. Reasons are those of its conditions.

use api::conditions::reason;
use decide::plan;

/// Why a machine is not further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No Machine owns it yet.
    Owner,
    /// It is paused.
    Paused,
    /// It asks for a backend that is not there.
    Backend,
    /// The infrastructure that machines share is not provisioned.
    ClusterInfrastructure,
    /// Workers wait for a control plane.
    ControlPlane,
    /// There is no bootstrap data yet.
    BootstrapData,
    /// The specification cannot be followed.
    Settings(String),
    /// A part takes its time.
    Startup,
    /// kubeadm keeps trying.
    Trying(String),
    /// The bootstrap failed for good.
    Failed(String),
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Self::Owner => "WaitingForOwner",
            Self::Paused => reason::PAUSED,
            Self::Backend => "BackendNotSupported",
            Self::ClusterInfrastructure => reason::WAITING_FOR_CLUSTER_INFRASTRUCTURE_READY,
            Self::ControlPlane => reason::WAITING_FOR_CONTROL_PLANE_INITIALIZED,
            Self::BootstrapData => reason::WAITING_FOR_BOOTSTRAP_DATA,
            Self::Settings(_) => reason::INTERNAL_ERROR,
            Self::Startup => reason::WAITING_FOR_STARTUP_TIMEOUT,
            Self::Trying(_) => reason::NOT_COMPLETED,
            Self::Failed(_) => reason::FAILED,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Owner => "Waiting for a Machine to own the DevMachine".to_owned(),
            Self::Paused => "The DevMachine is paused".to_owned(),
            Self::Backend => "Only spec.backend.inMemory is supported".to_owned(),
            Self::ClusterInfrastructure => "Waiting for the cluster's infrastructure".to_owned(),
            Self::ControlPlane => "Waiting for the control plane to be initialized".to_owned(),
            Self::BootstrapData => "Waiting for bootstrap data".to_owned(),
            Self::Startup => "Waiting for a simulated start to be over".to_owned(),
            Self::Settings(text) | Self::Trying(text) | Self::Failed(text) => text.clone(),
        }
    }
}
