//! What a KubeadmControlPlane may wait for.

use super::preflight::Failures;
use crate::plan;

/// Why nothing more is done right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No Cluster owns it yet.
    Cluster,
    /// Work is paused.
    Paused,
    /// The infrastructure of the Cluster is not provisioned.
    Infrastructure,
    /// The endpoint of the control plane is not known.
    Endpoint,
    /// Certificates cannot be made: the user has to bring them.
    Certificates(String),
    /// The kubeconfig cannot be made.
    Kubeconfig(String),
    /// Control plane Machines belong to somebody else.
    ForeignMachines(Vec<String>),
    /// A stand-alone Machine cannot be adopted.
    Adoption(String),
    /// The template that Machines are made from is not there.
    Template(String),
    /// A new Machine cannot be named.
    Naming(String),
    /// The control plane is not as healthy as the next operation needs it.
    Preflight(Failures),
    /// The workload cluster cannot be reached.
    Connection,
    /// etcd cannot be asked, or the next operation could cost its quorum.
    Etcd(String),
    /// A Machine on its way out is not ready for its last step.
    Deletion(String),
    /// An unhealthy Machine cannot be replaced now.
    Remediation(String),
    /// A Machine is being changed in place.
    InPlaceUpdate(String),
    /// Something in the workload cluster cannot be brought up to date.
    Workload(String),
    /// Workers go first; which are left.
    Workers(String),
    /// The last Machines are on their way out.
    Machines,
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Cluster => "WaitingForCluster",
            Waiting::Paused => "Paused",
            Waiting::Infrastructure => "WaitingForClusterInfrastructureReady",
            Waiting::Endpoint => "WaitingForControlPlaneEndpoint",
            Waiting::Certificates(_) | Waiting::Kubeconfig(_) => "WaitingForCertificates",
            Waiting::ForeignMachines(_) => "MixedManagement",
            Waiting::Adoption(_) => "AdoptionFailed",
            Waiting::Template(_) => "TemplateMissing",
            Waiting::Naming(_) => "NamingFailed",
            Waiting::Preflight(_) => "ControlPlaneUnhealthy",
            Waiting::Connection => "WaitingForConnection",
            Waiting::Etcd(_) => "WaitingForEtcd",
            Waiting::Deletion(_) => "WaitingForMachineDeletion",
            Waiting::Remediation(_) => "RemediationDeferred",
            Waiting::InPlaceUpdate(_) => "InPlaceUpdating",
            Waiting::Workload(_) => "WorkloadOutOfDate",
            Waiting::Workers(_) => "WaitingForWorkersDeletion",
            Waiting::Machines => "WaitingForMachineDeletion",
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Cluster => "Waiting for a Cluster to own the KubeadmControlPlane".to_owned(),
            Waiting::Paused => "The KubeadmControlPlane is paused".to_owned(),
            Waiting::Infrastructure => "Waiting for Cluster status.infrastructureReady to be true".to_owned(),
            Waiting::Endpoint => "Waiting for Cluster spec.controlPlaneEndpoint to be set".to_owned(),
            Waiting::ForeignMachines(names) => {
                format!("Control plane Machines {} belong to another controller", names.join(", "))
            }
            Waiting::Template(kind) => format!("{kind} does not exist"),
            Waiting::Naming(reason) => format!("spec.machineNaming.template gives no name: {reason}"),
            Waiting::Preflight(failures) => failures.lines().join("\n"),
            Waiting::Connection => "Waiting for a connection to the workload cluster".to_owned(),
            Waiting::InPlaceUpdate(machine) => {
                format!("Waiting for the in-place update of Machine {machine}")
            }
            Waiting::Workers(left) => {
                format!("KubeadmControlPlane deletion blocked because following objects still exist:\n{left}")
            }
            Waiting::Machines => "Waiting for control plane Machines to be deleted".to_owned(),
            Waiting::Certificates(message)
            | Waiting::Kubeconfig(message)
            | Waiting::Adoption(message)
            | Waiting::Etcd(message)
            | Waiting::Deletion(message)
            | Waiting::Remediation(message)
            | Waiting::Workload(message) => message.clone(),
        }
    }
}
