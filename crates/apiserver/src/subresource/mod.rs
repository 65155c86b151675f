//! Subresources: parts of objects that are written apart, and connections.

mod eviction;
mod finalize;
mod scale;
mod status;

use http::Response;
use machinery::status::Status;

use crate::Refused;
use crate::body::Body;
use crate::connect::ConnectRequest;
use crate::exchange::Exchange;
use crate::object;

/// Answers a request for a subresource.
pub async fn answer(
    exchange: &mut Exchange,
    verb: &str,
    parts: http::request::Parts,
) -> Result<Response<Body>, Refused> {
    let subresource = exchange.path.subresource.clone().unwrap_or_default();
    let kind = exchange.resource.kind.clone();
    if let Some(connector) = exchange.server.connector(&kind.plural, &subresource).cloned() {
        let request = connection(exchange, parts)?;
        return Ok(connector(request).await);
    }
    if !exchange.path.rest.is_empty() {
        return Err(missing(exchange));
    }
    let version = exchange.resource.version();
    let (has_status, has_scale) = (version.status, version.scale.is_some());
    match (subresource.as_str(), verb) {
        ("status", "get" | "update" | "patch") if has_status => status::answer(exchange, verb).await,
        ("scale", "get" | "update" | "patch") if has_scale => scale::answer(exchange, verb).await,
        ("status", _) if has_status => Err(Status::method_unknown().into()),
        ("scale", _) if has_scale => Err(Status::method_unknown().into()),
        ("finalize", "update") if is_core(exchange, "namespaces") => finalize::answer(exchange).await,
        ("eviction", "create") if is_core(exchange, "pods") => eviction::answer(exchange).await,
        _ => Err(missing(exchange)),
    }
}

fn is_core(exchange: &Exchange, plural: &str) -> bool {
    exchange.resource.kind.group.is_empty() && &*exchange.resource.kind.plural == plural
}

/// A subresource that the kind has not. Custom resources name the object, built-in ones the path.
fn missing(exchange: &Exchange) -> Refused {
    if exchange.resource.kind.custom() {
        return exchange.not_found(exchange.path.name.as_deref().unwrap_or_default());
    }
    Status::resource_not_found().into()
}

fn connection(exchange: &Exchange, parts: http::request::Parts) -> Result<ConnectRequest, Refused> {
    let name = exchange.name()?.to_owned();
    let Some(entry) = exchange.server.store().get(&exchange.key()?) else {
        return Err(exchange.not_found(&name));
    };
    Ok(ConnectRequest {
        user: exchange.user.clone(),
        namespace: exchange.path.namespace.clone(),
        name,
        object: object::parse(&entry.value),
        path: exchange.path.rest.clone(),
        query: exchange.query.clone(),
        parts,
        body: exchange.body.clone(),
    })
}
