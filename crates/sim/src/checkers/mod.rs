//! What must hold after every write, whatever went wrong before.
//!
//! Checkers read what the server holds, beside all caches and faults.

mod duplicates;
mod leftovers;
mod quorum;

use apiserver::ApiServer;
use providers::dev::Cloud;
use serde_json::Value;

pub use leftovers::leftovers;

/// Something that must hold does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found}")]
pub struct Violation {
    /// The rule, in a few words.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

impl Violation {
    /// A broken rule.
    pub fn new(rule: &'static str, found: impl Into<String>) -> Self {
        Self { rule, found: found.into() }
    }
}

/// All checkers over one server and cloud.
#[derive(Clone)]
pub struct Checkers {
    server: ApiServer,
    cloud: Cloud,
}

impl Checkers {
    /// Checkers that read from these.
    pub fn new(server: ApiServer, cloud: Cloud) -> Self {
        Self { server, cloud }
    }

    /// Objects of a kind, as the server holds them.
    pub fn objects(&self, group: &str, plural: &str) -> Vec<Value> {
        self.server.reader().list(group, plural, None)
    }

    /// Checks everything that must hold at any moment.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), Violation> {
        duplicates::check(self)?;
        quorum::check(self)
    }
}
