//! Where writes get their order: who comes first takes the next revision, and the next one sees what it did.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::entry::{Change, Precondition, Record, Write};
use crate::sync::read;
use crate::view::View;

/// The newest write of a key that is decided but not yet published.
#[derive(Debug)]
struct Pending {
    revision: u64,
    outcome: Option<Record>,
}

/// Writes decided but not yet published. Empty whenever nothing waits for the disk.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pending: BTreeMap<Arc<str>, Pending>,
    assigned: u64,
    pub dropped: bool,
}

/// Why a write was not decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It conflicts with what is published.
    Conflict,
    /// It conflicts with a write that may still fail: the answer is known once the disk has answered.
    Unsettled,
}

impl Pipeline {
    pub fn new(revision: u64) -> Self {
        Self { pending: BTreeMap::new(), assigned: revision, dropped: false }
    }

    /// Decides a write against everything decided before it. Takes no revision yet: see [`Pipeline::assign`].
    ///
    /// The view is not kept locked while `change` runs. Nothing is missed by that: a key without a pending
    /// write is published to only by whoever holds the pipeline, and one with a pending write is judged by
    /// that.
    pub fn decide(
        &self,
        view: &RwLock<View>,
        key: &str,
        precondition: Precondition,
        change: impl FnOnce(u64) -> Change,
    ) -> Result<Write, Refused> {
        let published = read(view).get(key).map(|(key, record)| (Arc::clone(key), record.clone()));
        let pending = self.pending.get_key_value(key);
        let current = match pending {
            Some((_, pending)) => pending.outcome.as_ref(),
            None => published.as_ref().map(|(_, record)| record),
        };
        let refused = if pending.is_some() { Refused::Unsettled } else { Refused::Conflict };
        if !precondition.holds(current) {
            return Err(refused);
        }
        let revision = self.assigned + 1;
        let change = change(revision);
        if current.is_none() && matches!(change, Change::Delete { .. }) {
            return Err(refused);
        }
        let previous = current.cloned();
        let known = published.map(|(key, _)| key).or_else(|| pending.map(|(key, _)| Arc::clone(key)));
        let key = known.unwrap_or_else(|| Arc::from(key));
        Ok(Write { key, revision, change, previous })
    }

    /// Takes the revision of a decided write for good.
    pub fn assign(&mut self, revision: u64) {
        self.assigned = revision;
    }

    /// Lets later writes see a write that waits for the disk.
    pub fn hold(&mut self, key: Arc<str>, revision: u64, outcome: Option<Record>) {
        self.pending.insert(key, Pending { revision, outcome });
    }

    /// The write is published; unless the key was written again since, the view now says it all.
    pub fn settle(&mut self, key: &str, revision: u64) {
        if self.pending.get(key).is_some_and(|pending| pending.revision == revision) {
            self.pending.remove(key);
        }
    }

    /// The disk failed: whatever was held will never be published.
    pub fn abandon(&mut self) {
        self.pending.clear();
    }

    /// There was no room for what was held: it will never be published, and its revisions are free for others.
    pub fn begin_again(&mut self, published: u64) {
        self.pending.clear();
        self.assigned = published;
    }
}
