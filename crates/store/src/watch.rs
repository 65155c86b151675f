//! A stream of events under a prefix.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::Event;
use crate::error::Compacted;
use crate::store::Shared;
use crate::sync::{read, write};
use crate::waiters::Waiter;

/// Events fetched per visit to the view: one lock for many events, and little held beyond the history's
/// limits.
const FETCH_EVENTS: usize = 32;

/// Every event under one prefix, in revision order, none missing and none twice. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    waiter: Arc<Waiter>,
    ready: VecDeque<Event>,
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, prefix: &str, after: u64) -> Result<Self, Compacted> {
        let waiter = write(&shared.view).subscribe(prefix, after)?;
        Ok(Self { shared, waiter, ready: VecDeque::new() })
    }

    /// Waits for the next event. Safe to drop half-way: no event is lost.
    ///
    /// # Errors
    /// [`Compacted`] if events were forgotten before they were fetched, because the reader was too slow for
    /// the bounded history, or if the store was dropped. The watch is over then.
    pub async fn next(&mut self) -> Result<Event, Compacted> {
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            self.waiter.wake.notified().await;
        }
    }

    /// The next event, if there is one already.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn try_next(&mut self) -> Result<Option<Event>, Compacted> {
        if self.ready.is_empty() {
            let ready = &mut self.ready;
            read(&self.shared.view).fetch(&self.waiter, FETCH_EVENTS, |event| ready.push_back(event))?;
        }
        Ok(self.ready.pop_front())
    }

    /// The revision up to which this watch has delivered everything: what a bookmark may say.
    #[must_use]
    pub fn progress(&self) -> u64 {
        match self.ready.front() {
            Some(event) => event.revision - 1,
            None => read(&self.shared.view).delivered(&self.waiter),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        write(&self.shared.view).unsubscribe(&self.waiter);
    }
}
