//! Rules about metadata that hold for every kind.

use machinery::names::{
    dns_label_problems, dns_subdomain_problems, label_value_problems, qualified_name_problems,
};
use machinery::status::{FieldError, FieldErrorKind, quote};
use serde_json::{Map, Value};

use crate::kinds::Kind;
use crate::kinds::strategy::NameRule;
use crate::object;

/// Annotations of one object may have this many bytes together.
const ANNOTATIONS_LIMIT_BYTES: usize = 256 * 1024;

/// Finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Everything that is wrong with the metadata of an object.
pub fn validate(kind: &Kind, value: &Value, namespace: Option<&str>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = Map::new();
    let metadata = object::metadata(value).unwrap_or(&empty);
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let generate_name = text("generateName");
    if !generate_name.is_empty() {
        let problems = name_problems(kind.strategy.name_rule, generate_name.trim_end_matches('-'));
        errors.extend(
            problems
                .into_iter()
                .map(|text| FieldError::invalid("metadata.generateName", generate_name, text)),
        );
    }
    let name = text("name");
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        let problems = name_problems(kind.strategy.name_rule, name);
        errors.extend(problems.into_iter().map(|text| FieldError::invalid("metadata.name", name, text)));
    }
    if kind.namespaced
        && let Some(namespace) = namespace
    {
        let problems = dns_label_problems(namespace);
        errors.extend(
            problems.into_iter().map(|text| FieldError::invalid("metadata.namespace", namespace, text)),
        );
    }
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|number| *number < 0)
    {
        errors.push(FieldError::invalid(
            "metadata.generation",
            generation,
            "must be greater than or equal to 0",
        ));
    }
    labels(metadata, &mut errors);
    annotations(metadata, &mut errors);
    owners(metadata, &mut errors);
    finalizers(kind, metadata, &mut errors);
    errors
}

fn name_problems(rule: NameRule, name: &str) -> Vec<String> {
    match rule {
        NameRule::Subdomain => dns_subdomain_problems(name),
        NameRule::Label => dns_label_problems(name),
        NameRule::PathSegment => path_segment_problems(name),
    }
}

fn path_segment_problems(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    let bad = ["/", "%"].into_iter().filter(|part| name.contains(part));
    bad.map(|part| format!("may not contain '{part}'")).collect()
}

fn labels(metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    for (key, value) in metadata.get("labels").and_then(Value::as_object).into_iter().flatten() {
        let problems = qualified_name_problems(key);
        errors.extend(
            problems.into_iter().map(|text| FieldError::invalid("metadata.labels", key.as_str(), text)),
        );
        let value = value.as_str().unwrap_or_default();
        let problems = label_value_problems(value);
        errors.extend(problems.into_iter().map(|text| FieldError::invalid("metadata.labels", value, text)));
    }
}

fn annotations(metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let mut bytes = 0;
    for (key, value) in metadata.get("annotations").and_then(Value::as_object).into_iter().flatten() {
        // Upper case is allowed in annotation domains.
        let problems = qualified_name_problems(&key.to_lowercase());
        errors.extend(
            problems.into_iter().map(|text| FieldError::invalid("metadata.annotations", key.as_str(), text)),
        );
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_LIMIT_BYTES {
        errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_LIMIT_BYTES));
    }
}

fn owners(metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let Some(owners) = metadata.get("ownerReferences").and_then(Value::as_array) else { return };
    let mut controller: Option<String> = None;
    for owner in owners {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        let api_version = text("apiVersion");
        let path = |name: &str| format!("metadata.ownerReferences.{name}");
        let version = match machinery::gvk::split_api_version(api_version) {
            Ok((_, version)) => version,
            Err(_) => "",
        };
        if version.is_empty() {
            errors.push(FieldError::invalid(path("apiVersion"), api_version, "version must not be empty"));
        }
        for name in ["kind", "name", "uid"] {
            if text(name).is_empty() {
                errors.push(FieldError::invalid(path(name), "", "must not be empty"));
            }
        }
        if api_version == "v1" && text("kind") == "Event" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid("metadata.ownerReferences", owner.clone(), detail));
        }
        if owner.get("controller").and_then(Value::as_bool) == Some(true) {
            let name = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                None => controller = Some(name),
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                    );
                    errors.push(FieldError::invalid(
                        "metadata.ownerReferences",
                        Value::from(owners.clone()),
                        detail,
                    ));
                }
            }
        }
    }
}

fn finalizers(kind: &Kind, metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let path = "metadata.finalizers";
    let list: Vec<&str> = metadata
        .get("finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (index, finalizer) in list.iter().enumerate() {
        let problems = qualified_name_problems(finalizer);
        errors.extend(problems.into_iter().map(|text| FieldError::invalid(path, *finalizer, text)));
        if !kind.custom() && !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(finalizer) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(format!("{path}[{index}]"), *finalizer, detail));
        }
    }
    if list.contains(&"orphan") && list.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(path, Value::from(list), detail));
    }
}

/// Warnings about metadata that is allowed, but not wise. An update is told about what it adds only: whoever changes
/// something else can do nothing about the rest.
pub fn warnings(kind: &Kind, value: &Value, old: Option<&Value>) -> Vec<String> {
    let mut warnings = Vec::new();
    if kind.custom() {
        let before: Vec<&str> = old.into_iter().flat_map(object::finalizers).collect();
        for finalizer in object::finalizers(value).into_iter().filter(|finalizer| !before.contains(finalizer))
        {
            if !finalizer.is_empty() && !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer)
            {
                warnings.push(format!(
                    "metadata.finalizers: {}: prefer a domain-qualified finalizer name to avoid accidental conflicts with \
                     other finalizer writers",
                    quote(finalizer)
                ));
            }
        }
    }
    warnings
}

