//! The keys that a controller has to look at.
//!
//! * A key waits at most once, however often it is added, and is never worked on twice at a time: added while it is being
//!   worked on, it waits again as soon as that ends.
//! * Order: what just changed before what is merely looked at again; then the group (the cluster) that began first; then the
//!   key that was added first. So of a thousand clusters that come at once, the first are finished while the last have not
//!   begun, instead of all being half done for the whole time.
//! * Against starving the late ones, every eighth key is simply the one that has waited longest.
//! * A failed key comes back later each time; a success forgets its failures. A key that changed while it failed comes
//!   back sooner, but never at once: the change may be its own doing.
//! * Nothing runs while nothing is due: no ticks, no polls, one timer for the earliest key that waits for its time.

mod groups;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::entropy::{Entropy, Stream};
use crate::key::Key;

pub use groups::Groups;

/// One key in this many is taken by age alone.
const TAKEN_BY_AGE: u64 = 8;

/// How urgent a key is. Urgency only ever grows while a key waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Something changed.
    Fresh,
    /// Nothing is known to have changed: a start, a full list.
    Resync,
}

/// How long a failed key waits: `first`, doubling up to `longest`, each made longer by up to `jitter` times itself.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this, jitter aside.
    pub longest: Duration,
    /// The share of itself by which a wait may grow.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(60), jitter: 0.2 }
    }
}

impl Backoff {
    fn wait(&self, failures: u32, stream: &mut Stream) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        stream.jitter(self.first.saturating_mul(1 << doublings).min(self.longest), self.jitter)
    }
}

type GroupFunction = Arc<dyn Fn(&Key) -> Key + Send + Sync>;

/// A queue of keys. Clones share it; one of them takes keys out, all may add.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Wakes the taker: there may be something to take, or an earlier time to wait for.
    changed: Notify,
    clock: Clock,
    groups: Groups,
    group_of: Option<GroupFunction>,
    backoff: Backoff,
}

struct State {
    items: BTreeMap<Key, Item>,
    /// What can be taken, most urgent first.
    waiting: BTreeMap<Rank, Key>,
    /// The same by age.
    by_age: BTreeMap<u64, Rank>,
    /// What waits for its time.
    delayed: BTreeMap<(Timestamp, u64), Key>,
    arrivals: u64,
    taken: u64,
    jitter: Stream,
    closed: bool,
    groups: Groups,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    priority: Priority,
    group: u64,
    arrival: u64,
}

/// What is known of a key that waits, is worked on, is delayed or has failed.
#[derive(Default)]
struct Item {
    rank: Option<Rank>,
    due: Option<(Timestamp, u64)>,
    running: bool,
    /// Added while running.
    again: Option<Priority>,
    failures: u32,
}

impl Item {
    fn is_idle(&self) -> bool {
        self.rank.is_none() && self.due.is_none() && !self.running && self.failures == 0
    }
}

/// What came of working on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is as it should be until something changes.
    Settled,
    /// It has to be looked at again at this time.
    At(Timestamp),
    /// It failed.
    Failed,
}

enum Taken {
    Key(Key),
    Until(Timestamp),
    Nothing,
    Closed,
}

impl Queue {
    /// An empty queue for the controller `name`, in which every key is its own group.
    pub fn new(name: &str, clock: &Clock, entropy: &Entropy) -> Self {
        Self::with_groups(name, clock, entropy, Groups::new(), None)
    }

    /// An empty queue whose keys belong to the groups that `group_of` names, numbered in `groups`. `group_of` runs without
    /// a lock of the queue held and may read the cache.
    pub fn grouped(
        name: &str,
        clock: &Clock,
        entropy: &Entropy,
        groups: Groups,
        group_of: impl Fn(&Key) -> Key + Send + Sync + 'static,
    ) -> Self {
        Self::with_groups(name, clock, entropy, groups, Some(Arc::new(group_of)))
    }

