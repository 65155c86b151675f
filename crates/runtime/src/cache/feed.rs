//! The one watch of a kind: lists, follows, and starts over where it must.
//!
//! The list is streamed (the watch begins with all objects), or read in pages where the server cannot. A broken watch goes
//! on where it stopped; a version that the server no longer has leads to a new list. Failures wait, longer each time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube_core::Status;
use tokio::sync::Notify;
use tracing::{debug, warn};

use super::decode::{Header, Line, Page};
use super::store::{AnyStore, Origin};
use crate::client::{Call, Client, Error, Verb, decode};
use crate::clock::Clock;
use crate::entropy::{Entropy, Stream};
use crate::faults::{EventFate, WatchFilter};
use crate::key::Key;
use crate::kind::Kind;
use crate::shutdown::Shutdown;
use crate::wire::Body;

/// Called when a watch failed.
pub(crate) type Interrupted = Arc<dyn Fn() + Send + Sync>;

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const WAIT_JITTER: f64 = 0.5;
/// A watch that ends sooner than this without an event counts as a failure, or a server that hangs up at once would be
/// asked again at once.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// How long past its own time a watch may be silent before its connection counts as dead.
const SILENCE_SLACK: Duration = Duration::from_secs(30);
/// By what share of itself the time of a watch grows.
const WATCH_TIME_JITTER: f64 = 0.5;
const PAGE_SIZE: &str = "500";

/// What all feeds of one server share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub client: Client,
    pub clock: Clock,
    pub entropy: Entropy,
    pub filter: Option<Arc<dyn WatchFilter>>,
    /// How long the server is asked to keep one watch open. None where the connection cannot die unnoticed.
    pub watch_time: Option<Duration>,
    /// Which of many servers this is; empty for the one that this process manages.
    pub server: String,
    /// Whether the server may be asked to begin a watch with all objects. Those of old take no notice, and then a list would
    /// never end.
    pub streams_lists: bool,
    /// Told of each interruption; where nobody is, the log is.
    pub interrupted: Option<Interrupted>,
}

/// Which objects of a kind a feed asks for.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// Those of one namespace; empty for all.
    pub namespace: &'static str,
    /// Those that this label selector matches, where all stores agree on it.
    pub labels: Option<String>,
}

/// The stores that one watch feeds: more than one where a kind is held both by type and as JSON.
pub(crate) struct Feed {
    kind: Arc<Kind>,
    collection: Key,
    labels: RwLock<Option<String>>,
    stores: RwLock<Vec<Arc<dyn AnyStore>>>,
    joined: Notify,
    /// The newest version that any watch told.
    highest: AtomicU64,
}

/// How a stretch of watching ended.
enum Ended {
    /// The stream closed; go on from where it stopped.
    Closed,
    /// The server no longer has the version; list again.
    Expired,
    /// The list is older than what was told before: the server lost its history.
    Rewound,
    /// A store joined and needs a list.
    Joined,
    /// The server does not stream lists.
    CannotStream,
    /// Something went wrong.
    Failed(String),
}

/// What the task of a feed keeps between stretches.
struct Progress {
    /// The version to go on from; none before the first list.
    version: Option<u64>,
    streams_lists: bool,
    failures: u32,
    waits: Stream,
    /// When the current stretch began, and whether it brought anything.
    began: Timestamp,
    moved: bool,
}

impl Feed {
    pub(crate) fn new(kind: Arc<Kind>, scope: Scope, store: Arc<dyn AnyStore>) -> Self {
        Self {
            kind,
            collection: Key::new(scope.namespace, ""),
            labels: RwLock::new(scope.labels),
            stores: RwLock::new(vec![store]),
            joined: Notify::new(),
            highest: AtomicU64::new(0),
        }
    }

    /// Adds a store; it is filled by a list that starts at once.
    pub(super) fn join(&self, store: Arc<dyn AnyStore>, labels: Option<&str>) {
        if self.labels().as_deref() != labels {
            // Each store leaves out what it does not want.
            *self.labels.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.stores.write().unwrap_or_else(PoisonError::into_inner).push(store);
        self.joined.notify_one();
    }

    /// Hands `text`, an object, to all stores.
    pub(super) fn absorb<'a>(
        &self,
        header: &Header<'a>,
        text: &'a str,
        origin: Origin,
    ) -> Result<(), serde_json::Error> {
        self.stores().iter().try_for_each(|store| store.absorb(header, text, origin))
    }

