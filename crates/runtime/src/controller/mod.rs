//! The loop around a reconcile: takes keys, works on several at a time, and puts each back as its outcome asks.
//!
//! A failure comes back later each time and is logged when its text changes, not each time. A panic is a failure of that one
//! key. On shutdown nothing new begins, and what has begun is finished.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument as _, debug, debug_span, error, warn};

use crate::clock::Clock;
use crate::key::Key;
use crate::queue::{Done, Queue};
use crate::shutdown::Shutdown;

/// How many keys are worked on at a time, unless told otherwise.
const WORKERS: usize = 10;

/// When a key has to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something changes.
    OnChange,
    /// At this time, or when something changes before.
    At(Timestamp),
}

/// What a controller has done so far.
#[derive(Debug, Default)]
pub struct Metrics {
    reconciles: AtomicU64,
    failures: AtomicU64,
    panics: AtomicU64,
    microseconds: AtomicU64,
}

/// A reading of [`Metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reconciles that ended.
    pub reconciles: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Those of the failures that were panics.
    pub panics: u64,
    /// Time from the beginning to the end of each, summed.
    pub duration: Duration,
}

impl Metrics {
    /// The counts now.
    pub fn read(&self) -> Counts {
        Counts {
            reconciles: self.reconciles.load(Relaxed),
            failures: self.failures.load(Relaxed),
            panics: self.panics.load(Relaxed),
            duration: Duration::from_micros(self.microseconds.load(Relaxed)),
        }
    }
}

/// A controller, ready to run.
pub struct Controller {
    name: &'static str,
    queue: Queue,
    clock: Clock,
    workers: usize,
    metrics: Arc<Metrics>,
}

/// How work on one key ended.
struct Ended {
    key: Key,
    result: Result<Next, Failure>,
    duration: Duration,
}

enum Failure {
    Error(String),
    Panic(String),
}

/// What has failed so far, so that nothing is said twice.
#[derive(Default)]
struct Complaints {
    last: BTreeMap<Key, String>,
    /// What fails now was cut short, and this process will not try it again.
    is_stopping: bool,
}

impl Controller {
    /// A controller that works on the keys of `queue`.
    pub fn new(name: &'static str, queue: Queue, clock: Clock) -> Self {
        Self { name, queue, clock, workers: WORKERS, metrics: Arc::default() }
    }

    /// Works on `workers` keys at a time; at least one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The counts, to be read while it runs.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Runs until `shutdown`, then finishes what has begun.
    pub async fn run<F, R, E>(self, reconcile: F, shutdown: Shutdown)
    where
        F: Fn(Key) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Next, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let reconcile = Arc::new(reconcile);
        let mut tasks = JoinSet::new();
        let mut complaints = Complaints::default();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                Some(ended) = tasks.join_next() => self.finish(ended, &mut complaints),
                key = self.queue.take(), if tasks.len() < self.workers => match key {
                    Some(key) => {
                        let span = debug_span!("reconcile", controller = self.name, %key);
                        tasks.spawn(work(Arc::clone(&reconcile), key, self.clock.clone()).instrument(span));
                    }
                    None => break,
                },
            }
        }
        self.queue.close();
        complaints.is_stopping = true;
        while let Some(ended) = tasks.join_next().await {
            self.finish(ended, &mut complaints);
        }
    }

    fn finish(&self, ended: Result<Ended, JoinError>, complaints: &mut Complaints) {
        let Ok(Ended { key, result, duration }) = ended else {
            // Tasks are not aborted, and panics are caught inside them.
            error!(controller = self.name, "a reconcile was lost");
            return;
        };
        self.metrics.reconciles.fetch_add(1, Relaxed);
        self.metrics.microseconds.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Relaxed);
        let done = match result {
            Ok(next) => {
                complaints.last.remove(&key);
                match next {
                    Next::OnChange => Done::Settled,
                    Next::At(time) => Done::At(time),
                }
            }
            Err(failure) => {
                self.metrics.failures.fetch_add(1, Relaxed);
                self.complain(&key, failure, complaints);
                Done::Failed
            }
        };
        self.queue.done(&key, done);
    }

    fn complain(&self, key: &Key, failure: Failure, complaints: &mut Complaints) {
        let text = match failure {
            Failure::Panic(text) => {
                self.metrics.panics.fetch_add(1, Relaxed);
                error!(controller = self.name, %key, panic = text, "a reconcile panicked");
                text
            }
            Failure::Error(text) if complaints.is_stopping => {
                debug!(controller = self.name, %key, error = text, "cut short by stopping");
                return;
            }
            Failure::Error(text) if complaints.last.get(key) == Some(&text) => {
                debug!(controller = self.name, %key, error = text, "still failing");
                return;
            }
            Failure::Error(text) => {
                warn!(controller = self.name, %key, error = text, "failed, will be tried again");
                text
            }
        };
        complaints.last.insert(key.clone(), text);
    }
}

async fn work<F, R, E>(reconcile: Arc<F>, key: Key, clock: Clock) -> Ended
where
    F: Fn(Key) -> R,
    R: Future<Output = Result<Next, E>>,
    E: Display,
{
    let began = clock.now();
    // What a reconcile shares with others is behind locks that ignore poisoning, and half done work is found by the next
    // look; so going on after a panic is as safe as after an error.
    let attempt = AssertUnwindSafe(async { reconcile(key.clone()).await }).catch_unwind().await;
    let result = match attempt {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(error)) => Err(Failure::Error(error.to_string())),
        Err(payload) => Err(Failure::Panic(panic_text(&*payload))),
    };
    Ended { key, result, duration: clock.since(began) }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests;
