//! The thread that writes: whatever has queued up becomes one transaction with one fsync, then is published.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::disk::{Disk, Trouble, panic_message};
use crate::entry::Write;
use crate::error::CommitError;
use crate::log::{Batch, Log, Operation, Outcome};
use crate::pace::Pace;
use crate::store::Shared;
use crate::sync::{lock, read};

/// Runs until the log is closed and empty, or the disk fails.
pub(crate) fn run(log: &Log, mut disk: Disk) {
    // Dropped last, also when unwinding: the file is free by then.
    let _finish = Finish(log);
    // Written behind, and still waiting for room on the disk.
    let mut kept = Vec::new();
    let mut pace = Pace::new(Instant::now());
    while let Some(Batch { operations, awaited }) = log.take(|| pace.pause(Instant::now())) {
        pace.spend(Instant::now(), awaited);
        let batch: Vec<Operation> = std::mem::take(&mut kept).into_iter().chain(operations).collect();
        match attempt(&mut disk, &batch) {
            Ok(()) => publish(batch),
            Err(Trouble::NoRoom(reason)) => kept = refuse_for_now(log, batch, &Arc::from(reason)),
            Err(Trouble::Broken(reason)) => {
                let reason: Arc<str> = Arc::from(reason);
                let behind = log.fail(Arc::clone(&reason));
                refuse(batch.into_iter().chain(behind).collect(), &reason);
                return;
            }
        }
    }
    if let Err(Trouble::NoRoom(reason) | Trouble::Broken(reason)) = attempt(&mut disk, &kept) {
        // Whoever closes is told that something is lost.
        log.fail(Arc::from(reason));
    }
    drop(disk);
}

/// A storage engine that loses its footing must cost no more than an I/O error does.
fn attempt(disk: &mut Disk, batch: &[Operation]) -> Result<(), Trouble> {
    catch_unwind(AssertUnwindSafe(|| disk.write(batch)))
        .unwrap_or_else(|panic| Err(Trouble::Broken(panic_message(panic.as_ref()))))
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

/// There was no room: writes that somebody waits for are refused, as if they had never been asked for, and with them the
/// later ones of their stores, which were decided in the belief that they would be there. What is visible already is handed
/// back, to be written later.
fn refuse_for_now(log: &Log, batch: Vec<Operation>, reason: &Arc<str>) -> Vec<Operation> {
    let mut stores: BTreeMap<u64, Arc<Shared>> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut visible = Vec::new();
    for operation in batch {
        match operation {
            Operation::Write { store, acknowledge, .. } => {
                stores.insert(store.id, store);
                answers.push(acknowledge);
            }
            Operation::Barrier { acknowledge } => answers.push(acknowledge),
            behind @ (Operation::Behind { .. } | Operation::Drop { .. }) => visible.push(behind),
        }
    }
    for (id, store) in stores {
        // While this is held nobody decides on a write of this store.
        let mut pipeline = lock(&store.pipeline);
        for operation in log.withdraw(id) {
            if let Operation::Write { acknowledge, .. } = operation {
                answers.push(acknowledge);
            }
        }
        pipeline.begin_again(read(&store.view).revision());
    }
    answer(answers, &Err(CommitError::NoRoom { reason: Arc::clone(reason) }));
    needed(visible)
}

/// Of what is to be written behind, what still matters once all of it is written at once: the newest write of each key, and
/// nothing of a store that is dropped later. So it does not grow however long the disk stays full.
fn needed(operations: Vec<Operation>) -> Vec<Operation> {
    let mut dropped = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut needed: Vec<Operation> = Vec::with_capacity(operations.len());
    for operation in operations.into_iter().rev() {
        let matters = match &operation {
            Operation::Behind { store, write } => {
                !dropped.contains(&store.id) && seen.insert((store.id, Arc::clone(&write.key)))
            }
            Operation::Drop { id, .. } => dropped.insert(*id),
            Operation::Write { .. } | Operation::Barrier { .. } => true,
        };
        if matters {
            needed.push(operation);
        }
    }
    needed.reverse();
    needed
}

fn answer(answers: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for acknowledge in answers {
        // A writer that gave up waiting needs no answer.
        let _abandoned = acknowledge.send(outcome.clone());
    }
}
