//! Behaviour of the whole crate, from the outside where possible. `crash` lies about the disk, `kill` does
//! not need to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crash;
mod kill;
mod memory;
mod model;
mod open;
mod watches;

use bytes::Bytes;
use tokio::runtime::Builder;

use crate::{Change, CommitError, Committed, Entry, Precondition, Store};

/// Runs a future to its end on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

async fn put(store: &Store, key: &str, value: &str) -> Result<Committed, CommitError> {
    let value = Bytes::copy_from_slice(value.as_bytes());
    store.commit(key, Precondition::Any, move |_| Change::Put(value)).await
}

async fn delete(store: &Store, key: &str) -> Result<Committed, CommitError> {
    let last = |revision: u64| Change::Delete { last: Bytes::from(format!("deleted at {revision}")) };
    store.commit(key, Precondition::Any, last).await
}

/// Entries as `key=value`, for comparing at a glance.
fn shown(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value))).collect()
}
