//! Requests to an API server, as bytes in and bytes out.
//!
//! Beneath is a `tower` service (see [`crate::wire`]), so that an API server in the same process is reached without a socket
//! and a rehearsal can put faults between the two (see [`crate::faults`]). Answers stay bytes here: the cache decodes each of
//! them once, for itself and the caller alike.
//!
//! What other crates await is boxed: an `async fn` is compiled anew, with all that it awaits, by every crate that does.
//!
//! Deliberately absent: retries. Whoever asked knows whether asking again is right; reconciles are retried as a whole.

mod error;
mod metrics;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use kube_core::Status;
use machinery::gvk::GroupVersionKind;

use crate::clock::Clock;
use crate::key::Key;
use crate::kind::Kind;
use crate::wire::{Body, RequestBody, Wire};

pub use error::Error;
pub(crate) use error::what;
pub use metrics::{CallCount, Metrics};

/// Reads JSON that a server sent.
///
/// By way of text, as everything else here: each other way to read a type is that type's code once more, which for objects of
/// Kubernetes is most of what there is to compile.
///
/// # Errors
/// When it is not UTF-8, not JSON, or something else than `T`.
pub fn decode<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, serde_json::Error> {
    let text = std::str::from_utf8(body).map_err(<serde_json::Error as serde::de::Error>::custom)?;
    serde_json::from_str(text)
}

/// How long to wait for an answer (for a watch: for its first bytes) before giving up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Server-side apply.
    Apply,
    /// Create.
    Create,
    /// Merge patch.
    Patch,
    /// Replace.
    Update,
    /// Delete one.
    Delete,
    /// Read one.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
}

impl Verb {
    /// All verbs, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::Apply,
        Self::Create,
        Self::Patch,
        Self::Update,
        Self::Delete,
        Self::Get,
        Self::List,
        Self::Watch,
    ];

    /// The verb in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
        }
    }

    fn method(self) -> http::Method {
        match self {
            Self::Apply | Self::Patch => http::Method::PATCH,
            Self::Create => http::Method::POST,
            Self::Update => http::Method::PUT,
            Self::Delete => http::Method::DELETE,
            Self::Get | Self::List | Self::Watch => http::Method::GET,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Apply => "application/apply-patch+yaml",
            Self::Patch => "application/merge-patch+json",
            _ => "application/json",
        }
    }
}

/// One request. Fill in what the verb needs; the rest stays default.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What to do.
    pub verb: Verb,
    /// To which kind.
    pub kind: &'a Kind,
    /// To which object. For create, list and watch the namespace decides; for create the name only shows in errors.
    pub key: &'a Key,
    /// `status`, `scale` and the like; empty for the object itself.
    pub subresource: &'a str,
    /// Query parameters, not yet encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// The body, encoded.
    pub body: Bytes,
}

impl<'a> Call<'a> {
    /// A request without subresource, query and body.
    pub fn new(verb: Verb, kind: &'a Kind, key: &'a Key) -> Self {
        Self { verb, kind, key, subresource: "", query: &[], body: Bytes::new() }
    }
}

