//! The kubeadm bootstrap group: what a machine is told before it becomes a node.
//!
//! [`KubeadmConfigSpec`] is the heart of it. It holds the kubeadm configuration in the one shape that users write,
//! whatever Kubernetes version the machine runs, next to what cloud-init sets up around kubeadm.
//! Turning it into kubeadm's own YAML and into user data is the business of the crate `kubeadm`.
//!
//! An object whose fields are all unset is the same as an absent one, so optional objects are plain values here: they
//! are left out when they equal their default. Two places tell absent from empty, and are `Option`s:
//! [`NodeRegistrationOptions::taints`] and [`JoinConfiguration::control_plane`].

use crate::is_default;

mod cluster_configuration;
mod component;
mod condition;
mod discovery;
mod file;
mod init_configuration;
mod join_configuration;
mod kubeadm_config;
mod kubeadm_config_template;
mod machine_setup;
mod node_registration;
mod schema;
mod spec;
mod token;

pub use cluster_configuration::{
    ClusterConfiguration, Dns, EncryptionAlgorithm, Etcd, ExternalEtcd, LocalEtcd,
};
pub use component::{ApiServer, Arg, ControllerManager, EnvVar, HostPathMount, Scheduler};
pub use condition::*;
pub use discovery::{
    BootstrapTokenDiscovery, Discovery, FileDiscovery, FileDiscoveryKubeConfig, KubeConfigAuthExec,
    KubeConfigAuthExecEnv, KubeConfigAuthProvider, KubeConfigCluster, KubeConfigUser,
};
pub use file::{Encoding, File, FileContentFormat, FileSource, SecretFileSource};
pub use init_configuration::{ApiEndpoint, BootstrapToken, InitConfiguration, Patches, Timeouts};
pub use join_configuration::{JoinConfiguration, JoinControlPlane};
pub use kubeadm_config::{
    KubeadmConfig, KubeadmConfigInitializationStatus, KubeadmConfigStatus, KubeadmConfigV1Beta1Status,
};
pub use kubeadm_config_template::{
    KubeadmConfigTemplate, KubeadmConfigTemplateResource, KubeadmConfigTemplateSpec,
};
pub use machine_setup::{
    DiskSetup, Filesystem, Ntp, Partition, PartitionSpec, PasswdSource, SecretPasswdSource, User,
    partition_type,
};
pub use node_registration::NodeRegistrationOptions;
pub use spec::{ContainerLinuxConfig, Format, IgnitionSpec, KubeadmConfigSpec};
pub use token::{BootstrapTokenString, InvalidToken};

/// The API group of the kinds in this module.
pub const GROUP: &str = "bootstrap.cluster.x-k8s.io";
