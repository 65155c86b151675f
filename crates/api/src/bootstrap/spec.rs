//! What a machine is told: the whole of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_configuration::ClusterConfiguration;
use super::file::File;
use super::init_configuration::InitConfiguration;
use super::is_default;
use super::join_configuration::JoinConfiguration;
use super::machine_setup::{DiskSetup, Ntp, User};

/// What a machine is told to become a node: `clusterConfiguration` and `initConfiguration` for the first control plane
/// machine, `joinConfiguration` for every other, and what is set up around kubeadm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeadmConfigSpec {
    /// Settings of the whole cluster, for `kubeadm init`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cluster_configuration: ClusterConfiguration,
    /// Settings of the first control plane machine, for `kubeadm init`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub init_configuration: InitConfiguration,
    /// Settings of a joining machine, for `kubeadm join`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub join_configuration: JoinConfiguration,
    /// Files to write before kubeadm runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 200), extend("x-kubernetes-list-type" = "atomic"))]
    pub files: Vec<File>,
    /// Partitions and file systems to make.
    #[serde(default, skip_serializing_if = "is_default")]
    pub disk_setup: DiskSetup,
    /// Mounts, each the fields of a line of fstab.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 100), inner(length(min = 1, max = 512))), extend("x-kubernetes-list-type" = "atomic"))]
    pub mounts: Vec<Vec<String>>,
    /// Commands that cloud-init runs early, at every boot. Ignition has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1000), inner(length(min = 1, max = 10240)), extend("x-kubernetes-list-type" = "atomic"))]
    pub boot_commands: Vec<String>,
    /// Commands to run before kubeadm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1000), inner(length(min = 1, max = 10240)), extend("x-kubernetes-list-type" = "atomic"))]
    pub pre_kubeadm_commands: Vec<String>,
    /// Commands to run after kubeadm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1000), inner(length(min = 1, max = 10240)), extend("x-kubernetes-list-type" = "atomic"))]
    pub post_kubeadm_commands: Vec<String>,
    /// Users to create.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub users: Vec<User>,
    /// Time servers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ntp: Ntp,
    /// What reads the bootstrap data on the machine: `cloud-config` (when unset) or `ignition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["cloud-config", "ignition"]))]
    pub format: Option<Format>,
    /// How much kubeadm tells: the number of its flag `--v`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<i32>,
    /// What only Ignition knows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignition: IgnitionSpec,
}

/// What reads the bootstrap data on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// cloud-init.
    #[default]
    #[serde(rename = "cloud-config")]
    CloudConfig,
    /// Ignition.
    #[serde(rename = "ignition")]
    Ignition,
}

impl Format {
    /// The name, as users write it and as the data secret holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudConfig => "cloud-config",
            Self::Ignition => "ignition",
        }
    }
}

/// What only Ignition knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct IgnitionSpec {
    /// A Container Linux Config to merge in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub container_linux_config: ContainerLinuxConfig,
}

/// A Container Linux Config to merge into the generated one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct ContainerLinuxConfig {
    /// The config, YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32768))]
    pub additional_config: Option<String>,
    /// Treat warnings about the config as errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}
