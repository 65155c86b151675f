//! The `windlass` binary, one file per command.
//!
//! Deliberately absent: decisions. A command resolves its arguments, asks, and prints.

mod commands;
mod error;
mod tree;

use std::process::ExitCode;

use clap::Parser;

/// Kubernetes clusters as declarative objects, from one binary.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    }
}
