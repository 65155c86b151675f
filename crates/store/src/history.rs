//! The recent past of one store: bounded, gapless, newest last.

use std::collections::VecDeque;

use crate::entry::{Event, Record};
use crate::options::Options;

/// What an event costs beyond its bytes, roughly.
const EVENT_OVERHEAD_BYTES: usize = std::mem::size_of::<Past>();

/// An event, and what it takes to undo it.
#[derive(Debug)]
pub(crate) struct Past {
    pub event: Event,
    pub previous: Option<Record>,
}

impl Past {
    fn size_bytes(&self) -> usize {
        let previous = self.previous.as_ref().map_or(0, |record| record.value.len());
        EVENT_OVERHEAD_BYTES + self.event.key.len() + self.event.value.len() + previous
    }
}

/// Invariant: the revisions of `events` are consecutive, and all events after `floor` are present.
#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Past>,
    floor: u64,
    size_bytes: usize,
    limit_events: usize,
    limit_bytes: usize,
}

impl History {
    /// A past of which nothing at or before `floor` is known.
    pub fn new(floor: u64, options: &Options) -> Self {
        Self {
            events: VecDeque::new(),
            floor,
            size_bytes: 0,
            limit_events: options.history_events.max(1),
            limit_bytes: options.history_bytes,
        }
    }

    /// The oldest revision after which nothing is missing.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    pub fn push(&mut self, past: Past) {
        self.size_bytes += past.size_bytes();
        self.events.push_back(past);
        while self.events.len() > self.limit_events
            || (self.size_bytes > self.limit_bytes && self.events.len() > 1)
        {
            self.forget_oldest();
        }
    }

    /// Forgets every event whose revision is lower than `before`.
    pub fn compact(&mut self, before: u64, newest: u64) {
        while self.events.front().is_some_and(|past| past.event.revision < before) {
            self.forget_oldest();
        }
        self.floor = self.floor.max(before.saturating_sub(1).min(newest));
        if self.events.is_empty() {
            self.events.shrink_to_fit();
        }
    }

    /// All events with a revision of at least `from`, oldest first.
    pub fn from(&self, from: u64) -> impl DoubleEndedIterator<Item = &Past> {
        let first = self.events.front().map_or(from, |past| past.event.revision);
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX).min(self.events.len());
        self.events.range(skip..)
    }

    fn forget_oldest(&mut self) {
        if let Some(past) = self.events.pop_front() {
            self.size_bytes -= past.size_bytes();
            self.floor = past.event.revision;
        }
    }
}
