//! From a request to the function that answers it.

use bytes::Bytes;
use http::{Method, Response, header};
use machinery::status::Status;
use serde_json::json;

use crate::auth::{self, Attributes, User};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::request::{self, Query, ResourcePath, Route};
use crate::server::ApiServer;
use crate::{Refused, answer, discovery, openapi, subresource, verbs};

/// Answers a request.
pub async fn answer(
    server: &ApiServer,
    user: User,
    parts: http::request::Parts,
    body: Bytes,
) -> Response<Body> {
    let route = request::route(parts.uri.path());
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    match route {
        Route::Resource(path) => resource(server, user, path, query, parts, body).await,
        route => {
            let method = parts.method.as_str().to_ascii_lowercase();
            let attributes = Attributes {
                verb: &method,
                group: "",
                version: "",
                resource: "",
                subresource: None,
                namespace: None,
                name: None,
                path: parts.uri.path(),
            };
            if !server.authorizer().allows(&user, &attributes) {
                return answer::refusal(&auth::forbidden(&user, &attributes));
            }
            unnamed(server, &route, &query, &parts).unwrap_or_else(|status| answer::refusal(&status))
        }
    }
}

/// Everything that is no resource.
fn unnamed(
    server: &ApiServer,
    route: &Route,
    query: &Query,
    parts: &http::request::Parts,
) -> Result<Response<Body>, Refused> {
    let accept = header_text(parts, header::ACCEPT);
    match route {
        Route::CoreVersions => discovery::core(server, accept),
        Route::Groups => discovery::groups(server, accept),
        Route::Group(group) => discovery::group(server, group),
        Route::Resources(group, version) => discovery::resources(server, group, version),
        Route::Other(path) => other(server, path, query, accept),
        Route::Resource(_) => Err(Status::resource_not_found().into()),
    }
}

fn other(
    server: &ApiServer,
    path: &str,
    query: &Query,
    accept: Option<&str>,
) -> Result<Response<Body>, Refused> {
    match path {
        "/version" | "/version/" => {
            let version = server.version();
            Ok(answer::json_value(
                200,
                &json!({
                    "major": version.major,
                    "minor": version.minor,
                    "gitVersion": version.git_version,
                    "gitCommit": "",
                    "gitTreeState": "clean",
                    "buildDate": "1970-01-01T00:00:00Z",
                    "goVersion": "",
                    "compiler": "rustc",
                    "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
                }),
            ))
        }
        "/" | "/index.html" => Ok(discovery::root(server)),
        "/metrics" => Ok(answer::with_type(
            200,
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Body::whole(format!("apiserver_store_revision {}\n", server.store().revision())),
        )),
        "/openapi/v3" | "/openapi/v3/" => openapi::index(server),
        "/openapi/v2" | "/openapi/v2/" => openapi::version_two(server, accept),
        path if path.starts_with("/openapi/v3/") => openapi::document(server, &path["/openapi/v3/".len()..]),
        path => Ok(discovery::health(path, query)),
    }
}

fn header_text(parts: &http::request::Parts, name: header::HeaderName) -> Option<&str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The verb of a request for a resource, as authorization names it. `None`: no such verb.
fn verb(method: &Method, path: &ResourcePath, query: &Query) -> Option<&'static str> {
    Some(match *method {
        // A watch of one object by its path is none: the object is answered.
        Method::GET if path.name.is_some() && !path.watch_prefix => "get",
        Method::GET if path.watch_prefix || query.flag("watch") => "watch",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if path.name.is_some() => "delete",
        Method::DELETE => "deletecollection",
        _ => return None,
    })
}

