//! How a request reaches a server without sockets, and identifiers that are the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Clock, Identifiers};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

/// Numbers them.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Identifiers for Counting {
    fn uid(&self) -> String {
        format!("uid-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
    fn suffix(&self) -> String {
        format!("{:05}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A server with nothing in it, where it is always the same moment.
pub async fn server() -> ApiServer {
    server_with_clock(|| jiff::Timestamp::from_second(1_700_000_000).unwrap()).await
}

/// A server with nothing in it and with this clock.
pub async fn server_with_clock(clock: impl Clock) -> ApiServer {
    let server = ApiServer::builder(store::Database::in_memory().store("test").unwrap())
        .clock(clock)
        .identifiers(Counting::default())
        .build();
    server.await.unwrap()
}

/// Makes `things.example.com`, which have a status of their own, a number `n`, a defaulted `d`, and `tags` that are a set.
pub async fn define_things(server: &ApiServer) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "n": {"type": "integer"},
                        "d": {"type": "string", "default": "x"},
                        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                    }},
                    "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
                }}},
            }],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(send(server, "POST", path, "application/json", definition).await.0, 201);
}

/// Sends one request; the code and the JSON of the answer, null where there is none.
pub async fn send(
    server: &ApiServer,
    method: &str,
    path: &str,
    media_type: &str,
    body: Value,
) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    send_text(server, method, path, media_type, text).await
}

/// Sends one request whose body is written out, as where a member is there twice.
pub async fn send_text(
    server: &ApiServer,
    method: &str,
    path: &str,
    media_type: &str,
    body: impl Into<Bytes>,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .body(Full::new(body.into()))
        .unwrap();
    let response = server.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
