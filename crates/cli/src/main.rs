//! The `windlass` binary, one file per command.
//!
//! Deliberately absent: prints; never decides.

fn main() {}
