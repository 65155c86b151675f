//! What the server has to offer: versions, groups, resources, health.

use std::collections::BTreeSet;

use http::Response;
use machinery::status::Status;
use serde_json::{Value, json};

use crate::body::Body;
use crate::kinds::{Kind, Registry, Version};
use crate::negotiate;
use crate::request::Query;
use crate::server::ApiServer;
use crate::{Refused, answer};

/// Verbs of custom resources and of built-in ones, in the order in which every Kubernetes API lists them.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

fn verbs(kind: &Kind) -> Vec<&'static str> {
    let all = if kind.custom() { CUSTOM_VERBS } else { VERBS };
    let left_out = |verb: &&str| kind.strategy.no_delete_collection && *verb == "deletecollection";
    all.into_iter().filter(|verb| !left_out(verb)).collect()
}

/// `/api`.
pub fn core(server: &ApiServer, accept: Option<&str>) -> Result<Response<Body>, Refused> {
    if let Some(version) = negotiate::aggregated_discovery(accept) {
        return Ok(aggregated(server, version, true));
    }
    Ok(answer::json_value(
        200,
        &json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        }),
    ))
}

/// `/apis`.
pub fn groups(server: &ApiServer, accept: Option<&str>) -> Result<Response<Body>, Refused> {
    if let Some(version) = negotiate::aggregated_discovery(accept) {
        return Ok(aggregated(server, version, false));
    }
    let registry = server.registry();
    let groups: Vec<Value> =
        named_groups(&registry).iter().map(|group| group_value(&registry, group)).collect();
    Ok(answer::json_value(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})))
}

/// Groups besides the core group that serve anything.
fn named_groups(registry: &Registry) -> Vec<std::sync::Arc<str>> {
    let groups = registry.groups();
    groups.into_iter().filter(|group| !group.is_empty() && !registry.versions(group).is_empty()).collect()
}

fn group_value(registry: &Registry, group: &str) -> Value {
    let versions: Vec<Value> = registry
        .versions(group)
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": &**version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// `/apis/GROUP`.
pub fn group(server: &ApiServer, group: &str) -> Result<Response<Body>, Refused> {
    let registry = server.registry();
    if group.is_empty() || registry.versions(group).is_empty() {
        return Ok(not_found(&registry, group));
    }
    let mut value = group_value(&registry, group);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    Ok(answer::json_value(200, &value))
}

fn not_found(_: &Registry, _: &str) -> Response<Body> {
    answer::no_such_page()
}

/// `/api/VERSION` and `/apis/GROUP/VERSION`.
pub fn resources(server: &ApiServer, group: &str, version: &str) -> Result<Response<Body>, Refused> {
    let registry = server.registry();
    if !registry.versions(group).iter().any(|served| **served == *version) {
        let known_group = registry.in_group(group).any(|kind| !kind.custom());
        return if known_group {
            Err(Status::resource_not_found().into())
        } else {
            Ok(answer::no_such_page())
        };
    }
    let mut resources = Vec::new();
    for kind in registry.in_group(group) {
        let Some(index) = kind.served(version) else { continue };
        listed(server, kind, &kind.versions[index], &mut resources);
    }
    let group_version = machinery::gvk::join_api_version(group, version);
    let mut list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    Ok(answer::json_value(200, &list))
}

fn listed(server: &ApiServer, kind: &Kind, version: &Version, resources: &mut Vec<Value>) {
    let mut resource = json!({
        "name": &*kind.plural,
        "singularName": &*kind.singular,
        "namespaced": kind.namespaced,
        "kind": &*kind.kind,
        "verbs": verbs(kind),
        "storageVersionHash": storage_version_hash(kind),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = texts(&kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = texts(&kind.categories);
    }
    resources.push(resource);
    for part in parts(server, kind, version) {
        let mut resource = json!({
            "name": format!("{}/{}", kind.plural, part.name),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": part.kind,
            "verbs": part.verbs,
        });
        if let Some((group, version)) = part.group_version {
            resource["group"] = json!(group);
            resource["version"] = json!(version);
        }
        resources.push(resource);
    }
}

fn texts(texts: &[std::sync::Arc<str>]) -> Value {
    texts.iter().map(|text| Value::from(&**text)).collect()
}

/// A subresource as discovery shows it.
struct Part {
    name: String,
    kind: String,
    verbs: Vec<&'static str>,
    group_version: Option<(&'static str, &'static str)>,
}

fn parts(server: &ApiServer, kind: &Kind, version: &Version) -> Vec<Part> {
    let mut parts = Vec::new();
    if version.status {
        parts.push(Part {
            name: "status".to_owned(),
            kind: kind.kind.to_string(),
            verbs: vec!["get", "patch", "update"],
            group_version: None,
        });
    }
    if version.scale.is_some() {
        parts.push(Part {
            name: "scale".to_owned(),
            kind: "Scale".to_owned(),
            verbs: vec!["get", "patch", "update"],
            group_version: Some(("autoscaling", "v1")),
        });
    }
    if kind.group.is_empty() {
        match &*kind.plural {
            "namespaces" => parts.push(Part {
                name: "finalize".to_owned(),
                kind: kind.kind.to_string(),
                verbs: vec!["update"],
                group_version: None,
            }),
            "pods" => parts.push(Part {
                name: "eviction".to_owned(),
                kind: "Eviction".to_owned(),
                verbs: vec!["create"],
                group_version: Some(("policy", "v1")),
            }),
            _ => {}
        }
        let connected = server.connectors().filter(|(resource, _)| *resource == &*kind.plural);
        parts.extend(connected.map(|(_, subresource)| Part {
            name: subresource.to_owned(),
            kind: format!("{}Options", kind.kind),
            verbs: vec!["create", "get"],
            group_version: None,
        }));
    }
    parts.sort_by(|left, right| left.name.cmp(&right.name));
    parts
}

/// A short name of where objects are stored; clients compare it and nothing more.
fn storage_version_hash(kind: &Kind) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let version = &kind.versions[kind.storage].name;
    let hash = sha2::Sha256::digest(format!("{}/{version}/{}", kind.group, kind.kind));
    base64::engine::general_purpose::STANDARD.encode(hash.get(..8).unwrap_or_default())
}

/// Aggregated discovery: everything in one answer.
fn aggregated(server: &ApiServer, api_version: &str, core: bool) -> Response<Body> {
    let registry = server.registry();
    let groups = if core { vec!["".into()] } else { named_groups(&registry) };
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let versions = registry.versions(group);
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| aggregated_version(server, &registry, group, version))
                .collect();
            let mut metadata = json!({"creationTimestamp": null});
            if !group.is_empty() {
                metadata["name"] = json!(&**group);
            }
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{api_version}"),
        "metadata": {},
        "items": items,
    });
    let mut response = answer::json_value(200, &list);
    let media_type = if api_version == "v2" {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    };
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    response
}

