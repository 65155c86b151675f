//! What must hold, whatever went wrong before: at any moment, judged write by write ([`Checkers::check`]); at rest
//! ([`rest`]); after the end ([`leftovers`]).
//!
//! Checkers see what the server and the cloud hold, beside all caches and faults.

mod availability;
mod duplicates;
mod leftovers;
mod memory;
mod mirror;
mod quorum;
mod rest;

use std::sync::Arc;

use apiserver::ApiServer;
use jiff::Timestamp;
use providers::dev::Cloud;
use runtime::clock::Clock;
use serde_json::Value;
use store::Database;

pub use leftovers::leftovers;
pub use rest::rest;

use memory::Memory;
use mirror::Mirror;
use quorum::Quorum;

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
pub struct Checkers {
    mirror: Mirror,
    memory: Memory,
    quorum: Quorum,
    cloud: Cloud,
    clock: Clock,
}

/// What a write is judged by: the world right after it.
struct Judged<'a> {
    mirror: &'a Mirror,
    memory: &'a Memory,
    now: Timestamp,
}

impl Checkers {
    /// Checkers over a server and a cloud in which nothing has happened yet.
    ///
    /// # Errors
    /// When they cannot be followed from the start.
    pub fn new(
        server: &ApiServer,
        simulated: &Database,
        cloud: Cloud,
        clock: Clock,
    ) -> Result<Self, Violation> {
        let (mirror, quorum) = (Mirror::new(server)?, Quorum::new(simulated)?);
        Ok(Self { mirror, memory: Memory::default(), quorum, cloud, clock })
    }

    /// Objects of a kind, as of the last check.
    pub fn objects(&self, plural: &str) -> impl Iterator<Item = &Arc<Value>> + Clone {
        self.mirror.all(plural)
    }

    /// Waits for a write. Safe to drop half-way.
    pub async fn changed(&mut self) {
        self.mirror.changed().await;
    }

    /// Judges every write since the last check.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&mut self) -> Result<(), Violation> {
        let now = self.clock.now();
        while let Some(transition) = self.mirror.step()? {
            self.memory.note(&transition, now);
            let judged = Judged { mirror: &self.mirror, memory: &self.memory, now };
            duplicates::check(&judged, &transition)?;
            availability::check(&judged, &transition)?;
        }
        self.quorum.check(&self.mirror)
    }
}

/// The name of an object.
fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// A number of an owner's rolling update; `otherwise` where it says none.
fn rollout_number(owner: &Value, field: &str, otherwise: i64) -> i64 {
    owner["spec"]["rollout"]["strategy"]["rollingUpdate"][field].as_i64().unwrap_or(otherwise)
}

fn missed(error: store::Compacted) -> Violation {
    Violation::new("checkers see every write", error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
