//! Group `cluster.x-k8s.io`: clusters and their machines.

pub mod cluster;
pub mod common;
pub mod health_check;
pub mod machine;
pub mod machine_deployment;
pub mod machine_set;
pub mod topology;

pub use cluster::Cluster;
pub use machine::Machine;
pub use machine_deployment::MachineDeployment;
pub use machine_set::MachineSet;

/// The API group.
pub const GROUP: &str = "cluster.x-k8s.io";
