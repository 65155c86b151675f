//! `BootstrapConfigReady` and `InfrastructureReady`: what the referenced objects say of themselves.

use api::conditions::{BOOTSTRAP_CONFIG_READY, INFRASTRUCTURE_READY, reason};
use api::contract::READY_CONDITION;

use super::super::observed::Observed;
use super::super::waiting::SEE_LOG;
use crate::conditions::{ConditionStatus, Fallback, NO_REASON_REPORTED, NewCondition, from_value, mirror};
use crate::referenced::Referenced;

/// `BootstrapConfigReady`.
pub fn bootstrap(seen: &Observed) -> NewCondition {
    let target = BOOTSTRAP_CONFIG_READY;
    let Some(reference) = &seen.machine.spec.bootstrap.config_ref else {
        return NewCondition::new(target, true, reason::DATA_SECRET_PROVIDED, "");
    };
    let kind = &reference.kind;
    let created = super::super::is_bootstrapped(seen);
    if let Some(condition) = of_object(&seen.bootstrap, target, created, || {
        format!("{kind} status.initialization.dataSecretCreated is false")
    }) {
        return condition;
    }
    if seen.is_deleting() && created {
        return NewCondition::new(target, false, reason::OBJECT_DELETED, format!("{kind} has been deleted"));
    }
    NewCondition::new(target, false, reason::OBJECT_DOES_NOT_EXIST, format!("{kind} does not exist"))
}

/// `InfrastructureReady`.
pub fn infrastructure(seen: &Observed) -> NewCondition {
    let target = INFRASTRUCTURE_READY;
    let kind = &seen.machine.spec.infrastructure_ref.kind;
    let provisioned = super::super::is_provisioned(seen);
    if let Some(condition) = of_object(&seen.infrastructure, target, provisioned, || {
        format!("{kind} status.initialization.provisioned is false")
    }) {
        return condition;
    }
    let message = match (provisioned, seen.is_deleting()) {
        (true, true) => format!("{kind} has been deleted"),
        (true, false) => format!("{kind} has been deleted while the Machine still exists"),
        (false, _) => format!("{kind} does not exist"),
    };
    let why = if provisioned { reason::OBJECT_DELETED } else { reason::OBJECT_DOES_NOT_EXIST };
    NewCondition::new(target, false, why, message)
}

/// The condition as far as the object decides it: its own, or that it cannot be read. `None` if there is no object.
fn of_object(
    object: &Referenced,
    target: &'static str,
    done: bool,
    not_done: impl FnOnce() -> String,
) -> Option<NewCondition> {
    let value = match object {
        Referenced::Found(value, _) => value,
        Referenced::UnknownKind => {
            return Some(NewCondition::new(
                target,
                ConditionStatus::Unknown,
                reason::INTERNAL_ERROR,
                SEE_LOG,
            ));
        }
        Referenced::Missing | Referenced::Unset => return None,
    };
    let conditions = match from_value(value) {
        Ok(conditions) => conditions,
        Err(error) => {
            let why = reason::INVALID_CONDITION_REPORTED;
            return Some(NewCondition::new(target, ConditionStatus::Unknown, why, error.to_string()));
        }
    };
    let fallback = Fallback {
        status: done.into(),
        reason: if done { reason::READY } else { reason::NOT_READY }.into(),
        message: if done { "".into() } else { not_done().into() },
    };
    let mut condition = mirror(&conditions, READY_CONDITION, target, Some(fallback));
    // Providers of the older contract give no reason for what is well.
    if condition.reason == NO_REASON_REPORTED && condition.status == ConditionStatus::True {
        condition.reason = reason::READY.into();
    }
    Some(condition)
}
