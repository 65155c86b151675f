//! The queue between writers and the one thread that writes to disk.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::entry::Write;
use crate::error::CommitError;
use crate::store::Shared;
use crate::sync::lock;

pub(crate) type Outcome = Result<(), CommitError>;

/// One thing for the disk to do. Operations are carried out in the order in which they were accepted.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Write, publish, answer.
    Write { store: Arc<Shared>, write: Write, acknowledge: oneshot::Sender<Outcome> },
    /// Write what is visible already.
    Behind { store: Arc<Shared>, write: Write },
    /// Remove a store with all that is in it.
    Drop { id: u64, name: Arc<str> },
    /// Answer once everything before is on disk.
    Barrier { acknowledge: oneshot::Sender<Outcome> },
}

impl Operation {
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Write { write, .. } | Self::Behind { write, .. } => write.size_bytes(),
            Self::Drop { .. } | Self::Barrier { .. } => 0,
        }
    }
}

#[derive(Debug)]
enum Phase {
    Open,
    Closing,
    Failed(Arc<str>),
}

#[derive(Debug)]
struct Queue {
    operations: Vec<Operation>,
    size_bytes: usize,
    phase: Phase,
    /// The thread has let go of the file.
    finished: bool,
    closers: Vec<oneshot::Sender<()>>,
}

/// Shared by all stores of one file and the thread that writes it.
#[derive(Debug)]
pub(crate) struct Log {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl Log {
    pub fn new() -> Self {
        let (operations, closers) = (Vec::new(), Vec::new());
        let queue = Queue { operations, size_bytes: 0, phase: Phase::Open, finished: false, closers };
        Self { queue: Mutex::new(queue), arrived: Condvar::new() }
    }

    /// Accepts an operation; answers the bytes that now wait for the disk.
    pub fn push(&self, operation: Operation) -> Result<usize, CommitError> {
        let mut queue = lock(&self.queue);
        match &queue.phase {
            Phase::Open => {}
            Phase::Closing => return Err(CommitError::Closed),
            Phase::Failed(reason) => return Err(CommitError::ReadOnly { reason: Arc::clone(reason) }),
        }
        queue.size_bytes += operation.size_bytes();
        queue.operations.push(operation);
        let size_bytes = queue.size_bytes;
        drop(queue);
        self.arrived.notify_one();
        Ok(size_bytes)
    }

    /// The receiver hears once everything accepted so far is on disk and published, or refused.
    pub fn barrier(&self) -> Result<oneshot::Receiver<Outcome>, CommitError> {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.push(Operation::Barrier { acknowledge })?;
        Ok(acknowledged)
    }

    /// For the thread: waits for operations and takes all of them; none once the log is closed and empty.
    pub fn take(&self) -> Option<Vec<Operation>> {
        let mut queue = lock(&self.queue);
        while queue.operations.is_empty() {
            if !matches!(queue.phase, Phase::Open) {
                return None;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.size_bytes = 0;
        Some(std::mem::take(&mut queue.operations))
    }

    /// For the thread: takes back the writes of one store that were accepted but never begun. The caller holds the store's
    /// pipeline, so that no more of them arrive.
    pub fn withdraw(&self, id: u64) -> Vec<Operation> {
        let mut queue = lock(&self.queue);
        let (withdrawn, kept) = std::mem::take(&mut queue.operations)
            .into_iter()
            .partition(|operation| matches!(operation, Operation::Write { store, .. } if store.id == id));
        queue.operations = kept;
        queue.size_bytes = queue.operations.iter().map(Operation::size_bytes).sum();
        withdrawn
    }

    /// For the thread: accepts nothing more, and hands out what was accepted but never begun.
    pub fn fail(&self, reason: Arc<str>) -> Vec<Operation> {
        let mut queue = lock(&self.queue);
        queue.phase = Phase::Failed(reason);
        queue.size_bytes = 0;
        std::mem::take(&mut queue.operations)
    }

    /// For the thread: its last word, once it has let go of the file.
    pub fn finish(&self) {
        let mut queue = lock(&self.queue);
        queue.finished = true;
        let closers = std::mem::take(&mut queue.closers);
        drop(queue);
        for closer in closers {
            // Whoever gave up waiting needs no answer.
            let _abandoned = closer.send(());
        }
    }

    /// Accepts nothing more; what was accepted is still carried out.
    pub fn begin_close(&self) {
        let mut queue = lock(&self.queue);
        if matches!(queue.phase, Phase::Open) {
            queue.phase = Phase::Closing;
        }
        drop(queue);
        self.arrived.notify_one();
    }

    /// Closes, and waits until all is on disk and the file is free for others.
    pub async fn close(&self) -> Outcome {
        self.begin_close();
        if let Some(finished) = self.finished() {
            // The sender lives in the queue until it is used.
            let _answered = finished.await;
        }
        match &lock(&self.queue).phase {
            Phase::Failed(reason) => Err(CommitError::ReadOnly { reason: Arc::clone(reason) }),
            Phase::Open | Phase::Closing => Ok(()),
        }
    }

    fn finished(&self) -> Option<oneshot::Receiver<()>> {
        let mut queue = lock(&self.queue);
        if queue.finished {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        queue.closers.push(sender);
        Some(receiver)
    }
}

/// Held by whoever may still write. When the last one goes, the log closes, and its thread ends after what is
/// queued.
#[derive(Debug)]
pub(crate) struct LogOwner(pub Arc<Log>);

impl Deref for LogOwner {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.0
    }
}

impl Drop for LogOwner {
    fn drop(&mut self) {
        self.0.begin_close();
    }
}
