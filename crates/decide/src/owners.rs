//! Owner references and labels that tie objects to what they belong to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube_core::Resource;
use serde_json::{Value, json};

use crate::plan::{Action, ObjectRef};

/// A reference to an owner that controls: there is one, and it waits for its dependents when it is deleted in the
/// foreground.
pub fn controller<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference { controller: Some(true), block_owner_deletion: Some(true), ..plain(owner) }
}

/// A reference to an owner that does not control: the dependent goes when it goes, no more.
pub fn plain<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    let metadata = owner.meta();
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        controller: None,
        block_owner_deletion: None,
    }
}

/// The owner that controls an object.
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether an object with this uid is among the owners.
pub fn is_owned_by(metadata: &ObjectMeta, uid: &str) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// Whether an object has all the owners that it should have, to the letter: under an older apiVersion or another uid an owner
/// is not the same.
pub fn has_those_of(live: &ObjectMeta, wanted: &ObjectMeta) -> bool {
    let has = |owner: &OwnerReference| live.owner_references.iter().flatten().any(|known| known == owner);
    wanted.owner_references.iter().flatten().all(has)
}

/// The owners in JSON with `owner` in its place: the entry of the same group, kind and name replaced, or added at the
/// end. `None` if they hold it, as it is, already.
pub fn with_owner(owners: &Value, owner: &OwnerReference) -> Option<Value> {
    let wanted = json!(owner);
    let current = owners.as_array().cloned().unwrap_or_default();
    if current.contains(&wanted) {
        return None;
    }
    let same = |entry: &Value| {
        let group = |version: &str| version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
        group(entry["apiVersion"].as_str().unwrap_or_default()) == group(&owner.api_version)
            && entry["kind"] == owner.kind.as_str()
            && entry["name"] == owner.name.as_str()
    };
    let mut changed = current;
    match changed.iter_mut().find(|entry| same(entry)) {
        Some(entry) => *entry = wanted,
        None => changed.push(wanted),
    }
    Some(Value::Array(changed))
}

/// The patch that gives an object an owner; nothing if it has it.
pub fn adoption<K: Resource<DynamicType = ()>>(
    object: &K,
    owner: &OwnerReference,
    why: &str,
) -> Option<Action> {
    let metadata = object.meta();
    let references = with_owner(&json!(metadata.owner_references), owner)?;
    let patch = json!({"metadata": {
        "resourceVersion": metadata.resource_version,
        "ownerReferences": references,
    }});
    Some(Action::patch(ObjectRef::to(object), patch, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: &str) -> OwnerReference {
        OwnerReference {
            api_version: "cluster.x-k8s.io/v1beta2".to_owned(),
            kind: "Cluster".to_owned(),
            name: "c".to_owned(),
            uid: uid.to_owned(),
            controller: None,
            block_owner_deletion: None,
        }
    }

    #[test]
    fn an_owner_is_added_once_and_replaced_when_it_came_back_under_another_uid() {
        let other = json!({"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "9"});
        let first = with_owner(&json!([other]), &owner("1"));
        assert_eq!(first, Some(json!([other, owner("1")])));
        assert_eq!(with_owner(&first.unwrap_or_default(), &owner("1")), None);
        let older =
            json!([{"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster", "name": "c", "uid": "0"}]);
        assert_eq!(with_owner(&older, &owner("1")), Some(json!([owner("1")])));
        assert_eq!(with_owner(&Value::Null, &owner("1")), Some(json!([owner("1")])));
    }
}
