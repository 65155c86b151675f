//! `Observed -> Plan`, one folder per controller, and the algorithms they share.
//!
//! Deliberately absent: clocks, randomness, environment, async, clients. Nothing here can fail: it can only decide to wait.

pub mod applied;
pub mod certificates;
pub mod cluster;
pub mod conditions;
pub mod deletion_order;
pub mod drain;
pub mod durations;
pub mod etcd_membership;
pub mod failure_domains;
pub mod finalizers;
pub mod ip_family;
pub mod kubeadm_config;
pub mod kubeadm_control_plane;
pub mod machine;
pub mod machine_deployment;
pub mod machine_health_check;
pub mod machine_set;
pub mod machine_template;
pub mod names;
pub mod owner_remediation;
pub mod owners;
pub mod paused;
pub mod plan;
pub mod referenced;
pub mod scaling;
