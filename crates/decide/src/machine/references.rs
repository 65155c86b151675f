//! The objects a Machine refers to belong to it.
//!
//! Ours are made that way. Others come from a user, or from a controller that made them before their Machine and owned
//! them itself until then.

use api::core::{Cluster, Machine};
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::observed::Observed;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// The patches that make the objects the Machine's own.
pub fn adopt(seen: &Observed, cluster: &Cluster) -> Vec<Action> {
    let objects = [seen.bootstrap.object(), seen.infrastructure.object()];
    objects.into_iter().flatten().filter_map(|object| patch(&seen.machine, cluster, object)).collect()
}

/// Kinds of objects that somebody else controls, who is not known to hand them over.
pub fn foreign(seen: &Observed) -> impl Iterator<Item = String> {
    let cluster = seen.cluster.as_deref();
    let objects = [seen.bootstrap.object(), seen.infrastructure.object()];
    objects
        .into_iter()
        .flatten()
        .filter(move |object| {
            cluster.is_some_and(|cluster| has_other_controller(&seen.machine, cluster, object))
        })
        .map(|object| object["kind"].as_str().unwrap_or_default().to_owned())
}

fn patch(machine: &Machine, cluster: &Cluster, object: &Value) -> Option<Action> {
    if has_other_controller(machine, cluster, object) {
        return None;
    }
    let metadata = &object["metadata"];
    let wanted = owners::controller(machine);
    let current = owners_of(object);
    let left: Vec<Value> =
        current.iter().filter(|owner| !made_it(machine, cluster, owner)).cloned().collect();
    let is_owned = left.len() == current.len() && left.iter().any(|owner| is_same(owner, &wanted));
    let is_labelled = metadata["labels"][labels::CLUSTER_NAME] == machine.spec.cluster_name.as_str();
    if is_owned && is_labelled {
        return None;
    }
    let mut changed = json!({"resourceVersion": metadata["resourceVersion"]});
    if !is_labelled {
        changed["labels"] = json!({labels::CLUSTER_NAME: machine.spec.cluster_name});
    }
    if !is_owned {
        let left = Value::Array(left);
        changed["ownerReferences"] = owners::with_owner(&left, &wanted).unwrap_or(left);
    }
    let why = "it belongs to its Machine";
    Some(Action::patch(ObjectRef::of_value(object), json!({"metadata": changed}), why))
}

fn owners_of(object: &Value) -> &[Value] {
    object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether it says the same; who waits for whom when something is deleted is not looked at.
fn is_same(owner: &Value, wanted: &OwnerReference) -> bool {
    owner["apiVersion"] == wanted.api_version.as_str()
        && owner["kind"] == wanted.kind.as_str()
        && owner["name"] == wanted.name.as_str()
        && owner["uid"] == wanted.uid.as_str()
        && owner["controller"] == true
}

/// Whether an owner is the one that made the object for its Machine: a MachineSet, or the control plane.
fn made_it(machine: &Machine, cluster: &Cluster, owner: &Value) -> bool {
    let group = owner["apiVersion"]
        .as_str()
        .and_then(|version| version.split_once('/'))
        .map_or("", |(group, _)| group);
    if group == api::core::GROUP && owner["kind"] == "MachineSet" {
        return true;
    }
    let control_plane = cluster.spec.control_plane_ref.as_ref();
    super::observed::has_label(machine, labels::CONTROL_PLANE)
        && control_plane
            .is_some_and(|wanted| group == wanted.api_group && owner["kind"] == wanted.kind.as_str())
}

fn has_other_controller(machine: &Machine, cluster: &Cluster, object: &Value) -> bool {
    let uid = machine.metadata.uid.as_deref().unwrap_or_default();
    let name = machine.metadata.name.as_deref().unwrap_or_default();
    owners_of(object).iter().any(|owner| {
        // The same Machine under another uid: restored from a backup.
        let is_machine = owner["uid"] == uid || (owner["kind"] == "Machine" && owner["name"] == name);
        owner["controller"] == true && !is_machine && !made_it(machine, cluster, owner)
    })
}
