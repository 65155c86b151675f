//! Lines for whoever called: results on standard output, what went wrong on standard error.
//!
//! A reader that has gone away (`windlass … | head`) is no reason to fail: what it would have read is dropped.

use std::fmt::Display;
use std::io::{self, Write as _};

/// One line of the result.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// One line about what is going on, or what went wrong.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
