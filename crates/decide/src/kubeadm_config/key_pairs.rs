//! The authorities and keys that user data is made of.
//!
//! The control plane object makes them, or a user brings them. Only where Machines stand alone there is nobody else, and the
//! first of them to run `kubeadm init` makes what is missing.

use api::core::Cluster;
use kubeadm::certificates::Certificate;

use super::observed::{Need, Observed};
use crate::plan::Action;
use crate::{certificates, owners};

/// What has to be looked up before planned certificates may count as missing.
pub fn unseen(seen: &Observed, planned: &[Certificate]) -> Option<Need> {
    let missing = certificates::missing(planned, &seen.key_pairs);
    (!missing.is_empty() && !seen.has_looked_for_key_pairs).then_some(Need::KnownKeyPairs(missing))
}

/// What comes next for certificates that are missing.
pub enum Step {
    /// Nothing: they are there, or not ours to make.
    None,
    /// They have to be made.
    Look(Need),
    /// They have to be written down.
    Create(Vec<Action>),
}

/// Makes what is missing, where nobody else does.
pub fn make(seen: &Observed, cluster: &Cluster, planned: &[Certificate]) -> Step {
    let missing = certificates::missing(planned, &seen.key_pairs);
    let wanted = certificates::to_make(planned, &seen.key_pairs);
    let are_all_ours = wanted.len() == missing.len();
    if cluster.spec.control_plane_ref.is_some() || wanted.is_empty() || !are_all_ours {
        return Step::None;
    }
    match &seen.made_key_pairs {
        None => Step::Look(Need::NewKeyPairs(wanted)),
        Some(made) => Step::Create(certificates::create(
            cluster.metadata.name.as_deref().unwrap_or_default(),
            seen.config.metadata.namespace.as_deref().unwrap_or_default(),
            &owners::controller(&*seen.config),
            made,
            &seen.key_pairs,
        )),
    }
}