/// Drops owner references whose uid was named before, and warns about it.
pub fn drop_double_owners(value: &mut Value, warnings: &mut Vec<String>) {
    let metadata = object::metadata_mut(value);
    let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) else { return };
    let mut seen: Vec<String> = Vec::new();
    let mut doubled: Vec<String> = Vec::new();
    owners.retain(|owner| {
        let uid = owner.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let first = !seen.contains(&uid);
        if first {
            seen.push(uid)
        } else {
            doubled.push(uid)
        }
        first
    });
    if !doubled.is_empty() {
        warnings.push(format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may \
             reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            doubled.join(", ")
        ));
    }
}

/// Members that a client leaves out of an update because they are the server's. What it says about them is looked at.
const KEPT_WHERE_ABSENT: [&str; 3] = ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// Puts back what an update may not change and does not have to name.
pub fn keep_server_owned(old: &Value, new: &mut Value) {
    let empty = Map::new();
    let before = object::metadata(old).unwrap_or(&empty);
    let metadata = object::metadata_mut(new);
    metadata.remove("selfLink");
    for name in ["creationTimestamp", "generation"] {
        put_back(before, metadata, name);
    }
    for name in KEPT_WHERE_ABSENT {
        let absent = match metadata.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        };
        if absent {
            put_back(before, metadata, name);
        }
    }
    // Whoever lets go of an object that is being deleted need not know since when.
    if before.contains_key("deletionTimestamp") {
        put_back(before, metadata, "deletionTimestamp");
    }
    for name in ["name", "namespace"] {
        if let Some(value) = before.get(name) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
}

/// Makes a member of the metadata what it was: present or absent.
fn put_back(before: &Map<String, Value>, metadata: &mut Map<String, Value>, name: &str) {
    match before.get(name) {
        Some(value) => metadata.insert(name.to_owned(), value.clone()),
        None => metadata.remove(name),
    };
}

/// Leaves the times in `managedFields` as they were where nothing else changed: such an update is none.
pub fn keep_times(old: &Value, new: &mut Value) {
    let place = "/metadata/managedFields";
    let Some(Value::Array(before)) = old.pointer(place) else { return };
    let Some(Value::Array(after)) = new.pointer_mut(place) else { return };
    let same_owners = before.len() == after.len()
        && before.iter().zip(after.iter()).all(|(before, after)| same_but_for_time(before, after));
    if !same_owners || before == after {
        return;
    }
    let moved = std::mem::replace(after, before.clone());
    if new != old {
        object::set_meta(new, "managedFields", moved);
    }
}

fn same_but_for_time(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return before == after };
    let names = before.keys().chain(after.keys()).filter(|name| *name != "time");
    names.into_iter().all(|name| before.get(name) == after.get(name))
}

/// What an update changed that it may not. Kubernetes checks twice, and so says everything twice.
pub fn immutable(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = Map::new();
    let before = object::metadata(old).unwrap_or(&empty);
    let after = object::metadata(new).unwrap_or(&empty);
    for name in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        if before.get(name) != after.get(name) {
            let value = after.get(name).cloned().unwrap_or(Value::Null);
            let error = FieldError::new(
                format!("metadata.{name}"),
                FieldErrorKind::Invalid,
                Some(value),
                "field is immutable",
            );
            errors.push(error.clone());
            errors.push(error);
        }
    }
    if before.contains_key("deletionTimestamp") {
        let held = object::finalizers(old);
        let added: Vec<&str> =
            object::finalizers(new).into_iter().filter(|name| !held.contains(name)).collect();
        if !added.is_empty() {
            let list = added.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
            );
            let error = FieldError::forbidden("metadata.finalizers", detail);
            errors.push(error.clone());
            errors.push(error);
        }
    }
    errors
}

/// Removes members of the metadata that say nothing: nulls, empty texts, empty maps and lists.
pub fn tidy(value: &mut Value) {
    let metadata = object::metadata_mut(value);
    // An empty record of owners is not nothing: it asks for a new beginning.
    metadata.retain(|name, value| {
        name == "managedFields"
            || match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
                Value::Number(_) => true,
                Value::Bool(_) => true,
            }
    });
    for name in ["labels", "annotations"] {
        for value in
            metadata.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            if value.is_null() {
                *value = Value::from("");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is left of a draft's metadata, and how many complaints there are.
    fn kept(old: Value, new: Value) -> (Value, usize) {
        let (old, mut new) = (json!({"metadata": old}), json!({"metadata": new}));
        keep_server_owned(&old, &mut new);
        let complaints = immutable(&old, &new).len();
        (new["metadata"].take(), complaints)
    }

    #[test]
    fn since_when_an_object_is_being_deleted_is_the_servers_to_say() {
        let old = json!({"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0});
        for given in ["2020-01-01T00:00:00.000Z", "2020-01-01T01:00:00+01:00", "2021-01-01T00:00:00Z"] {
            let new = json!({"deletionTimestamp": given});
            assert_eq!(kept(old.clone(), new), (old.clone(), 0), "{given}");
        }
        let (_, complaints) = kept(json!({}), json!({"deletionTimestamp": "2020-01-01T00:00:00Z"}));
        assert_eq!(complaints, 2, "an update must not mark an object for deletion");
        let (_, complaints) = kept(old, json!({"deletionGracePeriodSeconds": 5}));
        assert_eq!(complaints, 2, "an update must not move the end of an object");
    }

    #[test]
    fn the_generation_is_never_the_clients() {
        for given in [json!({"generation": 9}), json!({"generation": -1}), json!({})] {
            assert_eq!(kept(json!({"generation": 3}), given.clone()).0, json!({"generation": 3}));
            assert_eq!(kept(json!({}), given).0, json!({}));
        }
    }
}
