//! Runs any number of seeds and prints the first that fails, with the line that repeats it.

use std::process::ExitCode;

use clap::Parser;
use sim::faults::FaultRates;
use sim::scenario::Size;

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
    /// Three control plane machines and three workers instead of one and one.
    #[arg(long)]
    large: bool,
    /// Nothing goes wrong.
    #[arg(long)]
    calm: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("WINDLASS_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    let size = if arguments.large { Size::LARGE } else { Size::SMALL };
    let rates = if arguments.calm { FaultRates::NONE } else { FaultRates::ROUGH };
    let (from, count) = arguments.seed.map_or((arguments.from, arguments.count), |seed| (seed, 1));
    for seed in from..from.saturating_add(count) {
        match sim::run(seed, size, rates) {
            Ok(outcome) => {
                if arguments.seed.is_some() {
                    outcome.trace.iter().for_each(|entry| println!("{entry}"));
                }
                println!(
                    "seed {seed}: {} writes, {} restarts, {} virtual seconds",
                    outcome.trace.len(),
                    outcome.restarts,
                    outcome.elapsed_seconds
                );
            }
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
