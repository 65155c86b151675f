//! MachineSet: see [`decide::machine_set`] for the story.

pub(crate) mod observe;
pub(crate) mod wake;

use api::core::machine_set::{MachineSet, MachineSetStatus};
use decide::machine_set::{self, Observed, Waiting};
use decide::plan::{Never, Plan};
use runtime::key::Key;
use runtime::queue::Queue;

use crate::context::Context;
use crate::controller::{Controller, no_look};
use crate::error::Error;

/// The controller.
pub struct MachineSets;

impl Controller for MachineSets {
    const NAME: &'static str = "machineset";
    const MANAGER: &'static str = machine_set::MANAGER;
    type Kind = MachineSet;
    type Seen = Observed;
    type Status = MachineSetStatus;
    type Waiting = Waiting;
    type Need = Never;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::machine_set(cx, key).await
    }

    async fn look(cx: &Context, need: Never, seen: &mut Observed) -> Result<(), Error> {
        no_look(cx, need, seen).await
    }

    fn decide(seen: &Observed) -> Plan<MachineSetStatus, Waiting> {
        machine_set::decide(seen)
    }

    fn is_urgent(published: &MachineSet, status: &MachineSetStatus) -> bool {
        let is_complete = status.available_replicas == published.spec.replicas;
        is_complete && published.status.available_replicas != status.available_replicas
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        wake::subscribe(cx, queue)
    }
}

/// The Cluster that a MachineSet belongs to.
pub fn group_of(cx: &Context, key: &Key) -> Key {
    let found = cx.get::<MachineSet>(key).ok().flatten();
    found.map_or_else(|| key.clone(), |set| Key::new(key.namespace(), &set.spec.cluster_name))
}
