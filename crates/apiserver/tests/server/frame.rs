//! How a request reaches a server without sockets, and identifiers that are the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Identifiers};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
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
    let server = ApiServer::builder(store::Database::in_memory().store("test").unwrap())
        .clock(|| jiff::Timestamp::from_second(1_700_000_000).unwrap())
        .identifiers(Counting::default())
        .build();
    server.await.unwrap()
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
