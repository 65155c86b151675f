//! MachineDeployment: see [`decide::machine_deployment`] for the story.

mod observe;
mod wake;

use api::conditions::AVAILABLE;
use api::core::machine_deployment::{MachineDeployment, MachineDeploymentStatus};
use decide::machine_deployment::{self, Observed, Waiting};
use decide::plan::{Never, Plan};
use runtime::key::Key;
use runtime::queue::Queue;

use crate::context::Context;
use crate::controller::{Controller, no_look};
use crate::error::Error;
use crate::gathering::turned;

/// The controller.
pub struct MachineDeployments;

impl Controller for MachineDeployments {
    const NAME: &'static str = "machinedeployment";
    const MANAGER: &'static str = machine_deployment::MANAGER;
    type Kind = MachineDeployment;
    type Seen = Observed;
    type Status = MachineDeploymentStatus;
    type Waiting = Waiting;
    type Need = Never;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::machine_deployment(cx, key).await
    }

    async fn look(cx: &Context, need: Never, seen: &mut Observed) -> Result<(), Error> {
        no_look(cx, need, seen).await
    }

    fn decide(seen: &Observed) -> Plan<MachineDeploymentStatus, Waiting> {
        machine_deployment::decide(seen)
    }

    fn is_urgent(published: &MachineDeployment, status: &MachineDeploymentStatus) -> bool {
        turned(&published.status.conditions, &status.conditions, &[AVAILABLE])
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        wake::subscribe(cx, queue)
    }
}

/// The Cluster that a MachineDeployment belongs to.
pub fn group_of(cx: &Context, key: &Key) -> Key {
    let found = cx.get::<MachineDeployment>(key).ok().flatten();
    found.map_or_else(|| key.clone(), |deployment| Key::new(key.namespace(), &deployment.spec.cluster_name))
}
