//! The Secrets of a cluster: its authorities and keys, and the kubeconfig of its administrator.
//!
//! What users bring is used as it is. Nothing is made for a control plane that is up: it was made with other keys.

use api::conditions::{CERTIFICATES_AVAILABLE, reason};
use api::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kubeadm::certificates::{Certificate, KUBECONFIG_KEY, KeyPairs, Purpose, for_init};
use kubeadm::marshal::join_host_port;
use serde_json::json;

use super::conditions::has_endpoint;
use super::observed::{MadeKubeconfig, Need, Observed};
use super::step::Step;
use super::waiting::Waiting;
use crate::certificates::{self, key_pairs, kubeconfig_name, kubeconfig_secret, to_make};
use crate::conditions::{ConditionStatus, NewCondition};
use crate::owners;
use crate::plan::{Action, Next, ObjectRef};
use api::core::Cluster;

/// What is left of the client certificate in a kubeconfig when it is renewed: half of its year.
const RENEWED_BELOW: SignedDuration = SignedDuration::from_hours(24 * 365 / 2);

fn planned(seen: &Observed) -> Vec<Certificate> {
    for_init(&seen.control_plane.spec.kubeadm_config_spec.cluster_configuration)
}

fn existing(seen: &Observed) -> KeyPairs {
    key_pairs(cluster_name(seen), &seen.secrets)
}

fn cluster_name(seen: &Observed) -> &str {
    let cluster = seen.cluster.as_ref().and_then(|cluster| cluster.metadata.name.as_deref());
    cluster.unwrap_or_default()
}

/// What is missing, by the ends of the Secrets' names.
fn missing(seen: &Observed) -> Vec<&'static str> {
    let missing = certificates::missing(&planned(seen), &existing(seen));
    missing.into_iter().map(Purpose::suffix).collect()
}

/// What has to be looked up before a certificate may count as missing.
pub fn unseen(seen: &Observed) -> Option<Need> {
    if seen.has_looked_for_secrets {
        return None;
    }
    let missing = certificates::missing(&planned(seen), &existing(seen));
    (!missing.is_empty()).then_some(Need::Secrets(missing))
}

/// `CertificatesAvailable`.
pub fn condition(seen: &Observed) -> NewCondition {
    let missing = missing(seen);
    if missing.is_empty() {
        return NewCondition::new(CERTIFICATES_AVAILABLE, true, reason::AVAILABLE, "");
    }
    if !seen.is_initialized() {
        let message = "Please check controller logs for errors";
        return NewCondition::new(
            CERTIFICATES_AVAILABLE,
            ConditionStatus::Unknown,
            reason::INTERNAL_ERROR,
            message,
        );
    }
    let subject = match missing.as_slice() {
        [one] => format!("Cluster certificate for {one} is"),
        _ => format!("Cluster certificates for {} are", missing.join(", ")),
    };
    let message = format!("{subject} not available, please check cluster certificate secrets");
    NewCondition::new(CERTIFICATES_AVAILABLE, false, reason::NOT_AVAILABLE, message)
}

/// The same, as an object holds it, for checks.
pub fn as_condition(seen: &Observed) -> Condition {
    let condition = condition(seen);
    Condition {
        type_: condition.type_.into_owned(),
        status: condition.status.as_str().to_owned(),
        reason: condition.reason.into_owned(),
        message: condition.message.into_owned(),
        observed_generation: None,
        last_transition_time: Time(seen.now),
    }
}

/// Makes missing authorities and keys, and takes hold of those that the bootstrap of a stand-alone Machine made.
pub fn step(seen: &Observed) -> Step {
    if let Some(need) = unseen(seen) {
        return Step::Look(need);
    }
    let missing_now = missing(seen);
    if !missing_now.is_empty() && !seen.is_initialized() {
        let wanted = to_make(&planned(seen), &existing(seen));
        if wanted.len() < missing_now.len() {
            let message = format!("Secrets that users have to bring are missing: {}", missing_now.join(", "));
            return Step::Wait(Waiting::Certificates(message), Next::Retry);
        }
        return match &seen.made_key_pairs {
            None => Step::Look(Need::KeyPairs(wanted)),
            Some(made) => {
                let owner = owners::controller(&*seen.control_plane);
                let (cluster, existing) = (cluster_name(seen), existing(seen));
                Step::act(certificates::create(cluster, seen.namespace(), &owner, made, &existing))
            }
        };
    }
    Step::act(adopt(seen))
}

