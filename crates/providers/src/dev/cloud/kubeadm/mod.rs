//! A kubeadm that does to a simulated cluster what the real one does to a machine: reads the same configuration, checks
//! the same things, leaves the same objects behind.
//!
//! Deliberately absent: phases and flags; certificate upload keys (the authorities come as files); checks of the host.

pub mod config;
mod init;
mod join;

pub use config::{API_SERVER_PORT, Registration, Task};
pub use init::plan as plan_init;
pub use join::{Authority, Discovered, check_hashes, check_token, discover};

/// Why a machine does not become a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It may work later: kubeadm keeps trying for a while.
    NotYet(String),
    /// It will not work on this machine.
    Never(String),
}

/// Major and minor of a version such as `v1.35.1`.
pub fn minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether a machine with kubeadm and kubelet of `node` may join a control plane at `cluster`, by Kubernetes' version
/// skew policy: a kubelet is up to three minors older than API servers and never newer; a control plane node differs by
/// one minor at most, either way, as in an upgrade.
pub fn check_skew(node: &str, cluster: &str, control_plane: bool) -> Result<(), Refusal> {
    let (Some(node_minor), Some(cluster_minor)) = (minor(node), minor(cluster)) else {
        return Err(Refusal::Never(format!("kubeadm join: version {node:?} or {cluster:?} cannot be read")));
    };
    let (oldest, newest) = if control_plane { (1, 1) } else { (3, 0) };
    let fits = node_minor.0 == cluster_minor.0
        && node_minor.1 + oldest >= cluster_minor.1
        && node_minor.1 <= cluster_minor.1 + newest;
    if fits {
        return Ok(());
    }
    Err(Refusal::Never(format!(
        "kubeadm join: a machine at {node} cannot join a control plane at {cluster}: at most {oldest} minor versions older and {newest} newer are supported"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_skew() {
        for (node, cluster, control_plane, fits) in [
            ("v1.35.1", "v1.35.0", false, true),
            ("v1.32.0", "v1.35.0", false, true),
            ("v1.31.0", "v1.35.0", false, false),
            ("v1.36.0", "v1.35.0", false, false),
            ("v1.36.0", "v1.35.0", true, true),
            ("v1.37.0", "v1.35.0", true, false),
            ("nonsense", "v1.35.0", true, false),
        ] {
            assert_eq!(check_skew(node, cluster, control_plane).is_ok(), fits, "{node} {cluster}");
        }
    }
}
