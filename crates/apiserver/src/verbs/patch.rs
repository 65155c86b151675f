//! PATCH: JSON patch, merge patch, strategic merge patch, and server-side apply.

use http::Response;
use machinery::apply::{self, ApplyRequest};
use machinery::gvk::GroupVersionKind;
use machinery::patch::{json, merge};
use machinery::status::{FieldError, FieldErrorKind, Status};
use serde_json::{Map, Value};
use store::Entry;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::negotiate::{self, PatchType};
use crate::request::{self, FieldValidation, WriteOptions, refuse_options};
use crate::verbs::write::{self, Attempt, Ownership, Part, Replacement, Saved};
use crate::{Refused, decode, metadata, namespaces, object};

/// What is done to the stored object.
enum Patch {
    Json(json::Patch),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

/// A patch as it came.
struct Sent {
    patch: Patch,
    /// What is odd about its text.
    complaints: Vec<String>,
}

/// Patches the object that the path names.
pub async fn patch(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let saved = patch_part(exchange, Part::Main).await?;
    exchange.answer_object(if saved.created { 201 } else { 200 }, saved.bytes)
}

/// Patches one part of the object that the path names.
pub async fn patch_part(exchange: &mut Exchange, part: Part) -> Result<Saved, Refused> {
    let options = request::write_options(&exchange.query, "PatchOptions")?;
    exchange.output()?;
    let patch_type =
        negotiate::patch_type(exchange.content_type.as_deref(), exchange.resource.kind.custom())?;
    check_options(patch_type, &options)?;
    let sent = read(exchange, patch_type)?;
    loop {
        match attempt(exchange, &sent, part, &options).await? {
            Attempt::Done(saved) => return Ok(saved),
            Attempt::Lost => {}
        }
    }
}

/// What only an apply needs, and only an apply may have.
pub fn check_options(patch_type: PatchType, options: &WriteOptions) -> Result<(), Refused> {
    let mut errors = Vec::new();
    if patch_type == PatchType::Apply {
        if options.field_manager.is_none() {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
    } else if options.force.is_some() {
        errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
    }
    refuse_options("PatchOptions", errors)
}

/// Tells of doubled members of an applied text, as the client wishes.
pub fn tell_of_applied(
    exchange: &mut Exchange,
    complaints: &[String],
    options: &WriteOptions,
) -> Result<(), Refused> {
    tell(exchange, complaints, options, |complaints| {
        Status::bad_request(format!("error strict decoding patch: {complaints}")).into()
    })
}

/// Tells of doubled members of a patch and of unknown ones of what it `made`, as the client wishes.
pub fn tell_of_patched(
    exchange: &mut Exchange,
    complaints: &[String],
    made: &str,
    options: &WriteOptions,
) -> Result<(), Refused> {
    tell(exchange, complaints, options, |complaints| {
        undecodable(made, &format!("strict decoding error: {complaints}"))
    })
}

fn tell(
    exchange: &mut Exchange,
    complaints: &[String],
    options: &WriteOptions,
    refusal: impl FnOnce(&str) -> Refused,
) -> Result<(), Refused> {
    match options.field_validation {
        FieldValidation::Strict if !complaints.is_empty() => Err(refusal(&complaints.join(", "))),
        FieldValidation::Warn => {
            exchange.warnings.extend_from_slice(complaints);
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}

fn read(exchange: &Exchange, patch_type: PatchType) -> Result<Sent, Refused> {
    if patch_type == PatchType::Apply {
        let (applied, complaints) = read_applied(exchange)?;
        return Ok(Sent { patch: Patch::Apply(applied), complaints });
    }
    let decoded = decode::tree(&exchange.body, crate::negotiate::Encoding::Json)
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let patch = match patch_type {
        PatchType::Json => {
            let patch = json::Patch::parse(&decoded.value)
                .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
            Patch::Json(patch)
        }
        _ if !decoded.value.is_object() => {
            let found = decode::go_type(&decoded.value);
            return Err(Status::bad_request(format!(
                "error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            ))
            .into());
        }
        PatchType::Strategic => Patch::Strategic(decoded.value),
        _ => Patch::Merge(decoded.value),
    };
    Ok(Sent { patch, complaints: complaints(patch_type, decoded.complaints) })
}

/// Complaints about the text of a patch, as they are told.
pub fn complaints(patch_type: PatchType, found: Vec<String>) -> Vec<String> {
    match patch_type {
        PatchType::Json => found.into_iter().map(|text| format!("json patch {text}")).collect(),
        _ => found,
    }
}

/// The body of an apply, and what is odd about it.
pub fn read_applied(exchange: &Exchange) -> Result<(Value, Vec<String>), Refused> {
    let decoded = decode::yaml(&exchange.body).map_err(|error| {
        Status::bad_request(format!("error decoding YAML: error converting YAML to JSON: {error}"))
    })?;
    let mut applied = match decoded.value {
        Value::Null => Value::Object(Map::new()),
        value @ Value::Object(_) => value,
        other => {
            let found = decode::go_type(&other);
            return Err(Status::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go \
                 value of type map[string]interface {{}}"
            ))
            .into());
        }
    };
    complete_owners(&mut applied);
    let complaints = decoded.complaints.into_iter().map(|text| text.trim_start_matches("yaml: ").to_owned());
    Ok((applied, complaints.collect()))
}

async fn attempt(
    exchange: &mut Exchange,
    sent: &Sent,
    part: Part,
    options: &WriteOptions,
) -> Result<Attempt, Refused> {
    let Sent { patch, complaints } = sent;
    let key = exchange.key()?;
    let name = exchange.name()?.to_owned();
    let entry = exchange.server.store().get(&key);
    if let Patch::Apply(applied) = patch {
        let request = Apply { applied, complaints, part, options };
        return attempt_apply(exchange, &name, entry, &request).await;
    }
    let Some(entry) = entry else { return Err(exchange.not_found(&name)) };
    let old = exchange.incoming(&entry.value, entry.modified);
    let new = patched(exchange, &old, patch)?;
    let new = settle(exchange, &name, &old, new, sent, options)?;
    // Lost to somebody else's write, a patch is applied to that: if it names a version, that is then another one.
    write::check_version(exchange, &entry, &new)?;
    let replacement = Replacement { entry: &entry, old, new, part, ownership: Ownership::Track };
    write::replace(exchange, replacement, options).await
}

/// The stored object with the patch applied.
fn patched(exchange: &Exchange, old: &Value, patch: &Patch) -> Result<Value, Refused> {
    let mut new = old.clone();
    match patch {
        Patch::Json(patch) => patch.apply(&mut new).map_err(|error| {
            tracing::debug!(%error, "a JSON patch cannot be applied");
            Status::patch_rejected()
        })?,
        Patch::Merge(patch) => merge::apply(&mut new, patch),
        Patch::Strategic(patch) => {
            // Metadata is part of no schema, but its lists are merged as well.
            let mut schema = (**exchange.resource.version().schema()).clone();
            schema.properties.insert("metadata".into(), std::sync::Arc::new(crate::kinds::shape::metadata()));
            crate::strategic::apply(&schema, &mut new, patch)
                .map_err(|error| Status::plain_error(error.to_string()))?;
        }
        Patch::Apply(_) => {}
    }
    Ok(new)
}

/// What a patch made must be an object of the kind again.
fn settle(
    exchange: &mut Exchange,
    name: &str,
    old: &Value,
    mut new: Value,
    sent: &Sent,
    options: &WriteOptions,
) -> Result<Value, Refused> {
    let resource = exchange.resource.clone();
    let kind = &resource.kind;
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for member in ["apiVersion", "kind"] {
        if text(&new, member) != text(old, member) {
            return Err(changed_type(exchange, &new, name));
        }
    }
    if let Err(detail) = decode::check_metadata(&new) {
        return Err(unfit(exchange, name, &new, &detail));
    }
    let made = strict_text(&new, options);
    let mut complaints = sent.complaints.clone();
    complaints.extend(decode::prune_and_default(exchange, &mut new)?);
    if !kind.custom() {
        let errors = machinery::schema::validate(resource.version().schema(), &new, None);
        if let Some(error) = errors.first() {
            return Err(unfit(exchange, name, &new, &format!("{}: {}", error.path, error.body())));
        }
    }
    tell_of_patched(exchange, &complaints, &made, options)?;
    check_identity(exchange, name, &mut new)?;
    write::check_number(&new)?;
    Ok(new)
}

/// What a patch made, as text, for those who may be told of it. Others do not wait for it to be written.
pub fn strict_text(made: &Value, options: &WriteOptions) -> String {
    if options.field_validation == FieldValidation::Strict { made.to_string() } else { String::new() }
}

/// What a patch made must be where the path says, and have the path's name.
pub fn check_identity(exchange: &Exchange, name: &str, made: &mut Value) -> Result<(), Refused> {
    namespaces::settle(exchange, made)?;
    check_name(made, name)
}

/// The object must name itself as the URL does.
fn check_name(object: &Value, name: &str) -> Result<(), Refused> {
    match object::name(object) {
        "" => Err(undeterminable(name)),
        given if given == name => Ok(()),
        given => Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        ))
        .into()),
    }
}

/// 400 about an object without a name.
pub fn undeterminable(name: &str) -> Refused {
    Status::bad_request(format!(
        "the name of the object ({name} based on URL) was undeterminable: name must be provided"
    ))
    .into()
}

/// A patch must not make another kind of an object.
fn changed_type(exchange: &Exchange, new: &Value, name: &str) -> Refused {
    let kind = &exchange.resource.kind;
    let given_kind = new.get("kind").and_then(Value::as_str).unwrap_or_default();
    let given_version = new.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if kind.custom() {
        let (path, value, wanted) = if given_kind == &*kind.kind {
            ("apiVersion", given_version, exchange.resource.api_version())
        } else {
            ("kind", given_kind, kind.kind.to_string())
        };
        let error = FieldError::invalid(path, value, format!("must be {wanted}"));
        return Status::invalid(&kind.group, given_kind, name, &[error]).into();
    }
    let detail = format!(
        "no kind \"{given_kind}\" is registered for version \"{given_version}\" in scheme \"pkg/runtime/scheme.go:111\""
    );
    unfit(exchange, name, new, &detail)
}

/// 422 about a patch whose outcome cannot be read as an object of the kind.
fn unfit(exchange: &Exchange, name: &str, new: &Value, detail: &str) -> Refused {
    let kind = &exchange.resource.kind;
    if kind.custom() {
        let error = FieldError::invalid("metadata", new.get("metadata").cloned().unwrap_or_default(), detail);
        return Status::invalid(&kind.group, &kind.kind, name, &[error]).into();
    }
    undecodable(&new.to_string(), detail)
}

/// 422 about what a patch made: nobody can say of which kind it is.
fn undecodable(made: &str, detail: &str) -> Refused {
    let error = FieldError::new("patch", FieldErrorKind::Invalid, Some(Value::from(made)), detail);
    Status::invalid("", "", "", &[error]).into()
}

/// An apply, on its way to the object.
struct Apply<'a> {
    applied: &'a Value,
    complaints: &'a [String],
    part: Part,
    options: &'a WriteOptions,
}

