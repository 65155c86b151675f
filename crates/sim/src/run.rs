//! One run of one seed, from nothing to nothing.

use std::fmt;

use tokio::runtime::Builder;

use crate::faults::FaultRates;
use crate::scenario::{Size, lifecycle};
use crate::trace::Entry;
use crate::world::{World, WorldError};

/// Trace entries that a failure shows.
const SHOWN_ENTRIES: usize = 30;

/// What came of a run that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Every write of the controllers.
    pub trace: Vec<Entry>,
    /// Virtual seconds it took.
    pub elapsed_seconds: i64,
    /// How often controllers were restarted.
    pub restarts: usize,
}

/// A run in which something did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub reason: String,
    /// Virtual seconds until then.
    pub elapsed_seconds: i64,
    /// The last writes before.
    pub tail: Vec<Entry>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {} failed after {} virtual seconds: {}",
            self.seed, self.elapsed_seconds, self.reason
        )?;
        for entry in &self.tail {
            writeln!(f, "  {entry}")?;
        }
        write!(f, "repeat it with: cargo run --release -p sim -- --seed {}", self.seed)
    }
}

/// Runs a cluster's life under a seed.
///
/// # Errors
/// What did not hold, with the line that repeats it.
pub fn run(seed: u64, size: Size, rates: FaultRates) -> Result<Outcome, Box<Failure>> {
    let failed = |reason: String| Box::new(Failure { seed, reason, elapsed_seconds: 0, tail: Vec::new() });
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        let mut world = World::new(seed, rates).await.map_err(|error| failed(error.to_string()))?;
        let outcome = lifecycle(&mut world, size).await;
        report(seed, &world, outcome)
    })
}

fn report(seed: u64, world: &World, outcome: Result<(), WorldError>) -> Result<Outcome, Box<Failure>> {
    match outcome {
        Ok(()) => Ok(Outcome {
            trace: world.trace.entries(),
            elapsed_seconds: world.elapsed_seconds(),
            restarts: world.restarts(),
        }),
        Err(error) => Err(Box::new(Failure {
            seed,
            reason: error.to_string(),
            elapsed_seconds: world.elapsed_seconds(),
            tail: world.trace.tail(SHOWN_ENTRIES),
        })),
    }
}
