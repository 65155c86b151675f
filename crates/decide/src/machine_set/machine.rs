//! What the Machines of a MachineSet should look like.

use api::contract::names::kind_of_template;
use api::core::common::{ContractVersionedObjectReference, MachineDeletionSpec, Metadata};
use api::core::machine::{Machine, MachineSpec};
use api::core::machine_set::MachineSet;
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::selector::label_value_or_hash;

use super::SeenMachine;
use crate::applied::covers;
use crate::owners;

/// How long to try to delete a Node where nobody says, in seconds: what admission fills in.
pub(super) const NODE_DELETION_TIMEOUT_SECONDS: i32 = 10;

/// Labels and annotations of Machines, and of the objects they are made of.
pub fn metadata(machine_set: &MachineSet) -> Metadata {
    let mut metadata = machine_set.spec.template.metadata.clone();
    let name = machine_set.metadata.name.as_deref().unwrap_or_default();
    // The selector need not name the MachineSet, but others look for this label.
    metadata.labels.insert(labels::SET_NAME.to_owned(), label_value_or_hash(name));
    let own = machine_set.metadata.labels.as_ref();
    if let Some(deployment) = own.and_then(|own| own.get(labels::DEPLOYMENT_NAME)) {
        metadata.labels.insert(labels::DEPLOYMENT_NAME.to_owned(), deployment.clone());
    }
    metadata
}

/// A Machine that is yet to be made. What it is made of gets its name, and does not exist before it does.
pub(super) fn new(machine_set: &MachineSet, metadata: &Metadata, name: &str) -> Machine {
    let mut spec = spec(machine_set);
    let template = &machine_set.spec.template.spec;
    spec.infrastructure_ref = child(&template.infrastructure_ref, name);
    spec.bootstrap.config_ref =
        template.bootstrap.config_ref.as_ref().map(|reference| child(reference, name));
    Machine { metadata: object_meta(machine_set, metadata, name), spec, ..Machine::default() }
}

/// An existing Machine, with what can be changed without replacing it.
pub(super) fn existing(machine_set: &MachineSet, metadata: &Metadata, machine: &Machine) -> Machine {
    let mut spec = spec(machine_set);
    spec.infrastructure_ref = machine.spec.infrastructure_ref.clone();
    spec.bootstrap.config_ref = machine.spec.bootstrap.config_ref.clone();
    spec.version = machine.spec.version.clone();
    spec.failure_domain = machine.spec.failure_domain.clone();
    let name = machine.metadata.name.as_deref().unwrap_or_default();
    let mut metadata = object_meta(machine_set, metadata, name);
    // Should the Machine be gone by then, an apply must not bring it back.
    metadata.uid = machine.metadata.uid.clone();
    Machine { metadata, spec, ..Machine::default() }
}

/// Whether applying `wanted` to the Machine would change nothing, as far as can be seen.
pub(super) fn is_current(seen: &SeenMachine, wanted: &Machine, metadata: &Metadata) -> bool {
    let live = &seen.machine;
    let Some(applied) = &seen.applied else { return false };
    applied.stale(metadata).is_empty()
        && covers(&live.metadata.labels, &metadata.labels)
        && covers(&live.metadata.annotations, &metadata.annotations)
        && live.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == labels::MACHINE_FINALIZER)
        && owners::has_those_of(&live.metadata, &wanted.metadata)
        && changes_in_place(&live.spec) == changes_in_place(&wanted.spec)
}

/// The part of a specification that changes without replacing the Machine.
pub(super) fn changes_in_place(spec: &MachineSpec) -> MachineSpec {
    MachineSpec {
        min_ready_seconds: spec.min_ready_seconds,
        readiness_gates: spec.readiness_gates.clone(),
        deletion: MachineDeletionSpec {
            node_deletion_timeout_seconds: Some(
                spec.deletion.node_deletion_timeout_seconds.unwrap_or(NODE_DELETION_TIMEOUT_SECONDS),
            ),
            ..spec.deletion.clone()
        },
        taints: spec.taints.clone(),
        ..MachineSpec::default()
    }
}

fn spec(machine_set: &MachineSet) -> MachineSpec {
    MachineSpec {
        cluster_name: machine_set.spec.cluster_name.clone(),
        ..machine_set.spec.template.spec.clone()
    }
}

fn object_meta(machine_set: &MachineSet, metadata: &Metadata, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: machine_set.metadata.namespace.clone(),
        labels: Some(metadata.labels.clone()),
        annotations: Some(metadata.annotations.clone()).filter(|all| !all.is_empty()),
        finalizers: Some(vec![labels::MACHINE_FINALIZER.to_owned()]),
        owner_references: Some(vec![owners::controller(machine_set)]),
        ..ObjectMeta::default()
    }
}

/// The reference to what is made from a template.
fn child(template: &ContractVersionedObjectReference, name: &str) -> ContractVersionedObjectReference {
    ContractVersionedObjectReference {
        kind: kind_of_template(&template.kind).to_owned(),
        name: name.to_owned(),
        api_group: template.api_group.clone(),
    }
}