    /// Takes an object out of all stores: deleted by us, or found missing.
    pub(super) fn remove(&self, key: &Key, uid: &str) {
        for store in self.stores() {
            store.remove(key, uid);
        }
    }

    fn labels(&self) -> Option<String> {
        self.labels.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stores(&self) -> Vec<Arc<dyn AnyStore>> {
        self.stores.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Feeds until `shutdown`.
    pub(super) async fn run(self: Arc<Self>, around: Surroundings, shutdown: Shutdown) {
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.follow(&around) => {}
        }
    }

    /// Feeds until dropped. May be called again, with another way to the server: begins with a list.
    pub(crate) async fn follow(&self, around: &Surroundings) {
        let mut progress = Progress {
            version: None,
            streams_lists: around.streams_lists,
            failures: 0,
            waits: around.entropy.stream("watch", &self.described(around)),
            began: around.clock.now(),
            moved: false,
        };
        loop {
            self.stretch(around, &mut progress).await;
        }
    }

    /// What is watched, and where.
    fn described(&self, around: &Surroundings) -> String {
        let resource = self.kind.resource();
        if around.server.is_empty() { resource } else { format!("{resource} of {}", around.server) }
    }

    /// One list or watch, and the wait after it where it failed.
    async fn stretch(&self, around: &Surroundings, progress: &mut Progress) {
        progress.began = around.clock.now();
        progress.moved = false;
        let ended = tokio::select! {
            biased;
            () = self.joined.notified() => Ended::Joined,
            ended = self.attempt(around, progress) => ended,
        };
        let failure = match ended {
            Ended::Joined => {
                progress.version = None;
                None
            }
            Ended::CannotStream => {
                progress.streams_lists = false;
                None
            }
            Ended::Expired => {
                progress.version = None;
                self.too_short(around, progress, "the version expired")
            }
            Ended::Rewound => {
                let watch = self.described(around);
                warn!(watch, "the server's versions went backwards; reading everything anew");
                self.stores().iter().for_each(|store| store.rewind());
                progress.version = None;
                self.highest.store(0, Relaxed);
                None
            }
            Ended::Closed if progress.version.is_none() => Some("the list was cut short".to_owned()),
            Ended::Closed => self.too_short(around, progress, "the watch was closed at once"),
            Ended::Failed(reason) => Some(reason),
        };
        let Some(reason) = failure else {
            progress.failures = 0;
            return;
        };
        let wait = FIRST_WAIT.saturating_mul(1 << progress.failures.min(16)).min(LONGEST_WAIT);
        let wait = progress.waits.jitter(wait, WAIT_JITTER);
        progress.failures += 1;
        let watch = self.described(around);
        match &around.interrupted {
            Some(tell) => {
                debug!(watch, reason, ?wait, failures = progress.failures, "watch interrupted");
                tell();
            }
            None if progress.failures == 1 => debug!(watch, reason, ?wait, "watch interrupted"),
            None => warn!(watch, reason, ?wait, failures = progress.failures, "watch keeps failing"),
        }
        around.clock.sleep(wait).await;
    }

    fn too_short(&self, around: &Surroundings, progress: &Progress, reason: &str) -> Option<String> {
        let short = !progress.moved && around.clock.since(progress.began) < SHORTEST_WATCH;
        short.then(|| reason.to_owned())
    }

    async fn attempt(&self, around: &Surroundings, progress: &mut Progress) -> Ended {
        if progress.version.is_none() && !progress.streams_lists {
            return match self.list_in_pages(around).await {
                Ok(version) if version < self.highest.load(Relaxed) => Ended::Rewound,
                Ok(version) => {
                    self.highest.store(version, Relaxed);
                    progress.version = Some(version);
                    progress.moved = true;
                    Ended::Closed
                }
                Err(error) => Ended::Failed(error.to_string()),
            };
        }
        let body = match self.open(around, progress).await {
            Ok(body) => body,
            Err(error) if error.is_gone() => return Ended::Expired,
            Err(error) if progress.version.is_none() && matches!(error.code(), Some(400 | 422)) => {
                return Ended::CannotStream;
            }
            Err(error) => return Ended::Failed(error.to_string()),
        };
        let listed = progress.version.is_none().then(BTreeSet::new);
        if listed.is_some() {
            self.stores().iter().for_each(|store| store.begin_list());
        }
        Follower { feed: self, around, stores: self.stores(), progress, listed, held: None }
            .follow(body)
            .await
    }

    async fn open(&self, around: &Surroundings, progress: &mut Progress) -> Result<Body, Error> {
        let version = progress.version.map(|version| version.to_string()).unwrap_or_default();
        // Each watch lasts another time, or all would be renewed in the same second.
        let time = around.watch_time.map(|time| progress.waits.jitter(time, WATCH_TIME_JITTER));
        let seconds = time.map(|time| time.as_secs().to_string());
        let labels = self.labels();
        let mut query = vec![("watch", "true"), ("allowWatchBookmarks", "true")];
        if progress.version.is_none() {
            query.extend([("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]);
        } else {
            query.push(("resourceVersion", version.as_str()));
        }
        if let Some(seconds) = &seconds {
            query.push(("timeoutSeconds", seconds));
        }
        if let Some(labels) = &labels {
            query.push(("labelSelector", labels));
        }
        let mut call = Call::new(Verb::Watch, &self.kind, &self.collection);
        call.query = &query;
        around.client.open(call).await
    }

    async fn list_in_pages(&self, around: &Surroundings) -> Result<u64, Error> {
        let stores = self.stores();
        stores.iter().for_each(|store| store.begin_list());
        let labels = self.labels();
        let mut listed = BTreeSet::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", PAGE_SIZE)];
            if !token.is_empty() {
                query.push(("continue", token.as_str()));
            }
            if let Some(labels) = &labels {
                query.push(("labelSelector", labels));
            }
            let mut call = Call::new(Verb::List, &self.kind, &self.collection);
            call.query = &query;
            let body = around.client.call(call).await?;
            let unreadable = |source| Error::Unreadable { verb: "list", what: self.kind.resource(), source };
            let page: Page<'_> = decode(&body).map_err(unreadable)?;
            for item in page.items.unwrap_or_default() {
                listed.insert(absorb_listed(&stores, item.get()).map_err(unreadable)?);
            }
            token = page.metadata.continue_token;
            if token.is_empty() {
                let version = page.metadata.resource_version.parse().unwrap_or_default();
                stores.iter().for_each(|store| store.finish_list(version, &listed));
                return Ok(version);
            }
        }
    }
}

/// Reads one open watch.
struct Follower<'a> {
    feed: &'a Feed,
    around: &'a Surroundings,
    stores: Vec<Arc<dyn AnyStore>>,
    progress: &'a mut Progress,
    /// The keys seen so far of a list that is not complete yet.
    listed: Option<BTreeSet<Key>>,
    /// A line that a fault delivers after the next.
    held: Option<String>,
}

impl Follower<'_> {
    async fn follow(mut self, mut body: Body) -> Ended {
        let mut rest = BytesMut::new();
        loop {
            let frame = match self.next_frame(&mut body).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return self.finish(Ended::Closed),
                Err(reason) => return self.finish(Ended::Failed(reason)),
            };
            if let Err(ended) = self.lines(&mut rest, frame).await {
                return self.finish(ended);
            }
        }
    }

