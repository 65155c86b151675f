//! Chores of the house: CRD generation and tidy.
//!
//! Deliberately absent: anything the product needs at run time; nothing depends on this crate.

mod crds;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["crds"] => crds::write(&crds::folder()),
        ["tidy"] => tidy::report(&tidy::root()),
        _ => Err("usage: xtask crds | tidy".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
