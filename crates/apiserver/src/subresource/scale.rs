//! `/scale`: how many, for whoever does not need to know of what.
//!
//! A write goes to the object's Scale, which has a structure and owners of its own; what became of its number and of that
//! number's owners is then carried over to the object. See [`machinery::apply::to_scale`].

use std::sync::Arc;

use http::Response;
use machinery::apply::{self, ApplyRequest, ReplicasPaths, SCALE_API_VERSION, Writer};
use machinery::patch::{json as json_patch, merge};
use machinery::schema::Schema;
use machinery::status::{FieldError, Status};
use serde_json::{Value, json};
use store::Entry;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::kinds::{Kind, ScalePaths, shape};
use crate::negotiate::{self, Encoding, PatchType};
use crate::request::{self, WriteOptions};
use crate::verbs::patch;
use crate::verbs::update;
use crate::verbs::write::{self, Attempt, Ownership, Part, Replacement};
use crate::{Refused, answer, decode, object, select};

const KIND: &str = "Scale";

/// Subresource, as owners of fields show it.
const SUBRESOURCE: &str = "scale";

/// In the Scale of an object that does not say how many: such an object can only be scaled by a write that does.
const UNSET: i64 = i32::MIN as i64;

/// What a client wants of a Scale.
enum Change {
    /// This instead of it.
    Replace(Value),
    Json(json_patch::Patch),
    Merge(Value),
    Apply(Value),
}

/// What came, and what is odd about its text where that is not told yet.
struct Sent {
    change: Change,
    complaints: Vec<String>,
}

/// Answers a request for the scale of an object.
pub async fn answer(exchange: &mut Exchange, verb: &str) -> Result<Response<Body>, Refused> {
    let Some(paths) = exchange.resource.version().scale.clone() else {
        return Err(Status::resource_not_found().into());
    };
    let name = exchange.name()?.to_owned();
    if verb == "get" {
        let entry = stored(exchange, &name)?;
        let object = exchange.incoming(&entry.value, entry.modified);
        if exchange.resource.kind.custom() && wanted_replicas(&object, &paths).is_none() {
            let path = shown(&paths);
            return Err(Status::internal(format!("the spec replicas field {path} does not exist")).into());
        }
        return Ok(answer::json_value(200, &scale(&object, &paths)));
    }
    let kind = if verb == "update" { "UpdateOptions" } else { "PatchOptions" };
    let options = request::write_options(&exchange.query, kind)?;
    let sent = if verb == "update" {
        let change = Change::Replace(replacement(exchange, &name, &options)?);
        Sent { change, complaints: Vec::new() }
    } else {
        read_patch(exchange, &options)?
    };
    loop {
        if let Some(object) = attempt(exchange, &sent, &name, &paths, &options).await? {
            return Ok(answer::json_value(200, &scale(&object, &paths)));
        }
    }
}

fn shown(paths: &ScalePaths) -> String {
    machinery::status::quote(&format!(".{}", paths.spec_replicas.join(".")))
}

fn stored(exchange: &Exchange, name: &str) -> Result<Entry, Refused> {
    let entry = exchange.server.store().get(&exchange.key()?);
    entry.ok_or_else(|| exchange.not_found(name))
}

/// Structure of a Scale.
fn schema() -> Arc<Schema> {
    shape::schema("autoscaling.Scale")
}

/// Reads a Scale that is to replace the present one.
fn replacement(exchange: &mut Exchange, name: &str, options: &WriteOptions) -> Result<Value, Refused> {
    let encoding = negotiate::input(exchange.content_type.as_deref())?;
    let decode::Decoded { mut value, mut complaints } =
        decode::tree(&exchange.body, encoding).map_err(Status::bad_request)?;
    let Some(members) = value.as_object() else {
        return Err(Status::bad_request("the body must be a Scale").into());
    };
    let text = |member: &str| members.get(member).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if !matches!(api_version, "" | SCALE_API_VERSION) || !matches!(kind, "" | KIND) {
        return Err(Status::bad_request(format!(
            "the API version in the data ({api_version}, Kind={kind}) does not match the expected API version \
             ({SCALE_API_VERSION}, Kind={KIND})"
        ))
        .into());
    }
    decode::check_metadata(&value).map_err(Status::bad_request)?;
    if object::name(&value).is_empty() {
        return Err(patch::undeterminable(name));
    }
    update::check_names(exchange, name, &mut value)?;
    write::check_number(&value)?;
    complaints.extend(prune(&mut value));
    decode::complain(exchange, (KIND, "v1"), complaints, options.field_validation)?;
    fit(&mut value)?;
    Ok(value)
}

/// Drops what a Scale has not. Returns a complaint about each such member.
fn prune(value: &mut Value) -> Vec<String> {
    let mut unknown = machinery::schema::prune(&schema(), value);
    unknown.extend(decode::prune_metadata(value));
    decode::unknown_fields(&unknown).collect()
}

