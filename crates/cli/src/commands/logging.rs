//! What the process says about itself, on standard error.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::error::CommandError;

/// Holds a filter such as `debug` or `warn,runtime=debug`.
const VARIABLE: &str = "WINDLASS_LOG";

/// Logs what is at least as grave as `default`, or what `WINDLASS_LOG` asks for.
///
/// # Errors
/// When `WINDLASS_LOG` is no filter.
pub fn start(default: LevelFilter) -> Result<(), CommandError> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) => parse(&text)?,
        Err(_) => Targets::new().with_default(default),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    // A second call in one process keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(filter).with(lines));
    Ok(())
}

fn parse(text: &str) -> Result<Targets, CommandError> {
    text.parse().map_err(|error| {
        let hint = "give a level (error, warn, info, debug, trace or off), for all or for a part: warn,runtime=debug";
        CommandError::user(format!("{VARIABLE} is {text:?}: {error}")).hint(hint)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_filter_is_for_all_or_for_parts() {
        let filter = parse("warn,runtime=debug").unwrap();
        assert!(filter.would_enable("runtime::client", &Level::DEBUG));
        assert!(filter.would_enable("manager", &Level::WARN));
        assert!(!filter.would_enable("manager", &Level::INFO));
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        let error = parse("runtime=loud").unwrap_err().to_string();
        assert!(error.contains("WINDLASS_LOG") && error.contains("runtime=loud"), "{error}");
    }
}
