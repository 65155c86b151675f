//! What happened, write by write. Two runs of one seed have the same trace.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// One write that reached the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds of virtual time since the start.
    pub at_milliseconds: i64,
    /// Method and path.
    pub request: String,
    /// The status code it was answered with.
    pub code: u16,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9} ms  {}  {}", self.at_milliseconds, self.code, self.request)
    }
}

/// The trace of a run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Trace {
    /// Adds an entry.
    pub fn record(&self, entry: Entry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// How many writes there were so far.
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last `count` entries, for a failure's report.
    pub fn tail(&self, count: usize) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries[entries.len().saturating_sub(count)..].to_vec()
    }
}