/// A client that counts what it asks. Clones share the way to the server and the counts.
#[derive(Clone)]
pub struct Client {
    wire: Wire,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Client {
    /// A client over any service that answers Kubernetes requests: an API server in this process, or one behind a fault
    /// layer.
    pub fn new<S, B>(service: S, clock: Clock) -> Self
    where
        S: tower::Service<http::Request<RequestBody>, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        S::Error: Into<tower::BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<tower::BoxError>,
    {
        Self::over(Wire::new(service), clock)
    }

    /// A client over a way that there is already.
    pub fn over(wire: Wire, clock: Clock) -> Self {
        Self { wire, metrics: Arc::default(), clock }
    }

    /// What was asked so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Sends `call` and returns the body of a successful answer.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move {
            let started = self.clock.now();
            let result = match tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(&call)).await {
                Ok(result) => result,
                Err(_) => Err(Subject::Call(&call).no_answer(too_late())),
            };
            let (failed, conflict) = (result.is_err(), result.as_ref().is_err_and(Error::is_conflict));
            self.metrics.record(call.verb, &addressed(&call), self.clock.since(started), failed, conflict);
            result
        })
    }

    /// Opens a watch and returns its body: one JSON event a line.
    pub(crate) async fn open(&self, call: Call<'_>) -> Result<Body, Error> {
        let started = self.clock.now();
        let result = match tokio::time::timeout(ANSWER_TIMEOUT, self.send(&call)).await {
            Ok(Ok(response)) if response.status().is_success() => Ok(response.into_body()),
            Ok(Ok(response)) => Err(refusal(&Subject::Call(&call), response).await),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Subject::Call(&call).no_answer(too_late())),
        };
        self.metrics.record(call.verb, &addressed(&call), self.clock.since(started), result.is_err(), false);
        result
    }

    /// The object `key`, live, as text.
    pub fn get<'a>(&'a self, kind: &'a Kind, key: &'a Key) -> BoxFuture<'a, Result<Bytes, Error>> {
        self.call(Call::new(Verb::Get, kind, key))
    }

    /// Finds the plural of a kind by asking the server for the resources of its group and version.
    pub fn discover<'a>(&'a self, wanted: &'a GroupVersionKind) -> BoxFuture<'a, Result<Kind, Error>> {
        Box::pin(self.discovered(wanted))
    }

    async fn discovered(&self, wanted: &GroupVersionKind) -> Result<Kind, Error> {
        #[derive(serde::Deserialize)]
        struct Resources {
            #[serde(default)]
            resources: Vec<Resource>,
        }
        #[derive(serde::Deserialize)]
        struct Resource {
            name: String,
            kind: String,
        }
        let root = if wanted.group.is_empty() { "/api/" } else { "/apis/" };
        let path = format!("{root}{}", wanted.api_version());
        let body = match self.read(&path).await {
            Err(error) if error.is_not_found() => return Err(Error::UnknownKind(wanted.to_string())),
            other => other?,
        };
        let list: Resources = decode(&body).map_err(|source| Subject::Path(&path).unreadable(source))?;
        list.resources
            .into_iter()
            .find(|resource| resource.kind == wanted.kind && !resource.name.contains('/'))
            .map(|resource| Kind::new(&wanted.group, &wanted.version, &wanted.kind, &resource.name))
            .ok_or_else(|| Error::UnknownKind(wanted.to_string()))
    }

    /// What the server says at `path`, which is no object: its root page, what it serves. Not counted.
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(self.read_whole(path))
    }

    async fn read_whole(&self, path: &str) -> Result<Bytes, Error> {
        let subject = Subject::Path(path);
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(RequestBody::default())
            .map_err(|error| subject.cannot_ask(error.to_string()))?;
        let exchange = async { answer(&subject, self.carry(&subject, request).await?).await };
        match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(subject.no_answer(too_late())),
        }
    }

    /// Asks at `path` for another protocol on this connection; gives the answer that agrees to it. Not counted.
    pub(crate) async fn upgrade(
        &self,
        path: &str,
        headers: http::HeaderMap,
    ) -> Result<http::Response<Body>, Error> {
        let subject = Subject::Path(path);
        let request = http::Request::get(path).body(RequestBody::default());
        let mut request = request.map_err(|error| subject.cannot_ask(error.to_string()))?;
        request.headers_mut().extend(headers);
        let response = self.carry(&subject, request).await?;
        match response.status() {
            http::StatusCode::SWITCHING_PROTOCOLS => Ok(response),
            status if status.is_success() => {
                Err(subject.no_answer(format!("{status} instead of an upgrade")))
            }
            _ => Err(refusal(&subject, response).await),
        }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Bytes, Error> {
        let response = self.send(call).await?;
        answer(&Subject::Call(call), response).await
    }

    async fn send(&self, call: &Call<'_>) -> Result<http::Response<Body>, Error> {
        let subject = Subject::Call(call);
        let mut request = http::Request::builder()
            .method(call.verb.method())
            .uri(target(call)?)
            .header(http::header::ACCEPT, "application/json");
        if !call.body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, call.verb.content_type());
        }
        let request = request
            .body(RequestBody::new(call.body.clone()))
            .map_err(|error| subject.cannot_ask(error.to_string()))?;
        self.carry(&subject, request).await
    }

    async fn carry(
        &self,
        subject: &Subject<'_>,
        request: http::Request<RequestBody>,
    ) -> Result<http::Response<Body>, Error> {
        self.wire.send(request).await.map_err(|error| subject.no_answer(error.to_string()))
    }
}