/// Refuses what a Scale cannot be.
fn fit(value: &mut Value) -> Result<(), Refused> {
    if let Some(error) = machinery::schema::validate(&schema(), value, None).first() {
        let detail = format!("{}: {}", error.path, error.body());
        return Err(Status::bad_request(format!(
            "{KIND} in version \"v1\" cannot be handled as a {KIND}: {detail}"
        ))
        .into());
    }
    if let Some(members) = value.as_object_mut() {
        members.insert("apiVersion".to_owned(), Value::from(SCALE_API_VERSION));
        members.insert("kind".to_owned(), Value::from(KIND));
    }
    Ok(())
}

fn read_patch(exchange: &mut Exchange, options: &WriteOptions) -> Result<Sent, Refused> {
    let patch_type =
        negotiate::patch_type(exchange.content_type.as_deref(), exchange.resource.kind.custom())?;
    patch::check_options(patch_type, options)?;
    if patch_type == PatchType::Apply {
        let (applied, complaints) = patch::read_applied(exchange)?;
        return Ok(Sent { change: Change::Apply(applied), complaints });
    }
    let wrong = |error: String| Status::bad_request(format!("error decoding patch: {error}"));
    let decoded = decode::tree(&exchange.body, Encoding::Json).map_err(wrong)?;
    let complaints = patch::complaints(patch_type, decoded.complaints);
    let change = match patch_type {
        PatchType::Json => {
            Change::Json(json_patch::Patch::parse(&decoded.value).map_err(|error| wrong(error.to_string()))?)
        }
        // A Scale has no lists, so a strategic merge patch does the same.
        _ => Change::Merge(decoded.value),
    };
    Ok(Sent { change, complaints })
}

/// One try; nothing where somebody else was faster and the client does not mind.
async fn attempt(
    exchange: &mut Exchange,
    sent: &Sent,
    name: &str,
    paths: &ScalePaths,
    options: &WriteOptions,
) -> Result<Option<Value>, Refused> {
    let entry = stored(exchange, name)?;
    let old = exchange.incoming(&entry.value, entry.modified);
    let places = places(&exchange.resource.kind);
    let before = before(exchange, &old, paths, &places);
    let mut after = drafted(exchange, &before, sent, options)?;
    patch::check_identity(exchange, name, &mut after)?;
    let given = object::meta_text(&after, "resourceVersion").to_owned();
    if !given.is_empty() && given != entry.modified.to_string() {
        return Err(exchange.stale(name));
    }
    check_uid(exchange, name, &old, &after)?;
    let number = checked_replicas(name, paths, &after)?;
    let mut new = old.clone();
    set(&mut new, &paths.spec_replicas, Value::from(number));
    let owners = after.pointer_mut("/metadata/managedFields").map(Value::take);
    let version = exchange.resource.api_version();
    let managed = apply::to_parent(old.pointer("/metadata/managedFields"), owners, &version, &places);
    object::set_meta(&mut new, "managedFields", managed.unwrap_or(Value::Null));
    let replacement =
        Replacement { entry: &entry, old, new, part: Part::Scale, ownership: Ownership::Recorded };
    match write::replace(exchange, replacement, options).await? {
        Attempt::Done(saved) => Ok(Some(object::parse(&saved.bytes))),
        Attempt::Lost if names_version(&sent.change) => Err(exchange.stale(name)),
        Attempt::Lost => Ok(None),
    }
}

fn names_version(change: &Change) -> bool {
    match change {
        Change::Replace(value) | Change::Merge(value) | Change::Apply(value) => {
            !object::meta_text(value, "resourceVersion").is_empty()
        }
        Change::Json(patch) => patch.steps.iter().any(|step| step.path == "/metadata/resourceVersion"),
    }
}

/// Where the versions of a kind say how many.
fn places(kind: &Kind) -> ReplicasPaths {
    kind.versions.iter().fold(ReplicasPaths::default(), |places, version| {
        let members = version.scale.as_ref().map(|scale| scale.spec_replicas.as_slice());
        places.with(machinery::gvk::join_api_version(&kind.group, &version.name), members)
    })
}

/// The Scale as it is, with its owners.
fn before(exchange: &Exchange, old: &Value, paths: &ScalePaths, places: &ReplicasPaths) -> Value {
    let mut before = scale(old, paths);
    if exchange.resource.kind.custom() && wanted_replicas(old, paths).is_none() {
        set(&mut before, &["spec".to_owned(), "replicas".to_owned()], Value::from(UNSET));
    }
    let owners = apply::to_scale(old.pointer("/metadata/managedFields"), places);
    object::set_meta(&mut before, "managedFields", owners.unwrap_or(Value::Null));
    before
}

