//! The kinds as Rust types.
//!
//! Deliberately absent: no async, no client.