/// Secrets that controllers made belong to the control plane; those of users belong to users.
fn adopt(seen: &Observed) -> Vec<Action> {
    let own = owners::controller(&*seen.control_plane);
    let mut purposes: Vec<Purpose> = planned(seen).iter().map(|certificate| certificate.purpose).collect();
    purposes.push(Purpose::Kubeconfig);
    let is_of_cluster = |secret: &Secret| {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        Purpose::of_secret_name(name)
            .is_some_and(|(cluster, purpose)| cluster == cluster_name(seen) && purposes.contains(&purpose))
    };
    let mut actions = Vec::new();
    for secret in seen.secrets.iter().filter(|secret| is_of_cluster(secret)) {
        let owners: Vec<_> = secret.metadata.owner_references.clone().unwrap_or_default();
        if secret.type_.as_deref() != Some(labels::CLUSTER_SECRET_TYPE) || owners.contains(&own) {
            continue;
        }
        let others = owners.into_iter().filter(|owner| owner.controller != Some(true));
        let all: Vec<_> = others.chain([own.clone()]).collect();
        let patch = json!({"metadata": {
            "resourceVersion": secret.metadata.resource_version,
            "ownerReferences": all,
        }});
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let target = ObjectRef::of::<Secret>(seen.namespace(), name);
        actions.push(Action::patch(target, patch, "the Secret belongs to the control plane"));
    }
    actions
}

/// Makes the kubeconfig, and renews it before its certificate ends.
pub fn kubeconfig(seen: &Observed, cluster: &Cluster) -> Step {
    if !has_endpoint(cluster) {
        return Step::wait(Waiting::Endpoint);
    }
    let endpoint = &cluster.spec.control_plane_endpoint;
    let server =
        join_host_port(endpoint.host.as_deref().unwrap_or_default(), endpoint.port.unwrap_or_default());
    let name = kubeconfig_name(cluster_name(seen));
    let found = seen.secrets.iter().find(|secret| secret.metadata.name.as_ref() == Some(&name));
    let is_due = match found {
        None => true,
        Some(secret) => is_ours(seen, secret) && renewal(seen).is_some_and(|time| time <= seen.now),
    };
    if !is_due {
        return Step::pass();
    }
    if !existing(seen).contains_key(&Purpose::ClusterCa) {
        let message = format!("Secret {}-ca is missing: no kubeconfig can be made", cluster_name(seen));
        return Step::Wait(Waiting::Kubeconfig(message), Next::Retry);
    }
    match (&seen.made_kubeconfig, found) {
        (None, _) => Step::Look(Need::Kubeconfig { server }),
        (Some(MadeKubeconfig(Err(error))), _) => Step::wait(Waiting::Kubeconfig(error.clone())),
        (Some(MadeKubeconfig(Ok(made))), None) => {
            let owner = owners::controller(&*seen.control_plane);
            let object = kubeconfig_secret(cluster_name(seen), seen.namespace(), &owner, made);
            Step::act(vec![Action::create(object, "the cluster needs its kubeconfig")])
        }
        (Some(MadeKubeconfig(Ok(made))), Some(secret)) => {
            let patch = json!({
                "metadata": {"resourceVersion": secret.metadata.resource_version},
                "data": {KUBECONFIG_KEY: ByteString(made.as_bytes().to_vec())},
            });
            let target = ObjectRef::of::<Secret>(seen.namespace(), &name);
            Step::act(vec![Action::patch(target, patch, "the certificate in the kubeconfig ends")])
        }
    }
}

fn is_ours(seen: &Observed, secret: &Secret) -> bool {
    owners::controller_of(&secret.metadata).is_some_and(|owner| owner.uid == seen.uid())
}

/// When the kubeconfig is renewed. Nothing announces that a certificate ends.
pub fn renewal(seen: &Observed) -> Option<Timestamp> {
    seen.kubeconfig_expires?.checked_sub(RENEWED_BELOW).ok()
}
