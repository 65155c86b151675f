//! Infrastructure and control plane belong to their Cluster: they go when it goes, and are found by its name.
//!
//! The Cluster controls them only if it made them, from a topology. Otherwise that place is left to whoever did.

use api::labels;
use serde_json::{Value, json};

use super::observed::Observed;
use crate::owners;
use crate::plan::{Action, ObjectRef};

/// The patches that make both objects the Cluster's.
pub fn adopt(seen: &Observed) -> Vec<Action> {
    let objects = [seen.infrastructure.object(), seen.control_plane.object()];
    objects.into_iter().flatten().filter_map(|object| patch(seen, object)).collect()
}

fn patch(seen: &Observed, object: &Value) -> Option<Action> {
    let cluster = &*seen.cluster;
    let metadata = &object["metadata"];
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let wanted = match seen.has_topology() && !has_other_controller(seen, object) {
        true => owners::controller(cluster),
        false => owners::plain(cluster),
    };
    let controls = wanted.controller == Some(true);
    let is_same = |owner: &Value| {
        owner["apiVersion"] == wanted.api_version.as_str()
            && owner["kind"] == "Cluster"
            && owner["name"] == name
            && owner["uid"] == wanted.uid.as_str()
            && (owner["controller"] == true) == controls
    };
    let is_owned = metadata["ownerReferences"].as_array().is_some_and(|all| all.iter().any(is_same));
    let is_labelled = metadata["labels"][labels::CLUSTER_NAME] == name;
    if is_owned && is_labelled {
        return None;
    }
    let mut changed = json!({"resourceVersion": metadata["resourceVersion"]});
    if !is_labelled {
        changed["labels"] = json!({labels::CLUSTER_NAME: name});
    }
    if let Some(all) = owners::with_owner(&metadata["ownerReferences"], &wanted).filter(|_| !is_owned) {
        changed["ownerReferences"] = all;
    }
    Some(Action::patch(
        ObjectRef::of_value(object),
        json!({"metadata": changed}),
        "it belongs to its Cluster",
    ))
}

fn has_other_controller(seen: &Observed, object: &Value) -> bool {
    let name = seen.cluster.metadata.name.as_deref().unwrap_or_default();
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.is_some_and(|all| {
        all.iter().any(|owner| {
            owner["controller"] == true && !(owner["kind"] == "Cluster" && owner["name"] == name)
        })
    })
}
