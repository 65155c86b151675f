//! `Available`: the Cluster in one word.

use api::conditions::{
    AVAILABLE, CONTROL_PLANE_AVAILABLE, DELETING, INFRASTRUCTURE_READY, REMOTE_CONNECTION_PROBE,
    TOPOLOGY_RECONCILED, WORKERS_AVAILABLE, reason,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::observed::Observed;
use super::super::waiting::SEE_LOG;
use crate::conditions::{ConditionStatus, Item, Merge, NewCondition, Priority, Reasons, Summary, summary};

/// What counts, in the order in which it is told.
const TYPES: [&str; 6] = [
    DELETING,
    REMOTE_CONNECTION_PROBE,
    INFRASTRUCTURE_READY,
    CONTROL_PLANE_AVAILABLE,
    WORKERS_AVAILABLE,
    TOPOLOGY_RECONCILED,
];

/// `Available`, of all conditions that the Cluster has.
pub fn available(seen: &Observed, conditions: &[Condition]) -> NewCondition {
    let gates = &seen.cluster.spec.availability_gates;
    let negative = gates.iter().filter(|gate| gate.polarity.as_deref() == Some("Negative"));
    let is_deleting = seen.is_deleting();
    let exception = move |item: &Item<'_>| expected(item, is_deleting).then_some(Priority::Info);
    let options = Summary {
        types: TYPES.into_iter().chain(gates.iter().map(|gate| gate.condition_type.as_str())).collect(),
        ignore_if_missing: if seen.has_topology() { Vec::new() } else { vec![TOPOLOGY_RECONCILED] },
        merge: Merge {
            negative_types: std::iter::once(DELETING)
                .chain(negative.map(|gate| gate.condition_type.as_str()))
                .collect(),
            exception: Some(&exception),
            reasons: Reasons {
                issue: reason::NOT_AVAILABLE,
                unknown: reason::AVAILABLE_UNKNOWN,
                info: reason::AVAILABLE,
            },
            ..Merge::default()
        },
        ..Summary::default()
    };
    summary(conditions, AVAILABLE, &options).unwrap_or_else(|_| {
        NewCondition::new(AVAILABLE, ConditionStatus::Unknown, reason::INTERNAL_ERROR, SEE_LOG)
    })
}

/// What is no trouble although it looks like it: what goes while the Cluster goes, and a topology that is on its way.
fn expected(item: &Item<'_>, is_deleting: bool) -> bool {
    match item.type_ {
        INFRASTRUCTURE_READY | CONTROL_PLANE_AVAILABLE => {
            is_deleting && [reason::OBJECT_DELETED, reason::OBJECT_DOES_NOT_EXIST].contains(&&*item.reason)
        }
        TOPOLOGY_RECONCILED => {
            item.status == ConditionStatus::False
                && ![reason::RECONCILE_FAILED, reason::CLUSTER_CLASS_NOT_RECONCILED].contains(&&*item.reason)
        }
        _ => false,
    }
}
