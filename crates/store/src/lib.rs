//! Key to bytes with revisions, history and compaction, durable or in memory.
//!
//! ```text
//!            commit ---> pipeline ---> log queue ---> writer thread ---> disk (redb)
//!                        (order,       (durable       (one transaction,
//!                         conflicts)    mode only)     one fsync per batch)
//!                                                          |
//!   get, list, watch <--- view <------ publish ------------+
//!                         (entries, history, waiters)
//! ```
//!
//! A [`Database`] is one file, or no file at all; it holds any number of named [`Store`]s. A store has one
//! revision counter: each write takes the next number, is one [`Event`], and becomes visible in revision
//! order. In a durable store a write is visible to readers only once it is on disk, while the precondition of
//! a later write already takes it into account, so that two writers never both win.
//!
//! `docs/design/store.md` has the layout on disk, the commit protocol and what is assumed of the disk.
//!
//! Deliberately absent: bytes only: no JSON, no kinds, no network. No transactions over several keys. No
//! clock: what expires, and when history is compacted, is decided by the caller; only the rhythm of commits (`pace.rs`) measures
//! time, and nothing that is stored or answered depends on it. No retries: once the disk has failed, nothing more is written
//! until the file is opened anew.

mod database;
mod disk;
mod entry;
mod error;
mod history;
mod log;
mod options;
mod pace;
mod pipeline;
mod place;
mod store;
mod sync;
mod view;
mod waiters;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use entry::{Change, Committed, Entry, Event, EventKind, Listing, Precondition};
pub use error::{Closed, CommitError, Compacted, OpenError};
pub use options::{Durability, Options};
pub use store::Store;
pub use watch::Watch;
