//! `Observed -> Plan`, one folder per controller, and the algorithms they share.
//!
//! Deliberately absent: clocks, randomness, environment, async, clients. Nothing here can fail: it can only decide to wait.

pub mod conditions;
pub mod deletion_order;
pub mod etcd_membership;
pub mod failure_domains;
pub mod machine_deployment;
pub mod names;
pub mod plan;
pub mod scaling;
