//! Conditions about what makes Machines: `WorkersAvailable`, `RollingOut`, `ScalingUp`, `ScalingDown`.

use api::conditions::{AVAILABLE, ROLLING_OUT, SCALING_DOWN, SCALING_UP, WORKERS_AVAILABLE, reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::observed::Observed;
use super::super::waiting::SEE_LOG;
use crate::conditions::{
    ConditionStatus, Merge, NewCondition, Owner, Polarity, Reasons, Source, aggregate, from_value, has,
};
use crate::referenced::Referenced;

const AVAILABLE_REASONS: Reasons =
    Reasons { issue: reason::NOT_AVAILABLE, unknown: reason::AVAILABLE_UNKNOWN, info: reason::AVAILABLE };
const ROLLING_OUT_REASONS: Reasons = Reasons {
    issue: reason::ROLLING_OUT,
    unknown: reason::ROLLING_OUT_UNKNOWN,
    info: reason::NOT_ROLLING_OUT,
};
const SCALING_UP_REASONS: Reasons =
    Reasons { issue: reason::SCALING_UP, unknown: reason::SCALING_UP_UNKNOWN, info: reason::NOT_SCALING_UP };
const SCALING_DOWN_REASONS: Reasons = Reasons {
    issue: reason::SCALING_DOWN,
    unknown: reason::SCALING_DOWN_UNKNOWN,
    info: reason::NOT_SCALING_DOWN,
};

/// The four conditions.
pub fn conditions(seen: &Observed) -> [NewCondition; 4] {
    // A control plane need not report conditions; what cannot be read is told of elsewhere.
    let of_control_plane = seen.control_plane.object().map(|object| from_value(object).unwrap_or_default());
    let movement = |type_, reasons, with_sets| {
        moving(seen, of_control_plane.as_deref().unwrap_or_default(), type_, reasons, with_sets)
    };
    [
        workers_available(seen),
        movement(ROLLING_OUT, ROLLING_OUT_REASONS, false),
        movement(SCALING_UP, SCALING_UP_REASONS, true),
        movement(SCALING_DOWN, SCALING_DOWN_REASONS, true),
    ]
}

fn workers_available(seen: &Observed) -> NewCondition {
    let sources = deployments(seen);
    if sources.is_empty() {
        return NewCondition::new(WORKERS_AVAILABLE, true, reason::NO_WORKERS, "");
    }
    let merge = Merge { reasons: AVAILABLE_REASONS, ..Merge::default() };
    aggregate(&sources, AVAILABLE, WORKERS_AVAILABLE, &merge).unwrap_or_else(|_| failed(WORKERS_AVAILABLE))
}

/// Whether something moves: of the control plane if it tells, of MachineDeployments, and of MachineSets without one.
fn moving(
    seen: &Observed,
    of_control_plane: &[Condition],
    type_: &'static str,
    reasons: Reasons,
    with_sets: bool,
) -> NewCondition {
    if matches!(seen.control_plane, Referenced::UnknownKind) {
        return failed(type_);
    }
    let mut sources = Vec::new();
    if let Some(object) = seen.control_plane.object().filter(|_| has(of_control_plane, type_)) {
        let owner = Owner {
            kind: object["kind"].as_str().unwrap_or_default(),
            name: object["metadata"]["name"].as_str().unwrap_or_default(),
            control_plane_machine: false,
        };
        sources.push(Source { owner, conditions: of_control_plane });
    }
    sources.extend(deployments(seen));
    if with_sets {
        sources.extend(seen.stand_alone_machine_sets().map(|set| Source {
            owner: owner("MachineSet", set.metadata.name.as_deref()),
            conditions: &set.status.conditions,
        }));
    }
    if sources.is_empty() {
        return NewCondition::new(type_, false, reasons.info, "");
    }
    let merge =
        Merge { negative_types: vec![type_], target: Polarity::Negative, reasons, ..Merge::default() };
    aggregate(&sources, type_, type_, &merge).unwrap_or_else(|_| failed(type_))
}

fn deployments(seen: &Observed) -> Vec<Source<'_>> {
    seen.machine_deployments
        .iter()
        .map(|deployment| Source {
            owner: owner("MachineDeployment", deployment.metadata.name.as_deref()),
            conditions: &deployment.status.conditions,
        })
        .collect()
}

fn owner<'a>(kind: &'a str, name: Option<&'a str>) -> Owner<'a> {
    Owner { kind, name: name.unwrap_or_default(), control_plane_machine: false }
}

/// A merge fails only where it is asked for in a way that makes no sense: a fault of ours.
fn failed(target: &'static str) -> NewCondition {
    NewCondition::new(target, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
}
