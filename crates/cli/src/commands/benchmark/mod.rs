//! `windlass benchmark`: what clusters cost on this machine. What is measured, and how, is told in docs/benchmark.md.

mod load;
mod process;
mod quiet;
mod report;
mod size;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use manager::Environment;

use self::report::Measured;
use super::signals::StopSignals;
use crate::error::CommandError;
use crate::output;
use tracing::level_filters::LevelFilter;

/// How many clusters, and how they are watched.
#[derive(Debug, Args)]
pub struct BenchmarkArguments {
    /// How many clusters to create; several numbers are measured one after another, each on a fresh plane.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,10,100",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clusters: Vec<u32>,
    /// The directory below which the planes keep their data, to choose the disk; the one for temporary files unless given.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How many clients create objects at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    creators: u32,
    /// How long the plane is watched at rest.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    idle_seconds: u64,
    /// How long all clusters of one number may take to be Available.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    timeout: u64,
}

/// What is the same for every number of clusters.
pub struct Conditions {
    /// Clock, chance and network.
    pub environment: Environment,
    /// Where the data directories are made.
    pub parent: PathBuf,
    /// How many clients create objects at once.
    pub creators: u32,
    /// How long the plane is watched at rest.
    pub idle: Duration,
    /// How long all clusters may take to be Available.
    pub timeout: Duration,
}

/// Runs the command.
pub fn run(arguments: BenchmarkArguments) -> Result<(), CommandError> {
    super::logging::start(LevelFilter::ERROR)?;
    let conditions = Conditions {
        environment: Environment::of_this_machine().map_err(CommandError::internal)?,
        parent: arguments.data_dir.unwrap_or_else(std::env::temp_dir),
        creators: arguments.creators,
        idle: Duration::from_secs(arguments.idle_seconds),
        timeout: Duration::from_secs(arguments.timeout),
    };
    let measured = super::block_on(async {
        let mut stop = StopSignals::listen()?;
        tokio::select! {
            biased;
            () = stop.received() => Err(CommandError::unmet("stopped before everything was measured")),
            measured = all(&conditions, &arguments.clusters) => measured,
        }
    })?;
    for line in report::lines(&measured) {
        output::line(line);
    }
    match measured.iter().find(|measured| measured.available() < measured.clusters) {
        None => Ok(()),
        Some(short) => Err(CommandError::unmet(format!(
            "{} of {} clusters were not Available after {} s",
            short.clusters - short.available(),
            short.clusters,
            arguments.timeout
        ))),
    }
}

async fn all(conditions: &Conditions, sizes: &[u32]) -> Result<Vec<Measured>, CommandError> {
    let mut measured = Vec::new();
    for &clusters in sizes {
        measured.push(size::measure(conditions, clusters).await?);
    }
    Ok(measured)
}
