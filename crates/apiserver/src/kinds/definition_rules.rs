//! What a CustomResourceDefinition must be like, and what it leaves unsaid.

use std::collections::BTreeSet;

use machinery::names::{dns_1035_label_problems, dns_subdomain_problems};
use machinery::schema::Schema;
use machinery::status::{FieldError, FieldErrorKind};
use serde_json::{Value, json};

use crate::kinds::definition::{CLEANUP, condition, set_condition};
use crate::object;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten()
}

/// Fills in what follows from the kind's name.
pub fn default(definition: &mut Value) {
    let Some(spec) = definition.get_mut("spec").filter(|spec| spec.is_object()) else { return };
    let conversion = object::member_mut(spec, "conversion");
    conversion.entry("strategy").or_insert_with(|| json!("None"));
    if flag(spec, "preserveUnknownFields") {
        return;
    }
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("preserveUnknownFields");
    }
    let names = object::member_mut(spec, "names");
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !kind.is_empty() {
        names.entry("singular").or_insert_with(|| Value::from(kind.to_lowercase()));
        names.entry("listKind").or_insert_with(|| Value::from(format!("{kind}List")));
    }
    for version in spec.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten() {
        for column in version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(column) = column.as_object_mut() else { continue };
            column.retain(|_, value| !value.is_null());
            if column.get("priority").and_then(Value::as_i64) == Some(0) {
                column.remove("priority");
            }
        }
    }
}

/// Keeps the record of the versions that objects may be stored in.
pub fn complete(definition: &mut Value, old: Option<&Value>) {
    let storage = versions(definition).find(|version| flag(version, "storage")).map(|version| text(version, "name").to_owned());
    if old.is_none() {
        let status = json!({
            "acceptedNames": {"kind": "", "plural": ""},
            "conditions": null,
            "storedVersions": storage.into_iter().collect::<Vec<_>>(),
        });
        if let Some(map) = definition.as_object_mut() {
            map.insert("status".to_owned(), status);
        }
        return;
    }
    let Some(storage) = storage else { return };
    let status = object::member_mut(definition, "status");
    let stored = status.entry("storedVersions").or_insert_with(|| json!([]));
    if let Some(stored) = stored.as_array_mut()
        && !stored.iter().any(|name| name.as_str() == Some(&storage))
    {
        stored.push(Value::from(storage));
    }
}

/// Tells the definition that its objects will go.
pub fn end(definition: &mut Value, now: &str) {
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(definition, "Terminating", "True", "InstanceDeletionPending", message, now);
    debug_assert!(object::finalizers(definition).contains(&CLEANUP));
}

/// Everything that is wrong with a definition.
pub fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let empty = json!({});
    let spec = definition.get("spec").unwrap_or(&empty);
    let group = text(spec, "group");
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else {
        let problems = dns_subdomain_problems(group);
        errors.extend(problems.into_iter().map(|text| FieldError::invalid("spec.group", group, text)));
        if group.split('.').count() < 2 {
            errors.push(FieldError::invalid("spec.group", group, "should be a domain with at least one dot"));
        }
    }
    match text(spec, "scope") {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(FieldError::not_supported("spec.scope", other, &["Cluster", "Namespaced"])),
    }
    names(spec.get("names").unwrap_or(&empty), "spec.names", &mut errors);
    let expected = format!("{}.{group}", text(spec.get("names").unwrap_or(&empty), "plural"));
    if object::name(definition) != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", object::name(definition), detail));
    }
    approval(definition, group, &mut errors);
    all_versions(definition, old, &mut errors);
    conversion(spec, &mut errors);
    if let Some(old) = old {
        immutable(definition, old, &mut errors);
    }
    errors
}

