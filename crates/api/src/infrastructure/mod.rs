//! Group `infrastructure.cluster.x-k8s.io`: the kinds of the development provider.

pub mod dev_cluster;
pub mod dev_machine;

pub use dev_cluster::*;
pub use dev_machine::*;

/// The API group.
pub const GROUP: &str = "infrastructure.cluster.x-k8s.io";
