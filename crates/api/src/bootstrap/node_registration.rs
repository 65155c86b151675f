//! How a machine registers itself as a node.

use k8s_openapi::api::core::v1::Taint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::component::Arg;

/// How a machine registers itself as a node, at init and at join alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct NodeRegistrationOptions {
    /// Name of the Node, and of the kubelet in its certificate; the machine's host name when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// Socket of the container runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub cri_socket: Option<String>,
    /// Taints of the Node. Unset: kubeadm taints control plane nodes. An empty list: no taint at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::taints")]
    pub taints: Option<Vec<Taint>>,
    /// Arguments for the kubelet. They win over the ones that kubeadm sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "value"], "x-kubernetes-validations" = [{"rule": "self.all(x, self.exists_one(y, x.name == y.name))", "message": "kubeletExtraArgs name must be unique"}]))]
    pub kubelet_extra_args: Vec<Arg>,
    /// Checks of kubeadm whose failure is only a warning; `all` stands for every check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub ignore_preflight_errors: Vec<String>,
    /// When kubeadm pulls images: `Always`, `IfNotPresent` (when unset) or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["Always", "IfNotPresent", "Never"]))]
    pub image_pull_policy: Option<String>,
    /// Pull images one after the other (kubeadm's default) or at the same time. From Kubernetes 1.31.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_serial: Option<bool>,
}