async fn attempt_apply(
    exchange: &mut Exchange,
    name: &str,
    entry: Option<Entry>,
    request: &Apply<'_>,
) -> Result<Attempt, Refused> {
    let Apply { part, options, .. } = *request;
    if part == Part::Status && entry.is_none() {
        return Err(exchange.not_found(name));
    }
    let live = entry.as_ref().map(|entry| exchange.incoming(&entry.value, entry.modified));
    let mut new = merged(exchange, live.as_ref(), request)?;
    tell_of_applied(exchange, request.complaints, options)?;
    if entry.is_none() {
        check_no_uid(exchange, name, &new)?;
    }
    check_identity(exchange, name, &mut new)?;
    write::check_number(&new)?;
    let Some(entry) = entry else {
        return create_by_apply(exchange, new, options).await;
    };
    write::check_version(exchange, &entry, &new)?;
    let old = live.unwrap_or(Value::Null);
    metadata::keep_server_owned(&old, &mut new);
    // A null that was applied is not dropped: it is refused where it cannot be.
    machinery::schema::default_only(exchange.resource.version().schema(), &mut new);
    let replacement = Replacement { entry: &entry, old, new, part, ownership: Ownership::Recorded };
    write::replace(exchange, replacement, options).await
}

/// 409 about an apply to one object in particular, which is not there.
fn check_no_uid(exchange: &Exchange, name: &str, new: &Value) -> Result<(), Refused> {
    let uid = object::meta_text(new, "uid");
    if uid.is_empty() {
        return Ok(());
    }
    let kind = &exchange.resource.kind;
    let cause =
        format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
    Err(Status::conflict(&kind.group, &kind.plural, name, &cause).into())
}

