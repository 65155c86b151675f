//! What namespaces mean to the objects in them.

use machinery::status::{Status, StatusCause};

use crate::Refused;
use crate::exchange::Exchange;
use crate::object::Head;

/// Namespaces that cannot be deleted.
const STANDING: [&str; 3] = ["default", "kube-public", "kube-system"];

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
