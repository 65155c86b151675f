//! Who waits for which prefix. A write finds the watches it concerns without looking at any other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// One watch, as the publishing side knows it.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub prefix: Arc<str>,
    /// Events at or before this revision are not wanted.
    pub after: u64,
    /// Revision of the oldest event not yet fetched; 0 if there is none. Set by the publisher while it holds
    /// the view for writing, read and cleared by the watch while it holds the view for reading. A watch that
    /// nothing concerned has nothing to fetch, and so never falls behind however much was written elsewhere.
    unseen: AtomicU64,
    pub wake: Notify,
}

impl Waiter {
    pub fn new(prefix: &str, after: u64, unseen: u64) -> Self {
        Self { prefix: Arc::from(prefix), after, unseen: AtomicU64::new(unseen), wake: Notify::new() }
    }

    /// The oldest event not yet fetched.
    pub fn unseen(&self) -> Option<u64> {
        Some(self.unseen.load(Ordering::Acquire)).filter(|revision| *revision != 0)
    }

    pub fn set_unseen(&self, revision: Option<u64>) {
        self.unseen.store(revision.unwrap_or(0), Ordering::Release);
    }
}

type SamePrefix = Vec<Arc<Waiter>>;

/// Waiters by the length of their prefix, then by prefix: a key is cut to each length that occurs and looked
/// up.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    by_length: BTreeMap<usize, BTreeMap<Arc<str>, SamePrefix>>,
}

impl Waiters {
    pub fn add(&mut self, waiter: Arc<Waiter>) {
        let same_length = self.by_length.entry(waiter.prefix.len()).or_default();
        same_length.entry(Arc::clone(&waiter.prefix)).or_default().push(waiter);
    }

    pub fn remove(&mut self, waiter: &Arc<Waiter>) {
        let length = waiter.prefix.len();
        let Some(same_length) = self.by_length.get_mut(&length) else { return };
        let Some(same_prefix) = same_length.get_mut(&waiter.prefix) else { return };
        same_prefix.retain(|other| !Arc::ptr_eq(other, waiter));
        if same_prefix.is_empty() {
            same_length.remove(&waiter.prefix);
        }
        if same_length.is_empty() {
            self.by_length.remove(&length);
        }
    }

    /// Notes an event for everyone it concerns. Adds to `wake` those who had nothing to fetch until now: the
    /// others have been woken already.
    pub fn mark(&self, key: &str, revision: u64, wake: &mut Vec<Arc<Waiter>>) {
        for (length, same_length) in self.by_length.range(..=key.len()) {
            let Some(same_prefix) = key.get(..*length).and_then(|prefix| same_length.get(prefix)) else {
                continue;
            };
            for waiter in same_prefix {
                if revision > waiter.after && waiter.unseen().is_none() {
                    waiter.set_unseen(Some(revision));
                    wake.push(Arc::clone(waiter));
                }
            }
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Waiter>> {
        self.by_length.values().flat_map(BTreeMap::values).flatten()
    }
}
