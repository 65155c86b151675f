//! Ownership seen through the scale subresource.
//!
//! A write through `/scale` is a write to a Scale (`autoscaling/v1`), which has one field of the object: its number of
//! replicas. Who owns that field is carried over to the Scale before the write, and back to the object after it:
//!
//! ```text
//! object  {one: spec.replicas, spec.x}   --to_scale-->   Scale {one: spec.replicas}
//!                                                          │ apply or update by "hpa"
//! object  {one: spec.x, hpa: spec.replicas} <--to_parent-- Scale {hpa: spec.replicas}
//! ```
//!
//! The rules are those of apimachinery's `managedfields.ScaleHandler`. One of its accidents is left out: an owner by update
//! that keeps the field there ends up with two entries of one identity, of which the next write forgets one. Here it keeps
//! its one entry.

use serde_json::Value;

use super::fieldset::{FieldSet, field_element};
use super::managed::{Identity, Managed, ManagedFieldsEntry};

/// `apiVersion` of a Scale.
pub const SCALE_API_VERSION: &str = "autoscaling/v1";

/// The replicas in a Scale.
const IN_SCALE: [&str; 2] = ["f:spec", "f:replicas"];

/// Where the versions of a kind have their number of replicas.
#[derive(Debug, Clone, Default)]
pub struct ReplicasPaths {
    versions: Vec<(String, Option<Vec<String>>)>,
}

impl ReplicasPaths {
    /// Adds a version (`group/version`) with the members that lead to the number; none where it cannot be scaled.
    #[must_use]
    pub fn with(mut self, api_version: String, members: Option<&[String]>) -> Self {
        let elements = members.map(|members| members.iter().map(|name| field_element(name)).collect());
        self.versions.push((api_version, elements));
        self
    }

    /// Nothing for a version that is not one of the kind's; an empty answer for one that cannot be scaled.
    fn of(&self, api_version: &str) -> Option<Option<Vec<&str>>> {
        let (_, elements) = self.versions.iter().find(|(version, _)| version == api_version)?;
        Some(elements.as_ref().map(|elements| elements.iter().map(String::as_str).collect()))
    }

    fn path(&self, api_version: &str) -> Option<Vec<&str>> {
        self.of(api_version).flatten()
    }
}

fn only(path: &[&str]) -> FieldSet {
    let mut set = FieldSet::new();
    set.insert(path);
    set
}

/// The entry's identity, were it an entry of the given version.
fn identity<'a>(entry: &'a ManagedFieldsEntry, api_version: &'a str) -> Identity<'a> {
    Identity {
        manager: &entry.manager,
        operation: entry.operation,
        api_version,
        subresource: &entry.subresource,
    }
}

/// The `managedFields` of an object's Scale: an entry for each owner of the number of replicas.
pub fn to_scale(managed_fields: Option<&Value>, paths: &ReplicasPaths) -> Option<Value> {
    let parent = Managed::from_own(managed_fields.cloned());
    let mut scale = Managed::default();
    for entry in parent.entries {
        let owns = paths.path(&entry.api_version).is_some_and(|path| entry.fields.contains(&path));
        if owns && scale.position(identity(&entry, SCALE_API_VERSION)).is_none() {
            let api_version = SCALE_API_VERSION.to_owned();
            scale.entries.push(ManagedFieldsEntry { api_version, fields: only(&IN_SCALE), ..entry });
        }
    }
    scale.into_json()
}

/// The `managedFields` of an object (in `api_version`) after its Scale was written.
///
/// Owners that the Scale has no more lose the field, new ones get an entry for it, without a time. Entries of versions that
/// the kind does not have are dropped.
pub fn to_parent(
    managed_fields: Option<&Value>,
    scale: Option<Value>,
    api_version: &str,
    paths: &ReplicasPaths,
) -> Option<Value> {
    let parent = Managed::from_own(managed_fields.cloned());
    let scale = Managed::from_own(scale);
    let mut matched = vec![false; scale.entries.len()];
    let mut outcome = Managed::default();
    for mut entry in parent.entries {
        let Some(path) = paths.of(&entry.api_version) else { continue };
        let path = path.filter(|path| entry.fields.contains(path));
        let kept = scale.position(identity(&entry, SCALE_API_VERSION));
        match (path, kept.and_then(|position| matched.get_mut(position))) {
            (None, _) => {}
            (Some(_), Some(matched)) => *matched = true,
            (Some(path), None) => entry.fields.subtract(&only(&path)),
        }
        if !entry.fields.is_empty() {
            outcome.entries.push(entry);
        }
    }
    let path = paths.path(api_version).unwrap_or_default();
    for (entry, matched) in scale.entries.into_iter().zip(matched) {
        if !matched && entry.fields.contains(&IN_SCALE) {
            let (api_version, time) = (api_version.to_owned(), String::new());
            outcome.entries.push(ManagedFieldsEntry { api_version, time, fields: only(&path), ..entry });
        }
    }
    outcome.into_json()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths() -> ReplicasPaths {
        let members = ["spec".to_owned(), "replicas".to_owned()];
        ReplicasPaths::default().with("apps/v1".to_owned(), Some(&members)).with("apps/v0".to_owned(), None)
    }

    fn entry(manager: &str, operation: &str, version: &str, subresource: &str, fields: Value) -> Value {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    fn both() -> Value {
        json!({"f:spec": {"f:replicas": {}, "f:x": {}}})
    }

    fn replicas() -> Value {
        json!({"f:spec": {"f:replicas": {}}})
    }

    #[test]
    fn a_scale_has_the_owners_of_the_number() {
        let parent = json!([
            entry("a", "Apply", "apps/v1", "", both()),
            entry("b", "Apply", "apps/v1", "", json!({"f:spec": {"f:x": {}}})),
            entry("old", "Update", "apps/v0", "", replicas()),
        ]);
        let scale = to_scale(Some(&parent), &paths());
        assert_eq!(scale, Some(json!([entry("a", "Apply", SCALE_API_VERSION, "", replicas())])));
        assert_eq!(to_scale(None, &paths()), None);
    }

    #[test]
    fn an_object_gets_back_what_became_of_its_owners() {
        let parent = json!([
            entry("a", "Apply", "apps/v1", "", both()),
            entry("b", "Update", "apps/v1", "", both()),
            entry("c", "Update", "apps/v1", "", replicas()),
            entry("gone", "Update", "apps/v7", "", both()),
        ]);
        let scale = json!([
            entry("b", "Update", SCALE_API_VERSION, "", replicas()),
            entry("hpa", "Update", SCALE_API_VERSION, "scale", replicas()),
            entry("nothing", "Update", SCALE_API_VERSION, "scale", json!({"f:status": {"f:replicas": {}}})),
        ]);
        let expected = json!([
            entry("a", "Apply", "apps/v1", "", json!({"f:spec": {"f:x": {}}})),
            entry("b", "Update", "apps/v1", "", both()),
            entry("hpa", "Update", "apps/v1", "scale", replicas()),
        ]);
        assert_eq!(to_parent(Some(&parent), Some(scale), "apps/v1", &paths()), Some(expected));
    }

    #[test]
    fn there_and_back_changes_nothing() {
        let parent = json!([
            entry("a", "Apply", "apps/v1", "", both()),
            entry("b", "Update", "apps/v1", "", both()),
            entry("b", "Update", "apps/v1", "scale", replicas()),
        ]);
        let scale = to_scale(Some(&parent), &paths());
        assert_eq!(to_parent(Some(&parent), scale, "apps/v1", &paths()), Some(parent));
    }
}
