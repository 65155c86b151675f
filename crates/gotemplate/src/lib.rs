//! Go's text/template, as Cluster API users write it.
//!
//! Deliberately absent: no I/O, no clock, no randomness.
