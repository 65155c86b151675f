//! What readers see: the entries, the recent past, and who waits for the future.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::entry::{Change, Entry, Event, EventKind, Listing, Record, Write};
use crate::error::Compacted;
use crate::history::{History, Past};
use crate::options::Options;
use crate::waiters::{Waiter, Waiters};

/// Revision of a store in which nothing was ever written. Not 0, so that 0 is free to mean "no revision" to
/// callers.
pub(crate) const EMPTY_REVISION: u64 = 1;

pub(crate) type Entries = BTreeMap<Arc<str>, Record>;

/// Everything here is published: in a durable store, nothing enters before it is on disk.
#[derive(Debug)]
pub(crate) struct View {
    entries: Entries,
    revision: u64,
    history: History,
    waiters: Waiters,
    ended: bool,
}

impl View {
    /// A store in which nothing was ever written: its whole past is known.
    pub fn empty(options: &Options) -> Self {
        Self::new(Entries::new(), EMPTY_REVISION, History::new(0, options))
    }

    /// A store as found on disk: nothing is known of the past.
    pub fn loaded(entries: Entries, revision: u64, options: &Options) -> Self {
        Self::new(entries, revision, History::new(revision, options))
    }

    fn new(entries: Entries, revision: u64, history: History) -> Self {
        Self { entries, revision, history, waiters: Waiters::default(), ended: false }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn floor(&self) -> u64 {
        self.history.floor()
    }

    pub fn get(&self, key: &str) -> Option<(&Arc<str>, &Record)> {
        self.entries.get_key_value(key)
    }

    pub fn list(&self, prefix: &str) -> Listing {
        let entries = self.under(prefix).map(|(key, record)| record.entry(key)).collect();
        Listing { revision: self.revision, entries }
    }

    /// The first event of a key after `revision` tells what the key held at `revision`; keys without one
    /// still hold it.
    pub fn list_at(&self, prefix: &str, revision: u64) -> Result<Listing, Compacted> {
        if revision >= self.revision {
            return Ok(self.list(prefix));
        }
        self.check_known(revision)?;
        let mut changed: BTreeMap<&str, Option<Entry>> = BTreeMap::new();
        for Past { event, previous } in self.history.from(revision + 1) {
            if event.key.starts_with(prefix) {
                let before = || previous.as_ref().map(|record| record.entry(&event.key));
                changed.entry(&event.key).or_insert_with(before);
            }
        }
        let unchanged = self.under(prefix).filter(|(key, _)| !changed.contains_key(&***key));
        let mut entries: Vec<Entry> = unchanged.map(|(key, record)| record.entry(key)).collect();
        entries.extend(changed.into_values().flatten());
        entries.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(Listing { revision, entries })
    }

    /// Makes one write visible. Adds to `wake` whoever must be told once the lock on the view is released.
    pub fn apply(&mut self, write: Write, wake: &mut Vec<Arc<Waiter>>) {
        if self.ended {
            return;
        }
        let kind = match (&write.change, &write.previous) {
            (Change::Delete { .. }, _) => EventKind::Deleted,
            (Change::Put(_), Some(_)) => EventKind::Modified,
            (Change::Put(_), None) => EventKind::Created,
        };
        match write.outcome() {
            Some(record) => {
                self.entries.insert(Arc::clone(&write.key), record);
            }
            None => {
                self.entries.remove(&write.key);
            }
        }
        self.revision = write.revision;
        self.waiters.mark(&write.key, write.revision, wake);
        let Write { key, revision, change, previous } = write;
        let (Change::Put(value) | Change::Delete { last: value }) = change;
        let before = previous.as_ref().map(|record| record.value.clone());
        self.history.push(Past { event: Event { revision, key, kind, value, previous: before }, previous });
    }

    pub fn compact(&mut self, before: u64) {
        self.history.compact(before, self.revision);
    }

    /// Empties the view for good; every watch learns that its history is gone.
    pub fn end(&mut self) -> Vec<Arc<Waiter>> {
        self.ended = true;
        self.entries.clear();
        self.history.compact(u64::MAX, self.revision);
        self.waiters.all().cloned().collect()
    }

    pub fn subscribe(&mut self, prefix: &str, after: u64) -> Result<Arc<Waiter>, Compacted> {
        self.check_known(after)?;
        let first =
            self.history.from(after.saturating_add(1)).find(|past| past.event.key.starts_with(prefix));
        let waiter = Arc::new(Waiter::new(prefix, after, first.map_or(0, |past| past.event.revision)));
        self.waiters.add(Arc::clone(&waiter));
        Ok(waiter)
    }

    pub fn unsubscribe(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.remove(waiter);
    }

    /// Hands at most `limit` events to `take`, and notes in the waiter where to go on.
    pub fn fetch(&self, waiter: &Waiter, limit: usize, mut take: impl FnMut(Event)) -> Result<(), Compacted> {
        if self.ended {
            return Err(Compacted { requested: self.delivered(waiter), oldest: self.revision });
        }
        let Some(first) = waiter.unseen() else { return Ok(()) };
        self.check_known(first - 1)?;
        let mut matching = self
            .history
            .from(first)
            .map(|past| &past.event)
            .filter(|event| event.revision > waiter.after && event.key.starts_with(&*waiter.prefix));
        matching.by_ref().take(limit).for_each(|event| take(event.clone()));
        waiter.set_unseen(matching.next().map(|event| event.revision));
        Ok(())
    }

    /// The revision up to which a waiter has fetched everything that concerns it.
    pub fn delivered(&self, waiter: &Waiter) -> u64 {
        waiter.unseen().map_or(self.revision, |revision| revision - 1).max(waiter.after)
    }

    fn check_known(&self, revision: u64) -> Result<(), Compacted> {
        let oldest = self.history.floor();
        if revision < oldest || self.ended { Err(Compacted { requested: revision, oldest }) } else { Ok(()) }
    }

    fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a Arc<str>, &'a Record)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.entries.range::<str, _>(from).take_while(move |(key, _)| key.starts_with(prefix))
    }
}