/// The Scale as it shall be, with its owners.
fn drafted(
    exchange: &mut Exchange,
    before: &Value,
    sent: &Sent,
    options: &WriteOptions,
) -> Result<Value, Refused> {
    let mut after = match &sent.change {
        Change::Apply(applied) => {
            let after = applied_to(exchange, before, applied, options)?;
            patch::tell_of_applied(exchange, &sent.complaints, options)?;
            return Ok(after);
        }
        Change::Replace(value) => value.clone(),
        Change::Json(patch) => {
            let mut after = before.clone();
            patch.apply(&mut after).map_err(|_| Status::patch_rejected())?;
            after
        }
        Change::Merge(patch) => {
            let mut after = before.clone();
            merge::apply(&mut after, patch);
            after
        }
    };
    let made = patch::strict_text(&after, options);
    let mut complaints = sent.complaints.clone();
    complaints.extend(prune(&mut after));
    fit(&mut after)?;
    patch::tell_of_patched(exchange, &complaints, &made, options)?;
    // Zero is not written: nobody comes to own it.
    if after.pointer("/spec/replicas").and_then(Value::as_i64) == Some(0)
        && let Some(spec) = after.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.remove("replicas");
    }
    let writer = Writer {
        manager: exchange.manager(options.field_manager.as_deref()),
        api_version: SCALE_API_VERSION,
        subresource: Some(SUBRESOURCE),
        reset_fields: apply::reset_fields(Some(SUBRESOURCE), false),
        now: exchange.server.now(),
    };
    apply::track_update(&schema(), Some(before), &mut after, &writer);
    Ok(after)
}

fn applied_to(
    exchange: &Exchange,
    before: &Value,
    applied: &Value,
    options: &WriteOptions,
) -> Result<Value, Refused> {
    patch::check_type((SCALE_API_VERSION, KIND), applied)?;
    let request = ApplyRequest {
        schema: &schema(),
        live: Some(before),
        applied,
        manager: options.field_manager.as_deref().unwrap_or_default(),
        force: options.force.unwrap_or(false),
        api_version: SCALE_API_VERSION,
        subresource: Some(SUBRESOURCE),
        reset_fields: apply::reset_fields(Some(SUBRESOURCE), false),
        now: exchange.server.now(),
    };
    apply::apply(&request).map_err(|error| error.status().into())
}

/// 409 about a Scale of another object of the same name.
fn check_uid(exchange: &Exchange, name: &str, old: &Value, after: &Value) -> Result<(), Refused> {
    let (asked, found) = (object::meta_text(after, "uid"), object::meta_text(old, "uid"));
    if asked.is_empty() || asked == found {
        return Ok(());
    }
    Err(update::uid_conflict(exchange, name, asked, found))
}

fn checked_replicas(name: &str, paths: &ScalePaths, after: &Value) -> Result<i64, Refused> {
    let number = match after.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(given) => {
            let number = given.as_i64().filter(|number| i32::try_from(*number).is_ok());
            number.ok_or_else(|| {
                Status::bad_request(format!("spec.replicas must be a whole number of 32 bits, not {given}"))
            })?
        }
    };
    if number == UNSET {
        let path = shown(paths);
        return Err(Status::bad_request(format!("the spec replicas field {path} cannot be empty")).into());
    }
    if number < 0 {
        let error = FieldError::invalid("spec.replicas", number, "must be greater than or equal to 0");
        return Err(Status::invalid("autoscaling", KIND, name, &[error]).into());
    }
    Ok(number)
}

fn follow<'a>(object: &'a Value, members: &[String]) -> Option<&'a Value> {
    members.iter().try_fold(object, |value, member| value.get(member))
}

fn set(object: &mut Value, members: &[String], value: Value) {
    let mut place = object;
    let Some((last, parents)) = members.split_last() else { return };
    for member in parents {
        object::member_mut(place, member);
        let Some(next) = place.get_mut(member) else { return };
        place = next;
    }
    if let Some(map) = place.as_object_mut() {
        map.insert(last.clone(), value);
    }
}

fn wanted_replicas(object: &Value, paths: &ScalePaths) -> Option<i64> {
    follow(object, &paths.spec_replicas).and_then(Value::as_i64)
}

/// An object's scale. As in every Scale that Go writes, a number that is zero is left out.
fn scale(object: &Value, paths: &ScalePaths) -> Value {
    let empty = json!({});
    let metadata = object.get("metadata").unwrap_or(&empty);
    let mut kept = serde_json::Map::new();
    for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = metadata.get(name) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    let mut spec = json!({});
    if let Some(replicas) = wanted_replicas(object, paths).filter(|number| *number != 0) {
        spec["replicas"] = json!(replicas);
    }
    let observed = follow(object, &paths.status_replicas).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": observed});
    let selector = paths.selector.as_ref().and_then(|members| follow(object, members));
    match selector {
        Some(Value::String(text)) if !text.is_empty() => status["selector"] = json!(text),
        Some(labels @ Value::Object(_)) => status["selector"] = json!(select::text_of(labels)),
        _ => {}
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": spec, "status": status})
}
