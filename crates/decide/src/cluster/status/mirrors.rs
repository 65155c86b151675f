//! What infrastructure and control plane say of themselves: `InfrastructureReady`, `ControlPlaneAvailable`,
//! `ControlPlaneInitialized`.

use api::conditions::{CONTROL_PLANE_AVAILABLE, CONTROL_PLANE_INITIALIZED, INFRASTRUCTURE_READY, reason};
use api::contract::{READY_CONDITION, control_plane};

use super::super::observed::Observed;
use super::super::waiting::{SEE_LOG, Waiting};
use super::Conditions;
use crate::conditions::{
    ConditionStatus, Fallback, NO_REASON_REPORTED, NewCondition, from_value, is_true, mirror,
};
use crate::plan::Waiting as _;
use crate::referenced::Referenced;

/// How a condition is taken over from an object.
struct Mirror<'a> {
    object: &'a Referenced,
    kind: &'a str,
    source: &'static str,
    target: &'static str,
    /// Whether the object was done once, and the reasons for that and its opposite.
    done: bool,
    reasons: (&'static str, &'static str),
    /// The contract's field that says so.
    field: &'static str,
}

/// `InfrastructureReady`.
pub fn infrastructure(seen: &Observed) -> NewCondition {
    let Some(reference) = &seen.cluster.spec.infrastructure_ref else {
        return match seen.has_topology() {
            true => not_made_yet(seen, INFRASTRUCTURE_READY, ConditionStatus::False),
            // There is none to be made ready.
            false => NewCondition::new(INFRASTRUCTURE_READY, true, reason::READY, ""),
        };
    };
    let mirror = Mirror {
        object: &seen.infrastructure,
        kind: &reference.kind,
        source: READY_CONDITION,
        target: INFRASTRUCTURE_READY,
        done: super::super::is_provisioned(seen),
        reasons: (reason::READY, reason::NOT_READY),
        field: "status.initialization.provisioned",
    };
    mirror.condition(seen.is_deleting())
}

/// `ControlPlaneAvailable`.
pub fn control_plane_available(seen: &Observed) -> NewCondition {
    let Some(reference) = &seen.cluster.spec.control_plane_ref else {
        if seen.has_topology() {
            return not_made_yet(seen, CONTROL_PLANE_AVAILABLE, ConditionStatus::False);
        }
        // Machines that stand alone say nothing about what they are together but that one of them is up.
        return match super::super::has_control_plane(seen) {
            true => NewCondition::new(CONTROL_PLANE_AVAILABLE, true, reason::AVAILABLE, ""),
            false => {
                let message = Waiting::ControlPlane(None).message();
                NewCondition::new(CONTROL_PLANE_AVAILABLE, false, reason::NOT_AVAILABLE, message)
            }
        };
    };
    let mirror = Mirror {
        object: &seen.control_plane,
        kind: &reference.kind,
        source: control_plane::AVAILABLE_CONDITION,
        target: CONTROL_PLANE_AVAILABLE,
        done: super::super::is_initialized(seen),
        reasons: (reason::AVAILABLE, reason::NOT_AVAILABLE),
        field: "status.initialization.controlPlaneInitialized",
    };
    mirror.condition(seen.is_deleting())
}

/// `ControlPlaneInitialized`, which never ends once it is true.
pub fn control_plane_initialized(conditions: &mut Conditions<'_>) {
    if !is_true(&conditions.list, CONTROL_PLANE_INITIALIZED) {
        let condition = initialized(conditions.seen);
        conditions.put(condition);
    }
}

fn initialized(seen: &Observed) -> NewCondition {
    let target = CONTROL_PLANE_INITIALIZED;
    let reference = seen.cluster.spec.control_plane_ref.as_ref();
    if reference.is_none() && seen.has_topology() {
        return not_made_yet(seen, target, ConditionStatus::Unknown);
    }
    if let Some(reference) = reference {
        let unknown =
            |reason, message: String| NewCondition::new(target, ConditionStatus::Unknown, reason, message);
        let object = &seen.control_plane;
        let contract = object.contract();
        match object {
            Referenced::Missing | Referenced::Unset => {
                return unknown(reason::OBJECT_DOES_NOT_EXIST, format!("{} does not exist", reference.kind));
            }
            Referenced::UnknownKind => return unknown(reason::INTERNAL_ERROR, SEE_LOG.to_owned()),
            Referenced::Found(value, _) if control_plane::initialized(contract).get(value).is_err() => {
                return unknown(reason::INTERNAL_ERROR, SEE_LOG.to_owned());
            }
            Referenced::Found(..) => {}
        }
    }
    if super::super::has_control_plane(seen) {
        return NewCondition::new(target, true, reason::INITIALIZED, "");
    }
    let waiting = Waiting::ControlPlane(reference.map(|reference| reference.kind.clone()));
    NewCondition::new(target, false, reason::NOT_INITIALIZED, waiting.message())
}

/// The topology has yet to make the object.
fn not_made_yet(seen: &Observed, target: &'static str, status: ConditionStatus) -> NewCondition {
    let message = if seen.is_deleting() { String::new() } else { Waiting::Topology.message() };
    NewCondition::new(target, status, reason::OBJECT_DOES_NOT_EXIST, message)
}

impl Mirror<'_> {
    fn condition(&self, is_deleting: bool) -> NewCondition {
        match self.object {
            Referenced::Found(value, _) => match from_value(value) {
                Ok(conditions) => self.mirrored(&conditions),
                Err(error) => {
                    let why = reason::INVALID_CONDITION_REPORTED;
                    NewCondition::new(self.target, ConditionStatus::Unknown, why, error.to_string())
                }
            },
            Referenced::UnknownKind => {
                NewCondition::new(self.target, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
            }
            Referenced::Missing | Referenced::Unset => self.missing(is_deleting),
        }
    }

    fn mirrored(
        &self,
        conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition],
    ) -> NewCondition {
        let (good, bad) = self.reasons;
        let fallback = match self.done {
            true => Fallback { status: ConditionStatus::True, reason: good.into(), message: "".into() },
            false => Fallback {
                status: ConditionStatus::False,
                reason: bad.into(),
                message: format!("{} {} is false", self.kind, self.field).into(),
            },
        };
        let mut condition = mirror(conditions, self.source, self.target, Some(fallback));
        // Providers of the older contract give no reason for what is well.
        if condition.reason == NO_REASON_REPORTED && condition.status == ConditionStatus::True {
            condition.reason = good.into();
        }
        condition
    }

    fn missing(&self, is_deleting: bool) -> NewCondition {
        let kind = self.kind;
        let (reason, message) = match (self.done, is_deleting) {
            (true, true) => (reason::OBJECT_DELETED, format!("{kind} has been deleted")),
            (true, false) => {
                (reason::OBJECT_DELETED, format!("{kind} has been deleted while the cluster still exists"))
            }
            (false, _) => (reason::OBJECT_DOES_NOT_EXIST, format!("{kind} does not exist")),
        };
        NewCondition::new(self.target, false, reason, message)
    }
}
