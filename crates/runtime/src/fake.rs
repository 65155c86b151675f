//! A handful of an API server for tests: one store of JSON by path, versions, watches, lost connections on demand.
//!
//! Deliberately absent: schemas, admission, ownership of fields. An apply merges like a merge patch.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};

use crate::wire::RequestBody;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The server. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    uids: u64,
    /// By the path of the object.
    objects: BTreeMap<String, Value>,
    history: VecDeque<Change>,
    compacted: u64,
    watchers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
    requests: Vec<String>,
    /// Watches get nothing while this is set; what happens meanwhile is sent when it is cleared.
    held: Option<Vec<Change>>,
    lose_answers: u32,
    lists_are_streamed: bool,
    refusals: VecDeque<u16>,
}

#[derive(Clone)]
struct Change {
    version: u64,
    path: String,
    line: Bytes,
}

impl Server {
    pub fn new() -> Self {
        let server = Self::default();
        server.state().lists_are_streamed = true;
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Puts an object there as somebody else would.
    pub fn put(&self, path: &str, object: Value) -> u64 {
        self.state().store(path, object)
    }

    /// Takes an object away as somebody else would.
    pub fn remove(&self, path: &str) {
        self.state().delete(path);
    }

    pub fn objects(&self, collection: &str) -> Vec<Value> {
        let state = self.state();
        state
            .objects
            .iter()
            .filter(|(path, _)| within(path, collection))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// `METHOD path` of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub fn count(&self, start: &str) -> usize {
        self.state().requests.iter().filter(|request| request.starts_with(start)).count()
    }

    /// Closes all watches.
    pub fn cut(&self) {
        self.state().watchers.clear();
    }

    /// Forgets all history: watches from before get 410.
    pub fn compact(&self) {
        let mut state = self.state();
        state.history.clear();
        state.compacted = state.version;
    }

    /// The next write takes effect, and its answer never arrives.
    pub fn lose_next_answer(&self) {
        self.state().lose_answers += 1;
    }

    /// The next request gets this code and no more.
    pub fn refuse_next(&self, code: u16) {
        self.state().refusals.push_back(code);
    }

    pub fn without_streamed_lists(self) -> Self {
        self.state().lists_are_streamed = false;
        self
    }

    pub fn hold_watches(&self) {
        self.state().held = Some(Vec::new());
    }

    pub fn release_watches(&self) {
        let mut state = self.state();
        for change in state.held.take().unwrap_or_default() {
            state.send(&change);
        }
    }

    fn answer(&self, request: Request<Bytes>) -> Result<Answer, tower::BoxError> {
        let mut state = self.state();
        let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or("").to_owned());
        state.requests.push(format!("{} {path}", request.method()));
        if let Some(code) = state.refusals.pop_front() {
            return Ok(status(code, "Refused"));
        }
        if path.matches('/').count() == 3 && path.starts_with("/apis/") {
            return Ok(discovery(&path));
        }
        if query.contains("watch=true") {
            return Ok(state.watch(&path, &query));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let (method, object_path) = (request.method().clone(), path.trim_end_matches("/status").to_owned());
        let answer = match method {
            Method::GET => return Ok(state.get(&path)),
            Method::POST => state.create(&path, body),
            Method::PATCH => state.patch(&object_path, body, query.contains("force=")),
            Method::DELETE => state.remove(&path, &body),
            _ => status(405, "MethodNotAllowed"),
        };
        if state.lose_answers > 0 {
            state.lose_answers -= 1;
            return Err("the connection broke".into());
        }
        Ok(answer)
    }
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> u64 {
        self.version += 1;
        let before = self.objects.get(path);
        let (namespace, name) = parts(path);
        let uid = before.map(|before| before["metadata"]["uid"].clone());
        let uid = uid.unwrap_or_else(|| {
            self.uids += 1;
            format!("uid-{}", self.uids).into()
        });
        let metadata = &mut object["metadata"];
        metadata["name"] = name.into();
        metadata["namespace"] = namespace.into();
        metadata["uid"] = uid;
        metadata["resourceVersion"] = self.version.to_string().into();
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.objects.insert(path.to_owned(), object.clone());
        self.tell(path, kind, &object);
        self.version
    }

    fn delete(&mut self, path: &str) -> Option<Value> {
        let mut object = self.objects.remove(path)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.tell(path, "DELETED", &object);
        Some(object)
    }

    fn tell(&mut self, path: &str, kind: &str, object: &Value) {
        let line = Bytes::from(format!("{}\n", json!({ "type": kind, "object": object })));
        let change = Change { version: self.version, path: path.to_owned(), line };
        self.history.push_back(change.clone());
        match &mut self.held {
            Some(held) => held.push(change),
            None => self.send(&change),
        }
    }

    fn send(&mut self, change: &Change) {
        self.watchers.retain(|(collection, sender)| {
            !within(&change.path, collection) || sender.unbounded_send(change.line.clone()).is_ok()
        });
    }

    fn watch(&mut self, collection: &str, query: &str) -> Answer {
        let (sender, receiver) = mpsc::unbounded();
        let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
        let send = |text: String| drop(sender.unbounded_send(Bytes::from(text + "\n")));
        match from.and_then(|version| version.parse::<u64>().ok()) {
            None if !self.lists_are_streamed => return status(422, "Invalid"),
            None => {
                for object in self.listed(collection) {
                    send(json!({ "type": "ADDED", "object": object }).to_string());
                }
                let metadata = json!({ "resourceVersion": self.version.to_string(),
                    "annotations": { "k8s.io/initial-events-end": "true" } });
                send(json!({ "type": "BOOKMARK", "object": { "metadata": metadata } }).to_string());
            }
            Some(version) if version < self.compacted => {
                send(json!({ "type": "ERROR", "object": { "code": 410, "reason": "Expired" } }).to_string());
            }
            Some(version) => {
                for change in &self.history {
                    if change.version > version && within(&change.path, collection) {
                        let _ = sender.unbounded_send(change.line.clone());
                    }
                }
            }
        }
        self.watchers.push((collection.to_owned(), sender));
        Response::new(StreamBody::new(receiver.map(|line| Ok(Frame::data(line)))).boxed_unsync())
    }

    fn listed(&self, collection: &str) -> Vec<Value> {
        self.objects
            .iter()
            .filter(|(path, _)| within(path, collection))
            .map(|(_, object)| object.clone())
            .collect()
    }

    fn get(&self, path: &str) -> Answer {
        match self.objects.get(path) {
            Some(object) => ok(object),
            None if parts(path).1.ends_with('s') => ok(&json!({
                "metadata": { "resourceVersion": self.version.to_string() }, "items": self.listed(path),
            })),
            None => status(404, "NotFound"),
        }
    }

    fn create(&mut self, collection: &str, body: Value) -> Answer {
        let path = format!("{collection}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
        if self.objects.contains_key(&path) {
            return status(409, "AlreadyExists");
        }
        self.store(&path, body);
        ok(&self.objects[&path])
    }

    fn patch(&mut self, path: &str, body: Value, is_apply: bool) -> Answer {
        if !is_apply && !self.objects.contains_key(path) {
            return status(404, "NotFound");
        }
        let before = self.objects.get(path).cloned();
        let mut object = before.clone().unwrap_or_else(|| json!({}));
        merge(&mut object, &body);
        let ends = object["metadata"]["deletionTimestamp"].is_string()
            && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        if ends {
            self.delete(path);
            return ok(&object);
        }
        if before.as_ref() != Some(&object) {
            self.store(path, object);
        }
        ok(&self.objects[path])
    }

    fn remove(&mut self, path: &str, options: &Value) -> Answer {
        let Some(mut object) = self.objects.get(path).cloned() else {
            return status(404, "NotFound");
        };
        let uid = object["metadata"]["uid"].clone();
        if options["preconditions"]["uid"].is_string() && options["preconditions"]["uid"] != uid {
            return status(409, "Conflict");
        }
        if object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty()) {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            self.store(path, object);
            return ok(&self.objects[path]);
        }
        self.delete(path);
        ok(&json!({ "kind": "Status", "apiVersion": "v1", "status": "Success", "details": { "uid": uid } }))
    }
}

/// The collection of a path is its parent, in its namespace or in all.
fn within(path: &str, collection: &str) -> bool {
    let Some((parent, _)) = path.rsplit_once('/') else {
        return false;
    };
    let everywhere = match parent.split_once("/namespaces/") {
        Some((root, rest)) => format!("{root}/{}", rest.split_once('/').map_or("", |(_, plural)| plural)),
        None => parent.to_owned(),
    };
    parent == collection || everywhere == collection
}

fn parts(path: &str) -> (&str, &str) {
    let namespace = path
        .split_once("/namespaces/")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(first, _)| first);
    (namespace, path.rsplit_once('/').map_or("", |(_, name)| name))
}

fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(members), Value::Object(changes)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn discovery(path: &str) -> Answer {
    if !path.ends_with("/example.io/v1") {
        return status(404, "NotFound");
    }
    ok(&json!({ "resources": [
        { "name": "gadgets/status", "kind": "Gadget" }, { "name": "gadgets", "kind": "Gadget" },
    ] }))
}

fn ok(value: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

fn status(code: u16, reason: &str) -> Answer {
    let body =
        json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason });
    let mut answer = ok(&body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}

impl tower::Service<Request<RequestBody>> for Server {
    type Response = Answer;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Answer, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            server.answer(Request::from_parts(parts, body))
        })
    }
}
