//! Nothing is left after deletion: no object of the cluster in the API, nothing in the cloud.

use super::{Checkers, Violation};

/// The kinds of which nothing may be left.
const KINDS: [(&str, &str); 8] = [
    ("cluster.x-k8s.io", "clusters"),
    ("cluster.x-k8s.io", "machines"),
    ("cluster.x-k8s.io", "machinesets"),
    ("cluster.x-k8s.io", "machinedeployments"),
    ("bootstrap.cluster.x-k8s.io", "kubeadmconfigs"),
    ("controlplane.cluster.x-k8s.io", "kubeadmcontrolplanes"),
    ("infrastructure.cluster.x-k8s.io", "devmachines"),
    ("infrastructure.cluster.x-k8s.io", "devclusters"),
];

/// Objects and cloud resources that outlived their cluster.
///
/// # Errors
/// The first kind of which something is left.
pub fn leftovers(checkers: &Checkers) -> Result<(), Violation> {
    for (group, plural) in KINDS {
        let left = checkers.objects(group, plural);
        if let Some(first) = left.first() {
            return Err(Violation::new(
                "nothing is left after deletion",
                format!("{} {plural}, the first is {}", left.len(), first["metadata"]["name"]),
            ));
        }
    }
    let secrets = checkers.objects("", "secrets");
    if let Some(first) = secrets.first() {
        return Err(Violation::new(
            "nothing is left after deletion",
            format!("Secret {}", first["metadata"]["name"]),
        ));
    }
    Ok(())
}
