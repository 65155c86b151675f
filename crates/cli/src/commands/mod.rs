//! The commands, and what they share.

mod demo;
mod describe;
mod read;
mod up;

use std::path::PathBuf;

use clap::Subcommand;

use crate::error::CommandError;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring up a cluster on simulated machines and watch it, in one go.
    Demo(demo::DemoArguments),
    /// Run the management plane on this machine.
    Up(up::UpArguments),
    /// Show what an object consists of, how each part is, and what it waits for.
    #[command(subcommand)]
    Describe(describe::Describe),
}

/// Runs a command to its end.
pub fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Up(arguments) => up::run(arguments),
        Command::Describe(what) => describe::run(what),
    }
}

/// Where data lies unless said otherwise: below the user's data home (XDG base directory specification).
fn default_data_directory() -> Result<PathBuf, CommandError> {
    let home = std::env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".local").join("share")));
    home.map(|home| home.join("windlass")).ok_or_else(|| {
        CommandError::user("there is no home directory to keep data in").hint("name one with --data-dir DIR")
    })
}

/// Logs to standard error: `WINDLASS_LOG` holds a filter such as `debug` or `runtime=debug,warn`.
fn start_logging(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WINDLASS_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        .try_init();
}

/// Drives a command that runs the plane, on all cores.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CommandError::internal)?;
    let outcome = runtime.block_on(work);
    // What is left over is idle connections; they hold nothing that has to be finished.
    runtime.shutdown_background();
    outcome
}

/// Waits for Ctrl-C or SIGTERM.
async fn told_to_stop() -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::internal)?;
        tokio::select! {
            biased;
            _ = terminate.recv() => Ok(()),
            interrupt = tokio::signal::ctrl_c() => interrupt.map_err(CommandError::internal),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(CommandError::internal)
}
