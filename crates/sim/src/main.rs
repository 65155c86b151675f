//! Runs any number of seeds and prints the first that fails, with the line that repeats it.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use clap::{Parser, ValueEnum};
use sim::faults::{FaultCounts, FaultRates, Manner, Restart};
use sim::scenario::Life;
use sim::{Outcome, Rehearsal};

/// As in the binary that is rehearsed: a quarter of a run would be the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rehearse the life of a cluster under virtual time.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Arguments {
    /// One seed alone, its whole trace printed.
    #[arg(long, conflicts_with_all = ["from", "count"])]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// What the cluster goes through.
    #[arg(long, value_enum, default_value_t = LifeName::Small)]
    life: LifeName,
    /// Nothing goes wrong.
    #[arg(long)]
    calm: bool,
    /// Stop and start all controllers right after the write of this number.
    #[arg(long, value_name = "WRITE", group = "chosen_restart")]
    restart_after: Option<u64>,
    /// For one seed: as many runs as it has writes, with a restart after each of them in turn.
    #[arg(long, requires = "seed", group = "chosen_restart")]
    restart_everywhere: bool,
    /// Before a restart that was asked for, let controllers finish what they have begun.
    #[arg(long, requires = "chosen_restart")]
    in_order: bool,
    /// Delete the cluster right after the write of this number.
    #[arg(long, value_name = "WRITE")]
    end_after: Option<u64>,
    /// For one seed: as many runs as it has writes, with the end of the cluster after each of them in turn.
    #[arg(long, requires = "seed", conflicts_with_all = ["end_after", "restart_everywhere"])]
    end_everywhere: bool,
    /// Go on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Runs at a time; as many as there are processors, unless given.
    #[arg(long)]
    jobs: Option<usize>,
}

/// The lives there are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LifeName {
    /// Everything, with one control plane machine and few workers.
    Small,
    /// Everything, with three to five control plane machines and up to ten workers.
    Large,
    /// A few things that the seed draws, begun without always waiting for the ones before.
    Drawn,
}

impl From<LifeName> for Life {
    fn from(name: LifeName) -> Self {
        match name {
            LifeName::Small => Self::SMALL,
            LifeName::Large => Self::LARGE,
            LifeName::Drawn => Self::Drawn,
        }
    }
}

impl Arguments {
    fn rehearsal(&self, seed: u64) -> Rehearsal {
        Rehearsal {
            seed,
            life: self.life.into(),
            rates: if self.calm { FaultRates::NONE } else { FaultRates::ROUGH },
            restart: self.restart_after.map(|write| self.restart(write)),
            end_after: self.end_after,
        }
    }

    fn restart(&self, after: u64) -> Restart {
        Restart { after, manner: if self.in_order { Manner::InOrder } else { Manner::AtOnce } }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) if arguments.restart_everywhere || arguments.end_everywhere => {
            everywhere(&arguments, seed)
        }
        Some(seed) => show(&arguments.rehearsal(seed)),
        None => {
            let runs = (0..arguments.count).map(|number| arguments.rehearsal(arguments.from + number));
            run_all(&arguments, &runs.collect::<Vec<_>>())
        }
    }
}

/// One run, its trace printed.
fn show(rehearsal: &Rehearsal) -> ExitCode {
    match rehearsal.run() {
        Ok(outcome) => {
            outcome.trace.iter().for_each(|entry| println!("{entry}"));
            println!(
                "seed {}: {} writes in {} virtual seconds; {}",
                rehearsal.seed,
                outcome.trace.len(),
                outcome.elapsed_seconds,
                outcome.faults
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn everywhere(arguments: &Arguments, seed: u64) -> ExitCode {
    let whole = arguments.rehearsal(seed);
    match whole.run() {
        Ok(outcome) => {
            let runs = (1..=outcome.trace.len() as u64)
                .map(|write| match arguments.end_everywhere {
                    true => Rehearsal { end_after: Some(write), ..whole },
                    false => Rehearsal { restart: Some(arguments.restart(write)), ..whole },
                })
                .collect::<Vec<_>>();
            run_all(arguments, &runs)
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Sums over all runs that held.
#[derive(Default)]
struct Totals {
    runs: u64,
    writes: u64,
    virtual_seconds: i64,
    faults: FaultCounts,
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.writes += outcome.trace.len() as u64;
        self.virtual_seconds += outcome.elapsed_seconds;
        self.faults += outcome.faults;
    }
}

fn run_all(arguments: &Arguments, runs: &[Rehearsal]) -> ExitCode {
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let totals = Mutex::new(Totals::default());
    let work = || {
        while let Some(rehearsal) =
            usize::try_from(next.fetch_add(1, Relaxed)).ok().and_then(|at| runs.get(at))
        {
            match rehearsal.run() {
                Ok(outcome) => {
                    if let Ok(mut totals) = totals.lock() {
                        totals.add(&outcome);
                    }
                }
                Err(failure) => {
                    failed.store(true, Relaxed);
                    println!("{failure}");
                }
            }
            if failed.load(Relaxed) && !arguments.keep_going {
                return;
            }
        }
    };
    thread::scope(|scope| {
        (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work)));
    });
    let totals = totals.into_inner().unwrap_or_default();
    println!(
        "{} of {} runs held: {} writes in {} virtual seconds; {}",
        totals.runs,
        runs.len(),
        totals.writes,
        totals.virtual_seconds,
        totals.faults
    );
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_a_failure_prints_repeats_the_run() {
        let lives = [Life::SMALL, Life::LARGE, Life::Drawn];
        let rates = [FaultRates::NONE, FaultRates::ROUGH];
        let restarts = [None, Some(Manner::AtOnce), Some(Manner::InOrder)]
            .map(|manner| manner.map(|manner| Restart { after: 11, manner }));
        let ends = [None, Some(17)];
        let runs = lives.into_iter().flat_map(|life| rates.map(|rates| (life, rates)));
        let runs = runs.flat_map(|(life, rates)| restarts.map(|restart| (life, rates, restart)));
        let runs = runs.flat_map(|(life, rates, restart)| {
            ends.map(|end_after| Rehearsal { seed: 5, life, rates, restart, end_after })
        });
        for run in runs {
            let line = run.to_string();
            let words = line.split_once(" -- ").unwrap().1.split(' ');
            let arguments = Arguments::try_parse_from(std::iter::once("sim").chain(words)).unwrap();
            assert_eq!(arguments.rehearsal(arguments.seed.unwrap()), run, "{line}");
        }
    }
}
