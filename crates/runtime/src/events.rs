//! Kubernetes Events: what happened to an object, for people who run `kubectl describe`.
//!
//! Recording never waits and never fails a reconcile: notes go through a bounded queue to one task, and what does not fit is
//! counted and dropped. The same note again raises the count of the Event that is there. An object that talks too much is
//! cut short: 25 writes at once, then one in five minutes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::json;
use tokio::sync::mpsc;
use tracing::debug;

use crate::client::{Call, Client, Error, Verb};
use crate::clock::Clock;
use crate::entropy::{Entropy, Stream};
use crate::key::Key;
use crate::kind::Kind;
use crate::shutdown::Shutdown;

/// How many notes may wait to be written.
const WAITING_NOTES: usize = 1024;
/// How many notes and objects are remembered, the latest ones.
const REMEMBERED: usize = 4096;
/// How many writes an object may cause at once.
const BURST: u32 = 25;
/// How long until it may cause one more.
const REFILL: Duration = Duration::from_secs(300);
/// For how long the same note counts as the same Event.
const SAME_EVENT: Duration = Duration::from_secs(600);
/// The longest message that the API takes, in bytes.
const LONGEST_MESSAGE: usize = 1024;
/// The longest part of an object's name that goes into an Event's name.
const LONGEST_NAME: usize = 230;

/// Whether something went as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It did.
    Normal,
    /// It did not.
    Warning,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// To which object.
    pub regarding: ObjectReference,
    /// Whether that is as it should be.
    pub severity: Severity,
    /// One word in CamelCase.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// Takes notes. Clones share the task that writes them.
#[derive(Clone)]
pub struct Recorder {
    notes: mpsc::Sender<Note>,
    dropped: Arc<AtomicU64>,
}

impl Recorder {
    /// Starts the task that writes Events as `component`, until `shutdown`.
    pub fn start(
        client: Client,
        clock: Clock,
        entropy: &Entropy,
        component: &str,
        shutdown: Shutdown,
    ) -> Self {
        let (notes, waiting) = mpsc::channel(WAITING_NOTES);
        let publisher = Publisher {
            client,
            clock,
            kind: Kind::of::<Event>(),
            component: component.to_owned(),
            names: entropy.stream("event", component),
            written: Recent::default(),
            allowances: Recent::default(),
        };
        tokio::spawn(publisher.run(waiting, shutdown));
        Self { notes, dropped: Arc::default() }
    }

