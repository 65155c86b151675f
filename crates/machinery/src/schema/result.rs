//! The outcome of checking a value: errors, and how much of it matched.

use crate::status::FieldError;

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The breaches.
    pub(super) errors: Vec<FieldError>,
    /// How many checks went well: of several alternatives that all fail, the one with the most is reported.
    pub(super) matched: usize,
}

impl Outcome {
    /// A failed check.
    pub(super) fn failed(error: FieldError) -> Self {
        Self { errors: vec![error], matched: 0 }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// Takes in another outcome.
    pub(super) fn merge(&mut self, other: Outcome) {
        self.errors.extend(other.errors);
        self.matched += other.matched;
    }
}
