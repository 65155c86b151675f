//! Composition of the management plane.
//!
//! Deliberately absent: no logic to test beyond wiring.
