//! OpenAPI documents, version 3 per group version and version 2 as one: made when asked for, from the same structures
//! that objects are checked against.

use std::collections::BTreeMap;

use http::Response;
use machinery::schema::{Additional, ListType, MapType, Schema, SchemaType};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::kinds::{Kind, Registry};
use crate::server::ApiServer;
use crate::{Refused, answer};

/// `/openapi/v3`: where the documents are.
pub fn index(server: &ApiServer) -> Result<Response<Body>, Refused> {
    let registry = server.registry();
    let mut paths = Map::new();
    for group in registry.groups() {
        for version in registry.versions(&group) {
            let path =
                if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            // The hash names the state of the kinds, so that clients may keep what they have read.
            let url = format!("/openapi/v3/{path}?hash={}", hash(&registry, &group, &version));
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    Ok(answer::json_value(200, &json!({"paths": paths})))
}

fn hash(registry: &Registry, group: &str, version: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(version);
    for kind in registry.in_group(group) {
        add(&kind.kind);
        add(&kind.schema_revision.to_string());
    }
    format!("{hash:016X}")
}

/// `/openapi/v3/apis/GROUP/VERSION` and `/openapi/v3/api/VERSION`.
pub fn document(server: &ApiServer, path: &str) -> Result<Response<Body>, Refused> {
    let registry = server.registry();
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let (group, version) = match parts.as_slice() {
        ["api", version] => ("", *version),
        ["apis", group, version] => (*group, *version),
        _ => return Ok(answer::no_such_page()),
    };
    let kinds: Vec<(&Kind, usize)> =
        registry.in_group(group).filter_map(|kind| Some((&**kind, kind.served(version)?))).collect();
    if kinds.is_empty() {
        return Ok(answer::no_such_page());
    }
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for (kind, index) in kinds {
        let name = schema_name(&kind.group, version, &kind.kind);
        schemas.insert(
            name.clone(),
            root(kind, version, kind.versions[index].schema(), "#/components/schemas/"),
        );
        add_paths(kind, version, &name, &mut paths);
    }
    schemas.insert(META_NAME.to_owned(), metadata_schema());
    Ok(answer::json_value(
        200,
        &json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": server.version().git_version},
            "paths": paths,
            "components": {"schemas": schemas},
        }),
    ))
}

