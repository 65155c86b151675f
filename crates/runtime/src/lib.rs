//! What every controller stands on: time and randomness, the client and its faults, the watch cache, the work queue and
//! the loop around a reconcile, connections to other clusters.
//!
//! Deliberately absent: knows no Cluster API kind by name; decides nothing.

pub mod clock;
pub mod entropy;
pub mod kubeconfig;
pub mod network;
pub mod pki;
pub mod portforward;
pub mod serve;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod testing;
pub mod tls;
pub mod transport;
