//! Settings of a machine that joins a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::discovery::Discovery;
use super::init_configuration::{ApiEndpoint, Patches, Timeouts};
use super::is_default;
use super::node_registration::NodeRegistrationOptions;

/// What `kubeadm join` needs to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct JoinConfiguration {
    /// How the machine registers itself. Keep it in step with the one of the init configuration.
    #[serde(default, skip_serializing_if = "is_default")]
    pub node_registration: NodeRegistrationOptions,
    /// File of the cluster's authority on the machine; `/etc/kubernetes/pki/ca.crt` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub ca_cert_path: Option<String>,
    /// How the machine finds and trusts the cluster. Unset: a bootstrap token made for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub discovery: Discovery,
    /// Set, even if empty: the machine joins as a control plane machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<JoinControlPlane>,
    /// Phases of kubeadm to leave out, by the names that `kubeadm join --help` lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "atomic"))]
    pub skip_phases: Vec<String>,
    /// Patches for the static pods.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patches: Patches,
    /// How long kubeadm waits for what.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeouts: Timeouts,
}

impl JoinConfiguration {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// What a machine that joins as a control plane machine needs on top.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinControlPlane {
    /// Address and port of the API server on this machine. Unset: the address of the default interface, port 6443.
    #[serde(rename = "localAPIEndpoint", default, skip_serializing_if = "is_default")]
    pub local_api_endpoint: ApiEndpoint,
}
