//! PUT: an object is replaced (and, for some kinds, made).

use http::Response;
use machinery::status::{FieldError, Status};
use serde_json::Value;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::request::{self, WriteOptions};
use crate::verbs::write::{self, Attempt, Ownership, Part, Replacement, Saved};
use crate::{Refused, decode, namespaces, object};

/// Replaces the object that the path names.
pub async fn update(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let saved = update_part(exchange, Part::Main).await?;
    exchange.answer_object(if saved.created { 201 } else { 200 }, saved.bytes)
}

/// Replaces one part of the object that the path names.
pub async fn update_part(exchange: &mut Exchange, part: Part) -> Result<Saved, Refused> {
    let options = request::write_options(&exchange.query, "UpdateOptions")?;
    exchange.output()?;
    let name = exchange.name()?.to_owned();
    let mut value = decode::object(exchange, options.field_validation)?;
    check_names(exchange, &name, &mut value)?;
    write::check_number(&value)?;
    (exchange.resource.kind.strategy.refuse)(&value)?;
    loop {
        match attempt(exchange, &name, &value, part, &options).await? {
            Attempt::Done(saved) => return Ok(saved),
            Attempt::Lost => {}
        }
    }
}

/// Compares name and namespace of an object with the path; a namespace that is wanting or too much is put right.
pub fn check_names(exchange: &Exchange, name: &str, value: &mut Value) -> Result<(), Refused> {
    namespaces::settle(exchange, value)?;
    let given = object::name(value);
    if given.is_empty() && exchange.resource.kind.custom() {
        let error = FieldError::required("metadata.name", "name or generateName is required");
        return write::refuse_invalid(exchange, "", &[error]);
    }
    if given != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        ))
        .into());
    }
    Ok(())
}

async fn attempt(
    exchange: &mut Exchange,
    name: &str,
    value: &Value,
    part: Part,
    options: &WriteOptions,
) -> Result<Attempt, Refused> {
    let key = exchange.key()?;
    let uid = object::meta_text(value, "uid").to_owned();
    let Some(entry) = exchange.server.store().get(&key) else {
        return create_by_update(exchange, name, value, &uid, part, options).await;
    };
    let old = exchange.incoming(&entry.value, entry.modified);
    let stored_uid = object::meta_text(&old, "uid");
    if !uid.is_empty() && uid != stored_uid {
        return Err(uid_conflict(exchange, name, &uid, stored_uid));
    }
    let conditional = write::check_version(exchange, &entry, value)?;
    let replacement =
        Replacement { entry: &entry, old, new: value.clone(), part, ownership: Ownership::Track };
    match write::replace(exchange, replacement, options).await? {
        // Somebody else was faster, and the client said which version it had seen.
        Attempt::Lost if conditional => Err(exchange.stale(name)),
        other => Ok(other),
    }
}

async fn create_by_update(
    exchange: &mut Exchange,
    name: &str,
    value: &Value,
    uid: &str,
    part: Part,
    options: &WriteOptions,
) -> Result<Attempt, Refused> {
    if !exchange.resource.kind.strategy.update_creates || part == Part::Status {
        return Err(exchange.not_found(name));
    }
    if !uid.is_empty() {
        return Err(uid_conflict(exchange, name, uid, ""));
    }
    let mut value = value.clone();
    object::set_meta(&mut value, "resourceVersion", Value::Null);
    let saved = write::insert(exchange, value, options, Ownership::Track).await?;
    Ok(Attempt::Done(saved))
}

/// 409 about a uid that is not the object's.
pub fn uid_conflict(exchange: &Exchange, name: &str, asked: &str, found: &str) -> Refused {
    let kind = &exchange.resource.kind;
    let key = kind.key(exchange.namespace(), name).replacen("/core/", "/", 1);
    let cause = format!(
        "StorageError: invalid object, Code: 4, Key: /registry{key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
         failed: UID in precondition: {asked}, UID in object meta: {found}"
    );
    Status::conflict(&kind.group, &kind.plural, name, &cause).into()
}
