//! What every controller stands on: time and randomness, the client and its faults, the watch cache, the work queue and
//! the loop around a reconcile, connections to other clusters.
//!
//! Deliberately absent: knows no Cluster API kind by name; decides nothing.

pub mod cache;
pub mod client;
pub mod clock;
pub mod controller;
pub mod entropy;
pub mod events;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod fake;
pub mod faults;
pub mod finalizers;
pub mod key;
pub mod kind;
pub mod kubeconfig;
pub mod network;
pub mod pki;
pub mod portforward;
pub mod queue;
pub mod serve;
pub mod shutdown;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod testing;
pub mod tls;
pub mod transport;
pub mod wire;
pub mod workload;
pub mod writer;
