//! What a CustomResourceDefinition must be like, and what it leaves unsaid.

use std::collections::BTreeSet;
use std::sync::Arc;

use machinery::names::{dns_1035_label_problems, dns_subdomain_problems};
use machinery::schema::{Schema, SchemaType};
use machinery::status::{FieldError, FieldErrorKind};
use serde_json::{Value, json};

use crate::kinds::definition::{CLEANUP, condition, set_condition};
use crate::kinds::parsed;
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
        for column in
            version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut).into_iter().flatten()
        {
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
    let storage = versions(definition)
        .find(|version| flag(version, "storage"))
        .map(|version| text(version, "name").to_owned());
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
    if old.is_none() && object::name(definition) != expected {
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
            errors.push(FieldError::required(format!("{path}.{member}"), ""));
            continue;
        }
        // Kinds are checked in lower case: capital letters are what they are known by.
        let checked = if member.ends_with("ind") { name.to_lowercase() } else { name.to_owned() };
        let problems = dns_1035_label_problems(&checked);
        let invalid = |text| FieldError::invalid(format!("{path}.{member}"), name, text);
        errors.extend(problems.into_iter().map(invalid));
    }
    for member in ["shortNames", "categories"] {
        let list =
            names.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for (index, name) in list.enumerate() {
            let problems = dns_1035_label_problems(name);
            let invalid = |text| FieldError::invalid(format!("{path}.{member}[{index}]"), name, text);
            errors.extend(problems.into_iter().map(invalid));
        }
    }
    let (kind, list_kind) = (text(names, "kind"), text(names, "listKind"));
    if !kind.is_empty() && kind == list_kind {
        errors.push(FieldError::invalid(
            format!("{path}.listKind"),
            list_kind,
            "kind and listKind may not be the same",
        ));
    }
}

/// Groups of the Kubernetes project itself need its approval.
fn approval(definition: &Value, group: &str, errors: &mut Vec<FieldError>) {
    let protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|suffix| group == *suffix || group.ends_with(&format!(".{suffix}")));
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
    } else if !given.starts_with("unapproved")
        && !given.starts_with("https://")
        && !given.starts_with("http://")
    {
        let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason \
                      starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111";
        errors.push(FieldError::invalid(path, given, detail));
    }
}

fn all_versions(definition: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    let mut unique = true;
    let list: Vec<&Value> = versions(definition).collect();
    let places = Places::of(&list);
    for (index, version) in list.iter().enumerate() {
        unique &= seen.insert(text(version, "name"));
        let before =
            old.and_then(|old| versions(old).find(|other| text(other, "name") == text(version, "name")));
        one_version(version, before, index, places, errors);
    }
    let listed = || Value::from(list.iter().map(|version| (*version).clone()).collect::<Vec<_>>());
    if !unique {
        errors.push(FieldError::invalid("spec.versions", listed(), "must contain unique version names"));
    }
    let storage: Vec<&str> =
        list.iter().filter(|version| flag(version, "storage")).map(|version| text(version, "name")).collect();
    if storage.len() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", listed(), detail));
    }
    stored_versions(definition, &storage, &seen, errors);
}

/// The record of stored versions must name the storage version, and only versions that there are.
fn stored_versions(
    definition: &Value,
    storage: &[&str],
    known: &BTreeSet<&str>,
    errors: &mut Vec<FieldError>,
) {
    let path = "status.storedVersions";
    let list = definition.pointer("/status/storedVersions").and_then(Value::as_array);
    let stored: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    if stored.is_empty() {
        errors.push(FieldError::invalid(path, Value::Null, "must have at least one stored version"));
        return;
    }
    for (index, name) in stored.iter().enumerate().filter(|(_, name)| !known.contains(*name)) {
        let detail = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage \
             migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
        );
        errors.push(FieldError::invalid(format!("{path}[{index}]"), *name, detail));
    }
    if let Some(name) = storage.last().filter(|name| !stored.contains(name)) {
        errors.push(FieldError::invalid(
            path,
            Value::from(stored),
            format!("must have the storage version {name}"),
        ));
    }
}

/// Where errors are reported: what all versions have in common is reported once, as if it stood above them.
#[derive(Clone, Copy)]
struct Places {
    schema: bool,
    columns: bool,
    subresources: bool,
}

impl Places {
    fn of(versions: &[&Value]) -> Self {
        let common =
            |member: &str| versions.windows(2).all(|pair| pair[0].get(member) == pair[1].get(member));
        Self {
            schema: common("schema"),
            columns: common("additionalPrinterColumns"),
            subresources: common("subresources"),
        }
    }
}

