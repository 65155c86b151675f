//! One run, from nothing to nothing.

use std::fmt;

use tokio::runtime::Builder;

use crate::faults::{FaultCounts, FaultRates, Manner, Restart};
use crate::incidents;
use crate::scenario::{Life, lifecycle};
use crate::trace::Entry;
use crate::world::{World, WorldError};

/// Trace entries that a failure shows.
const SHOWN_ENTRIES: usize = 30;

/// Everything that a run depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// Decides every uid, key, jitter and fault.
    pub seed: u64,
    /// What the cluster goes through.
    pub life: Life,
    /// How often things go wrong.
    pub rates: FaultRates,
    /// Stops and starts all controllers.
    pub restart: Option<Restart>,
    /// Deletes the cluster right after the write of this number, whatever it is doing.
    pub end_after: Option<u64>,
}

/// The line that repeats it.
impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo run --release -p sim -- --seed {}", self.seed)?;
        match self.life {
            Life::LARGE => f.write_str(" --life large")?,
            Life::Whole(_) => {}
            Life::Drawn => f.write_str(" --life drawn")?,
        }
        if self.rates == FaultRates::NONE {
            f.write_str(" --calm")?;
        }
        if let Some(Restart { after, manner }) = self.restart {
            let in_order = if manner == Manner::InOrder { " --in-order" } else { "" };
            write!(f, " --restart-after {after}{in_order}")?;
        }
        match self.end_after {
            Some(write) => write!(f, " --end-after {write}"),
            None => Ok(()),
        }
    }
}

/// What came of a run that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Every write of the controllers.
    pub trace: Vec<Entry>,
    /// Virtual seconds it took.
    pub elapsed_seconds: i64,
    /// What went wrong.
    pub faults: FaultCounts,
}

/// A run in which something did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The run.
    pub rehearsal: Rehearsal,
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
            self.rehearsal.seed, self.elapsed_seconds, self.reason
        )?;
        for entry in &self.tail {
            writeln!(f, "  {entry}")?;
        }
        write!(f, "repeat it with: {}", self.rehearsal)
    }
}

impl Rehearsal {
    /// A run under a seed.
    pub fn new(seed: u64, life: Life, rates: FaultRates) -> Self {
        Self { seed, life, rates, restart: None, end_after: None }
    }

    /// Runs a cluster's life.
    ///
    /// # Errors
    /// What did not hold, with the line that repeats it.
    pub fn run(&self) -> Result<Outcome, Box<Failure>> {
        incidents::listen(|| self.run_heard())
    }

    fn run_heard(&self) -> Result<Outcome, Box<Failure>> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| self.failed(None, error.to_string()))?;
        runtime.block_on(async {
            let mut world = World::new(self).await.map_err(|error| self.failed(None, error.to_string()))?;
            let outcome = lifecycle(&mut world, self.life).await;
            self.report(&world, outcome)
        })
    }

    fn report(&self, world: &World, outcome: Result<(), WorldError>) -> Result<Outcome, Box<Failure>> {
        match outcome {
            Ok(()) => Ok(Outcome {
                trace: world.trace.entries(),
                elapsed_seconds: world.elapsed_seconds(),
                faults: world.chaos.counts(),
            }),
            Err(error) => Err(self.failed(Some(world), error.to_string())),
        }
    }

    fn failed(&self, world: Option<&World>, reason: String) -> Box<Failure> {
        Box::new(Failure {
            rehearsal: *self,
            reason,
            elapsed_seconds: world.map_or(0, World::elapsed_seconds),
            tail: world.map(|world| world.trace.tail(SHOWN_ENTRIES)).unwrap_or_default(),
        })
    }
}
