//! DevCluster: the address of a simulated cluster.
//!
//! 1. Until a Cluster owns it, nothing is done.
//! 2. The cloud listens on a port: the one in `spec.controlPlaneEndpoint`, else any free one.
//! 3. The endpoint is written to the specification, together with the finalizer.
//! 4. It is provisioned.
//! 5. On deletion the simulated cluster goes with everything in it, then the finalizer.
//!    One that was made before its finalizer was written, and lost its object meanwhile, goes when the controller starts.

mod act;
mod decide;
mod observe;

use ::decide::plan::{Never, Plan};
use api::conditions::READY;
use api::infrastructure::{DevCluster, DevClusterStatus};
use controllers::Context;
use controllers::gathering::turned;
use runtime::key::Key;
use runtime::queue::Queue;

use self::decide::{Deed, Observed, Waiting};
use super::frame::{Error, Provider, Site, Step};

/// The controller.
pub struct DevClusters;

impl Provider for DevClusters {
    const NAME: &'static str = "devcluster";
    const MANAGER: &'static str = "capi-devcluster";
    type Kind = DevCluster;
    type Seen = Observed;
    type Status = DevClusterStatus;
    type Waiting = Waiting;
    type Deed = Deed;

    fn observe(site: &Site, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(site, key)
    }

    fn decide(seen: &Observed) -> Plan<DevClusterStatus, Waiting, Never, Step<Deed>> {
        decide::decide(seen)
    }

    async fn act(site: &Site, key: &Key, deed: &Deed) -> Result<(), Error> {
        act::act(site, key, deed).await
    }

    async fn gone(site: &Site, key: &Key) -> Result<(), Error> {
        act::gone(site, key).await
    }

    fn kept(site: &Site) -> Vec<(String, String)> {
        site.cloud.dev_clusters()
    }

    fn is_urgent(seen: &Self::Seen, status: &Self::Status) -> bool {
        let published = &seen.dev_cluster.status;
        published.initialization != status.initialization
            || turned(&published.conditions, &status.conditions, &[READY])
    }

    fn subscribe(site: &Site, queue: &Queue) -> Result<(), Error> {
        observe::subscribe(site, queue)
    }

    fn group_of(cx: &Context, key: &Key) -> Key {
        observe::group_of(cx, key)
    }
}