async fn create_by_apply(
    exchange: &mut Exchange,
    mut value: Value,
    options: &WriteOptions,
) -> Result<Attempt, Refused> {
    object::set_meta(&mut value, "resourceVersion", Value::Null);
    let schema = exchange.resource.version().schema().clone();
    machinery::schema::default_only(&schema, &mut value);
    match write::insert(exchange, value, options, Ownership::Recorded).await {
        Ok(saved) => Ok(Attempt::Done(saved)),
        // Somebody else made it meanwhile: apply to that.
        Err(status) if status.code == 409 && status.reason == "AlreadyExists" => Ok(Attempt::Lost),
        Err(status) => Err(status),
    }
}

/// An applied object must say that it is of this version and kind.
pub fn check_type(wanted: (&str, &str), applied: &Value) -> Result<(), Refused> {
    let text = |member: &str| applied.get(member).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if (api_version, kind) == wanted {
        return Ok(());
    }
    let group = if api_version.contains('/') { "" } else { "/" };
    Err(Status::bad_request(format!("invalid object type: {group}{api_version}, Kind={kind}")).into())
}

/// Owner references are told apart by their uid: one without it has the empty one, and is refused for that later.
fn complete_owners(applied: &mut Value) {
    let owners = applied.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
        owner.entry("uid").or_insert_with(|| Value::from(""));
    }
}

