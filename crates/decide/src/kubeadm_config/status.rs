//! The status of a KubeadmConfig: whether its data is there, and what is missing.

use api::bootstrap::{KubeadmConfigInitializationStatus, KubeadmConfigStatus};
use api::conditions::{CERTIFICATES_AVAILABLE, DATA_SECRET_AVAILABLE, READY, reason};

use super::observed::Observed;
use super::waiting::Waiting;
use crate::conditions::{ConditionStatus, Merge, NewCondition, Reasons, Summary, set, summary};
use crate::{paused, plan};

/// The status, given what is waited for.
pub fn status(seen: &Observed, waiting: Option<&Waiting>) -> KubeadmConfigStatus {
    let data = data_secret_name(seen);
    let mut status = KubeadmConfigStatus {
        conditions: seen.config.status.conditions.clone(),
        initialization: KubeadmConfigInitializationStatus {
            data_secret_created: data.as_ref().map(|_| true),
        },
        data_secret_name: data.clone(),
        observed_generation: seen.config.metadata.generation,
        deprecated: None,
    };
    let generation = seen.config.metadata.generation.unwrap_or_default();
    let mut put = |condition| {
        set(&mut status.conditions, condition, generation, seen.now);
    };
    put(paused::condition(seen.cluster.as_deref(), "KubeadmConfig", &seen.config.metadata));
    if !paused::is_paused(seen.cluster.as_deref(), &seen.config.metadata) {
        put(certificates(data.is_some(), waiting));
        put(data_secret(data.is_some(), waiting));
        let ready = ready(&status.conditions);
        set(&mut status.conditions, ready, generation, seen.now);
    }
    status
}

/// The name of the Secret with the data, once it is there: written by us, or named by the Machine already (after a move
/// or a restore, which keeps no status).
pub fn data_secret_name(seen: &Observed) -> Option<String> {
    let written = seen.data_secret.as_ref().filter(|secret| super::is_ours(seen, secret));
    let written = written.and_then(|secret| secret.metadata.name.clone());
    let of_machine =
        || seen.machine.as_ref().and_then(|machine| machine.spec.bootstrap.data_secret_name.clone());
    reported(&seen.config.status).map(str::to_owned).or_else(of_machine).or(written)
}

/// The name of the Secret that is said to be there.
pub fn reported(status: &KubeadmConfigStatus) -> Option<&str> {
    status.data_secret_name.as_deref().filter(|_| status.initialization.data_secret_created == Some(true))
}

fn certificates(available: bool, waiting: Option<&Waiting>) -> NewCondition {
    match waiting {
        Some(waiting) if !available && waiting.is_about_certificates() => NewCondition::new(
            CERTIFICATES_AVAILABLE,
            ConditionStatus::Unknown,
            plan::Waiting::reason(waiting),
            plan::Waiting::message(waiting),
        ),
        Some(_) if !available => NewCondition::new(
            CERTIFICATES_AVAILABLE,
            ConditionStatus::Unknown,
            crate::conditions::NOT_YET_REPORTED,
            "Condition CertificatesAvailable not yet reported",
        ),
        _ => NewCondition::new(CERTIFICATES_AVAILABLE, true, reason::AVAILABLE, ""),
    }
}

fn data_secret(available: bool, waiting: Option<&Waiting>) -> NewCondition {
    if available {
        return NewCondition::new(DATA_SECRET_AVAILABLE, true, reason::AVAILABLE, "");
    }
    let message = match waiting {
        Some(waiting) if !waiting.is_about_certificates() => plan::Waiting::message(waiting),
        _ => plan::Waiting::message(&Waiting::ControlPlane),
    };
    NewCondition::new(DATA_SECRET_AVAILABLE, false, reason::NOT_AVAILABLE, message)
}

fn ready(conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition]) -> NewCondition {
    let options = Summary {
        types: vec![DATA_SECRET_AVAILABLE, CERTIFICATES_AVAILABLE],
        merge: Merge {
            reasons: Reasons {
                issue: reason::NOT_READY,
                unknown: reason::READY_UNKNOWN,
                info: reason::READY,
            },
            ..Merge::default()
        },
        ..Summary::default()
    };
    summary(conditions, READY, &options).unwrap_or_else(|error| {
        NewCondition::new(READY, ConditionStatus::Unknown, reason::INTERNAL_ERROR, error.to_string())
    })
}
