//! What goes in and what comes out.

use std::sync::Arc;

use bytes::Bytes;

/// One key with its present value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique in its store.
    pub key: Arc<str>,
    /// As the writer gave it.
    pub value: Bytes,
    /// Revision of the write that made the key come into being.
    pub created: u64,
    /// Revision of the newest write.
    pub modified: u64,
}

/// All entries under a prefix as they were at one revision, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The snapshot's revision: a watch after it misses nothing and repeats nothing.
    pub revision: u64,
    /// In ascending key order (byte-wise).
    pub entries: Vec<Entry>,
}

/// What must be true of the key for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Any,
    /// The key does not exist.
    Absent,
    /// The key exists and its newest write has this revision.
    Revision(u64),
}

impl Precondition {
    pub(crate) fn holds(self, current: Option<&Record>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Revision(revision) => current.is_some_and(|record| record.modified == revision),
        }
    }
}

/// What a write does to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Create or replace.
    Put(Bytes),
    /// Remove. `last` is what watchers are told: the last state, carrying the revision of the removal.
    Delete {
        /// The value of the deletion's event.
        last: Bytes,
    },
}

impl Change {
    pub(crate) fn value(&self) -> &Bytes {
        match self {
            Self::Put(value) | Self::Delete { last: value } => value,
        }
    }
}

/// Answer to a write that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The write's own revision.
    pub revision: u64,
    /// What was written; for a deletion, what watchers were told.
    pub value: Bytes,
    /// What the write replaced or removed.
    pub previous: Option<Entry>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The key did not exist before.
    Created,
    /// The key had another value before.
    Modified,
    /// The key is gone.
    Deleted,
}

/// One write, as watchers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The write's revision; one event per revision.
    pub revision: u64,
    /// The key written.
    pub key: Arc<str>,
    /// What happened.
    pub kind: EventKind,
    /// The new value; for a deletion, the last state as given by the writer.
    pub value: Bytes,
    /// The value before, where there was one: lets a filtering watcher tell whether its client knows the
    /// object.
    pub previous: Option<Bytes>,
}

/// A value with its revisions, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub value: Bytes,
    pub created: u64,
    pub modified: u64,
}

impl Record {
    pub fn entry(&self, key: &Arc<str>) -> Entry {
        Entry {
            key: Arc::clone(key),
            value: self.value.clone(),
            created: self.created,
            modified: self.modified,
        }
    }
}

/// A write whose revision is decided: what the log stores and the view then applies.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub key: Arc<str>,
    pub revision: u64,
    pub change: Change,
    pub previous: Option<Record>,
}

impl Write {
    /// Revision of the write that created the key; this one, if the key is new.
    pub fn created(&self) -> u64 {
        self.previous.as_ref().map_or(self.revision, |record| record.created)
    }

    /// What the key holds once this write is done; none after a deletion.
    pub fn outcome(&self) -> Option<Record> {
        match &self.change {
            Change::Put(value) => {
                Some(Record { value: value.clone(), created: self.created(), modified: self.revision })
            }
            Change::Delete { .. } => None,
        }
    }

    /// Bytes that waiting for the disk costs.
    pub fn size_bytes(&self) -> usize {
        self.key.len() + self.change.value().len()
    }
}