fn aggregated_version(server: &ApiServer, registry: &Registry, group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for kind in registry.in_group(group) {
        let Some(index) = kind.served(version) else { continue };
        let served = &kind.versions[index];
        let mut resource = json!({
            "resource": &*kind.plural,
            "responseKind": {"group": group, "version": version, "kind": &*kind.kind},
            "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": &*kind.singular,
            "verbs": verbs(kind),
        });
        if !kind.short_names.is_empty() {
            resource["shortNames"] = texts(&kind.short_names);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = texts(&kind.categories);
        }
        let parts: Vec<Value> = parts(server, kind, served)
            .into_iter()
            .map(|part| {
                let (group, version) = part.group_version.unwrap_or((group, version));
                json!({
                    "subresource": part.name,
                    "responseKind": {"group": group, "version": version, "kind": part.kind},
                    "verbs": part.verbs,
                })
            })
            .collect();
        if !parts.is_empty() {
            resource["subresources"] = Value::from(parts);
        }
        resources.push(resource);
    }
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

/// `/`: the paths there are.
pub fn root(server: &ApiServer) -> Response<Body> {
    let registry = server.registry();
    let mut paths: BTreeSet<String> = BTreeSet::new();
    paths.extend(
        [
            "/api",
            "/api/v1",
            "/apis",
            "/healthz",
            "/livez",
            "/metrics",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz",
            "/version",
        ]
        .map(str::to_owned),
    );
    for group in named_groups(&registry) {
        paths.insert(format!("/apis/{group}"));
        paths.extend(registry.versions(&group).iter().map(|version| format!("/apis/{group}/{version}")));
    }
    answer::json_value(200, &json!({"paths": paths}))
}

/// `/healthz`, `/livez`, `/readyz` and the checks below them. A server that can answer is healthy.
pub fn health(path: &str, query: &Query) -> Response<Body> {
    let mut parts = path.trim_matches('/').split('/');
    let check = match parts.next() {
        Some(check @ ("healthz" | "livez" | "readyz")) => check,
        _ => return missing(path),
    };
    match (parts.next(), parts.next()) {
        (None, None) if query.get("verbose").is_some() => {
            answer::text(200, format!("[+]ping ok\n[+]etcd ok\n{check} check passed\n"))
        }
        (None | Some("ping" | "etcd" | "log"), None) => answer::text(200, "ok"),
        _ => answer::no_such_page(),
    }
}

fn missing(path: &str) -> Response<Body> {
    // Below the roots of the API itself a Status says so; elsewhere plain text does.
    if path.starts_with("/api") {
        answer::refusal(&Status::resource_not_found())
    } else {
        answer::no_such_page()
    }
}