/// The live object with what is applied. Only the outcome is asked for its name: what is not applied is as it was.
fn merged(exchange: &Exchange, live: Option<&Value>, request: &Apply<'_>) -> Result<Value, Refused> {
    let resource = &exchange.resource;
    let api_version = resource.api_version();
    let subresource = request.part.subresource();
    check_type((&api_version, &resource.kind.kind), request.applied)?;
    let apply_request = ApplyRequest {
        schema: resource.version().schema(),
        live,
        applied: request.applied,
        manager: request.options.field_manager.as_deref().unwrap_or_default(),
        force: request.options.force.unwrap_or(false),
        api_version: &api_version,
        subresource,
        reset_fields: apply::reset_fields(subresource, resource.version().status),
        now: exchange.server.now(),
    };
    let merged = apply::apply(&apply_request).map_err(|error| error.status())?;
    // The merge looks at shapes alone: a time, say, is any scalar to it.
    match decode::check_metadata(&merged) {
        Ok(()) => Ok(merged),
        Err(detail) => Err(unreadable(exchange, request.applied, &detail)),
    }
}

/// 500 about an applied object that the merge let pass, but that no client could read.
fn unreadable(exchange: &Exchange, applied: &Value, detail: &str) -> Refused {
    let resource = &exchange.resource;
    let kind = GroupVersionKind::new(&*resource.kind.group, &*resource.version().name, &*resource.kind.kind);
    let (namespace, name) = (object::meta_text(applied, "namespace"), object::name(applied));
    Status::plain_error(format!(
        "failed to convert new object ({namespace}/{name}; {kind}) to proper version: {detail}"
    ))
    .into()
}
