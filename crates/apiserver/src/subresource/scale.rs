//! `/scale`: how many, for whoever does not need to know of what.

use http::Response;
use machinery::patch::{json as json_patch, merge};
use machinery::status::{FieldError, Status};
use serde_json::{Value, json};
use store::Entry;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::kinds::ScalePaths;
use crate::negotiate::{self, Encoding, PatchType};
use crate::request::{self, WriteOptions};
use crate::verbs::write::{self, Attempt, Ownership, Part, Replacement};
use crate::{Refused, answer, decode, object};

/// Answers a request for the scale of an object.
pub async fn answer(exchange: &mut Exchange, verb: &str) -> Result<Response<Body>, Refused> {
    let Some(paths) = exchange.resource.version().scale.clone() else {
        return Err(Status::resource_not_found().into());
    };
    let name = exchange.name()?.to_owned();
    if verb == "get" {
        let entry = stored(exchange, &name)?;
        let object = exchange.incoming(&entry.value, entry.modified);
        return Ok(answer::json_value(200, &scale(&object, &paths)));
    }
    let kind = if verb == "update" { "UpdateOptions" } else { "PatchOptions" };
    let options = request::write_options(&exchange.query, kind)?;
    loop {
        if let Some(object) = attempt(exchange, verb, &name, &paths, &options).await? {
            return Ok(answer::json_value(200, &scale(&object, &paths)));
        }
    }
}

fn stored(exchange: &Exchange, name: &str) -> Result<Entry, Refused> {
    let entry = exchange.server.store().get(&exchange.key()?);
    entry.ok_or_else(|| exchange.not_found(name))
}

async fn attempt(
    exchange: &mut Exchange,
    verb: &str,
    name: &str,
    paths: &ScalePaths,
    options: &WriteOptions,
) -> Result<Option<Value>, Refused> {
    let entry = stored(exchange, name)?;
    let old = exchange.incoming(&entry.value, entry.modified);
    let before = scale(&old, paths);
    let wanted = if verb == "update" { read(exchange)? } else { patched(exchange, &before)? };
    let given = object::meta_text(&wanted, "resourceVersion");
    if !given.is_empty() && given != entry.modified.to_string() {
        return Err(exchange.stale(name));
    }
    let replicas = wanted.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
    let Some(number) = replicas.as_i64() else {
        return Err(
            Status::bad_request(format!("spec.replicas must be a whole number, not {replicas}")).into()
        );
    };
    if number < 0 {
        let error = FieldError::invalid("spec.replicas", number, "must be greater than or equal to 0");
        return Err(Status::invalid("autoscaling", "Scale", name, &[error]).into());
    }
    let mut new = old.clone();
    set(&mut new, &paths.spec_replicas, Value::from(number));
    let replacement = Replacement { entry: &entry, old, new, part: Part::Scale, ownership: Ownership::Track };
    match write::replace(exchange, replacement, options).await? {
        Attempt::Done(saved) => Ok(Some(object::parse(&saved.bytes))),
        Attempt::Lost if !given.is_empty() => Err(exchange.stale(name)),
        Attempt::Lost => Ok(None),
    }
}

fn read(exchange: &Exchange) -> Result<Value, Refused> {
    let encoding = negotiate::input(exchange.content_type.as_deref())?;
    let value = decode::tree(&exchange.body, encoding).map_err(Status::bad_request)?.value;
    if value.is_object() { Ok(value) } else { Err(Status::bad_request("the body must be a Scale").into()) }
}

fn patched(exchange: &Exchange, before: &Value) -> Result<Value, Refused> {
    let patch_type =
        negotiate::patch_type(exchange.content_type.as_deref(), exchange.resource.kind.custom())?;
    let encoding = if patch_type == PatchType::Apply { Encoding::Yaml } else { Encoding::Json };
    let patch = decode::tree(&exchange.body, encoding).map_err(Status::bad_request)?.value;
    let mut scale = before.clone();
    if patch_type == PatchType::Json {
        let patch =
            json_patch::Patch::parse(&patch).map_err(|error| Status::bad_request(error.to_string()))?;
        patch.apply(&mut scale).map_err(|error| Status::bad_request(error.to_string()))?;
    } else {
        merge::apply(&mut scale, &patch);
    }
    // A version that the patch does not name is no precondition.
    if patch.pointer("/metadata/resourceVersion").is_none() && patch_type != PatchType::Json {
        object::set_meta(&mut scale, "resourceVersion", Value::Null);
    }
    Ok(scale)
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

/// An object's scale.
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
    if let Some(replicas) =
        follow(object, &paths.spec_replicas).and_then(Value::as_i64).filter(|number| *number != 0)
    {
        spec["replicas"] = json!(replicas);
    }
    let observed = follow(object, &paths.status_replicas).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": observed});
    let selector = paths.selector.as_ref().and_then(|members| follow(object, members));
    match selector {
        Some(Value::String(text)) if !text.is_empty() => status["selector"] = json!(text),
        Some(labels @ Value::Object(_)) => status["selector"] = json!(selector_text(labels)),
        _ => {}
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": spec, "status": status})
}

/// A LabelSelector in the form that queries use.
fn selector_text(selector: &Value) -> String {
    let mut terms = Vec::new();
    for (name, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        terms.push(format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        let values: Vec<&str> = expression
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let values = values.join(",");
        terms.push(match expression.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}
