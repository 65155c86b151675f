//! Group `cluster.x-k8s.io`: clusters and their machines.
//!
//! Reading is lenient: a required field that is missing is read as empty. One odd object, perhaps older than the rule it
//! breaks, must not keep a controller from seeing all others; what may be written is the schema's business.

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