fn names(names: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for member in ["plural", "singular", "kind", "listKind"] {
        let name = text(names, member);
        if name.is_empty() {
            if member != "singular" {
                errors.push(FieldError::required(format!("{path}.{member}"), ""));
            }
            continue;
        }
        // Kinds are checked in lower case: capital letters are what they are known by.
        let checked = if member.ends_with("ind") { name.to_lowercase() } else { name.to_owned() };
        let problems = dns_1035_label_problems(&checked);
        let invalid = |text| FieldError::invalid(format!("{path}.{member}"), name, text);
        errors.extend(problems.into_iter().map(invalid));
    }
    for member in ["shortNames", "categories"] {
        let list = names.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for (index, name) in list.enumerate() {
            let problems = dns_1035_label_problems(name);
            let invalid = |text| FieldError::invalid(format!("{path}.{member}[{index}]"), name, text);
            errors.extend(problems.into_iter().map(invalid));
        }
    }
    let (kind, list_kind) = (text(names, "kind"), text(names, "listKind"));
    if !kind.is_empty() && kind == list_kind {
        errors.push(FieldError::invalid(format!("{path}.listKind"), list_kind, "kind and listKind may not be the same"));
    }
}

/// Groups of the Kubernetes project itself need its approval.
fn approval(definition: &Value, group: &str, errors: &mut Vec<FieldError>) {
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|suffix| group == *suffix || group.ends_with(&format!(".{suffix}")));
    if !protected {
        return;
    }
    let annotation = "api-approved.kubernetes.io";
    let path = format!("metadata.annotations[{annotation}]");
    let given = definition
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(annotation))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if given.is_empty() {
        let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see \
                      https://github.com/kubernetes/enhancements/pull/1111";
        errors.push(FieldError::required(path, detail));
    } else if !given.starts_with("unapproved") && !given.starts_with("https://") && !given.starts_with("http://") {
        let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason \
                      starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111";
        errors.push(FieldError::invalid(path, given, detail));
    }
}

fn all_versions(definition: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    let mut unique = true;
    let list: Vec<&Value> = versions(definition).collect();
    for (index, version) in list.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        unique &= seen.insert(text(version, "name"));
        let before = old.and_then(|old| versions(old).find(|other| text(other, "name") == text(version, "name")));
        one_version(version, before, &path, errors);
    }
    let listed = || Value::from(list.iter().map(|version| (*version).clone()).collect::<Vec<_>>());
    if !unique {
        errors.push(FieldError::invalid("spec.versions", listed(), "must contain unique version names"));
    }
    let stored = list.iter().filter(|version| flag(version, "storage")).count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", listed(), detail));
    }
    let names = definition.pointer("/status/storedVersions").and_then(Value::as_array).into_iter().flatten();
    if old.is_some() {
        for (index, name) in names.filter_map(Value::as_str).enumerate() {
            if !seen.contains(name) {
                let path = format!("status.storedVersions[{index}]");
                errors.push(FieldError::invalid(path, name, "missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions".replace("v1", name)));
            }
        }
    }
}

fn one_version(version: &Value, before: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
    let name = text(version, "name");
    let problems = dns_1035_label_problems(name);
    errors.extend(problems.into_iter().map(|text| FieldError::invalid(format!("{path}.name"), name, text)));
    if !flag(version, "deprecated") && version.get("deprecationWarning").is_some_and(|warning| !warning.is_null()) {
        let detail = "can only be set for deprecated versions";
        let given = version.get("deprecationWarning").cloned().unwrap_or_default();
        errors.push(FieldError::invalid(format!("{path}.deprecationWarning"), given, detail));
    }
    let place = format!("{path}.schema.openAPIV3Schema");
    match version.pointer("/schema/openAPIV3Schema").filter(|schema| !schema.is_null()) {
        None => errors.push(FieldError::required(place, "schemas are required")),
        // A schema that was accepted once stays accepted.
        Some(schema) if before.and_then(|before| before.pointer("/schema/openAPIV3Schema")) == Some(schema) => {}
        Some(schema) => {
            if let Err(found) = Schema::parse_at(schema, &place) {
                errors.extend(found);
            }
        }
    }
    for (index, column) in
        version.get("additionalPrinterColumns").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        column_rules(column, &format!("{path}.additionalPrinterColumns[{index}]"), errors);
    }
    if let Some(scale) = version.pointer("/subresources/scale") {
        scale_rules(scale, &format!("{path}.subresources.scale"), errors);
    }
}

