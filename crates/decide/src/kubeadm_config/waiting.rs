//! What a KubeadmConfig may wait for.

use crate::plan;

/// Why there is no bootstrap data yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No Machine owns it.
    Owner,
    /// The Cluster is not there.
    Cluster,
    /// The infrastructure of the cluster is not provisioned.
    Infrastructure,
    /// The control plane is not initialized, and this is not the machine to do it.
    ControlPlane,
    /// The endpoint that machines join through is not known.
    Endpoint,
    /// The workload cluster cannot be reached to create a token in it.
    Connection,
    /// An authority or a key is missing.
    Certificates(String),
    /// A file of the configuration cannot be made.
    Files(String),
    /// The password of a user cannot be read.
    Passwords(String),
    /// The user data cannot be made of what the configuration says.
    Unusable(String),
    /// A Secret of the name of ours belongs to somebody else.
    ForeignSecret(String),
}

impl Waiting {
    /// Whether the certificates are what is missing.
    pub fn is_about_certificates(&self) -> bool {
        matches!(self, Waiting::Certificates(_))
    }

    /// Whether no event tells that it is there: Secrets of users are not watched.
    pub fn is_unannounced(&self) -> bool {
        matches!(self, Waiting::Certificates(_) | Waiting::Files(_) | Waiting::Passwords(_))
    }
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Certificates(_) => "InternalError",
            _ => "NotAvailable",
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Owner => "Waiting for a Machine to own the KubeadmConfig".to_owned(),
            Waiting::Cluster => "Waiting for the Cluster to exist".to_owned(),
            Waiting::Infrastructure => "Waiting for Cluster status.infrastructureReady to be true".to_owned(),
            Waiting::ControlPlane => "Waiting for Cluster control plane to be initialized".to_owned(),
            Waiting::Endpoint => "Waiting for Cluster spec.controlPlaneEndpoint to be set".to_owned(),
            Waiting::Connection => "Waiting for a connection to the workload cluster".to_owned(),
            Waiting::Certificates(_) => "Please check controller logs for errors".to_owned(),
            Waiting::Files(error) => format!("Failed to prepare spec.files: {error}"),
            Waiting::Passwords(_) => "Failed to read password from secrets for spec.users".to_owned(),
            Waiting::Unusable(error) => format!("Failed to create bootstrap data: {error}"),
            Waiting::ForeignSecret(name) => {
                format!("Secret {name} exists and is controlled by another object")
            }
        }
    }

    fn detail(&self) -> String {
        match self {
            Waiting::Certificates(error) | Waiting::Passwords(error) => error.clone(),
            _ => self.message(),
        }
    }
}