fn one_version(
    version: &Value,
    before: Option<&Value>,
    index: usize,
    places: Places,
    errors: &mut Vec<FieldError>,
) {
    let path = format!("spec.versions[{index}]");
    let place = |common: bool, above: &str, below: &str| {
        if common { format!("spec.{above}") } else { format!("{path}.{below}") }
    };
    let name = text(version, "name");
    for problem in dns_1035_label_problems(name) {
        if index == 0 {
            errors.push(FieldError::invalid("spec.version", name, problem.clone()));
        }
        errors.push(FieldError::invalid(format!("{path}.name"), name, problem));
    }
    deprecation(version, &path, errors);
    let schema_path = place(places.schema, "validation.openAPIV3Schema", "schema.openAPIV3Schema");
    // What all versions share is told about once.
    if index == 0 || !places.schema {
        match version.pointer("/schema/openAPIV3Schema").filter(|schema| !schema.is_null()) {
            None => errors.push(FieldError::required(format!("{path}.schema.openAPIV3Schema"), "")),
            // A schema that was accepted once stays accepted.
            Some(schema)
                if before.and_then(|before| before.pointer("/schema/openAPIV3Schema")) == Some(schema) => {}
            Some(schema) => schema_rules(schema, &schema_path, errors),
        }
    }
    let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
    if index == 0 || !places.columns {
        let path = place(places.columns, "additionalPrinterColumns", "additionalPrinterColumns");
        for (index, column) in columns.into_iter().flatten().enumerate() {
            column_rules(column, &format!("{path}[{index}]"), errors);
        }
    }
    if let Some(scale) = version.pointer("/subresources/scale").filter(|_| index == 0 || !places.subresources)
    {
        scale_rules(scale, &place(places.subresources, "subresources.scale", "subresources.scale"), errors);
    }
}

fn deprecation(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let path = format!("{path}.deprecationWarning");
    let Some(given) = version.get("deprecationWarning").filter(|warning| !warning.is_null()) else { return };
    if !flag(version, "deprecated") {
        errors.push(FieldError::invalid(path, given.clone(), "can only be set for deprecated versions"));
        return;
    }
    let warning = given.as_str().unwrap_or_default();
    if let Some(index) =
        warning.char_indices().find(|(_, character)| character.is_control()).map(|(index, _)| index)
    {
        let detail = format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {index}"
        );
        errors.push(FieldError::invalid(path, warning, detail));
    } else if warning.is_empty() {
        errors.push(FieldError::invalid(path, warning, "must not be an empty string"));
    } else if warning.len() > 256 {
        errors.push(FieldError::too_long(path, 256));
    }
}

/// The structure itself, and the defaults in it.
fn schema_rules(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if parsed::known(schema).is_some() {
        return;
    }
    let tree = match Schema::parse_at(schema, path) {
        Ok(tree) => tree,
        Err(found) => return errors.extend(found),
    };
    let before = errors.len();
    if schema.pointer("/properties/metadata").is_some_and(|metadata| metadata.get("default").is_some()) {
        let path = format!("{path}.properties[metadata].default");
        errors.push(FieldError::forbidden(path, "must not be set in top-level metadata"));
    }
    defaults(&tree, path, errors);
    if errors.len() == before {
        parsed::remember(schema, Arc::new(tree));
    }
}

/// Member under which a default is looked at.
const HOLDER: &str = "default";

/// What is wrong with a default: it is judged as the only member of an object.
fn unfit_default(schema: &Schema, default: &Value) -> Vec<FieldError> {
    let mut child = schema.clone();
    child.default = None;
    let mut holder = Schema { schema_type: Some(SchemaType::Object), ..Schema::default() };
    holder.properties.insert(HOLDER.into(), Arc::new(child));
    machinery::schema::validate(&holder, &json!({HOLDER: default}), None)
}

/// Defaults must fit the schema that they stand in.
fn defaults(schema: &Schema, path: &str, errors: &mut Vec<FieldError>) {
    if !schema.has_defaults && schema.default.is_none() {
        return;
    }
    if let Some(default) = &schema.default {
        let mut pruned = (**default).clone();
        let place = format!("{path}.default");
        if !default.is_object()
            || schema.embedded_resource
            || machinery::schema::prune(schema, &mut pruned).is_empty()
        {
            errors.extend(unfit_default(schema, default).into_iter().map(|mut error| {
                error.path = format!("{place}{}", error.path.strip_prefix(HOLDER).unwrap_or_default());
                error
            }));
        } else {
            let detail = "must not have unknown fields";
            errors.push(FieldError::invalid(place, (**default).clone(), detail));
        }
    }
    for (name, child) in &schema.properties {
        defaults(child, &format!("{path}.properties[{name}]"), errors);
    }
    if let Some(machinery::schema::Additional::Schema(child)) = &schema.additional {
        defaults(child, &format!("{path}.additionalProperties"), errors);
    }
    if let Some(child) = &schema.items {
        defaults(child, &format!("{path}.items"), errors);
    }
}

