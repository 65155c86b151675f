//! The order in which work that belongs together began, and how much of all work waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::key::Key;

/// Numbers groups of work (a cluster and all that belongs to it) in the order in which any queue first saw them. All queues
/// that share it agree on who comes first, and know how long all their lines are together. Clones share the numbers.
#[derive(Clone, Default)]
pub struct Groups {
    numbers: Arc<Mutex<Numbers>>,
    waiting: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Numbers {
    next: u64,
    of: BTreeMap<Key, u64>,
}

impl Groups {
    /// No group has been seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of `group`, the next free one where it is new.
    pub fn number(&self, group: &Key) -> u64 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.of.get(group) {
            return *number;
        }
        let number = numbers.next;
        numbers.next += 1;
        numbers.of.insert(group.clone(), number);
        number
    }

    /// Forgets a group that is gone, so that the numbers do not pile up.
    pub fn forget(&self, group: &Key) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).of.remove(group);
    }

    /// How many keys could be taken now, of all queues that share these groups.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// So many more keys wait.
    pub(super) fn joined(&self, count: usize) {
        self.waiting.fetch_add(count, Relaxed);
    }

    /// So many keys wait no longer.
    pub(super) fn left(&self, count: usize) {
        self.waiting.fetch_sub(count, Relaxed);
    }
}