    /// Notes that something happened. Returns at once.
    pub fn record(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// How many notes did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

struct Publisher {
    client: Client,
    clock: Clock,
    kind: Kind,
    component: String,
    names: Stream,
    written: Recent<Identity, Written>,
    allowances: Recent<String, Allowance>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    object: String,
    severity: Severity,
    reason: String,
    message: String,
}

#[derive(Clone)]
struct Written {
    key: Key,
    count: i32,
    last: Timestamp,
}

#[derive(Clone)]
struct Allowance {
    left: u32,
    since: Timestamp,
}

impl Publisher {
    async fn run(mut self, mut waiting: mpsc::Receiver<Note>, shutdown: Shutdown) {
        loop {
            let note = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                note = waiting.recv() => note,
            };
            let Some(note) = note else {
                return;
            };
            if let Err(error) = self.publish(note).await {
                debug!(%error, "an event was not written");
            }
        }
    }

    async fn publish(&mut self, note: Note) -> Result<(), Error> {
        let now = self.clock.now();
        if !self.allow(&object_of(&note), now) {
            return Ok(());
        }
        let identity = Identity {
            object: object_of(&note),
            severity: note.severity,
            reason: note.reason.clone(),
            message: note.message.clone(),
        };
        if let Some(written) = self.written.get(&identity)
            && self.clock.since(written.last) < SAME_EVENT
        {
            let again =
                Written { key: written.key.clone(), count: written.count.saturating_add(1), last: now };
            match self.count(&again).await {
                Err(error) if error.is_not_found() => {}
                Ok(()) => {
                    self.written.insert(identity, again);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let key = self.create(&note, now).await?;
        self.written.insert(identity, Written { key, count: 1, last: now });
        Ok(())
    }

    /// Whether the object may cause one more write.
    fn allow(&mut self, object: &String, now: Timestamp) -> bool {
        let mut allowance =
            self.allowances.get(object).cloned().unwrap_or(Allowance { left: BURST, since: now });
        let refills = self.clock.since(allowance.since).as_secs() / REFILL.as_secs();
        if refills > 0 {
            let refills = u32::try_from(refills).unwrap_or(u32::MAX);
            allowance = Allowance { left: allowance.left.saturating_add(refills).min(BURST), since: now };
        }
        let allowed = allowance.left > 0;
        allowance.left = allowance.left.saturating_sub(1);
        self.allowances.insert(object.clone(), allowance);
        allowed
    }

    async fn count(&self, written: &Written) -> Result<(), Error> {
        let patch = json!({ "count": written.count, "lastTimestamp": Time(written.last) });
        let query = [("fieldManager", self.component.as_str())];
        let mut call = Call::new(Verb::Patch, &self.kind, &written.key);
        call.query = &query;
        call.body = patch.to_string().into();
        self.client.call(call).await.map(drop)
    }

    async fn create(&mut self, note: &Note, now: Timestamp) -> Result<Key, Error> {
        let event = self.event(note, now);
        let key = Key::of(&event.metadata);
        let query = [("fieldManager", self.component.as_str())];
        let mut call = Call::new(Verb::Create, &self.kind, &key);
        call.query = &query;
        call.body = json!(event).to_string().into();
        self.client.call(call).await?;
        Ok(key)
    }

    fn event(&mut self, note: &Note, now: Timestamp) -> Event {
        let regarding = note.regarding.name.as_deref().unwrap_or_default();
        let mut number = [0; 8];
        self.names.fill(&mut number);
        let name = format!("{}.{:016x}", shortened(regarding, LONGEST_NAME), u64::from_be_bytes(number));
        // Events about cluster-scoped objects lie in the namespace `default`.
        let namespace = note.regarding.namespace.clone().filter(|namespace| !namespace.is_empty());
        let severity = match note.severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace.unwrap_or_else(|| "default".to_owned())),
                ..ObjectMeta::default()
            },
            involved_object: note.regarding.clone(),
            reason: Some(note.reason.clone()),
            message: Some(shortened(&note.message, LONGEST_MESSAGE).to_owned()),
            type_: Some(severity.to_owned()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            source: Some(EventSource { component: Some(self.component.clone()), ..EventSource::default() }),
            reporting_component: Some(self.component.clone()),
            ..Event::default()
        }
    }
}

/// What tells objects apart: the UID, or kind and name where there is none.
fn object_of(note: &Note) -> String {
    match &note.regarding.uid {
        Some(uid) if !uid.is_empty() => uid.clone(),
        _ => {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let regarding = &note.regarding;
            format!("{}/{}/{}", part(&regarding.kind), part(&regarding.namespace), part(&regarding.name))
        }
    }
}

/// At most `longest` bytes of `text`, cut between characters.
fn shortened(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A map that forgets what was written longest ago.
struct Recent<K, V> {
    values: BTreeMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), order: BTreeMap::new(), next: 0 }
    }
}

impl<K: Ord + Clone, V> Recent<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    fn insert(&mut self, key: K, value: V) {
        let number = self.next;
        self.next += 1;
        if let Some((before, _)) = self.values.insert(key.clone(), (number, value)) {
            self.order.remove(&before);
        }
        self.order.insert(number, key);
        if self.values.len() > REMEMBERED
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::fake::Server;

    fn note(message: &str) -> Note {
        Note {
            regarding: ObjectReference {
                kind: Some("Machine".into()),
                name: Some("a".into()),
                namespace: Some("default".into()),
                uid: Some("u".into()),
                ..ObjectReference::default()
            },
            severity: Severity::Normal,
            reason: "Scaled".into(),
            message: message.into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_note_counts_up_and_floods_are_cut() {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let server = Server::new();
        let client = Client::new(server.clone(), clock.clone());
        let entropy = Entropy::seeded(1);
        let recorder = Recorder::start(client, clock.clone(), &entropy, "capi-machine", Shutdown::new());
        recorder.record(note("scaled up"));
        recorder.record(note("scaled up"));
        recorder.record(note("scaled down"));
        clock.sleep(Duration::from_secs(1)).await;
        let events = server.objects("/api/v1/namespaces/default/events");
        let mut counts: Vec<_> = events
            .iter()
            .map(|event| (event["message"].as_str().unwrap(), event["count"].as_i64().unwrap()))
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [("scaled down", 1), ("scaled up", 2)]);

        for number in 0..100 {
            recorder.record(note(&format!("number {number}")));
        }
        clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(server.objects("/api/v1/namespaces/default/events").len(), 2 + 22);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("aäb", 2), "a");
        assert_eq!(shortened("aäb", 3), "aä");
        assert_eq!(shortened("ab", 5), "ab");
    }
}
