//! What kubeadm, cloud-init and etcd expect to be told, and the names they give to things.
//!
//! A machine learns how to become a node from one text, its user data. [`user_data`] makes it: kubeadm's configuration
//! ([`marshal`]) in the format of the machine's Kubernetes version ([`versions`]), next to files ([`files`]),
//! certificates ([`certificates`]) and commands, wrapped for cloud-init ([`cloudinit`]).
//!
//! Once a cluster runs, others read what kubeadm left there: [`kubeadm_config_map`], [`unmarshal`], [`token`] and
//! [`naming`].
//!
//! Texts come out equal to the byte to what Cluster API makes of the same input: machines are compared by them.
//!
//! Deliberately absent: text in, text out; never asks a cluster anything; makes no keys and reads no clock. User data
//! for Ignition is not made yet.

pub mod certificates;
pub mod cloudinit;
mod divisor;
mod error;
pub mod files;
pub mod kubeadm_config_map;
pub mod marshal;
pub mod naming;
pub mod token;
pub mod unmarshal;
pub mod user_data;
pub mod versions;
pub mod yaml;

pub use error::Error;