/// The one form in which kubectl reads version 2. It asks for it with an `@` before the `v1.0`, which is no media type, and
/// would not read an answer that calls itself so.
const VERSION_TWO_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2`: everything in one document.
pub fn version_two(server: &ApiServer, accept: Option<&str>) -> Result<Response<Body>, Refused> {
    if accept.is_some_and(|accept| {
        accept.contains("protobuf") && !accept.contains("json") && !accept.contains("*/*")
    }) {
        let document = version_two_protobuf(&server.version().git_version);
        return Ok(answer::with_type(200, VERSION_TWO_PROTOBUF, Body::whole(document)));
    }
    let registry = server.registry();
    let mut definitions = Map::new();
    for kind in registry.all() {
        for version in kind.versions.iter().filter(|version| version.served) {
            let name = schema_name(&kind.group, &version.name, &kind.kind);
            definitions.insert(name, root(kind, &version.name, version.schema(), "#/definitions/"));
        }
    }
    definitions.insert(META_NAME.to_owned(), metadata_schema());
    Ok(answer::json_value(
        200,
        &json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": server.version().git_version},
            "paths": {},
            "definitions": definitions,
        }),
    ))
}

/// Version 2 in protobuf (openapi.v2.Document of gnostic's `OpenAPIv2.proto`), without definitions.
///
/// kubectl checks files of `kind: List` and of kinds it cannot find by this document alone, in no other form. What a
/// document does not define it leaves to the server, which checks it anyway, and better.
fn version_two_protobuf(version: &str) -> Vec<u8> {
    const SWAGGER: u8 = 1;
    const INFO: u8 = 2;
    const PATHS: u8 = 8;
    const INFO_TITLE: u8 = 1;
    const INFO_VERSION: u8 = 2;
    let (mut info, mut document) = (Vec::new(), Vec::new());
    put_field(&mut info, INFO_TITLE, b"Kubernetes");
    put_field(&mut info, INFO_VERSION, version.as_bytes());
    put_field(&mut document, SWAGGER, b"2.0");
    put_field(&mut document, INFO, &info);
    put_field(&mut document, PATHS, &[]);
    document
}

/// One length-delimited protobuf field (wire type 2); field numbers below 16 take one byte.
fn put_field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        // Seven bits at a time, the lowest first; the eighth says that more follow.
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

/// Name of the schema of metadata.
const META_NAME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// `io.k8s.api.apps.v1.Deployment` for built-in groups, the group backwards for others.
fn schema_name(group: &str, version: &str, kind: &str) -> String {
    let package = match group {
        "" => "io.k8s.api.core".to_owned(),
        group if !group.contains('.') => format!("io.k8s.api.{group}"),
        group => group.split('.').rev().collect::<Vec<_>>().join("."),
    };
    format!("{package}.{version}.{kind}")
}

fn root(kind: &Kind, version: &str, schema: &Schema, references: &str) -> Value {
    let mut value = written(schema);
    value["type"] = json!("object");
    if let Some(properties) =
        value.as_object_mut().map(|map| map.entry("properties").or_insert_with(|| json!({})))
    {
        properties["apiVersion"] = json!({"type": "string"});
        properties["kind"] = json!({"type": "string"});
        properties["metadata"] =
            json!({"allOf": [{"$ref": format!("{references}{META_NAME}")}], "default": {}});
    }
    value["x-kubernetes-group-version-kind"] =
        json!([{"group": &*kind.group, "version": version, "kind": &*kind.kind}]);
    value
}

/// A schema as OpenAPI writes it.
fn written(schema: &Schema) -> Value {
    let mut value = Map::new();
    let kind = schema.schema_type.map(|schema_type| match schema_type {
        SchemaType::Object => "object",
        SchemaType::Array => "array",
        SchemaType::String => "string",
        SchemaType::Integer => "integer",
        SchemaType::Number => "number",
        SchemaType::Boolean => "boolean",
    });
    if let Some(kind) = kind {
        value.insert("type".into(), json!(kind));
    }
    for (name, text) in
        [("format", &schema.format), ("description", &schema.description), ("title", &schema.title)]
    {
        if let Some(text) = text {
            value.insert(name.into(), json!(**text));
        }
    }
    if !schema.properties.is_empty() {
        let properties: BTreeMap<&str, Value> =
            schema.properties.iter().map(|(name, child)| (&**name, written(child))).collect();
        value.insert("properties".into(), json!(properties));
    }
    match &schema.additional {
        Some(Additional::Schema(child)) => {
            value.insert("additionalProperties".into(), written(child));
        }
        Some(Additional::Any(any)) => {
            value.insert("additionalProperties".into(), json!(any));
        }
        None => {}
    }
    if let Some(items) = &schema.items {
        value.insert("items".into(), written(items));
    }
    if !schema.required.is_empty() {
        let required: Vec<&str> = schema.required.iter().map(|name| &**name).collect();
        value.insert("required".into(), json!(required));
    }
    if let Some(default) = &schema.default {
        value.insert("default".into(), (**default).clone());
    }
    if let Some(allowed) = schema.rules.as_ref().and_then(|rules| rules.allowed.as_ref()) {
        value.insert("enum".into(), json!(allowed));
    }
    extensions(schema, &mut value);
    Value::Object(value)
}

fn extensions(schema: &Schema, value: &mut Map<String, Value>) {
    for (name, set) in [
        ("nullable", schema.nullable),
        ("x-kubernetes-preserve-unknown-fields", schema.preserve_unknown_fields),
        ("x-kubernetes-int-or-string", schema.int_or_string),
        ("x-kubernetes-embedded-resource", schema.embedded_resource),
    ] {
        if set {
            value.insert(name.into(), json!(true));
        }
    }
    let list_type = match schema.list_type {
        ListType::Set => Some("set"),
        ListType::Map => Some("map"),
        ListType::Atomic => None,
    };
    if let Some(list_type) = list_type {
        value.insert("x-kubernetes-list-type".into(), json!(list_type));
    }
    if !schema.list_map_keys.is_empty() {
        let keys: Vec<&str> = schema.list_map_keys.iter().map(|key| &**key).collect();
        value.insert("x-kubernetes-list-map-keys".into(), json!(keys));
        // Clients that merge by themselves know lists by one key.
        value.insert("x-kubernetes-patch-merge-key".into(), json!(keys[0]));
        value.insert("x-kubernetes-patch-strategy".into(), json!("merge"));
    }
    if schema.map_type == MapType::Atomic {
        value.insert("x-kubernetes-map-type".into(), json!("atomic"));
    }
}

fn metadata_schema() -> Value {
    written(&crate::kinds::shape::metadata())
}

/// Paths of a kind: enough for a client to find which verbs take which parameters.
fn add_paths(kind: &Kind, version: &str, schema: &str, paths: &mut Map<String, Value>) {
    let base = if kind.group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{}/{version}", kind.group)
    };
    let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let gvk = json!({"group": &*kind.group, "version": version, "kind": &*kind.kind});
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let content = json!({"application/json": {"schema": reference}});
    let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation"]
        .iter()
        .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
        .collect();
    let operation = |action: &str, with_body: bool| {
        let mut operation = json!({
            "responses": {"200": {"description": "OK", "content": content}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
        });
        if with_body {
            operation["parameters"] = json!(parameters);
            operation["requestBody"] = json!({"content": content, "required": true});
        }
        operation
    };
    paths.insert(
        format!("{base}{scope}/{}", kind.plural),
        json!({"get": operation("list", false), "post": operation("post", true)}),
    );
    paths.insert(
        format!("{base}{scope}/{}/{{name}}", kind.plural),
        json!({
            "get": operation("get", false),
            "put": operation("put", true),
            "patch": operation("patch", true),
            "delete": operation("delete", false),
        }),
    );
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn version_two_in_protobuf_is_a_document_without_definitions() {
        let expected = [&b"\x0a\x032.0"[..], b"\x12\x15\x0a\x0aKubernetes\x12\x07v1.36.3", b"\x42\x00"];
        assert_eq!(version_two_protobuf("v1.36.3"), expected.concat());
        let mut long = Vec::new();
        put_field(&mut long, 1, &[7; 300]);
        assert_eq!(long[..3], [0x0a, 0xac, 0x02]);
    }
}
