//! What Machines are made of: a bootstrap config and an infrastructure object each, made from the templates.
//!
//! They are made after their Machine and controlled by it from the beginning. One that is missing while its Machine is
//! still being provisioned was never made, or was lost: it is made (again). Later it is not: what runs on the
//! infrastructure is then gone for good, and a health check has to say so.

use api::contract::names::kind_of_template;
use api::core::common::{ContractVersionedObjectReference, Metadata};
use api::core::machine::Machine;
use api::labels;
use serde_json::{Value, json};

use super::templates::Template;
use super::{Observed, SeenMachine, Step};
use crate::owners;
use crate::plan::{Action, ObjectRef};
use crate::referenced::Referenced;

/// Makes what is missing, and takes away what belongs to no Machine.
pub(super) fn step(seen: &Observed) -> Step {
    let metadata = seen.machine_metadata();
    let mut actions = Vec::new();
    for machine in seen.own().into_iter().filter(|machine| !machine.is_deleting()) {
        actions.extend(missing_bootstrap(seen, machine, &metadata));
        actions.extend(missing_infrastructure(seen, machine, &metadata));
    }
    actions.extend(left_over(seen));
    Step::acts(actions)
}

fn missing_bootstrap(seen: &Observed, machine: &SeenMachine, metadata: &Metadata) -> Option<Action> {
    let spec = &machine.machine.spec.bootstrap;
    let done = machine.machine.status.initialization.bootstrap_data_secret_created == Some(true)
        || spec.data_secret_name.is_some();
    if done {
        return None;
    }
    let template = Template { reference: seen.bootstrap_reference()?, seen: &seen.bootstrap_template };
    make(template, spec.config_ref.as_ref()?, &machine.bootstrap, &machine.machine, metadata)
}

fn missing_infrastructure(seen: &Observed, machine: &SeenMachine, metadata: &Metadata) -> Option<Action> {
    if machine.machine.status.initialization.infrastructure_provisioned == Some(true) {
        return None;
    }
    let template = Template {
        reference: &seen.machine_set.spec.template.spec.infrastructure_ref,
        seen: &seen.infrastructure_template,
    };
    let reference = &machine.machine.spec.infrastructure_ref;
    make(template, reference, &machine.infrastructure, &machine.machine, metadata)
}

/// Makes the object that `reference` names, unless it is there or would be of another kind than the template makes.
fn make(
    template: Template<'_>,
    reference: &ContractVersionedObjectReference,
    found: &Referenced,
    machine: &Machine,
    metadata: &Metadata,
) -> Option<Action> {
    let same_kind = reference.kind == kind_of_template(&template.reference.kind)
        && reference.api_group == template.reference.api_group;
    if !found.is_missing() || !same_kind {
        return None;
    }
    let object = object(template, template.seen.object()?, reference, machine, metadata);
    Some(Action::create(object, "a Machine is made of it"))
}

fn object(
    template: Template<'_>,
    source: &Value,
    reference: &ContractVersionedObjectReference,
    machine: &Machine,
    metadata: &Metadata,
) -> Value {
    let content = &source["spec"]["template"];
    let mut object = content.as_object().cloned().unwrap_or_default();
    let mut labels = content["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let mut annotations = content["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    labels.extend(metadata.labels.iter().map(|(key, value)| (key.clone(), json!(value))));
    labels.insert(labels::CLUSTER_NAME.to_owned(), json!(machine.spec.cluster_name));
    annotations.extend(metadata.annotations.iter().map(|(key, value)| (key.clone(), json!(value))));
    annotations.insert(labels::CLONED_FROM_NAME.to_owned(), json!(template.reference.name));
    let group_kind = format!("{}.{}", template.reference.kind, template.reference.api_group);
    annotations.insert(labels::CLONED_FROM_GROUP_KIND.to_owned(), json!(group_kind));
    object.insert("apiVersion".to_owned(), source["apiVersion"].clone());
    object.insert("kind".to_owned(), json!(reference.kind));
    object.insert(
        "metadata".to_owned(),
        json!({
            "name": reference.name,
            "namespace": machine.metadata.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owners::controller(machine)],
        }),
    );
    Value::Object(object)
}

/// Objects that belong to the MachineSet itself and to no Machine: whoever made them was interrupted before the Machine.
fn left_over(seen: &Observed) -> Vec<Action> {
    let is_used = |object: &Value| {
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        let is = |reference: &ContractVersionedObjectReference| {
            *kind == reference.kind.as_str() && *name == reference.name.as_str()
        };
        seen.machines.iter().any(|seen| {
            is(&seen.machine.spec.infrastructure_ref)
                || seen.machine.spec.bootstrap.config_ref.as_ref().is_some_and(is)
        })
    };
    seen.belongings
        .iter()
        .filter(|object| object["metadata"]["deletionTimestamp"].is_null() && !is_used(object))
        .map(|object| {
            let uid = object["metadata"]["uid"].as_str().map(str::to_owned);
            Action::delete(ObjectRef::of_value(object), uid, "it was made for a Machine that does not exist")
        })
        .collect()
}
