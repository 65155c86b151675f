//! The kinds as Rust types: what users write, what controllers report, and the words both sides use.
//!
//! One module per API group holds the types ([`core`], [`bootstrap`], [`controlplane`], [`infrastructure`]). Beside
//! them: the well-known names ([`labels`], [`conditions`]), the paths through which a provider of any make is read
//! and written ([`contract`]), the values filled in at admission ([`defaults`]) and the CustomResourceDefinitions
//! generated from the types ([`crd`]).
//!
//! Deliberately absent: no async, no client, no clock. No decision about what to do with an object is taken here.

pub mod bootstrap;
pub mod conditions;
pub mod contract;
pub mod controlplane;
pub mod core;
pub mod crd;
pub mod defaults;
pub mod infrastructure;
mod kind;
pub mod labels;
pub mod schema;
pub mod workload;

pub use kind::{Conditioned, Kind, is_default};

/// The version of our groups that controllers speak and that is stored.
pub const VERSION: &str = "v1beta2";
