//! The development provider: DevCluster and DevMachine with the in-memory backend.
//!
//! [`Cloud`] is the ground: simulated clusters on real ports. It is opened before controllers run and outlives them.
//! [`start`] begins the controllers, one folder each, in the shape of all controllers: observe, [decide](cluster), act. They
//! differ from the core's in one thing only: besides writes to the management API their plans hold deeds in the cloud.
//!
//! Deliberately absent: the Docker backend; DevMachinePool; status of DevMachineTemplate.

pub mod cloud;
mod cluster;
mod frame;
mod machine;
#[cfg(test)]
mod tests;

use controllers::{Context, Error};
use runtime::queue::Groups;
use runtime::shutdown::Shutdown;
use tokio::task::JoinHandle;

pub use cloud::{Cloud, CloudError, ClusterId};

/// Starts the controllers of the provider; each ends, what it has begun finished, when `shutdown` is requested.
///
/// # Errors
/// When the cache lacks a kind of the core: a fault of ours.
pub fn start(
    cx: &Context,
    cloud: &Cloud,
    groups: &Groups,
    shutdown: &Shutdown,
) -> Result<Vec<JoinHandle<()>>, Error> {
    // Asked for now, so that a cache that was declared wrongly is found at the start and not in a task.
    cx.kind::<api::core::Cluster>()?;
    cx.kind::<api::core::Machine>()?;
    Ok(vec![
        frame::run::<cluster::DevClusters>(cx, cloud, groups, shutdown),
        frame::run::<machine::DevMachines>(cx, cloud, groups, shutdown),
    ])
}
