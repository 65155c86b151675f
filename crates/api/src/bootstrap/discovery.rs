//! How a joining machine finds the cluster and comes to trust it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// How a joining machine finds and trusts the cluster: `bootstrapToken` or `file`, not both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct Discovery {
    /// By a bootstrap token.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bootstrap_token: BootstrapTokenDiscovery,
    /// By a kubeconfig file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub file: FileDiscovery,
    /// Token that the kubelet asks for its certificate with. Unset: the token of `bootstrapToken`.
    /// Needed with `file` where the kubeconfig holds no credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub tls_bootstrap_token: Option<String>,
}

/// Discovery by a bootstrap token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct BootstrapTokenDiscovery {
    /// The token; made by the bootstrap controller when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub token: Option<String>,
    /// Host and port of an API server of the cluster; the Cluster's endpoint when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub api_server_endpoint: Option<String>,
    /// Pins of the cluster's authority, each `sha256:<hash of its public key in hex>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub ca_cert_hashes: Vec<String>,
    /// Trust the cluster without a pin. Anybody on the way can then pose as the control plane.
    #[serde(rename = "unsafeSkipCAVerification", skip_serializing_if = "Option::is_none")]
    pub unsafe_skip_ca_verification: Option<bool>,
}

impl BootstrapTokenDiscovery {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// Discovery by a kubeconfig file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDiscovery {
    /// Path or URL of the kubeconfig.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub kube_config_path: String,
    /// Set: the file at that path is written with this content.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kube_config: FileDiscoveryKubeConfig,
}

impl FileDiscovery {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// Content of a kubeconfig to write for discovery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDiscoveryKubeConfig {
    /// The cluster. Server and authority are taken from the Cluster when unset.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cluster: KubeConfigCluster,
    /// Who the machine is.
    #[serde(default)]
    #[schemars(!default)]
    pub user: KubeConfigUser,
}

impl FileDiscoveryKubeConfig {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// How to reach a cluster, as in a kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeConfigCluster {
    /// URL of the API server; the Cluster's endpoint when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub server: Option<String>,
    /// Name that the server's certificate must have; the host of the URL when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub tls_server_name: Option<String>,
    /// Do not check the server's certificate at all.
    #[serde(rename = "insecureSkipTLSVerify", skip_serializing_if = "Option::is_none")]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Authority of the server's certificate, PEM; the Cluster's authority when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(min = 1, max = 51200), extend("format" = "byte"))]
    pub certificate_authority_data: Option<ByteString>,
    /// Proxy for every request: an URL of scheme `http`, `https` or `socks5`. Unset: what the environment says.
    #[serde(rename = "proxyURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub proxy_url: Option<String>,
}

/// Who a client is, as in a kubeconfig: `authProvider` or `exec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeConfigUser {
    /// By a plug-in compiled into the client.
    #[serde(default, skip_serializing_if = "is_default")]
    pub auth_provider: KubeConfigAuthProvider,
    /// By a command that prints credentials.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exec: KubeConfigAuthExec,
}

/// A plug-in compiled into the client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigAuthProvider {
    /// Name of the plug-in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

impl KubeConfigAuthProvider {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// A command that prints credentials, by the rules of the group `client.authentication.k8s.io`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigAuthExec {
    /// The command.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 1024))]
    pub command: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub args: Vec<String>,
    /// Environment variables to add for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub env: Vec<KubeConfigAuthExecEnv>,
    /// Version that the command speaks; `client.authentication.k8s.io/v1` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub api_version: Option<String>,
    /// Tell the command about the cluster, authority included. Not done when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provide_cluster_info: Option<bool>,
}

impl KubeConfigAuthExec {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// An environment variable for a credential command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigAuthExecEnv {
    /// Name of the variable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub name: String,
    /// Value of the variable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub value: String,
}
