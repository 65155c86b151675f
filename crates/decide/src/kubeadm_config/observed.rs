//! What is seen of one KubeadmConfig.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::bootstrap::{BootstrapTokenString, KubeadmConfig};
use api::core::{Cluster, Machine};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubeadm::certificates::{Certificate, KeyPairs, Purpose};

/// Everything that is needed to decide about one KubeadmConfig.
#[derive(Clone)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object.
    pub config: Arc<KubeadmConfig>,
    /// The Machine that owns it.
    pub machine: Option<Arc<Machine>>,
    /// The Cluster of that Machine.
    pub cluster: Option<Arc<Cluster>>,
    /// The version of the control plane, where its object tells.
    pub control_plane_version: Option<String>,
    /// The Secret with the bootstrap data, or one that has its name.
    pub data_secret: Option<Arc<Secret>>,
    /// The lock that lets one machine alone run `kubeadm init`.
    pub lock: Option<Arc<ConfigMap>>,
    /// Whether the Machine that holds the lock exists.
    pub lock_holder_exists: bool,
    /// The authorities and keys of the cluster.
    pub key_pairs: KeyPairs,
    /// Whether that is all there is: Secrets of users may be there without being cached.
    pub has_looked_for_key_pairs: bool,
    /// Key pairs made on demand.
    pub made_key_pairs: Option<KeyPairs>,
    /// A token nobody has used before, for when one is needed.
    pub fresh_token: BootstrapTokenString,
    /// Whether the workload cluster can be written to.
    pub is_connected: bool,
    /// Values of Secrets that files and users refer to, by `name/key`; absent until looked up.
    pub referenced_secrets: Option<SecretValues>,
    /// When the token in use ends; absent until looked up.
    pub token_expires: Option<TokenExpiry>,
}

/// Values of Secrets by `name/key`; what does not exist is not in it. Shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValues(pub BTreeMap<String, String>);

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What became known of the Secret of a bootstrap token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenExpiry {
    /// It ends then.
    At(Timestamp),
    /// It is there, without a time that can be read.
    Never,
    /// There is no such Secret.
    Gone,
    /// The workload cluster could not be asked.
    Unknown,
}

/// What may have to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Secrets that files and users refer to, by name.
    Secrets(Vec<String>),
    /// Key pairs of the cluster whose Secrets are not cached.
    KnownKeyPairs(Vec<Purpose>),
    /// New key pairs for these certificates.
    NewKeyPairs(Vec<Certificate>),
    /// When the token with this id ends.
    TokenExpiry {
        /// The public part of the token.
        id: String,
    },
}
