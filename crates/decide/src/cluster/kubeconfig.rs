//! The kubeconfig of a cluster whose control plane is made of Machines that stand alone. Everywhere else the control plane
//! object makes it.

use super::observed::{Need, NewKubeconfig, Observed};
use crate::plan::Action;
use crate::{certificates, owners};

/// What comes next.
pub enum Step {
    /// Nothing: it is there, or nobody asked for it.
    Done,
    /// It cannot be made yet.
    Wait,
    /// It has to be made.
    Look(Need),
    /// It has to be written down.
    Create(Box<Action>),
}

/// What comes next for the kubeconfig.
pub fn next(seen: &Observed) -> Step {
    let spec = &seen.cluster.spec;
    let endpoint = &spec.control_plane_endpoint;
    let (Some(host), Some(port)) = (endpoint.host.as_deref(), endpoint.port) else { return Step::Done };
    let is_ours = spec.control_plane_ref.is_none() && !seen.has_topology() && super::is_valid(endpoint);
    if !is_ours || seen.has_kubeconfig {
        return Step::Done;
    }
    if !seen.has_looked_for_secrets {
        return Step::Look(Need::Secrets);
    }
    if seen.authority.is_none() {
        return Step::Wait;
    }
    match &seen.new_kubeconfig {
        None => Step::Look(Need::Kubeconfig { server: kubeadm::marshal::join_host_port(host, port) }),
        Some(NewKubeconfig::Failed) => Step::Wait,
        Some(NewKubeconfig::Made(text)) => {
            let metadata = &seen.cluster.metadata;
            let secret = certificates::kubeconfig_secret(
                metadata.name.as_deref().unwrap_or_default(),
                metadata.namespace.as_deref().unwrap_or_default(),
                &owners::plain(&*seen.cluster),
                text,
            );
            Step::Create(Box::new(Action::create(secret, "nobody else makes a kubeconfig")))
        }
    }
}