    /// What a fault still holds back is older than where the next watch begins, so it has to come now.
    fn finish(&mut self, ended: Ended) -> Ended {
        if let Some(held) = self.held.take() {
            return self.line(&held).err().unwrap_or(ended);
        }
        ended
    }

    async fn next_frame(&self, body: &mut Body) -> Result<Option<Bytes>, String> {
        loop {
            let next = match self.around.watch_time {
                None => body.frame().await,
                Some(time) => match tokio::time::timeout(longest_silence(time), body.frame()).await {
                    Ok(next) => next,
                    Err(_) => return Err(format!("silent for {:?}", longest_silence(time))),
                },
            };
            match next {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.to_string()),
                // Trailers say nothing that matters here.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Splits what arrived into lines. A frame of whole lines, the usual case, is not copied.
    async fn lines(&mut self, rest: &mut BytesMut, mut frame: Bytes) -> Result<(), Ended> {
        while let Some(end) = frame.iter().position(|byte| *byte == b'\n') {
            let line = frame.split_to(end);
            frame.advance(1);
            if rest.is_empty() {
                self.filtered(text(&line)?).await?;
            } else {
                rest.extend_from_slice(&line);
                let whole = rest.split().freeze();
                self.filtered(text(&whole)?).await?;
            }
        }
        rest.extend_from_slice(&frame);
        Ok(())
    }

    /// One line, after the rehearsal's filter, where there is one.
    async fn filtered(&mut self, line: &str) -> Result<(), Ended> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let Some(filter) = &self.around.filter else {
            return self.line(line);
        };
        match filter.fate(&self.feed.kind, line) {
            EventFate::Deliver => {}
            EventFate::Drop => return Ok(()),
            EventFate::Duplicate => self.line(line)?,
            EventFate::Delay(delay) => self.around.clock.sleep(delay).await,
            EventFate::Swap if self.held.is_none() => {
                self.held = Some(line.to_owned());
                return Ok(());
            }
            EventFate::Swap => {}
            EventFate::Cut => return Err(Ended::Closed),
        }
        self.line(line)?;
        match self.held.take() {
            Some(held) => self.line(&held),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Ended> {
        let event: Line<'_> = serde_json::from_str(line)
            .map_err(|error| Ended::Failed(format!("unreadable event: {error}")))?;
        let object = event.object.get();
        match event.r#type.as_ref() {
            "ADDED" | "MODIFIED" => self.changed(object),
            "DELETED" => self.deleted(object),
            "BOOKMARK" => self.bookmark(object),
            "ERROR" => Err(error_event(object)),
            other => Err(Ended::Failed(format!("unknown event type {other:?}"))),
        }
    }

    fn changed(&mut self, object: &str) -> Result<(), Ended> {
        self.progress.moved = true;
        if let Some(listed) = &mut self.listed {
            listed.insert(absorb_listed(&self.stores, object).map_err(unreadable)?);
            return Ok(());
        }
        let header = Header::read(object).map_err(unreadable)?;
        absorb_readable(&self.stores, &header, object, Origin::Watch);
        self.moved_to(header.version());
        Ok(())
    }

    fn deleted(&mut self, object: &str) -> Result<(), Ended> {
        self.progress.moved = true;
        let header = Header::read(object).map_err(unreadable)?;
        self.stores.iter().for_each(|store| store.absorb_deleted_event(&header));
        if self.listed.is_none() {
            self.moved_to(header.version());
        }
        Ok(())
    }

    fn bookmark(&mut self, object: &str) -> Result<(), Ended> {
        let header = Header::read(object).map_err(unreadable)?;
        let version = header.version();
        if !header.ends_initial_events() {
            if self.listed.is_none() {
                self.stores.iter().for_each(|store| store.advance(version));
                self.moved_to(version);
            }
            return Ok(());
        }
        let Some(listed) = self.listed.take() else {
            return Ok(());
        };
        self.progress.moved = true;
        self.progress.failures = 0;
        if version < self.feed.highest.load(Relaxed) {
            return Err(Ended::Rewound);
        }
        self.progress.version = Some(version);
        self.feed.highest.store(version, Relaxed);
        self.stores.iter().for_each(|store| store.finish_list(version, &listed));
        Ok(())
    }

    fn moved_to(&mut self, version: u64) {
        self.progress.version = self.progress.version.max(Some(version));
        self.feed.highest.fetch_max(version, Relaxed);
        self.progress.failures = 0;
    }
}

/// Takes one object of a list into all stores and returns its key. One that cannot be read is left out.
fn absorb_listed(stores: &[Arc<dyn AnyStore>], object: &str) -> Result<Key, serde_json::Error> {
    let header = Header::read(object)?;
    absorb_readable(stores, &header, object, Origin::List);
    Ok(Key::new(&header.namespace, &header.name))
}

/// An object that cannot be decoded must not stop the others: it is left out until it changes.
fn absorb_readable<'a>(stores: &[Arc<dyn AnyStore>], header: &Header<'a>, object: &'a str, origin: Origin) {
    for store in stores {
        if let Err(error) = store.absorb(header, object, origin) {
            warn!(namespace = %header.namespace, name = %header.name, %error, "an object cannot be read and is left out");
        }
    }
}

/// How long a watch that lasts about `time` may bring nothing, not even its end.
fn longest_silence(time: Duration) -> Duration {
    time.mul_f64(1.0 + WATCH_TIME_JITTER) + SILENCE_SLACK
}

fn error_event(object: &str) -> Ended {
    match serde_json::from_str::<Status>(object) {
        Ok(status) if status.code == 410 || status.reason == "Expired" || status.reason == "Gone" => {
            Ended::Expired
        }
        Ok(status) => Ended::Failed(status.message),
        Err(error) => unreadable(error),
    }
}

fn unreadable(error: serde_json::Error) -> Ended {
    Ended::Failed(format!("unreadable object: {error}"))
}

fn text(line: &[u8]) -> Result<&str, Ended> {
    std::str::from_utf8(line).map_err(|error| Ended::Failed(format!("not UTF-8: {error}")))
}
