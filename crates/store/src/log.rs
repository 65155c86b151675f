//! The queue between writers and the one thread that writes to disk.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::entry::Write;
use crate::error::CommitError;
use crate::store::Shared;
use crate::sync::lock;

/// How long writes that nobody waits for gather before they are written.
const BEHIND: Duration = Duration::from_millis(5);
/// So many operations, or bytes, are written without any further gathering.
const MANY: usize = 256;
const MANY_BYTES: usize = 1 << 20;

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

    /// Whether somebody waits for it.
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Barrier { .. })
    }
}

/// What the thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Nothing: it is at work, and looks by itself.
    Nothing,
    /// Any operation.
    Any,
    /// One that somebody waits for, or many.
    Awaited,
    /// Many.
    Many,
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
    /// How many of the operations somebody waits for.
    awaited: usize,
    wanted: Wanted,
    phase: Phase,
    /// The thread has let go of the file.
    finished: bool,
    closers: Vec<oneshot::Sender<()>>,
}

impl Queue {
    fn holds(&self, wanted: Wanted) -> bool {
        let many = self.operations.len() >= MANY || self.size_bytes >= MANY_BYTES;
        match wanted {
            Wanted::Nothing => false,
            Wanted::Any => !self.operations.is_empty(),
            Wanted::Awaited => self.awaited > 0 || many,
            Wanted::Many => many,
        }
    }

    fn take(&mut self) -> Vec<Operation> {
        (self.size_bytes, self.awaited) = (0, 0);
        std::mem::take(&mut self.operations)
    }
}

/// What the thread is given to do.
#[derive(Debug)]
pub(crate) struct Batch {
    pub operations: Vec<Operation>,
    /// How many of them somebody waits for.
    pub awaited: usize,
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
        let (phase, wanted) = (Phase::Open, Wanted::Nothing);
        let queue = Queue { operations, size_bytes: 0, awaited: 0, wanted, phase, finished: false, closers };
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
        queue.awaited += usize::from(operation.is_awaited());
        queue.operations.push(operation);
        let size_bytes = queue.size_bytes;
        let wakes = queue.holds(queue.wanted);
        drop(queue);
        if wakes {
            self.arrived.notify_one();
        }
        Ok(size_bytes)
    }

    /// The receiver hears once everything accepted so far is on disk and published, or refused.
    pub fn barrier(&self) -> Result<oneshot::Receiver<Outcome>, CommitError> {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.push(Operation::Barrier { acknowledge })?;
        Ok(acknowledged)
    }

    /// For the thread: waits for operations and takes all of them; none once the log is closed and empty. Unless one alone
    /// is waited for, or there are many, they gather for as long as `pause` says then.
    pub fn take(&self, pause: impl FnOnce() -> Duration) -> Option<Batch> {
        let mut queue = self.wait(lock(&self.queue), Wanted::Any, Duration::MAX);
        if queue.awaited == 0 {
            queue = self.wait(queue, Wanted::Awaited, BEHIND);
        }
        if queue.awaited > 1 {
            queue = self.wait(queue, Wanted::Many, pause());
        }
        let (awaited, operations) = (queue.awaited, queue.take());
        (!operations.is_empty()).then_some(Batch { operations, awaited })
    }

    /// Until what is wanted is there, the time is over, or the log no longer open.
    fn wait<'a>(
        &self,
        mut queue: MutexGuard<'a, Queue>,
        wanted: Wanted,
        longest: Duration,
    ) -> MutexGuard<'a, Queue> {
        queue.wanted = wanted;
        let lacks = |queue: &mut Queue| !queue.holds(wanted) && matches!(queue.phase, Phase::Open);
        let mut queue = match longest {
            Duration::MAX => self.arrived.wait_while(queue, lacks).unwrap_or_else(PoisonError::into_inner),
            longest => {
                let waited = self.arrived.wait_timeout_while(queue, longest, lacks);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        queue.wanted = Wanted::Nothing;
        queue
    }

    /// For the thread: takes back the writes of one store that were accepted but never begun. The caller holds the store's
    /// pipeline, so that no more of them arrive.
    pub fn withdraw(&self, id: u64) -> Vec<Operation> {
        let mut queue = lock(&self.queue);
        let (withdrawn, kept) = std::mem::take(&mut queue.operations)
            .into_iter()
            .partition(|operation| matches!(operation, Operation::Write { store, .. } if store.id == id));
        queue.operations = kept;
        queue.awaited = queue.operations.iter().filter(|operation| operation.is_awaited()).count();
        queue.size_bytes = queue.operations.iter().map(Operation::size_bytes).sum();
        withdrawn
    }

    /// For the thread: accepts nothing more, and hands out what was accepted but never begun.
    pub fn fail(&self, reason: Arc<str>) -> Vec<Operation> {
        let mut queue = lock(&self.queue);
        queue.phase = Phase::Failed(reason);
        queue.take()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(86_400);

    fn log_with(barriers: usize) -> Log {
        let log = Log::new();
        (0..barriers).for_each(|_| drop(log.barrier().unwrap()));
        log
    }

    /// How much is taken although shared commits are a day away.
    fn taken_early(log: &Log) -> (usize, usize) {
        let batch = log.take(|| NEVER).unwrap();
        (batch.operations.len(), batch.awaited)
    }

    #[test]
    fn what_one_alone_waits_for_is_taken_at_once() {
        assert_eq!(taken_early(&log_with(1)), (1, 1));
    }

    #[test]
    fn many_are_taken_at_once() {
        assert_eq!(taken_early(&log_with(MANY)), (MANY, MANY));
    }

    #[test]
    fn a_log_that_closes_gathers_no_more() {
        let log = log_with(2);
        log.begin_close();
        assert_eq!(taken_early(&log), (2, 2));
        assert!(log.take(|| NEVER).is_none());
    }

    #[test]
    fn several_are_taken_together_once_it_is_time() {
        let log = log_with(3);
        let batch = log.take(|| Duration::ZERO).unwrap();
        assert_eq!((batch.operations.len(), batch.awaited), (3, 3));
    }

    #[test]
    fn what_nobody_waits_for_goes_with_the_first_that_somebody_does() {
        let log = Arc::new(log_with(0));
        log.push(Operation::Drop { id: 1, name: "a".into() }).unwrap();
        let thread = std::thread::spawn({
            let log = Arc::clone(&log);
            move || log.take(|| NEVER).unwrap().operations.len()
        });
        let acknowledged = log.barrier().unwrap();
        let taken = thread.join().unwrap();
        // The thread may have come first and gone without: then the barrier is still there.
        assert!(taken == 2 || taken_early(&log) == (1, 1));
        drop(acknowledged);
    }
}
