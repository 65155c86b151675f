//! CustomResourceDefinitions become kinds, and stop being kinds.
//!
//! All of it happens within the write that causes it: when the answer to a CRD's creation is on its way, its kind is
//! served. Names are granted one definition at a time.

use serde_json::{Map, Value, json};
use store::{Change, CommitError, Precondition};

use crate::kinds::parsed::{self, Sound};
use crate::kinds::registry::compare_versions;
use crate::kinds::strategy::CUSTOM;
use crate::kinds::{Column, Kind, ScalePaths, SchemaSource, Selectable, Version, members};
use crate::object::{self, Encoded};
use crate::request::DeleteOptions;
use crate::server::ApiServer;
use crate::verbs;

/// Group and plural of the definitions themselves.
const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

/// Holds a definition until its objects are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn key(server: &ApiServer, name: &str) -> Option<String> {
    Some(server.registry().find(DEFINITIONS.0, DEFINITIONS.1)?.key(None, name))
}

/// Makes kinds of all definitions that the store holds.
pub fn load(server: &ApiServer) {
    let registry = server.registry();
    let Some(kind) = registry.find(DEFINITIONS.0, DEFINITIONS.1) else { return };
    for entry in server.store().list(&kind.prefix()).entries {
        let definition = object::parse(&entry.value);
        if condition(&definition, "Established") == Some("True") {
            install(server, &definition, entry.modified);
        }
    }
}

/// A definition was written or is gone: grants it its names, serves or stops serving its kind.
pub async fn changed(server: &ApiServer, name: &str) {
    let ending = {
        let _one_at_a_time = server.definitions().lock().await;
        let ending = settle(server, name).await;
        // Names that were freed may be what another definition waits for.
        let group = name.split_once('.').map_or("", |(_, group)| group);
        for waiting in waiting(server, group, name) {
            settle(server, &waiting).await;
        }
        ending
    };
    if ending {
        sweep(server, name).await;
    }
}

/// Definitions of a group whose names were not accepted yet.
fn waiting(server: &ApiServer, group: &str, except: &str) -> Vec<String> {
    let mut others = others(server, group, except);
    others.retain(|(_, other)| {
        let mut conditions = other.conditions.iter();
        let accepted = conditions.find(|condition| text(condition, "type") == "NamesAccepted");
        accepted.is_none_or(|condition| text(condition, "status") != "True")
    });
    others.into_iter().map(|(name, _)| name).collect()
}

/// What other definitions have to know of one: all but its schemas, which are most of it.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Standing {
    accepted_names: Option<Value>,
    conditions: Vec<Value>,
}

/// The other definitions of a group, by name. A definition is named `<plural>.<group>`.
fn others(server: &ApiServer, group: &str, except: &str) -> Vec<(String, Standing)> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Head {
        status: Standing,
    }
    let registry = server.registry();
    let Some(kind) = registry.find(DEFINITIONS.0, DEFINITIONS.1) else { return Vec::new() };
    let prefix = kind.prefix();
    let mut others = Vec::new();
    for entry in server.store().list(&prefix).entries {
        let name = entry.key.strip_prefix(&prefix).unwrap_or_default();
        if name != except && name.split_once('.').is_some_and(|(_, of)| of == group) {
            let head: Head = serde_json::from_slice(&entry.value).unwrap_or_default();
            others.push((name.to_owned(), head.status));
        }
    }
    others
}

/// Brings the status and the registry in line with a definition. Returns whether its objects have to go.
async fn settle(server: &ApiServer, name: &str) -> bool {
    let Some(key) = key(server, name) else { return false };
    loop {
        let Some(entry) = server.store().get(&key) else {
            uninstall(server, name);
            return false;
        };
        let mut definition = object::parse(&entry.value);
        let before = definition.get("status").cloned();
        accept_names(server, &mut definition);
        let mut modified = entry.modified;
        if definition.get("status") != before.as_ref() {
            let encoded = Encoded::new(&definition);
            let put = move |revision| Change::Put(encoded.with_version(revision));
            match server.store().commit(&key, Precondition::Revision(entry.modified), put).await {
                Ok(committed) => modified = committed.revision,
                Err(CommitError::Conflict { .. }) => continue,
                Err(error) => {
                    tracing::error!(%name, %error, "the status of a CustomResourceDefinition could not be stored");
                    return false;
                }
            }
        }
        if condition(&definition, "Established") == Some("True") {
            install(server, &definition, modified);
        }
        return object::deleting(&definition);
    }
}