async fn resource(
    server: &ApiServer,
    user: User,
    path: ResourcePath,
    query: Query,
    parts: http::request::Parts,
    body: Bytes,
) -> Response<Body> {
    let verb = verb(&parts.method, &path, &query);
    let attributes = Attributes {
        verb: verb.unwrap_or("get"),
        group: &path.group,
        version: &path.version,
        resource: &path.resource,
        subresource: path.subresource.as_deref(),
        namespace: path.namespace.as_deref(),
        name: path.name.as_deref(),
        path: parts.uri.path(),
    };
    if !server.authorizer().allows(&user, &attributes) {
        return answer::refusal(&auth::forbidden(&user, &attributes));
    }
    let registry = server.registry();
    let Some(resource) = registry.resolve(&path.group, &path.version, &path.resource) else {
        // Built-in groups know what they have not; of others nothing is known.
        return if registry.in_group(&path.group).any(|kind| !kind.custom()) {
            answer::refusal(&Status::resource_not_found())
        } else {
            answer::no_such_page()
        };
    };
    // A custom kind of the other scope is not found at all.
    let kind = &resource.kind;
    let whole = path.name.is_none() && matches!(verb, Some("list" | "watch"));
    if kind.custom() && kind.namespaced != path.namespace.is_some() && !(kind.namespaced && whole) {
        return answer::no_such_page();
    }
    let Some(verb) = verb else { return answer::refusal(&Status::method_unknown()) };
    let deprecation =
        resource.version().deprecation.clone().or(resource.kind.strategy.warning.map(str::to_owned));
    let mut exchange = Exchange {
        server: server.clone(),
        resource,
        path,
        query,
        user,
        user_agent: header_text(&parts, header::USER_AGENT).unwrap_or_default().to_owned(),
        content_type: header_text(&parts, header::CONTENT_TYPE).map(str::to_owned),
        accept: header_text(&parts, header::ACCEPT).map(str::to_owned),
        body,
        warnings: deprecation.into_iter().collect(),
    };
    let mut response =
        dispatch(&mut exchange, verb, parts).await.unwrap_or_else(|status| answer::refusal(&status));
    answer::add_warnings(&mut response, &exchange.warnings);
    response
}

async fn dispatch(
    exchange: &mut Exchange,
    verb: &str,
    parts: http::request::Parts,
) -> Result<Response<Body>, Refused> {
    check_scope(exchange, verb)?;
    if exchange.path.subresource.is_some() {
        return subresource::answer(exchange, verb, parts).await;
    }
    match verb {
        "get" => verbs::get(exchange),
        "list" => verbs::list(exchange),
        "watch" => verbs::watch(exchange),
        "create" => verbs::create(exchange).await,
        "update" => verbs::update(exchange).await,
        "patch" => verbs::patch(exchange).await,
        "delete" => verbs::delete(exchange).await,
        _ => verbs::delete_collection(exchange).await,
    }
}

/// Refuses paths whose shape does not fit the kind: a namespace where there can be none, or none where one is needed.
fn check_scope(exchange: &mut Exchange, verb: &str) -> Result<(), Refused> {
    let kind = exchange.resource.kind.clone();
    let namespaced_path = exchange.path.namespace.is_some();
    if namespaced_path && !kind.namespaced {
        return Err(Status::resource_not_found().into());
    }
    if kind.namespaced && !namespaced_path {
        if exchange.path.name.is_some() {
            return Err(Status::resource_not_found().into());
        }
        if !matches!(verb, "list" | "watch") {
            return Err(Status::method_unknown().into());
        }
    }
    if kind.strategy.no_delete_collection && verb == "deletecollection" {
        return Err(Status::method_unknown().into());
    }
    if exchange.path.name.is_some() && verb == "create" && exchange.path.subresource.is_none() {
        // A custom resource takes the name in the path for nothing more than a part of the path.
        if !kind.custom() {
            return Err(Status::method_unknown().into());
        }
        exchange.path.name = None;
    }
    if exchange.path.name.is_none() && matches!(verb, "update" | "patch") {
        return Err(if kind.custom() {
            Status::bad_request("name must be provided").into()
        } else {
            Status::method_unknown().into()
        });
    }
    Ok(())
}
