//! `UpToDate`, of Machines that a MachineDeployment made. All others are told by their owner, or by nobody.
//!
//! What is compared are the templates of MachineSet and MachineDeployment, as for a roll-out, and not the Machine: what a
//! user changes on a Machine is not noticed there either.

use api::conditions::{UP_TO_DATE, UPDATING, reason};
use api::core::{Machine, MachineDeployment, MachineSet};
use jiff::Timestamp;

use super::super::observed::Need;
use super::Conditions;
use crate::conditions::{NewCondition, get};
use crate::machine_template;
use crate::plan::Next;

/// Whether this controller writes the condition on a Machine.
pub fn is_ours(machine: &Machine) -> bool {
    super::is_of_deployment(machine)
}

/// Sets the condition, if it is ours to set; tells when time alone will change it.
pub fn condition(conditions: &mut Conditions<'_>) -> Next<Need> {
    let seen = conditions.seen;
    let (Some(set), Some(deployment)) = (&seen.machine_set, &seen.machine_deployment) else {
        return Next::OnChange;
    };
    if !is_ours(&seen.machine) {
        return Next::OnChange;
    }
    let mut differences =
        machine_template::difference(&set.spec.template.spec, &deployment.spec.template.spec)
            .condition_messages;
    let expires = rollout_after(set, deployment);
    if expires.is_some_and(|after| after <= seen.now) {
        differences.push("MachineDeployment spec.rolloutAfter expired".to_owned());
    }
    let update = get(&conditions.list, UPDATING).filter(|condition| condition.status == "True");
    let behind = kubelet_behind(&seen.machine, seen.node.found().and_then(|node| node.status.as_ref()));
    let condition = if !differences.is_empty() {
        let lines: Vec<String> = differences.iter().map(|difference| format!("* {difference}")).collect();
        NewCondition::new(UP_TO_DATE, false, reason::NOT_UP_TO_DATE, lines.join("\n"))
    } else if let Some(update) = update {
        NewCondition::new(UP_TO_DATE, false, reason::UPDATING, format!("* {}", update.message))
    } else if let Some(message) = behind {
        NewCondition::new(UP_TO_DATE, false, reason::UPDATING, message)
    } else {
        NewCondition::new(UP_TO_DATE, true, reason::UP_TO_DATE, "")
    };
    conditions.put(condition);
    // Nothing but time makes a Machine older than what a roll-out allows.
    expires.filter(|after| *after > seen.now).map_or(Next::OnChange, Next::At)
}

/// The time after which a MachineSet older than it is replaced.
fn rollout_after(set: &MachineSet, deployment: &MachineDeployment) -> Option<Timestamp> {
    let after = deployment.spec.rollout.after.as_ref()?.0;
    let created = set.metadata.creation_timestamp.as_ref()?.0;
    (created < after).then_some(after)
}

fn kubelet_behind(
    machine: &Machine,
    node: Option<&k8s_openapi::api::core::v1::NodeStatus>,
) -> Option<String> {
    let seen = node.and_then(|status| status.node_info.as_ref());
    let is = &seen.or(machine.status.node_info.as_ref())?.kubelet_version;
    let wanted = machine.spec.version.as_deref().unwrap_or_default();
    (!is.is_empty() && is != wanted)
        .then(|| format!("* Node.status.nodeInfo.kubeletVersion {is}, {wanted} required"))
}
