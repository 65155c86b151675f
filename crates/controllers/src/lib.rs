//! Per controller: how to observe, which plan to ask for, how to act; and the table of all controllers.
//!
//! The frame is [`controller`]: observe, decide, act, in rounds until nothing is left to do, then publish. A folder here
//! has the same name as its folder in `decide`; the two together are the controller.
//!
//! Deliberately absent: no `if` about what should happen. That is `decide`'s.

pub mod act;
pub mod certificates;
pub mod cluster;
pub mod context;
pub mod controller;
pub mod definitions;
pub mod error;
pub mod etcd_identity;
pub mod gathering;
pub mod kubeadm_config;
pub mod kubeadm_control_plane;
pub mod machine;
pub mod machine_deployment;
pub mod machine_set;
pub mod secrets;
pub mod table;
pub mod target;
pub mod workload;

pub use context::Context;
pub use controller::Controller;
pub use error::Error;
