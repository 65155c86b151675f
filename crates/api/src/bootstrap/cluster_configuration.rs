//! Settings of the cluster as a whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::{ApiServer, Arg, ControllerManager, EnvVar, Scheduler};
use super::is_default;

/// What `kubeadm init` needs to know of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct ClusterConfiguration {
    /// Where the API server keeps its data. Unset: a member on every control plane machine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub etcd: Etcd,
    /// Stable address of the control plane: host or `host:port`. Unset: taken from the Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub control_plane_endpoint: Option<String>,
    /// Settings of kube-apiserver.
    #[serde(default, skip_serializing_if = "is_default")]
    pub api_server: ApiServer,
    /// Settings of kube-controller-manager.
    #[serde(default, skip_serializing_if = "is_default")]
    pub controller_manager: ControllerManager,
    /// Settings of kube-scheduler.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scheduler: Scheduler,
    /// Image of the DNS add-on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dns: Dns,
    /// Folder of the certificates on the machine; `/etc/kubernetes/pki` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub certificates_dir: Option<String>,
    /// Registry that images come from; kubeadm's own default when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image_repository: Option<String>,
    /// kubeadm's feature gates, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_gates: BTreeMap<String, bool>,
    /// Days that certificates made by kubeadm are valid (not the authorities); 365 when unset. From Kubernetes 1.31.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1095))]
    pub certificate_validity_period_days: Option<i32>,
    /// Days that the certificate authorities made by the bootstrap controller are valid; 3650 when unset. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36500))]
    pub ca_certificate_validity_period_days: Option<i32>,
    /// Kind of keys for everything made from now on; existing keys stay. From Kubernetes 1.31, ECDSA-P384 from 1.34.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["ECDSA-P256", "ECDSA-P384", "RSA-2048", "RSA-3072", "RSA-4096"]))]
    pub encryption_algorithm: Option<EncryptionAlgorithm>,
}

impl ClusterConfiguration {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// The kinds of keys that kubeadm can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncryptionAlgorithm {
    /// ECDSA on curve P-256.
    #[serde(rename = "ECDSA-P256")]
    EcdsaP256,
    /// ECDSA on curve P-384.
    #[serde(rename = "ECDSA-P384")]
    EcdsaP384,
    /// RSA with 2048 bits.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    /// RSA with 3072 bits.
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    /// RSA with 4096 bits.
    #[serde(rename = "RSA-4096")]
    Rsa4096,
}

impl EncryptionAlgorithm {
    /// The name, as users and kubeadm write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA-P256",
            Self::EcdsaP384 => "ECDSA-P384",
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
        }
    }
}

/// Image of the DNS add-on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct Dns {
    /// Registry of the image; the cluster's registry when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image_repository: Option<String>,
    /// Tag of the image. Once set, upgrades leave it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub image_tag: Option<String>,
}

/// Where the API server keeps its data: `local` or `external`, not both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct Etcd {
    /// A member on every control plane machine, run by kubeadm.
    #[serde(default, skip_serializing_if = "is_default")]
    pub local: LocalEtcd,
    /// A cluster that somebody else runs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub external: ExternalEtcd,
}

impl Etcd {
    /// Whether the data is kept by an etcd that is not ours.
    pub fn is_external(&self) -> bool {
        self.external.is_defined()
    }
}

/// The etcd member that kubeadm runs on a control plane machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct LocalEtcd {
    /// Registry of the image; the cluster's registry when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image_repository: Option<String>,
    /// Tag of the image. Once set, upgrades leave it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub image_tag: Option<String>,
    /// Folder of the data on the machine; `/var/lib/etcd` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub data_dir: Option<String>,
    /// Arguments to add. They win over the ones that kubeadm sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "value"], "x-kubernetes-validations" = [{"rule": "self.all(x, self.exists_one(y, x.name == y.name))", "message": "extraArgs name must be unique"}]))]
    pub extra_args: Vec<Arg>,
    /// Environment variables to add, from Kubernetes 1.31. They win over proxy variables that kubeadm sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::env_vars")]
    pub extra_envs: Option<Vec<EnvVar>>,
    /// More names and addresses that the certificate for clients is valid for.
    #[serde(rename = "serverCertSANs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "atomic"))]
    pub server_cert_sans: Vec<String>,
    /// More names and addresses that the certificate for other members is valid for.
    #[serde(rename = "peerCertSANs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "atomic"))]
    pub peer_cert_sans: Vec<String>,
}

impl LocalEtcd {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// An etcd cluster that somebody else runs, and the files that open it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalEtcd {
    /// URLs of the members.
    #[serde(default)]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub endpoints: Vec<String>,
    /// File of the authority that signed the members' certificates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub ca_file: String,
    /// File of the client certificate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub cert_file: String,
    /// File of the client certificate's key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub key_file: String,
}

impl ExternalEtcd {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}
