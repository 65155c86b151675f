//! DELETE of one object: at once, or when its finalizers are gone.

use bytes::Bytes;
use http::Response;
use machinery::status::{Status, StatusDetails};
use serde_json::Value;
use store::{Change, CommitError, Entry, Precondition};

use crate::admission::Operation;
use crate::body::Body;
use crate::exchange::Exchange;
use crate::kinds::definition;
use crate::kinds::strategy::Effect;
use crate::negotiate;
use crate::object::{self, Encoded};
use crate::request::{self, DeleteOptions, Propagation};
use crate::verbs::update::uid_conflict;
use crate::verbs::write;
use crate::{Refused, answer, decode, kinds, namespaces};

/// How a deletion ended.
pub enum Removed {
    /// The object is gone; its last state.
    Gone(Value),
    /// The object lives on, marked for deletion: its bytes as answered.
    Marked(Bytes),
}

/// Reads the options of a deletion.
pub fn options(exchange: &Exchange) -> Result<DeleteOptions, Refused> {
    if exchange.body.is_empty() {
        return request::delete_options(&exchange.query, None);
    }
    let encoding = negotiate::input(exchange.content_type.as_deref())?;
    let decoded = decode::tree(&exchange.body, encoding).map_err(|error| {
        Status::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
    })?;
    if let Some(kind) =
        decoded.value.get("kind").and_then(Value::as_str).filter(|kind| *kind != "DeleteOptions")
    {
        let version = decoded.value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        return Err(Status::bad_request(format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
        ))
        .into());
    }
    request::delete_options(&exchange.query, Some(&decoded.value))
}

/// Deletes the object that the path names.
pub async fn delete(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    exchange.output()?;
    let options = options(exchange)?;
    let name = exchange.name()?.to_owned();
    match remove(exchange, &name, &options).await? {
        Removed::Marked(bytes) => exchange.answer_object(200, bytes),
        Removed::Gone(object) if exchange.resource.kind.strategy.delete_answers_object => {
            let revision = object::meta_text(&object, "resourceVersion").parse().unwrap_or(0);
            exchange.answer_object(200, Encoded::new(&object).with_version(revision))
        }
        Removed::Gone(object) => {
            let kind = &exchange.resource.kind;
            let mut status = Status::success();
            status.details = Some(StatusDetails {
                name,
                group: kind.group.to_string(),
                kind: kind.plural.to_string(),
                uid: object::meta_text(&object, "uid").to_owned(),
                ..StatusDetails::default()
            });
            // Nothing went wrong, so there is no code.
            let mut answer = serde_json::to_value(&status).unwrap_or_default();
            if let Some(members) = answer.as_object_mut() {
                members.remove("code");
            }
            Ok(answer::json_value(200, &answer))
        }
    }
}

/// Deletes an object of the exchange's kind and namespace.
pub async fn remove(
    exchange: &mut Exchange,
    name: &str,
    options: &DeleteOptions,
) -> Result<Removed, Refused> {
    let key = exchange.resource.kind.key(exchange.namespace(), name);
    loop {
        let Some(entry) = exchange.server.store().get(&key) else { return Err(exchange.not_found(name)) };
        if let Some(removed) = attempt(exchange, name, &entry, options).await? {
            return Ok(removed);
        }
    }
}

async fn attempt(
    exchange: &mut Exchange,
    name: &str,
    entry: &Entry,
    options: &DeleteOptions,
) -> Result<Option<Removed>, Refused> {
    let old = exchange.incoming(&entry.value, entry.modified);
    check_preconditions(exchange, name, entry, &old, options)?;
    let reader = exchange.server.reader();
    let request = exchange.admission(Operation::Delete, name, Some(&old), options.dry_run, &reader);
    let warnings = exchange.server.admission().validate(&request, &old)?;
    exchange.warnings.extend(warnings);
    if exchange.resource.kind.plural.as_ref() == "namespaces" {
        namespaces::check_delete(exchange, name)?;
    }
    let mut finalizers = finalizers(&old, options.propagation);
    if exchange.resource.kind.strategy.effect == Effect::Definition && !object::deleting(&old) {
        finalizers.push(definition::CLEANUP.to_owned());
    }
    if finalizers.is_empty() && !write::lives_on(&old) {
        return gone(exchange, entry, old, options.dry_run).await;
    }
    mark(exchange, entry, old, finalizers, options.dry_run).await
}

