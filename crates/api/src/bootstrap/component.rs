//! Settings of the control plane components that run as static pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// An environment variable of a container, as in a Pod.
pub type EnvVar = k8s_openapi::api::core::v1::EnvVar;

/// A command line argument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Arg {
    /// Name of the flag, without leading dashes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Value of the flag. May be empty.
    #[serde(default)]
    #[schemars(!default)]
    #[schemars(length(min = 0, max = 1024))]
    pub value: String,
}

/// A file or directory of the host that a static pod mounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPathMount {
    /// Name of the volume in the pod.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub name: String,
    /// Path on the host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub host_path: String,
    /// Path in the pod.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub mount_path: String,
    /// Mount it without write access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// What must exist at the host path, for example `DirectoryOrCreate`; empty for no check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_type: Option<String>,
}

/// Settings of kube-apiserver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct ApiServer {
    /// Arguments to add. They win over the ones that kubeadm sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "value"], "x-kubernetes-validations" = [{"rule": "self.all(x, self.exists_one(y, x.name == y.name))", "message": "extraArgs name must be unique"}]))]
    pub extra_args: Vec<Arg>,
    /// Host paths to mount into the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_volumes: Vec<HostPathMount>,
    /// Environment variables to add, from Kubernetes 1.31. They win over proxy variables that kubeadm sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::env_vars")]
    pub extra_envs: Option<Vec<EnvVar>>,
    /// More names and addresses that the serving certificate is valid for.
    #[serde(rename = "certSANs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "atomic"))]
    pub cert_sans: Vec<String>,
}

/// Settings of kube-controller-manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct ControllerManager {
    /// Arguments to add. They win over the ones that kubeadm sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "value"], "x-kubernetes-validations" = [{"rule": "self.all(x, self.exists_one(y, x.name == y.name))", "message": "extraArgs name must be unique"}]))]
    pub extra_args: Vec<Arg>,
    /// Host paths to mount into the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_volumes: Vec<HostPathMount>,
    /// Environment variables to add, from Kubernetes 1.31. They win over proxy variables that kubeadm sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::env_vars")]
    pub extra_envs: Option<Vec<EnvVar>>,
}

/// Settings of kube-scheduler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct Scheduler {
    /// Arguments to add. They win over the ones that kubeadm sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "value"], "x-kubernetes-validations" = [{"rule": "self.all(x, self.exists_one(y, x.name == y.name))", "message": "extraArgs name must be unique"}]))]
    pub extra_args: Vec<Arg>,
    /// Host paths to mount into the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_volumes: Vec<HostPathMount>,
    /// Environment variables to add, from Kubernetes 1.31. They win over proxy variables that kubeadm sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::env_vars")]
    pub extra_envs: Option<Vec<EnvVar>>,
}

macro_rules! is_defined {
    ($($kind:ty),*) => {$(
        impl $kind {
            /// Whether any field is set.
            pub fn is_defined(&self) -> bool {
                !is_default(self)
            }
        }
    )*};
}
is_defined!(ApiServer, ControllerManager, Scheduler);
