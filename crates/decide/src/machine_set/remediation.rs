//! Machines that a health check gave up: they are deleted, and the missing replicas replace them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use api::conditions::{OWNER_REMEDIATED, reason};
use api::core::Cluster;
use api::core::machine::Machine;
use api::labels;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::{MANAGER, Observed, SeenMachine, Step, Waiting, preflight};
use crate::conditions::{self, NewCondition};
use crate::owner_remediation::{self, is_given_up};
use crate::plan::{Action, ObjectRef};
use crate::scaling::scaled_value;

/// What is done, and the names of the Machines that are deleted for it.
pub(super) fn step(seen: &Observed, cluster: &Cluster) -> (Step, BTreeSet<String>) {
    let mut step = Step::default();
    step.actions.extend(recovered(seen));
    let own = seen.own();
    let mut unhealthy: Vec<&SeenMachine> = own
        .iter()
        .copied()
        .filter(|machine| !machine.is_deleting() && is_given_up(&machine.machine))
        .collect();
    if unhealthy.is_empty() {
        return (step, BTreeSet::new());
    }
    if seen.is_outdated() {
        let message = "Machine won't be remediated because it is pending removal due to rollout";
        step.actions.extend(mark(seen, &unhealthy, reason::CANNOT_BE_REMEDIATED, message));
        return (step, BTreeSet::new());
    }
    sort(&mut unhealthy);
    let (now, later) = unhealthy.split_at(room(seen, &own).min(unhealthy.len()));
    if !later.is_empty() {
        step.actions.extend(mark(seen, later, reason::REMEDIATION_DEFERRED, &too_many(seen)));
        step.waiting.push(Waiting::Remediation { deferred: later.len() });
    }
    if now.is_empty() {
        return (step, BTreeSet::new());
    }
    let failures = preflight::failures(seen, cluster, "Machine remediation");
    if !failures.is_empty() {
        let lines: Vec<String> = failures.iter().map(|failure| format!("* {failure}")).collect();
        step.actions.extend(mark(seen, now, reason::REMEDIATION_DEFERRED, &lines.join("\n")));
        step.waiting.push(Waiting::Remediation { deferred: now.len() });
        return (step, BTreeSet::new());
    }
    step.actions.extend(delete(seen, now));
    (step, now.iter().map(|machine| machine.name().to_owned()).collect())
}

/// Takes the demand to act from Machines that are healthy again.
fn recovered(seen: &Observed) -> Vec<Action> {
    let own = seen.own().into_iter().filter(|machine| !machine.is_deleting());
    let recovered = own.filter(|machine| owner_remediation::has_recovered(&machine.machine));
    recovered.map(|machine| owner_remediation::take_back(&machine.machine)).collect()
}

/// How many Machines may be remediated now.
fn room(seen: &Observed, own: &[&SeenMachine]) -> usize {
    let Some(limit) = limit(seen) else { return usize::MAX };
    let replicas = seen.deployment.as_ref().and_then(|deployment| deployment.spec.replicas).unwrap_or(1);
    // Admission lets nothing through that is no number or percentage; should it be one, nothing is deleted.
    let limit = scaled_value(limit, replicas, true).unwrap_or_default();
    let in_flight = own.iter().filter(|machine| machine.is_deleting() && is_going(&machine.machine)).count();
    usize::try_from(limit).unwrap_or_default().saturating_sub(in_flight)
}

/// Whether a Machine is being deleted because of a remediation.
fn is_going(machine: &Machine) -> bool {
    conditions::get(&machine.status.conditions, OWNER_REMEDIATED)
        .is_some_and(|condition| condition.status == "False" && condition.reason == reason::MACHINE_DELETING)
}

fn limit(seen: &Observed) -> Option<&IntOrString> {
    let deployment = seen.deployment.as_ref().filter(|_| seen.has_deployment())?;
    deployment.spec.remediation.max_in_flight.as_ref()
}

fn too_many(seen: &Observed) -> String {
    let limit = match limit(seen) {
        Some(IntOrString::Int(count)) => count.to_string(),
        Some(IntOrString::String(text)) => text.clone(),
        None => String::new(),
    };
    format!(
        "Waiting because there are already too many remediations in progress \
         (spec.strategy.remediation.maxInFlight is {limit})"
    )
}

/// Those that a user asked for first, then the youngest: they are the least likely to run anything.
fn sort(machines: &mut [&SeenMachine]) {
    machines.sort_by_key(|machine| {
        let created = machine.machine.metadata.creation_timestamp.as_ref().map(|created| created.0);
        (!machine.is_annotated(labels::REMEDIATE_MACHINE), Reverse(created), machine.name().to_owned())
    });
}

/// The condition comes before the deletion: a Machine that is being deleted is no longer looked at here, so the other way
/// round an interruption would leave it without.
fn delete(seen: &Observed, machines: &[&SeenMachine]) -> Vec<Action> {
    let mut actions = mark(seen, machines, reason::MACHINE_DELETING, "Machine is deleting");
    actions.extend(machines.iter().map(|machine| {
        let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
        Action::delete(target, machine.machine.metadata.uid.clone(), "the Machine is unhealthy")
    }));
    actions
}

/// Sets `OwnerRemediated` to False with a reason, on Machines that do not say so yet.
fn mark(seen: &Observed, machines: &[&SeenMachine], reason: &'static str, message: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    for machine in machines {
        let metadata = &machine.machine.metadata;
        let mut list = machine.machine.status.conditions.clone();
        let condition = NewCondition::new(OWNER_REMEDIATED, false, reason, message.to_owned());
        if !conditions::set(&mut list, condition, metadata.generation.unwrap_or_default(), seen.now) {
            continue;
        }
        let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
        let object = json!({
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {"name": target.name, "namespace": target.namespace, "uid": metadata.uid},
            "status": {"conditions": [conditions::get(&list, OWNER_REMEDIATED)]},
        });
        actions.push(Action::apply_status(MANAGER, object, format!("remediation: {message}")));
    }
    actions
}