    fn with_groups(
        name: &str,
        clock: &Clock,
        entropy: &Entropy,
        groups: Groups,
        group_of: Option<GroupFunction>,
    ) -> Self {
        let state = State {
            items: BTreeMap::new(),
            waiting: BTreeMap::new(),
            by_age: BTreeMap::new(),
            delayed: BTreeMap::new(),
            arrivals: 0,
            taken: 0,
            jitter: entropy.stream("queue", name),
            closed: false,
            groups: groups.clone(),
        };
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                changed: Notify::new(),
                clock: clock.clone(),
                groups,
                group_of,
                backoff: Backoff::default(),
            }),
        }
    }

    /// Adds a key, to be worked on as soon as its turn comes. A time that it waited for no longer matters.
    pub fn add(&self, key: Key, priority: Priority) {
        let group = self.group(&key);
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.add(key, priority, group);
        drop(state);
        self.inner.changed.notify_one();
    }

    /// Adds a key that waits until `time`, unless it waits for an earlier one or its turn already.
    pub fn add_at(&self, key: Key, time: Timestamp) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.delay(&key, time);
        drop(state);
        self.inner.changed.notify_one();
    }

    /// Waits for the next key. None once the queue is closed. The caller owes a [`Queue::done`]. Dropping the future loses
    /// nothing.
    pub async fn take(&self) -> Option<Key> {
        loop {
            let changed = self.inner.changed.notified();
            match self.take_now() {
                Taken::Key(key) => return Some(key),
                Taken::Closed => return None,
                Taken::Nothing => changed.await,
                Taken::Until(time) => {
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = self.inner.clock.sleep_until(time) => {}
                    }
                }
            }
        }
    }

    /// Says what came of a key that was taken.
    pub fn done(&self, key: &Key, done: Done) {
        let group = self.group(key);
        let now = self.inner.clock.now();
        let mut state = self.lock();
        let state = &mut *state;
        let Some(item) = state.items.get_mut(key) else {
            return;
        };
        item.running = false;
        let again = item.again.take();
        item.failures = if done == Done::Failed { item.failures.saturating_add(1) } else { 0 };
        let due = match done {
            Done::Settled => None,
            Done::At(time) => Some(time),
            Done::Failed => {
                let failures = if again.is_some() { 1 } else { item.failures };
                Some(now + self.inner.backoff.wait(failures, &mut state.jitter))
            }
        };
        if state.closed {
            state.items.remove(key);
        } else if let (Some(priority), false) = (again, done == Done::Failed) {
            state.add(key.clone(), priority, group);
        } else if let Some(time) = due {
            state.delay(key, time);
        } else {
            state.forget_if_idle(key);
        }
        self.inner.changed.notify_one();
    }

    /// How many keys could be taken now, of this queue and all that share its groups.
    pub fn waiting(&self) -> usize {
        self.inner.groups.waiting()
    }

    /// How many keys could be taken now, are being worked on, and wait for their time.
    pub fn depth(&self) -> Depth {
        let state = self.lock();
        let running = state.items.values().filter(|item| item.running).count();
        Depth { waiting: state.waiting.len(), running, delayed: state.delayed.len() }
    }

    /// Hands out nothing more and forgets what waits.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.groups.left(state.waiting.len());
        state.waiting.clear();
        state.by_age.clear();
        state.delayed.clear();
        state.items.retain(|_, item| item.running);
        drop(state);
        self.inner.changed.notify_one();
    }

    fn take_now(&self) -> Taken {
        let now = self.inner.clock.now();
        loop {
            let due = {
                let mut state = self.lock();
                if state.closed {
                    return Taken::Closed;
                }
                match state.delayed.first_key_value() {
                    Some((&(time, arrival), key)) if time <= now => {
                        let key = key.clone();
                        state.delayed.remove(&(time, arrival));
                        if let Some(item) = state.items.get_mut(&key) {
                            item.due = None;
                        }
                        key
                    }
                    other => {
                        let next = other.map(|((time, _), _)| *time);
                        return match (state.take(), next) {
                            (Some(key), _) => Taken::Key(key),
                            (None, Some(time)) => Taken::Until(time),
                            (None, None) => Taken::Nothing,
                        };
                    }
                }
            };
            let group = self.group(&due);
            self.lock().add(due, Priority::Fresh, group);
        }
    }

    fn group(&self, key: &Key) -> u64 {
        match &self.inner.group_of {
            Some(group_of) => self.inner.groups.number(&group_of(key)),
            None => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Could be taken now.
    pub waiting: usize,
    /// Taken and not done.
    pub running: usize,
    /// Wait for their time.
    pub delayed: usize,
}

impl State {
    fn add(&mut self, key: Key, priority: Priority, group: u64) {
        let arrival = self.arrivals;
        let item = self.items.entry(key.clone()).or_default();
        if item.running {
            item.again = Some(item.again.map_or(priority, |before| before.min(priority)));
            return;
        }
        if let Some(due) = item.due.take() {
            self.delayed.remove(&due);
        }
        let rank = match item.rank {
            Some(rank) if rank.priority <= priority => return,
            Some(rank) => {
                self.waiting.remove(&rank);
                Rank { priority, ..rank }
            }
            None => {
                self.arrivals += 1;
                self.groups.joined(1);
                Rank { priority, group, arrival }
            }
        };
        item.rank = Some(rank);
        self.by_age.insert(rank.arrival, rank);
        self.waiting.insert(rank, key);
    }

    fn delay(&mut self, key: &Key, time: Timestamp) {
        let item = self.items.entry(key.clone()).or_default();
        if item.rank.is_some() || item.again.is_some() {
            return;
        }
        if let Some(due) = item.due {
            if due.0 <= time {
                return;
            }
            self.delayed.remove(&due);
        }
        let due = (time, self.arrivals);
        self.arrivals += 1;
        item.due = Some(due);
        self.delayed.insert(due, key.clone());
    }

    fn take(&mut self) -> Option<Key> {
        let by_age = self.taken % TAKEN_BY_AGE == TAKEN_BY_AGE - 1;
        let rank = if by_age {
            self.by_age.first_key_value().map(|(_, rank)| *rank)
        } else {
            self.waiting.first_key_value().map(|(rank, _)| *rank)
        }?;
        self.taken += 1;
        self.by_age.remove(&rank.arrival);
        let key = self.waiting.remove(&rank)?;
        self.groups.left(1);
        if let Some(item) = self.items.get_mut(&key) {
            item.rank = None;
            item.running = true;
        }
        Some(key)
    }

    fn forget_if_idle(&mut self, key: &Key) {
        if self.items.get(key).is_some_and(Item::is_idle) {
            self.items.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
