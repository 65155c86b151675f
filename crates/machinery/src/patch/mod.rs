//! Patches that need no schema.

pub mod json;
pub mod merge;
