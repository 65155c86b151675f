//! Group `controlplane.cluster.x-k8s.io`: control planes that kubeadm sets up.

pub mod kubeadm_control_plane;
pub mod kubeadm_control_plane_template;

pub use kubeadm_control_plane::*;
pub use kubeadm_control_plane_template::*;

/// The API group.
pub const GROUP: &str = "controlplane.cluster.x-k8s.io";
