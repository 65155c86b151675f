//! What Machines are made of: a KubeadmConfig and an infrastructure object each.
//!
//! They are made after their Machine and controlled by it from the beginning. One that is missing while its Machine is
//! still being provisioned was never made, or was lost: it is made (again). Later it is not: what runs on the
//! infrastructure is then gone for good, and a health check has to say so.

use api::Kind;
use api::bootstrap::KubeadmConfig;
use api::contract::names::kind_of_template;

use super::desired;
use super::observed::{Observed, SeenMachine};
use super::step::Step;
use crate::plan::Action;

/// Makes what is missing.
pub fn step(seen: &Observed) -> Step {
    let mut actions = Vec::new();
    for machine in seen.own().into_iter().filter(|machine| !machine.is_deleting()) {
        actions.extend(missing_config(seen, machine));
        actions.extend(missing_infrastructure(seen, machine));
    }
    Step::And(actions)
}

fn missing_config(seen: &Observed, machine: &SeenMachine) -> Option<Action> {
    let live = &machine.machine;
    let reference = live.spec.bootstrap.config_ref.as_ref()?;
    let is_done = live.status.initialization.bootstrap_data_secret_created == Some(true)
        || live.spec.bootstrap.data_secret_name.is_some();
    if machine.config.is_some() || is_done || reference.kind != KubeadmConfig::KIND {
        return None;
    }
    let object = desired::config(seen, live, &reference.name, seen.is_initialized());
    Some(Action::create(object, "a Machine is told by it how to become a node"))
}

fn missing_infrastructure(seen: &Observed, machine: &SeenMachine) -> Option<Action> {
    let live = &machine.machine;
    let template = &seen.control_plane.spec.machine_template.spec.infrastructure_ref;
    let reference = &live.spec.infrastructure_ref;
    let same_kind =
        reference.kind == kind_of_template(&template.kind) && reference.api_group == template.api_group;
    let is_done = live.status.initialization.infrastructure_provisioned == Some(true);
    if !machine.infrastructure.is_missing() || is_done || !same_kind {
        return None;
    }
    let object = desired::infrastructure(seen, live, seen.template.object()?);
    Some(Action::create(object, "a Machine runs on it"))
}
