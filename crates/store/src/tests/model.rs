//! Random writes, crashes and failing disks against a map: nothing acknowledged is lost, nothing refused is
//! seen, revisions only grow.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::join_all;
use proptest::prelude::*;

use super::block_on;
use super::crash::FaultyDisk;
use crate::{Change, CommitError, Database, EventKind, Options, Precondition, Store, Watch};

#[derive(Clone, Debug)]
enum Step {
    /// Writers that do not wait for each other.
    Write(Vec<Attempt>),
    /// The disk fails after so many operations.
    FailAfter(u64),
    /// Power loss; bit by bit, which unsynced writes survive, and a new start.
    Crash(u64),
    /// An orderly end and a new start.
    Restart,
    Compact(u64),
}

#[derive(Clone, Debug)]
struct Attempt {
    key: String,
    value: Option<Vec<u8>>,
    absent_only: bool,
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let value = prop::option::weighted(0.75, prop::collection::vec(any::<u8>(), 0..3000));
    ("[ab]/[abcd]", value, prop::bool::weighted(0.2)).prop_map(|(key, value, absent_only)| Attempt {
        key,
        value,
        absent_only,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => prop::collection::vec(attempts(), 1..8).prop_map(Step::Write),
        1 => (0_u64..40).prop_map(Step::FailAfter),
        2 => any::<u64>().prop_map(Step::Crash),
        1 => Just(Step::Restart),
        1 => (0_u64..30).prop_map(Step::Compact),
    ];
    prop::collection::vec(step, 1..25)
}

type State = BTreeMap<String, (Bytes, u64, u64)>;

/// What must be there, and what may be.
#[derive(Default)]
struct Model {
    states: BTreeMap<u64, State>,
    revision: u64,
    /// Refused because the disk failed, in revision order: on disk from the first on, or not.
    doubtful: Vec<(u64, String, Option<Bytes>)>,
}

impl Model {
    fn state(&self) -> State {
        self.states.get(&self.revision).cloned().unwrap_or_default()
    }

    fn write(&mut self, revision: u64, key: &str, value: Option<Bytes>) {
        assert_eq!(revision, self.revision + 1, "revisions are taken in order, without gaps");
        let mut state = self.state();
        let created = state.get(key).map_or(revision, |(_, created, _)| *created);
        match value {
            Some(value) => state.insert(key.to_owned(), (value, created, revision)),
            None => state.remove(key),
        };
        self.states.insert(revision, state);
        self.revision = revision;
    }

    /// After a start: follows the store through as many doubtful writes as it kept.
    fn recover(&mut self, store: &Store) {
        for (revision, key, value) in std::mem::take(&mut self.doubtful) {
            if revision <= store.revision() {
                self.write(revision, &key, value);
            }
        }
        self.check(store);
    }

    fn check(&self, store: &Store) {
        assert_eq!(store.revision(), self.revision);
        assert_eq!(listed(&store.list("").entries), self.state());
        for revision in store.oldest_revision()..self.revision {
            let expected = self.states.get(&revision).cloned().unwrap_or_default();
            assert_eq!(listed(&store.list_at("", revision).unwrap().entries), expected, "at {revision}");
        }
    }
}

fn listed(entries: &[crate::Entry]) -> State {
    let row =
        |entry: &crate::Entry| (entry.key.to_string(), (entry.value.clone(), entry.created, entry.modified));
    entries.iter().map(row).collect()
}

struct Run {
    disk: FaultyDisk,
    database: Database,
    store: Store,
    watch: Watch,
    model: Model,
}

impl Run {
    fn new() -> Self {
        let disk = FaultyDisk::default();
        let database = disk.open(Options::default()).unwrap();
        let store = database.store("main").unwrap();
        let watch = store.watch("a/", 1).unwrap();
        Self { disk, database, store, watch, model: Model { revision: 1, ..Model::default() } }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Write(attempts) => self.write(attempts).await,
            Step::FailAfter(operations) => self.disk.fail_after(Some(operations)),
            Step::Crash(survivors) => {
                // The old process is gone in the middle of whatever it did; what it has of the disk is a
                // copy.
                let mut bits = survivors;
                let disk = self.disk.crash(|| {
                    bits = bits.rotate_left(1);
                    bits & 1 == 1
                });
                self.start(disk);
            }
            Step::Restart => {
                let _failed_before = self.database.clone().close().await;
                self.start(self.disk.crash(|| true));
            }
            Step::Compact(before) => self.store.compact(before),
        }
        self.model.check(&self.store);
    }