fn uninstall(server: &ApiServer, name: &str) {
    if let Some((plural, group)) = name.split_once('.') {
        server.change_registry(|registry| {
            registry.remove_custom(group, plural);
        });
    }
}

/// Deletes all objects of a definition that is being deleted, and then lets the definition go.
async fn sweep(server: &ApiServer, name: &str) {
    set_terminating(server, name, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
        .await;
    let Some((plural, group)) = name.split_once('.') else { return };
    let registry = server.registry();
    if let Some(kind) = registry.find(group, plural) {
        for entry in server.store().list(&kind.prefix()).entries {
            let head = object::Head::read(&entry.value).metadata;
            let namespace = kind.namespaced.then_some(head.namespace.as_str());
            let options = DeleteOptions::default();
            let removed = verbs::remove_internally(server, kind.clone(), namespace, &head.name, &options);
            if let Err(status) = Box::pin(removed).await {
                tracing::warn!(kind = %kind.kind, name = %head.name, reason = %status.message, "an object of a deleted definition stays");
            }
        }
    }
    instance_gone(server, name).await;
}

/// An object of a definition that is being deleted is gone: with the last one the definition goes.
pub async fn instance_gone(server: &ApiServer, name: &str) {
    let Some((plural, group)) = name.split_once('.') else { return };
    if let Some(kind) = server.registry().find(group, plural)
        && !server.store().list(&kind.prefix()).entries.is_empty()
    {
        return;
    }
    let Some(key) = key(server, name) else { return };
    loop {
        let Some(entry) = server.store().get(&key) else { return };
        let mut definition = object::parse(&entry.value);
        let mut finalizers: Vec<String> =
            object::finalizers(&definition).into_iter().map(str::to_owned).collect();
        if !object::deleting(&definition) || !finalizers.iter().any(|name| name == CLEANUP) {
            return;
        }
        let last = Encoded::new(&definition);
        finalizers.retain(|name| name != CLEANUP);
        let over = finalizers.is_empty();
        object::set_meta(&mut definition, "finalizers", if over { Value::Null } else { finalizers.into() });
        let next = Encoded::new(&definition);
        let change = move |revision| {
            if over {
                Change::Delete { last: last.with_version(revision) }
            } else {
                Change::Put(next.with_version(revision))
            }
        };
        match server.store().commit(&key, Precondition::Revision(entry.modified), change).await {
            Ok(_) if over => return Box::pin(changed(server, name)).await,
            Ok(_) => return,
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => {
                tracing::error!(%name, %error, "a CustomResourceDefinition could not be deleted");
                return;
            }
        }
    }
}

async fn set_terminating(server: &ApiServer, name: &str, reason: &str, message: &str) {
    let Some(key) = key(server, name) else { return };
    loop {
        let Some(entry) = server.store().get(&key) else { return };
        let mut definition = object::parse(&entry.value);
        let now = crate::time_text(server.now());
        if !set_condition(&mut definition, "Terminating", "True", reason, message, &now) {
            return;
        }
        let encoded = Encoded::new(&definition);
        let put = move |revision| Change::Put(encoded.with_version(revision));
        match server.store().commit(&key, Precondition::Revision(entry.modified), put).await {
            Err(CommitError::Conflict { .. }) => {}
            _ => return,
        }
    }
}

/// Status of a condition.
pub fn condition<'a>(definition: &'a Value, name: &str) -> Option<&'a str> {
    let conditions = definition.pointer("/status/conditions")?.as_array()?;
    let condition =
        conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))?;
    condition.get("status")?.as_str()
}