fn column_rules(column: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let types = ["boolean", "date", "integer", "number", "string"];
    if text(column, "name").is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    match text(column, "type") {
        "" => errors.push(FieldError::required(format!("{path}.type"), "must be one of boolean,date,integer,number,string")),
        given if !types.contains(&given) => {
            let detail = "must be one of boolean,date,integer,number,string";
            errors.push(FieldError::invalid(format!("{path}.type"), given, detail));
        }
        _ => {}
    }
    let formats = ["int32", "int64", "float", "double", "byte", "date", "date-time", "password"];
    let format = text(column, "format");
    if !format.is_empty() && !formats.contains(&format) {
        let detail = "must be one of byte,date,date-time,double,float,int32,int64,password";
        errors.push(FieldError::invalid(format!("{path}.format"), format, detail));
    }
    let json_path = text(column, "jsonPath");
    if json_path.is_empty() {
        errors.push(FieldError::required(format!("{path}.jsonPath"), ""));
    } else if !json_path.starts_with('.') || machinery::jsonpath::JsonPath::parse(json_path).is_err() {
        let detail = "must be a simple json path starting with .";
        errors.push(FieldError::invalid(format!("{path}.jsonPath"), json_path, detail));
    }
}

fn scale_rules(scale: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let rules = [("specReplicasPath", ".spec.", true), ("statusReplicasPath", ".status.", true), ("labelSelectorPath", ".", false)];
    for (member, start, required) in rules {
        let given = text(scale, member);
        if given.is_empty() {
            if required {
                errors.push(FieldError::required(format!("{path}.{member}"), ""));
            }
            continue;
        }
        let simple = given.split('.').skip(1).all(|part| !part.is_empty() && !part.contains(['[', ']', '*', '\'', '"']));
        let selector = member != "labelSelectorPath" || given.starts_with(".spec.") || given.starts_with(".status.");
        if !given.starts_with(start) || !simple || !selector {
            let detail = match member {
                "specReplicasPath" => "should be a json path under .spec",
                "statusReplicasPath" => "should be a json path under .status",
                _ => "should be a json path under .status or .spec",
            };
            errors.push(FieldError::invalid(format!("{path}.{member}"), given, detail));
        }
    }
}

fn conversion(spec: &Value, errors: &mut Vec<FieldError>) {
    let conversion = spec.get("conversion").cloned().unwrap_or_default();
    let webhook = conversion.get("webhook").filter(|webhook| !webhook.is_null());
    match text(&conversion, "strategy") {
        "Webhook" => {
            let Some(webhook) = webhook else {
                let detail = "required when strategy is set to \"Webhook\"";
                errors.push(FieldError::required("spec.conversion.webhook.clientConfig", detail));
                return;
            };
            if webhook.get("conversionReviewVersions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                errors.push(FieldError::required("spec.conversion.webhook.conversionReviewVersions", ""));
            }
            if webhook.get("clientConfig").is_none() {
                let detail = "required when strategy is set to \"Webhook\"";
                errors.push(FieldError::required("spec.conversion.webhook.clientConfig", detail));
            }
        }
        "None" => {
            if webhook.is_some() {
                let detail = "should not be set when strategy is not set to Webhook";
                errors.push(FieldError::forbidden("spec.conversion.webhook", detail));
            }
        }
        other => {
            let error = FieldError::not_supported("spec.conversion.strategy", other, &["None", "Webhook"]);
            errors.push(error);
        }
    }
}

/// What cannot change once the definition is in use.
fn immutable(definition: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let mut fixed = vec!["/spec/group", "/spec/names/plural"];
    if condition(old, "Established") == Some("True") {
        fixed.extend(["/spec/scope", "/spec/names/kind"]);
    }
    for pointer in fixed {
        let (before, after) = (old.pointer(pointer), definition.pointer(pointer));
        if before != after {
            let path = pointer.trim_start_matches('/').replace('/', ".");
            let value = after.cloned().unwrap_or_default();
            errors.push(FieldError::new(path, FieldErrorKind::Invalid, Some(value), "field is immutable"));
        }
    }
}