fn check_preconditions(
    exchange: &Exchange,
    name: &str,
    entry: &Entry,
    old: &Value,
    options: &DeleteOptions,
) -> Result<(), Refused> {
    let uid = object::meta_text(old, "uid");
    if let Some(asked) = options.uid.as_deref().filter(|asked| *asked != uid) {
        return Err(uid_conflict(exchange, name, asked, uid));
    }
    let kind = &exchange.resource.kind;
    if let Some(asked) =
        options.resource_version.as_deref().filter(|asked| *asked != entry.modified.to_string())
    {
        let cause = format!(
            "Precondition failed: ResourceVersion in precondition: {asked}, ResourceVersion in object meta: {}",
            entry.modified
        );
        return Err(Status::conflict(&kind.group, &kind.plural, name, &cause).into());
    }
    Ok(())
}

/// The finalizers that hold the object, given what shall become of its dependents.
fn finalizers(old: &Value, propagation: Option<Propagation>) -> Vec<String> {
    let mut finalizers: Vec<String> = object::finalizers(old).into_iter().map(str::to_owned).collect();
    let Some(propagation) = propagation else { return finalizers };
    finalizers.retain(|name| !matches!(name.as_str(), "orphan" | "foregroundDeletion"));
    match propagation {
        Propagation::Orphan => finalizers.push("orphan".to_owned()),
        Propagation::Foreground => finalizers.push("foregroundDeletion".to_owned()),
        Propagation::Background => {}
    }
    finalizers
}

async fn gone(
    exchange: &mut Exchange,
    entry: &Entry,
    old: Value,
    dry_run: bool,
) -> Result<Option<Removed>, Refused> {
    if dry_run {
        return Ok(Some(Removed::Gone(old)));
    }
    let encoded = exchange.encode_for_store(&old);
    let last = move |revision| Change::Delete { last: encoded.with_version(revision) };
    match exchange.server.store().commit(&entry.key, Precondition::Revision(entry.modified), last).await {
        Ok(_) => {
            let name = object::name(&old).to_owned();
            write::after(exchange, &name).await;
            Ok(Some(Removed::Gone(old)))
        }
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(error) => Err(write::broken(&error)),
    }
}

/// Marks the object for deletion; what holds it takes its finalizer away when it is ready.
async fn mark(
    exchange: &mut Exchange,
    entry: &Entry,
    old: Value,
    finalizers: Vec<String>,
    dry_run: bool,
) -> Result<Option<Removed>, Refused> {
    let mut new = old.clone();
    object::set_meta(&mut new, "finalizers", finalizers);
    if object::finalizers(&new).is_empty() {
        object::set_meta(&mut new, "finalizers", Value::Null);
    }
    if !object::deleting(&old) {
        object::set_meta(&mut new, "deletionTimestamp", crate::time_text(exchange.server.now()));
        object::set_meta(&mut new, "deletionGracePeriodSeconds", 0);
        if let Some(generation) =
            old.pointer("/metadata/generation").and_then(Value::as_i64).filter(|number| *number > 0)
        {
            object::set_meta(&mut new, "generation", generation + 1);
        }
        let now = crate::time_text(exchange.server.now());
        (exchange.resource.kind.strategy.end)(&mut new, &now);
    }
    if write::keeps_namespace(&new) {
        // A namespace is not marked by a grace period, but by its phase.
        object::set_meta(&mut new, "deletionGracePeriodSeconds", Value::Null);
    }
    if new == old {
        return Ok(Some(Removed::Marked(exchange.outgoing(entry.value.clone(), entry.modified))));
    }
    if dry_run {
        return Ok(Some(Removed::Marked(Encoded::new(&new).with_version(entry.modified))));
    }
    let name = object::name(&old).to_owned();
    let encoded = exchange.encode_for_store(&new);
    let put = move |revision| Change::Put(encoded.with_version(revision));
    match exchange.server.store().commit(&entry.key, Precondition::Revision(entry.modified), put).await {
        Ok(committed) => {
            let bytes = exchange.outgoing(committed.value, committed.revision);
            write::after(exchange, &name).await;
            Ok(Some(Removed::Marked(bytes)))
        }
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(error) => Err(write::broken(&error)),
    }
}

/// Deletes an object in the name of the process itself; what is gone already is fine.
pub async fn remove_internally(
    server: &crate::ApiServer,
    kind: std::sync::Arc<kinds::Kind>,
    namespace: Option<&str>,
    name: &str,
    options: &DeleteOptions,
) -> Result<(), Refused> {
    let mut exchange = Exchange::internal(server, kind, namespace, Some(name));
    match remove(&mut exchange, name, options).await {
        Err(status) if status.code != 404 => Err(status),
        _ => Ok(()),
    }
}