/// Sets a condition; returns whether that changed anything.
pub fn set_condition(
    definition: &mut Value,
    name: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: &str,
) -> bool {
    let holder = object::member_mut(definition, "status");
    let list = holder.entry("conditions").or_insert(Value::Null);
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return false };
    let wanted = json!({"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
    let Some(found) =
        list.iter_mut().find(|condition| condition.get("type").and_then(Value::as_str) == Some(name))
    else {
        list.push(wanted);
        return true;
    };
    let same = |member: &str| found.get(member) == wanted.get(member);
    if same("status") && same("reason") && same("message") {
        return false;
    }
    let kept = if same("status") { found.get("lastTransitionTime").cloned() } else { None };
    *found = wanted;
    if let Some(time) = kept {
        found["lastTransitionTime"] = time;
    }
    true
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Compares the names a definition wants with those that others of its group hold, and grants what is free.
fn accept_names(server: &ApiServer, definition: &mut Value) {
    let group = definition.pointer("/spec/group").and_then(Value::as_str).unwrap_or_default().to_owned();
    let wanted = definition.pointer("/spec/names").cloned().unwrap_or_else(|| json!({}));
    let own = object::name(definition).to_owned();
    let (mut resources, mut kinds) = (Vec::new(), Vec::new());
    for (_, other) in others(server, &group, &own) {
        let Some(names) = &other.accepted_names else { continue };
        resources.extend([text(names, "plural").to_owned(), text(names, "singular").to_owned()]);
        resources.extend(texts(names, "shortNames"));
        kinds.extend([text(names, "kind").to_owned(), text(names, "listKind").to_owned()]);
    }
    let mut accepted = definition.pointer("/status/acceptedNames").cloned().unwrap_or_else(|| json!({}));
    let refused = grant(&wanted, &mut accepted, &resources, &kinds);
    if let Some(accepted) = accepted.as_object_mut() {
        copy_list(&wanted, accepted, "categories");
    }
    let now = crate::time_text(server.now());
    match refused {
        None => {
            set_condition(definition, "NamesAccepted", "True", "NoConflicts", "no conflicts found", &now);
            if condition(definition, "Established") != Some("True") {
                let message = "the initial names have been accepted";
                set_condition(definition, "Established", "True", "InitialNamesAccepted", message, &now);
            }
        }
        Some((reason, message)) => {
            set_condition(definition, "NamesAccepted", "False", reason, &message, &now);
            if condition(definition, "Established") != Some("True") {
                set_condition(
                    definition,
                    "Established",
                    "False",
                    "NotAccepted",
                    "not all names are accepted",
                    &now,
                );
            }
        }
    }
    object::member_mut(definition, "status").insert("acceptedNames".to_owned(), accepted);
}

fn copy_list(from: &Value, to: &mut Map<String, Value>, name: &str) {
    match from.get(name) {
        Some(list) => to.insert(name.to_owned(), list.clone()),
        None => to.remove(name),
    };
}

/// Moves free names from `wanted` to `accepted`; the last name that is taken gives the reason.
fn grant(
    wanted: &Value,
    accepted: &mut Value,
    resources: &[String],
    kinds: &[String],
) -> Option<(&'static str, String)> {
    let mut refused = None;
    let singles = [
        ("plural", resources, "PluralConflict"),
        ("singular", resources, "SingularConflict"),
        ("kind", kinds, "KindConflict"),
        ("listKind", kinds, "ListKindConflict"),
    ];
    for (member, taken, reason) in singles {
        let name = text(wanted, member);
        if !name.is_empty() && taken.iter().any(|other| other == name) {
            refused = Some((reason, format!("\"{name}\" is already in use")));
        } else if let Some(accepted) = accepted.as_object_mut() {
            copy_list(wanted, accepted, member);
        }
        if member == "singular" {
            let busy: Vec<String> =
                texts(wanted, "shortNames").into_iter().filter(|name| resources.contains(name)).collect();
            if let Some(name) = busy.first() {
                refused = Some(("ShortNamesConflict", format!("\"{name}\" is already in use")));
            } else if let Some(accepted) = accepted.as_object_mut() {
                copy_list(wanted, accepted, "shortNames");
            }
        }
    }
    refused
}

/// Serves the kind of a definition. The generation counts changes of its structure; objects stored before its structure changed are fitted when they are read.
fn install(server: &ApiServer, definition: &Value, modified: u64) {
    let Some(mut kind) = kind(definition) else { return };
    kind.schema_revision = modified;
    let registry = server.registry();
    if let Some(before) = registry.find(&kind.group, &kind.plural)
        && before.definition.is_some()
        && before.generation == kind.generation
    {
        kind.schema_revision = before.schema_revision;
    }
    server.change_registry(|registry| registry.insert_custom(kind));
}

/// The kind that a definition describes; `None` where it cannot be understood.
fn kind(definition: &Value) -> Option<Kind> {
    let spec = definition.get("spec")?;
    let names = definition.pointer("/status/acceptedNames")?;
    let mut described: Vec<&Value> = spec.get("versions")?.as_array()?.iter().collect();
    let storage_name =
        described.iter().find(|version| flag(version, "storage")).map(|version| text(version, "name"))?;
    described.sort_by(|left, right| compare_versions(text(left, "name"), text(right, "name")));
    let versions: Vec<Version> =
        described.into_iter().map(|described| version(spec, names, described)).collect();
    let storage = versions.iter().position(|version| &*version.name == storage_name)?;
    Some(Kind {
        group: text(spec, "group").into(),
        plural: text(names, "plural").into(),
        singular: text(names, "singular").into(),
        kind: text(names, "kind").into(),
        list_kind: text(names, "listKind").into(),
        short_names: texts(names, "shortNames").into_iter().map(Into::into).collect(),
        categories: texts(names, "categories").into_iter().map(Into::into).collect(),
        namespaced: text(spec, "scope") == "Namespaced",
        versions,
        storage,
        strategy: &CUSTOM,
        definition: Some(object::name(definition).into()),
        schema_revision: 0,
        generation: definition.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0),
        terminating: object::deleting(definition),
    })
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn version(spec: &Value, names: &Value, described: &Value) -> Version {
    let name = text(described, "name");
    // What cannot be read was refused when the definition was written.
    let Sound { schema, embeds } = parsed::read(described.pointer("/schema/openAPIV3Schema"));
    let scale = described.pointer("/subresources/scale").map(|scale| ScalePaths {
        spec_replicas: members(text(scale, "specReplicasPath")),
        status_replicas: members(text(scale, "statusReplicasPath")),
        selector: Some(text(scale, "labelSelectorPath")).filter(|path| !path.is_empty()).map(members),
    });
    let deprecation = flag(described, "deprecated").then(|| match text(described, "deprecationWarning") {
        "" => format!("{}/{name} {} is deprecated", text(spec, "group"), text(names, "kind")),
        warning => warning.to_owned(),
    });
    let fields = described.get("selectableFields").and_then(Value::as_array).into_iter().flatten();
    Version {
        name: name.into(),
        served: flag(described, "served"),
        deprecation,
        embeds,
        schema: SchemaSource::Ready(schema),
        columns: columns(described),
        status: described.pointer("/subresources/status").is_some(),
        scale,
        selectable: fields.map(|field| selectable(text(field, "jsonPath"))).collect(),
    }
}

fn selectable(path: &str) -> Selectable {
    let field = path.trim_start_matches('.');
    let pointer = format!("/{}", field.replace('.', "/"));
    Selectable { field: field.to_owned(), pointer, absent: String::new() }
}

fn columns(described: &Value) -> Vec<Column> {
    let columns = described.get("additionalPrinterColumns").and_then(Value::as_array);
    let printed = |printed| Column { printed, made: false };
    match columns.filter(|columns| !columns.is_empty()) {
        // What is no column was refused when the definition was written.
        Some(columns) => {
            let columns =
                columns.iter().filter_map(|column| machinery::table::Column::from_definition(column).ok());
            columns.map(printed).collect()
        }
        None => vec![printed(machinery::table::Column::age())],
    }
}
