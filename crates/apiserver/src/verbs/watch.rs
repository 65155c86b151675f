//! GET with `watch`: events from a version on, or everything first and then events.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use machinery::status::{FieldError, Status};
use serde_json::json;
use store::{Compacted, Entry, Event, EventKind, Watch};
use tokio::time::{Instant, sleep_until};

use crate::body::{Body, BodyError};
use crate::exchange::{Exchange, partial_object};
use crate::negotiate::{Output, Transform};
use crate::object;
use crate::request::refuse_options;
use crate::select::Selector;
use crate::verbs::list;
use crate::{Refused, answer, table};

/// How long a watch lasts that does not say for how long.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(40 * 60);

/// A watch that wants bookmarks gets one this often, and one before it ends.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// Events that are ready are joined up to this many bytes.
const CHUNK_BYTES: usize = 32 * 1024;

/// The annotation of the bookmark that ends the initial events.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// Where a watch begins.
enum Start {
    /// After this version.
    After(u64),
    /// With everything that is there, as ADDED.
    Everything,
}

/// Answers the events of a collection.
pub fn watch(exchange: &mut Exchange) -> Result<Response<Body>, Refused> {
    let output = exchange.output()?;
    let mut selector = Selector::parse(&exchange.query, &exchange.resource)?;
    let timeout = exchange.query.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
    let timeout = timeout.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let start = start(exchange)?;
    let bookmarks = exchange.query.flag("allowWatchBookmarks");
    let initial_end = bookmarks && exchange.query.flag("sendInitialEvents");
    if let Some(name) = exchange.path.name.clone() {
        selector = Selector::named(&name);
    }
    let now = Instant::now();
    let mut stream = Stream {
        waiting: VecDeque::new(),
        watch: None,
        selector,
        output,
        first_table: true,
        bookmarks: bookmarks.then(|| now + BOOKMARK_INTERVAL),
        deadline: now + timeout,
        ended: false,
        exchange: take(exchange),
    };
    stream.begin(start, initial_end);
    let body = Body::stream(futures::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<Bytes, BodyError>(chunk), stream))
    }));
    let media_type = match output.encoding {
        crate::negotiate::Encoding::Json => "application/json",
        crate::negotiate::Encoding::Yaml => "application/yaml",
    };
    Ok(answer::with_type(200, media_type, body))
}

/// The exchange lives on in the stream; what is left behind still carries the warnings.
fn take(exchange: &mut Exchange) -> Exchange {
    Exchange {
        server: exchange.server.clone(),
        resource: exchange.resource.clone(),
        path: std::mem::take(&mut exchange.path),
        query: std::mem::take(&mut exchange.query),
        user: exchange.user.clone(),
        user_agent: String::new(),
        content_type: None,
        accept: None,
        body: Bytes::new(),
        warnings: Vec::new(),
    }
}

fn start(exchange: &Exchange) -> Result<Start, Refused> {
    let query = &exchange.query;
    let version = query.text("resourceVersion");
    let number = version.map(list::plain_number).transpose()?.unwrap_or(0);
    let initial = query.get("sendInitialEvents");
    let matched = query.text("resourceVersionMatch");
    let forbidden =
        |field: &str, detail: &str| refuse_options("ListOptions", vec![FieldError::forbidden(field, detail)]);
    if initial.is_some() {
        if matched.is_none() {
            forbidden(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )?;
        }
        list::ListOptions::check_names(query)?;
        if matched == Some("Exact") {
            let error = FieldError::not_supported("resourceVersionMatch", "Exact", &["NotOlderThan"]);
            refuse_options("ListOptions", vec![error])?;
        }
    } else if matched.is_some() {
        forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )?;
    }
    if number > exchange.server.store().revision() {
        // A version of the future is waited for, as in any watch: nothing has happened after it yet.
        list::check_not_future(exchange, number)?;
    }
    match (query.flag("sendInitialEvents"), initial.is_some(), number) {
        (true, _, _) => Ok(Start::Everything),
        (false, true, 0) => Ok(Start::After(exchange.server.store().revision())),
        (false, false, 0) => Ok(Start::Everything),
        (false, _, number) => Ok(Start::After(number)),
    }
}

/// A watch under way.
struct Stream {
    /// Lines that are ready.
    waiting: VecDeque<Bytes>,
    watch: Option<Watch>,
    selector: Selector,
    output: Output,
    first_table: bool,
    /// When the next bookmark is due.
    bookmarks: Option<Instant>,
    deadline: Instant,
    ended: bool,
    exchange: Exchange,
}

impl Stream {
    fn begin(&mut self, start: Start, initial_end: bool) {
        let store = self.exchange.server.store().clone();
        let kind = self.exchange.resource.kind.clone();
        let prefix = kind.prefix_in(self.exchange.namespace());
        let after = match start {
            Start::After(revision) => {
                // The history of a custom kind begins with its present structure.
                if kind.custom() && revision < kind.schema_revision {
                    return self.end_expired(Compacted { requested: revision, oldest: kind.schema_revision });
                }
                revision
            }
            Start::Everything => {
                let listing = store.list(&prefix);
                for entry in listing.entries {
                    self.initial(entry);
                }
                if initial_end {
                    let line = self.bookmark(listing.revision, true);
                    self.waiting.push_back(line);
                }
                listing.revision
            }
        };
        match store.watch(&prefix, after) {
            Ok(watch) => self.watch = Some(watch),
            Err(compacted) => self.end_expired(compacted),
        }
    }

