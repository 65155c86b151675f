//! Machines that a health check left to their owner, whoever that is.
//!
//! The health check says that a Machine is unhealthy (`HealthCheckSucceeded` is False) and that its owner should act
//! (`OwnerRemediated` is False). The latter then tells what the owner does about it.

use api::conditions::{HEALTH_CHECK_SUCCEEDED, OWNER_REMEDIATED};
use api::core::machine::Machine;
use serde_json::json;

use crate::conditions;
use crate::plan::{Action, ObjectRef, Part, Write};

/// Whether a health check found the Machine unhealthy and left it to its owner.
pub fn is_given_up(machine: &Machine) -> bool {
    let list = &machine.status.conditions;
    conditions::is_false(list, HEALTH_CHECK_SUCCEEDED) && conditions::is_false(list, OWNER_REMEDIATED)
}

/// Whether it was, and is healthy again.
pub fn has_recovered(machine: &Machine) -> bool {
    let list = &machine.status.conditions;
    conditions::is_true(list, HEALTH_CHECK_SUCCEEDED) && conditions::is_false(list, OWNER_REMEDIATED)
}

/// Takes the demand to act from a Machine.
pub fn take_back(machine: &Machine) -> Action {
    let mut rest = machine.status.conditions.clone();
    conditions::remove(&mut rest, OWNER_REMEDIATED);
    // Several managers may own the condition: it goes for good only if the list is written without it.
    let patch = json!({
        "metadata": {"resourceVersion": machine.metadata.resource_version},
        "status": {"conditions": rest},
    });
    let write = Write::Patch { target: ObjectRef::to(machine), patch, part: Part::Status };
    Action::Write { write, why: "the Machine is healthy again".to_owned() }
}
