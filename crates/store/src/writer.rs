//! The thread that writes: whatever has queued up becomes one transaction with one fsync, then is published.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::disk::{Disk, panic_message};
use crate::entry::Write;
use crate::error::CommitError;
use crate::log::{Log, Operation, Outcome};
use crate::store::Shared;
use crate::sync::lock;

/// Runs until the log is closed and empty, or the disk fails.
pub(crate) fn run(log: &Log, mut disk: Disk) {
    // Dropped last, also when unwinding: the file is free by then.
    let _finish = Finish(log);
    while let Some(batch) = log.take() {
        // A storage engine that loses its footing must cost no more than an I/O error does.
        let written = catch_unwind(AssertUnwindSafe(|| disk.write(&batch)))
            .unwrap_or_else(|panic| Err(panic_message(panic.as_ref())));
        match written {
            Ok(()) => publish(batch),
            Err(reason) => {
                let reason: Arc<str> = Arc::from(reason);
                let behind = log.fail(Arc::clone(&reason));
                refuse(batch.into_iter().chain(behind).collect(), &reason);
                break;
            }
        }
    }
    drop(disk);
}

struct Finish<'a>(&'a Log);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// What one batch holds for one store.
struct Share {
    store: Arc<Shared>,
    writes: Vec<Write>,
}

/// Publishes store by store, each in revision order, then answers: an answered write is visible.
fn publish(batch: Vec<Operation>) {
    let mut shares: BTreeMap<u64, Share> = BTreeMap::new();
    let mut answers = Vec::with_capacity(batch.len());
    for operation in batch {
        match operation {
            Operation::Write { store, write, acknowledge } => {
                let share = shares.entry(store.id).or_insert_with(|| Share { store, writes: Vec::new() });
                share.writes.push(write);
                answers.push(acknowledge);
            }
            Operation::Barrier { acknowledge } => answers.push(acknowledge),
            Operation::Behind { .. } | Operation::Drop { .. } => {}
        }
    }
    for Share { store, writes } in shares.into_values() {
        let settled: Vec<_> = writes.iter().map(|write| (Arc::clone(&write.key), write.revision)).collect();
        store.publish(writes);
        let mut pipeline = lock(&store.pipeline);
        for (key, revision) in settled {
            pipeline.settle(&key, revision);
        }
    }
    answer(answers, &Ok(()));
}

/// Nothing of a failed batch, or of what came after it, was ever visible; now it is not pending either.
fn refuse(operations: Vec<Operation>, reason: &Arc<str>) {
    let mut answers = Vec::with_capacity(operations.len());
    for operation in operations {
        match operation {
            Operation::Write { store, acknowledge, .. } => {
                lock(&store.pipeline).abandon();
                answers.push(acknowledge);
            }
            Operation::Barrier { acknowledge } => answers.push(acknowledge),
            Operation::Behind { .. } | Operation::Drop { .. } => {}
        }
    }
    answer(answers, &Err(CommitError::ReadOnly { reason: Arc::clone(reason) }));
}

fn answer(answers: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for acknowledge in answers {
        // A writer that gave up waiting needs no answer.
        let _abandoned = acknowledge.send(outcome.clone());
    }
}
