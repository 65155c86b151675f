//! What namespaces mean to the objects in them.

use machinery::status::{Status, StatusCause};
use serde_json::Value;

use crate::Refused;
use crate::exchange::Exchange;
use crate::object::{self, Head};

/// Namespaces that cannot be deleted.
const STANDING: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Gives an object the namespace of the request: an empty one is filled in, another one is refused, and where the kind has
/// none it is dropped.
pub fn settle(exchange: &Exchange, value: &mut Value) -> Result<(), Refused> {
    let given = object::meta_text(value, "namespace");
    match exchange.namespace() {
        Some(expected) if given == expected => {}
        Some(expected) if given.is_empty() => object::set_meta(value, "namespace", expected),
        Some(_) => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            )
            .into());
        }
        None => object::set_meta(value, "namespace", Value::Null),
    }
    Ok(())
}

/// Nothing is made in a namespace that is not there, or that is being deleted.
pub fn check_create(exchange: &Exchange, name: &str) -> Result<(), Refused> {
    let Some(namespace) = exchange.namespace() else { return Ok(()) };
    let registry = exchange.server.registry();
    // A server without namespaces among its kinds has them all.
    let Some(namespaces) = registry.find("", "namespaces") else { return Ok(()) };
    let Some(entry) = exchange.server.store().get(&namespaces.key(None, namespace)) else {
        return Err(Status::not_found("", "namespaces", namespace).into());
    };
    if Head::read(&entry.value).metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    let kind = &exchange.resource.kind;
    let cause =
        format!("unable to create new content in namespace {namespace} because it is being terminated");
    let status = Status::forbidden(&kind.group, &kind.plural, name, &cause);
    Err(status
        .with_cause(StatusCause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        })
        .into())
}

/// Some namespaces stay.
pub fn check_delete(exchange: &Exchange, name: &str) -> Result<(), Refused> {
    if STANDING.contains(&name) {
        return Err(exchange.forbidden(name, "this namespace may not be deleted"));
    }
    Ok(())
}
