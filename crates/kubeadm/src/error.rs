//! What can go wrong.

/// Why kubeadm's or cloud-init's text could not be made or read. The texts quote no file content and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The Kubernetes version is no version.
    #[error("failed to parse kubernetes version {version:?}: {reason}")]
    InvalidVersion {
        /// What was given.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The Kubernetes version is older than any kubeadm configuration that we write.
    #[error(
        "the bootstrap provider for kubeadm doesn't support Kubernetes version lower than v1.22.0, got {version}"
    )]
    UnsupportedVersion {
        /// What was given.
        version: String,
    },
    /// A file's template is no template, or failed.
    #[error("failed to {step} template for file {path:?}: {source}")]
    FileTemplate {
        /// Path of the file.
        path: String,
        /// `parse` or `execute`.
        step: &'static str,
        /// Why.
        source: Box<gotemplate::Error>,
    },
    /// The bootstrap data would be in a format that is not made yet.
    #[error("format {format} is not supported yet, only cloud-config is")]
    UnsupportedFormat {
        /// The format asked for.
        format: &'static str,
    },
    /// A worker's configuration says that it joins the control plane.
    #[error("Machine is a Worker, but JoinConfiguration.ControlPlane is set in the KubeadmConfig object")]
    WorkerJoinsControlPlane,
    /// The text is not YAML, or no configuration of a version that we know.
    #[error("unknown kubeadm types: {reason}")]
    UnknownConfiguration {
        /// What was expected.
        reason: String,
    },
    /// A certificate is not there, or lacks a part.
    #[error("missing {what} for certificate: {purpose}")]
    MissingCertificate {
        /// `certificate`, `crt data` or `key data`.
        what: &'static str,
        /// What the certificate is for.
        purpose: &'static str,
    },
    /// A certificate can't be read.
    #[error("unable to parse {purpose} certificate")]
    InvalidCertificate {
        /// What the certificate is for.
        purpose: &'static str,
    },
    /// An object lacks a key.
    #[error("{kind} {name} has no key {key:?}")]
    MissingKey {
        /// Kind of the object.
        kind: &'static str,
        /// Name of the object.
        name: String,
        /// The key.
        key: &'static str,
    },
}
