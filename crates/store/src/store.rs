//! One named store: reads from the view, writes through the pipeline.

use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::oneshot;

use crate::entry::{Change, Committed, Entry, Listing, Precondition, Write};
use crate::error::{CommitError, Compacted};
use crate::log::{LogOwner, Operation, Outcome};
use crate::pipeline::{Pipeline, Refused};
use crate::sync::{lock, read, write};
use crate::view::View;
use crate::watch::Watch;

/// Writes that may wait for the disk behind relaxed stores before their writers are slowed down to its pace.
const RELAXED_BACKLOG_BYTES: usize = 64 << 20;

/// Where a store's writes go.
#[derive(Clone, Debug)]
pub(crate) enum Backing {
    Memory,
    Acknowledged(Arc<LogOwner>),
    Relaxed(Arc<LogOwner>),
}

/// Locks are taken in the order of the fields: pipeline, view, (log queue). Readers take only the view.
#[derive(Debug)]
pub(crate) struct Shared {
    pub pipeline: Mutex<Pipeline>,
    pub view: RwLock<View>,
    pub name: Arc<str>,
    /// Number under which the entries are found on disk; never used for another store.
    pub id: u64,
    pub backing: Backing,
}

impl Shared {
    pub fn new(name: &str, id: u64, view: View, backing: Backing) -> Self {
        let pipeline = Mutex::new(Pipeline::new(view.revision()));
        Self { pipeline, view: RwLock::new(view), name: Arc::from(name), id, backing }
    }

    /// Makes writes visible in the order given, then wakes the watches that they concern.
    pub fn publish(&self, writes: impl IntoIterator<Item = Write>) {
        let mut wake = Vec::new();
        {
            let mut view = write(&self.view);
            for write in writes {
                view.apply(write, &mut wake);
            }
        }
        for waiter in wake {
            waiter.wake.notify_one();
        }
    }

    /// Refuses all further writes and ends all watches.
    pub fn end(&self) {
        let mut pipeline = lock(&self.pipeline);
        pipeline.dropped = true;
        if let Backing::Acknowledged(log) | Backing::Relaxed(log) = &self.backing {
            // A refusal means that the log is closed or has failed: every other write will say so.
            let _refused = log.push(Operation::Drop { id: self.id, name: Arc::clone(&self.name) });
        }
        drop(pipeline);
        let waiters = write(&self.view).end();
        for waiter in waiters {
            waiter.wake.notify_one();
        }
    }
}

/// Ordered keys with one revision counter. Clones are handles to the same store and cost nothing.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

/// A write that is decided, and what remains to be waited for.
enum Decided {
    /// Visible.
    Done(Committed),
    /// Visible once the disk has it.
    Wait(Committed, oneshot::Receiver<Outcome>),
    /// It conflicts with a write whose fate the disk has yet to decide.
    Unsettled(oneshot::Receiver<Outcome>),
    /// Done, but the disk is too far behind to let this writer go on.
    Throttled(Committed, oneshot::Receiver<Outcome>),
}

impl Store {
    /// The name it was opened under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Revision of the newest visible write; 1 in a store in which nothing was ever written.
    #[must_use]
    pub fn revision(&self) -> u64 {
        read(&self.shared.view).revision()
    }

    /// The oldest revision that [`Store::watch`] and [`Store::list_at`] still accept.
    #[must_use]
    pub fn oldest_revision(&self) -> u64 {
        read(&self.shared.view).floor()
    }