/// What a request is about, for errors.
enum Subject<'a> {
    Call(&'a Call<'a>),
    /// A path that is read and is no object.
    Path(&'a str),
}

impl Subject<'_> {
    fn verb(&self) -> &'static str {
        match self {
            Self::Call(call) => call.verb.name(),
            Self::Path(_) => Verb::Get.name(),
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Call(call) => what(call.kind, call.key),
            Self::Path(path) => (*path).to_owned(),
        }
    }

    fn no_answer(&self, reason: String) -> Error {
        Error::NoAnswer { verb: self.verb(), what: self.what(), reason }
    }

    fn cannot_ask(&self, reason: String) -> Error {
        Error::Request { verb: self.verb(), what: self.what(), reason }
    }

    fn unreadable(&self, source: serde_json::Error) -> Error {
        Error::Unreadable { verb: self.verb(), what: self.what(), source }
    }
}

fn too_late() -> String {
    format!("nothing came within {ANSWER_TIMEOUT:?}")
}

/// What requests are counted by: `plural.group`, or `plural.group/subresource`.
fn addressed(call: &Call<'_>) -> String {
    let mut addressed = call.kind.resource();
    if !call.subresource.is_empty() {
        addressed.push('/');
        addressed.push_str(call.subresource);
    }
    addressed
}

async fn answer(subject: &Subject<'_>, response: http::Response<Body>) -> Result<Bytes, Error> {
    if !response.status().is_success() {
        return Err(refusal(subject, response).await);
    }
    match response.into_body().collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(subject.no_answer(error.to_string())),
    }
}

/// Reads the Status of a refusal; where the body is none (a proxy, a plain 404), makes one from the code.
async fn refusal(subject: &Subject<'_>, response: http::Response<Body>) -> Error {
    let code = response.status().as_u16();
    let body = match response.into_body().collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return subject.no_answer(error.to_string()),
    };
    let mut status = decode::<Status>(&body).unwrap_or_else(|_| {
        let text: String = String::from_utf8_lossy(&body).trim().chars().take(200).collect();
        Status::failure(&text, "")
    });
    status.code = code;
    Error::Refused { verb: subject.verb(), what: subject.what(), status: Box::new(status) }
}

/// Path and query of a request.
fn target(call: &Call<'_>) -> Result<String, Error> {
    let (namespace, name) = (call.key.namespace(), call.key.name());
    let mut target = call.kind.collection_path(namespace);
    let on_one = !matches!(call.verb, Verb::Create | Verb::List | Verb::Watch);
    for part in [namespace, if on_one { name } else { "" }, call.subresource] {
        if part.contains(['/', '%', '?', '#']) || part == "." || part == ".." {
            return Err(Subject::Call(call).cannot_ask(format!("{part:?} cannot stand in a path")));
        }
    }
    if on_one {
        if name.is_empty() {
            return Err(Subject::Call(call).cannot_ask("the name is empty".to_owned()));
        }
        target.push('/');
        target.push_str(name);
    }
    if !call.subresource.is_empty() {
        target.push('/');
        target.push_str(call.subresource);
    }
    for (index, (parameter, value)) in call.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.push_str(parameter);
        target.push('=');
        push_encoded(&mut target, value);
    }
    Ok(target)
}

/// Percent-encodes all but the characters that RFC 3986 calls unreserved.
fn push_encoded(target: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            target.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(target, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn machines() -> Kind {
        Kind::new("cluster.x-k8s.io", "v1beta2", "Machine", "machines")
    }

    #[test]
    fn targets() {
        let (kind, key) = (machines(), Key::new("default", "a"));
        let mut call = Call::new(Verb::Apply, &kind, &key);
        call.subresource = "status";
        call.query = &[("fieldManager", "capi-machine"), ("labelSelector", "a in (b,c)")];
        assert_eq!(
            target(&call).unwrap(),
            "/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machines/a/status?fieldManager=capi-machine&labelSelector=a%20in%20%28b%2Cc%29"
        );
        let call = Call::new(Verb::Create, &kind, &key);
        assert_eq!(target(&call).unwrap(), "/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machines");
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let kind = machines();
        for name in ["", "..", "a/b", "a?x=y", "a%2fb"] {
            let key = Key::new("default", name);
            assert!(target(&Call::new(Verb::Delete, &kind, &key)).is_err(), "{name:?}");
        }
    }
}
