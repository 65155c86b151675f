//! Writes what is said about Machines into their status.

use api::conditions::{OWNER_REMEDIATED, reason};
use api::core::Machine;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use super::MANAGER;
use super::conditions::ON_MACHINES;
use super::remediation::Mark;
use super::view::{Own, View};
use crate::conditions::{self, NewCondition};
use crate::plan::{Action, ObjectRef};

/// One write for each Machine whose conditions are not what they should be.
pub fn actions(view: &View<'_>, mark: Option<&Mark>) -> Vec<Action> {
    let mut actions = Vec::new();
    for own in &view.machines {
        let mut list = own.machine.status.conditions.clone();
        let mut is_changed = own.is_changed();
        if let Some(mark) = mark.filter(|mark| mark.machine == own.name()) {
            let condition = NewCondition::new(OWNER_REMEDIATED, false, mark.reason, mark.message.clone());
            let generation = own.machine.metadata.generation.unwrap_or_default();
            is_changed |= conditions::set(&mut list, condition, generation, view.seen.now);
        }
        if is_changed {
            actions.push(apply(own, &list));
        }
    }
    actions
}

fn apply(own: &Own<'_>, list: &[Condition]) -> Action {
    let metadata = &own.machine.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let target = ObjectRef::of::<Machine>(namespace, own.name());
    let ours: Vec<&Condition> = list.iter().filter(|condition| is_ours(condition)).collect();
    let object = json!({
        "apiVersion": target.api_version,
        "kind": target.kind,
        "metadata": {"name": target.name, "namespace": target.namespace, "uid": metadata.uid},
        "status": {"conditions": ours},
    });
    Action::apply_status(MANAGER, object, "the health of the control plane on the Machine")
}

/// Conditions that we say: all of ours, and whether a Machine is replaced once we have decided about that.
fn is_ours(condition: &Condition) -> bool {
    const DECIDED: [&str; 4] = [
        reason::CANNOT_BE_REMEDIATED,
        reason::REMEDIATION_DEFERRED,
        reason::MACHINE_DELETING,
        reason::INTERNAL_ERROR,
    ];
    ON_MACHINES.contains(&condition.type_.as_str())
        || condition.type_ == OWNER_REMEDIATED && DECIDED.contains(&condition.reason.as_str())
}
