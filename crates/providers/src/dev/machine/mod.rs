//! DevMachine: a simulated machine.
//!
//! 1. Until a Machine owns it, the cluster's infrastructure is there and there is bootstrap data, nothing is done.
//! 2. A machine is made; after its delay it is up: provider ID, addresses, provisioned.
//! 3. It boots from its data and becomes a node, after the node's delay; what kubeadm refuses is said in a condition.
//! 4. On the control plane its etcd member comes up, then its API server.
//! 5. On deletion the machine is destroyed, then the finalizer goes.
//!
//! Without delays all of it happens in one pass.

mod act;
mod conditions;
mod decide;
mod observe;
mod settings;
mod waiting;

use ::decide::plan::{Never, Plan};
use api::conditions::READY;
use api::infrastructure::{DevMachine, DevMachineStatus};
use controllers::Context;
use controllers::gathering::turned;
use runtime::key::Key;
use runtime::queue::Queue;

use self::decide::{Deed, Observed};
use self::waiting::Waiting;
use super::frame::{Error, Provider, Site, Step};

/// The controller.
pub struct DevMachines;

impl Provider for DevMachines {
    const NAME: &'static str = "devmachine";
    const MANAGER: &'static str = "capi-devmachine";
    type Kind = DevMachine;
    type Seen = Observed;
    type Status = DevMachineStatus;
    type Waiting = Waiting;
    type Deed = Deed;

    fn observe(site: &Site, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(site, key)
    }

    fn decide(seen: &Observed) -> Plan<DevMachineStatus, Waiting, Never, Step<Deed>> {
        decide::decide(seen)
    }

    async fn act(site: &Site, key: &Key, deed: &Deed) -> Result<(), Error> {
        act::act(site, key, deed).await
    }

    async fn gone(site: &Site, key: &Key) -> Result<(), Error> {
        act::gone(site, key).await
    }

    fn kept(site: &Site) -> Vec<(String, String)> {
        site.cloud.machines()
    }

    fn is_urgent(seen: &Self::Seen, status: &Self::Status) -> bool {
        let published = &seen.dev_machine.status;
        published.initialization != status.initialization
            || published.addresses != status.addresses
            || turned(&published.conditions, &status.conditions, &[READY])
    }

    fn subscribe(site: &Site, queue: &Queue) -> Result<(), Error> {
        observe::subscribe(site, queue)
    }

    fn group_of(cx: &Context, key: &Key) -> Key {
        observe::group_of(cx, key)
    }
}