fn column_rules(column: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let types = ["boolean", "date", "integer", "number", "string"];
    if text(column, "name").is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    match text(column, "type") {
        "" => errors.push(FieldError::required(
            format!("{path}.type"),
            "must be one of boolean,date,integer,number,string",
        )),
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
        errors.push(FieldError::required(format!("{path}.JSONPath"), ""));
    } else if !json_path.starts_with('.') {
        let detail = "must be a simple json path starting with .";
        errors.push(FieldError::invalid(format!("{path}.JSONPath"), json_path, detail));
    }
}

fn scale_rules(scale: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let rules = [
        ("specReplicasPath", ".spec.", true),
        ("statusReplicasPath", ".status.", true),
        ("labelSelectorPath", ".", false),
    ];
    for (member, start, required) in rules {
        let given = text(scale, member);
        if given.is_empty() {
            if required {
                errors.push(FieldError::required(format!("{path}.{member}"), ""));
            }
            continue;
        }
        let selector =
            member != "labelSelectorPath" || given.starts_with(".spec.") || given.starts_with(".status.");
        if !given.starts_with(start) || !selector {
            let detail = match member {
                _ if !given.starts_with('.') => "must be a simple json path starting with .",
                "specReplicasPath" => "should be a json path under .spec",
                "statusReplicasPath" => "should be a json path under .status",
                _ => "should be a json path under either .spec or .status",
            };
            errors.push(FieldError::invalid(format!("{path}.{member}"), given, detail));
        }
    }
}

fn conversion(spec: &Value, errors: &mut Vec<FieldError>) {
    let conversion = spec.get("conversion").cloned().unwrap_or_default();
    let webhook = conversion.get("webhook").filter(|webhook| !webhook.is_null());
    let client = webhook.and_then(|webhook| webhook.get("clientConfig")).filter(|client| !client.is_null());
    let reviews =
        webhook.and_then(|webhook| webhook.get("conversionReviewVersions")).and_then(Value::as_array);
    let (client_path, reviews_path) =
        ("spec.conversion.webhookClientConfig", "spec.conversion.conversionReviewVersions");
    match text(&conversion, "strategy") {
        "Webhook" => {
            match client {
                None => {
                    errors.push(FieldError::required(client_path, "required when strategy is set to Webhook"))
                }
                Some(client) => client_rules(client, client_path, errors),
            }
            match reviews.filter(|reviews| !reviews.is_empty()) {
                None => errors.push(FieldError::required(reviews_path, "")),
                Some(reviews)
                    if !reviews.iter().any(|version| matches!(version.as_str(), Some("v1" | "v1beta1"))) =>
                {
                    let detail = "must include at least one of v1, v1beta1";
                    errors.push(FieldError::invalid(reviews_path, Value::from(reviews.clone()), detail));
                }
                Some(_) => {}
            }
        }
        "None" => {
            let detail = "should not be set when strategy is not set to Webhook";
            if client.is_some() {
                errors.push(FieldError::forbidden(client_path, detail));
            }
            if reviews.is_some_and(|reviews| !reviews.is_empty()) {
                errors.push(FieldError::forbidden(reviews_path, detail));
            }
        }
        other => {
            let error = FieldError::not_supported("spec.conversion.strategy", other, &["None", "Webhook"]);
            errors.push(error);
        }
    }
}

fn client_rules(client: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let url = client.get("url").and_then(Value::as_str);
    let service = client.get("service").filter(|service| !service.is_null());
    match (url, service) {
        (Some(_), Some(_)) | (None, None) => {
            errors.push(FieldError::required(path, "exactly one of url or service is required"));
        }
        (Some(url), None) => {
            if let Some(scheme) = url.split("://").next().filter(|scheme| *scheme != "https") {
                let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
                errors.push(FieldError::invalid(format!("{path}.url"), scheme, detail));
            }
        }
        (None, Some(service)) => {
            for member in ["name", "namespace"] {
                if text(service, member).is_empty() {
                    let detail = format!("service {member} is required");
                    errors.push(FieldError::required(format!("{path}.service.{member}"), detail));
                }
            }
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
