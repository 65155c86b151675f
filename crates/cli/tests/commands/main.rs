//! The binary as people meet it: one file per command, beside what the files share.
//!
//! Nothing here sleeps: a test waits for a line, for an end, or for a change that a watch tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod api;
mod benchmark;
mod demo;
mod describe;
mod examples;
mod kubectl;
mod sandbox;
mod up;

use std::path::Path;

use sandbox::Sandbox;

#[test]
fn every_command_has_a_file_of_tests() {
    let help = Sandbox::new().run(["--help"]);
    assert_eq!(help.code, Some(0), "{help:?}");
    let commands = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"up"), "{}", help.stdout);
    for command in commands {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands").join(format!("{command}.rs"));
        assert!(file.exists(), "{command} has no tests: {} is missing", file.display());
    }
}

#[test]
fn a_slip_in_the_call_is_the_callers() {
    for slip in [vec![], vec!["dance"], vec!["up", "--sideways"], vec!["describe"], vec!["describe", "moon"]]
    {
        let refused = Sandbox::new().run(&slip);
        assert_eq!(refused.code, Some(2), "{slip:?}: {refused:?}");
        assert!(!refused.stderr.is_empty(), "{slip:?}");
    }
}
