//! The whole system under virtual time and one seed: real controllers, real API server, the dev provider, faults between
//! them, and checkers that watch what must always hold.
//!
//! ```text
//!   scenario ──► user's client ─────────────────────────┐
//!                                                       ▼
//!   controllers ──► faults (requests, watch events) ──► API server ──► store (memory)
//!        ▲                                              │
//!        └── stopped and started again between any      └──► trace and checkers, after every write
//!            two writes
//! ```
//!
//! One seed decides every uid, key, jitter and fault. The Tokio clock is paused and moves by itself when nothing is left to
//! do; the same seed gives the same trace.
//!
//! Deliberately absent: real clocks, sockets, and any other chance than the seed's.

pub mod checkers;
pub mod faults;
mod incidents;
pub mod run;
pub mod scenario;
pub mod trace;
pub mod world;

pub use run::{Failure, Outcome, Rehearsal};