    fn start(&mut self, disk: FaultyDisk) {
        self.database = disk.open(Options::default()).unwrap();
        self.disk = disk;
        self.store = self.database.store("main").unwrap();
        self.model.recover(&self.store);
        self.watch = self.store.watch("a/", self.store.revision()).unwrap();
    }

    async fn write(&mut self, attempts: Vec<Attempt>) {
        // Who was given a revision last: a deletion of what turned out to be gone is given one too, and leaves it to the next.
        let taken = std::sync::Mutex::new(BTreeMap::new());
        let outcomes = join_all(attempts.into_iter().enumerate().map(|(number, attempt)| {
            let (store, taken) = (&self.store, &taken);
            async move {
                let precondition = if attempt.absent_only { Precondition::Absent } else { Precondition::Any };
                let value = attempt.value.clone().map(Bytes::from);
                let change = |revision: u64| {
                    taken.lock().unwrap().insert(revision, number);
                    value.clone().map_or(Change::Delete { last: Bytes::new() }, Change::Put)
                };
                (
                    number,
                    attempt.key.clone(),
                    value.clone(),
                    store.commit(&attempt.key, precondition, change).await,
                )
            }
        }))
        .await;
        let before = self.model.state();
        let mut acknowledged = BTreeMap::new();
        for (number, key, value, outcome) in outcomes {
            match outcome {
                Ok(committed) => {
                    acknowledged.insert(committed.revision, (key, value));
                }
                Err(CommitError::Conflict { current, .. }) => {
                    let modified = current.as_ref().map(|entry| entry.modified);
                    assert!(modified <= Some(self.store.revision()), "a conflict shows only what is visible");
                }
                Err(CommitError::ReadOnly { .. }) => {
                    let taken = taken.lock().unwrap();
                    if let Some((revision, _)) = taken.iter().find(|(_, taker)| **taker == number) {
                        self.model.doubtful.push((*revision, key, value));
                    }
                }
                Err(other) => panic!("{other}"),
            }
        }
        for (revision, (key, value)) in &acknowledged {
            self.model.write(*revision, key, value.clone());
        }
        self.model.doubtful.sort_by_key(|(revision, ..)| *revision);
        self.watched(before, &acknowledged);
    }

    /// The watch has seen the acknowledged writes under its prefix, and nothing else.
    fn watched(&mut self, mut before: State, acknowledged: &BTreeMap<u64, (String, Option<Bytes>)>) {
        for (revision, (key, value)) in acknowledged {
            let previous = before.get(key).map(|(value, ..)| value.clone());
            let kind = match (value, &previous) {
                (None, _) => EventKind::Deleted,
                (Some(_), None) => EventKind::Created,
                (Some(_), Some(_)) => EventKind::Modified,
            };
            match value {
                Some(value) => before.insert(key.clone(), (value.clone(), 0, 0)),
                None => before.remove(key),
            };
            if key.starts_with("a/") {
                let event = self.watch.try_next().unwrap().expect("an acknowledged write is an event");
                assert_eq!((event.revision, event.kind, &*event.key), (*revision, kind, &**key));
                assert_eq!((event.previous, event.value), (previous, value.clone().unwrap_or_default()));
            }
        }
        assert_eq!(self.watch.try_next(), Ok(None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_on_a_faulty_disk_is_a_map_with_a_past(steps in steps()) {
        block_on(async {
            let mut run = Run::new();
            for step in steps {
                run.step(step).await;
            }
        });
    }
}
