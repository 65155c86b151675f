//! Behaviour recorded from upstream, replayed. Where the recordings are missing, a test says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used)]
// Recordings are files, and where they lie is a setting: the rules themselves read neither.
#![allow(clippy::disallowed_methods)]

mod contract;
mod defaults;
mod round_trip;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The cases of a recording; `None`, said aloud, where there is none.
fn cases(file: &str) -> Option<Vec<Value>> {
    let path = folder().join(file);
    if !path.exists() {
        println!("{file}: skipped, {} does not exist", path.display());
        return None;
    }
    let text = std::fs::read_to_string(&path).expect("a recording that can be read");
    Some(serde_json::from_str(&text).expect("a recording is a JSON array"))
}

fn folder() -> PathBuf {
    match std::env::var_os("WINDLASS_REFERENCE") {
        Some(folder) => folder.into(),
        None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")).to_owned(),
    }
}

/// Says how many cases ran and fails, with all of them, if some differed.
fn verdict(what: &str, ran: usize, differences: &[String]) {
    println!("{what}: {ran} cases ran");
    assert!(
        differences.is_empty(),
        "{what}: {} of {ran} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
