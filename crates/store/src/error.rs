//! Everything that can go wrong. No message ever contains a value.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::entry::Entry;

/// Why a database file could not be opened. The file is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle in this one, has the file open.
    #[error(
        "{path}: the database is in use by another process; stop that process, or name another data directory",
        path = path.display()
    )]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// Not a database of ours, or a damaged one.
    #[error(
        "{path}: not a readable database: {reason}; restore the file from a backup, or move it away to start empty",
        path = path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a release that stores things differently.
    #[error(
        "{path}: the database has format {found}, this release reads format {known}; use the release that wrote it",
        path = path.display()
    )]
    Format {
        /// The database file.
        path: PathBuf,
        /// Format number in the file.
        found: u64,
        /// Format number that this release reads and writes.
        known: u64,
    },
    /// The operating system refused.
    #[error("{path}: cannot {action} the database: {source}", path = path.display())]
    Io {
        /// The database file, or its directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// Why a write did not happen.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The precondition does not hold, or there is nothing to delete.
    #[error("{key}: precondition failed: {}", found(current.as_ref()))]
    Conflict {
        /// The key that was to be written.
        key: String,
        /// What is stored there, acknowledged and visible.
        current: Option<Entry>,
    },
    /// The disk failed during this write or before it. Nothing more is accepted until the file is opened
    /// anew. The write is visible to nobody; if the disk failed in the middle of a commit, that commit's
    /// batch may be found whole, or not at all, when the file is opened again.
    #[error("the database is read-only because the disk failed: {reason}; repair the cause and restart")]
    ReadOnly {
        /// The first failure.
        reason: Arc<str>,
    },
    /// There was no room on the disk. Nothing of the write was kept, and nothing that was acknowledged is lost. Later writes
    /// are accepted as soon as there is room.
    #[error("there is no room on the disk: {reason}; make room, and writing goes on")]
    NoRoom {
        /// The operating system's answer.
        reason: Arc<str>,
    },
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// The store was dropped from its database.
    #[error("store {name} was dropped")]
    Dropped {
        /// The store's name.
        name: Arc<str>,
    },
}

fn found(current: Option<&Entry>) -> String {
    current.map_or_else(
        || "the key does not exist".to_owned(),
        |entry| format!("it is at revision {}", entry.modified),
    )
}

/// A revision whose history is gone: list anew, and watch from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision {requested} is too old: history begins after revision {oldest}")]
pub struct Compacted {
    /// What was asked for.
    pub requested: u64,
    /// The oldest revision that can still be asked for.
    pub oldest: u64,
}

/// The database was closed; it opens no more stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database is closed")]
pub struct Closed;
