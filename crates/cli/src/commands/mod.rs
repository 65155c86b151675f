//! The commands, and what they share.

mod benchmark;
mod demo;
mod describe;
mod logging;
mod objects;
mod read;
mod signals;
mod up;
mod watched;

use std::path::PathBuf;
use std::time::Duration;

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
    /// Measure what clusters cost on this machine: time, CPU, memory, requests.
    Benchmark(benchmark::BenchmarkArguments),
}

/// Runs a command to its end.
pub fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Up(arguments) => up::run(arguments),
        Command::Describe(what) => describe::run(what),
        Command::Benchmark(arguments) => benchmark::run(arguments),
    }
}

/// Where data lies unless said otherwise: below the user's data home (XDG base directory specification).
fn default_data_directory() -> Result<PathBuf, CommandError> {
    // The specification has relative paths ignored.
    let home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".local").join("share")));
    home.filter(|home| home.is_absolute()).map(|home| home.join("windlass")).ok_or_else(|| {
        CommandError::user("there is no home directory to keep data in").hint("name one with --data-dir DIR")
    })
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

/// `address:port` as an argument: checked for its shape, so that a slip is told before anything starts.
fn listen_address(text: &str) -> Result<String, String> {
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("it must be ADDR:PORT, for example 127.0.0.1:6443".to_owned());
    };
    if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err(
            "the address must be a host name, an IPv4 address, or an IPv6 address in brackets".to_owned()
        );
    }
    match port.parse::<u16>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("port {port:?} must be a number from 0 (any free port) to 65535")),
    }
}

/// A span of time as an argument: a number with its unit, as kubectl takes it, or a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a time such as 90s, 2m or 1h30m, or a number of seconds".to_owned();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["127.0.0.1:0", "localhost:6443", "[::1]:65535", "0.0.0.0:1"] {
            assert_eq!(listen_address(good).unwrap(), good);
        }
        for bad in ["", "6443", ":6443", "127.0.0.1:", "127.0.0.1:65536", "::1:6443", "a:b"] {
            assert!(listen_address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_taken_as_kubectl_takes_them() {
        for (text, expected_ms) in
            [("0", 0), ("90", 90_000), ("1ms", 1), ("60s", 60_000), ("2m", 120_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected_ms)), "{text}");
        }
        for bad in ["", "soon", "-1", "-5s", "1 fortnight"] {
            assert!(duration(bad).unwrap_err().contains("such as 90s"), "{bad}");
        }
    }

    #[test]
    fn the_arguments_of_every_command_are_sound() {
        use clap::CommandFactory as _;
        crate::Arguments::command().debug_assert();
    }
}