    fn initial(&mut self, entry: Entry) {
        if self.selector.matches(&entry.value) {
            let bytes = self.exchange.outgoing(entry.value, entry.modified);
            self.push("ADDED", bytes);
        }
    }

    fn end_expired(&mut self, compacted: Compacted) {
        let status = Status::too_old(compacted.requested, compacted.oldest);
        let status = serde_json::to_vec(&status).unwrap_or_default();
        self.waiting.push_back(line("ERROR", &status));
        self.watch = None;
        self.ended = true;
    }

    /// The next chunk of lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.chunk() {
                return Some(chunk);
            }
            if self.ended {
                return None;
            }
            let watch = self.watch.as_mut()?;
            let bookmark_due = self.bookmarks.unwrap_or(self.deadline).min(self.deadline);
            let event = tokio::select! {
                biased;
                event = watch.next() => Some(event),
                () = sleep_until(bookmark_due) => None,
            };
            match event {
                Some(Ok(event)) => self.take_ready(event),
                Some(Err(compacted)) => self.end_expired(compacted),
                None => self.tick(),
            }
        }
    }

    /// A bookmark is due, or the time is over.
    fn tick(&mut self) {
        let now = Instant::now();
        if self.bookmarks.is_some()
            && let Some(watch) = &self.watch
        {
            let progress = watch.progress();
            let line = self.bookmark(progress, false);
            self.waiting.push_back(line);
            self.bookmarks = Some(now + BOOKMARK_INTERVAL);
        }
        if now >= self.deadline {
            self.ended = true;
            self.watch = None;
        }
    }

    /// Takes this event and those that are there already, up to a chunk.
    fn take_ready(&mut self, event: Event) {
        let mut bytes = event.value.len();
        self.event(event);
        while bytes < CHUNK_BYTES {
            match self.watch.as_mut().map(Watch::try_next) {
                Some(Ok(Some(event))) => {
                    bytes += event.value.len();
                    self.event(event);
                }
                Some(Err(compacted)) => return self.end_expired(compacted),
                Some(Ok(None)) | None => return,
            }
        }
    }

    fn chunk(&mut self) -> Option<Bytes> {
        let first = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            return Some(first);
        }
        let mut chunk = BytesMut::from(&first[..]);
        while let Some(line) = self.waiting.front() {
            if chunk.len() + line.len() > CHUNK_BYTES {
                break;
            }
            chunk.extend_from_slice(line);
            self.waiting.pop_front();
        }
        Some(chunk.freeze())
    }

    /// An event as the selector sees it: what enters is added, what leaves is deleted.
    fn event(&mut self, event: Event) {
        let revision = event.revision;
        if self.selector.is_everything() {
            let name = match event.kind {
                EventKind::Created => "ADDED",
                EventKind::Modified => "MODIFIED",
                EventKind::Deleted => "DELETED",
            };
            let bytes = self.exchange.outgoing(event.value, revision);
            return self.push(name, bytes);
        }
        let before = event.previous.as_ref().is_some_and(|bytes| self.selector.matches(bytes));
        let after = event.kind != EventKind::Deleted && self.selector.matches(&event.value);
        match (before, after) {
            (false, false) => {}
            (false, true) => {
                let bytes = self.exchange.outgoing(event.value, revision);
                self.push("ADDED", bytes);
            }
            (true, true) => {
                let bytes = self.exchange.outgoing(event.value, revision);
                self.push("MODIFIED", bytes);
            }
            (true, false) => {
                // What left is told as it was, at the version at which it left.
                let last = event.previous.filter(|_| event.kind != EventKind::Deleted);
                let bytes = match last {
                    Some(previous) => object::with_version(&object::parse(&previous), revision),
                    None => event.value,
                };
                let bytes = self.exchange.outgoing(bytes, revision);
                self.push("DELETED", bytes);
            }
        }
    }

    fn push(&mut self, name: &str, bytes: Bytes) {
        let bytes = match self.output.transform {
            Transform::None => bytes,
            Transform::Partial => partial_object(&object::parse(&bytes), self.output.transform_beta),
            Transform::Table => match self.table(&bytes) {
                Some(bytes) => bytes,
                None => return,
            },
        };
        self.waiting.push_back(line(name, &bytes));
    }

    fn table(&mut self, bytes: &[u8]) -> Option<Bytes> {
        let value = object::parse(bytes);
        let version = object::meta_text(&value, "resourceVersion").to_owned();
        let list = table::List { version: &version, ..table::List::default() };
        let with_columns = std::mem::take(&mut self.first_table);
        table::bytes(&self.exchange, &[value], list, self.output.transform_beta, with_columns).ok()
    }

    fn bookmark(&mut self, revision: u64, initial_end: bool) -> Bytes {
        let resource = &self.exchange.resource;
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            metadata["annotations"] = json!({INITIAL_END: "true"});
        }
        let bookmark = match self.output.transform {
            Transform::Partial => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": if self.output.transform_beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" },
                "metadata": metadata,
            }),
            _ => {
                json!({"kind": &*resource.kind.kind, "apiVersion": resource.api_version(), "metadata": metadata})
            }
        };
        line("BOOKMARK", &serde_json::to_vec(&bookmark).unwrap_or_default())
    }
}

/// One event as it is written on the wire.
fn line(name: &str, object: &[u8]) -> Bytes {
    let mut line = BytesMut::with_capacity(object.len() + 32);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.freeze()
}