    /// The present value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Entry> {
        read(&self.shared.view).get(key).map(|(key, record)| record.entry(key))
    }

    /// All entries whose key starts with `prefix`, as of one moment.
    #[must_use]
    pub fn list(&self, prefix: &str) -> Listing {
        read(&self.shared.view).list(prefix)
    }

    /// All entries whose key starts with `prefix`, exactly as they were at an earlier revision. A revision
    /// that is yet to come answers the present; [`Listing::revision`] says so.
    ///
    /// # Errors
    /// [`Compacted`] if the history does not reach back that far.
    pub fn list_at(&self, prefix: &str, revision: u64) -> Result<Listing, Compacted> {
        read(&self.shared.view).list_at(prefix, revision)
    }

    /// Writes one key. `change` is given the revision that the write will have, so that the value can carry
    /// it; it runs while other writers wait, and must not call this store.
    ///
    /// Returns once the write is visible, which in an acknowledged durable store means on disk. A future
    /// dropped half-way has either done nothing or leaves a write that will be done all the same.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] with the visible entry if the precondition does not hold or there is nothing
    /// to delete; others if nothing can be written any more.
    pub async fn commit(
        &self,
        key: &str,
        precondition: Precondition,
        change: impl FnOnce(u64) -> Change + Send,
    ) -> Result<Committed, CommitError> {
        match self.decide(key, precondition, change)? {
            Decided::Done(committed) => Ok(committed),
            Decided::Wait(committed, outcome) => settled(outcome).await.map(|()| committed),
            Decided::Unsettled(outcome) => {
                settled(outcome).await?;
                Err(self.conflict(key))
            }
            Decided::Throttled(committed, outcome) => {
                // Relaxed writes are done once visible; that the disk failed is the next writer's answer.
                let _unneeded = settled(outcome).await;
                Ok(committed)
            }
        }
    }

    /// Every event under `prefix` with a revision higher than `after`. A revision that is yet to come is
    /// waited for.
    ///
    /// History is not kept on disk: after a restart only revisions from the restart on are accepted.
    ///
    /// # Errors
    /// [`Compacted`] if the history does not reach back that far.
    pub fn watch(&self, prefix: &str, after: u64) -> Result<Watch, Compacted> {
        Watch::new(Arc::clone(&self.shared), prefix, after)
    }

    /// Forgets the events whose revision is lower than `before`. Entries stay.
    pub fn compact(&self, before: u64) {
        write(&self.shared.view).compact(before);
    }

    fn decide(
        &self,
        key: &str,
        precondition: Precondition,
        change: impl FnOnce(u64) -> Change,
    ) -> Result<Decided, CommitError> {
        let shared = &self.shared;
        let mut pipeline = lock(&shared.pipeline);
        if pipeline.dropped {
            return Err(CommitError::Dropped { name: Arc::clone(&shared.name) });
        }
        let decided = pipeline.decide(&shared.view, key, precondition, change);
        let write = match (decided, &shared.backing) {
            (Ok(write), _) => write,
            (Err(Refused::Unsettled), Backing::Acknowledged(log)) => {
                return log.barrier().map(Decided::Unsettled);
            }
            (Err(_), _) => return Err(self.conflict(key)),
        };
        let committed = committed(&write);
        match &shared.backing {
            Backing::Memory => {
                pipeline.assign(write.revision);
                shared.publish([write]);
                Ok(Decided::Done(committed))
            }
            Backing::Acknowledged(log) => {
                let (key, revision, outcome) = (Arc::clone(&write.key), write.revision, write.outcome());
                let (acknowledge, acknowledged) = oneshot::channel();
                log.push(Operation::Write { store: Arc::clone(shared), write, acknowledge })?;
                pipeline.assign(revision);
                pipeline.hold(key, revision, outcome);
                Ok(Decided::Wait(committed, acknowledged))
            }
            Backing::Relaxed(log) => {
                let backlog_bytes =
                    log.push(Operation::Behind { store: Arc::clone(shared), write: write.clone() })?;
                pipeline.assign(write.revision);
                shared.publish([write]);
                match backlog_bytes > RELAXED_BACKLOG_BYTES {
                    true => Ok(Decided::Throttled(committed, log.barrier()?)),
                    false => Ok(Decided::Done(committed)),
                }
            }
        }
    }

    fn conflict(&self, key: &str) -> CommitError {
        CommitError::Conflict { key: key.to_owned(), current: self.get(key) }
    }
}

fn committed(write: &Write) -> Committed {
    let previous = write.previous.as_ref().map(|record| record.entry(&write.key));
    Committed { revision: write.revision, value: write.change.value().clone(), previous }
}

/// The log answers every operation it has accepted; silence means that its thread is gone.
async fn settled(outcome: oneshot::Receiver<Outcome>) -> Outcome {
    outcome.await.unwrap_or(Err(CommitError::Closed))
}
