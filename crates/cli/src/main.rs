//! The `windlass` binary, one file or folder per command.
//!
//! ```text
//!   arguments -> command -> manager::Plane (up, demo, benchmark)
//!                        -> a kubeconfig and an API server (describe)
//!                        -> tree: objects in, lines out
//! ```
//!
//! Deliberately absent: decisions. A command resolves its arguments, asks, and prints.

mod commands;
mod error;
mod output;
mod tree;
mod waits;

use std::process::ExitCode;

use clap::Parser;

/// Objects come and go as many small pieces, on all cores at once. See docs/benchmark.md for what it saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
            output::note(&error);
            error.exit_code()
        }
    }
}
