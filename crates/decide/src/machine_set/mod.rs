//! MachineSet: keeps a number of Machines that are all alike.
//!
//! ```text
//!  1  Cluster there, MachineDeployment there (if it has one), not paused
//!  2  finalizer, labels, owner                                   metadata
//!  3  templates belong to the Cluster                            templates
//!  4  Machines that nobody controls become its own               adoption
//!  5  being deleted: its Machines go, then the finalizer         deletion
//!  6  Machines that a health check gave up are replaced          remediation
//!  7  half-made Machines get what they lack                      children
//!  8  labels, annotations, timeouts ... reach existing Machines  propagation
//!  9  missing Machines are made, surplus ones deleted            replicas
//! 10  counters and conditions                                    status
//! ```
//!
//! Steps 2 to 4 end a round of their own: what follows looks at their outcome. Machines come first, then the objects they
//! are made of, which the Machine owns from the beginning: whatever is interrupted in between can be finished or taken
//! down by looking at the Machine.

mod adoption;
pub mod aggregates;
mod children;
mod deletion;
pub mod machine;
pub mod messages;
mod metadata;
mod naming;
mod observed;
mod preflight;
mod propagation;
mod remediation;
mod replicas;
pub mod selector;
mod status;
pub mod templates;
pub mod versions;
mod waiting;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use api::core::Cluster;
use api::core::machine_set::MachineSetStatus;

use crate::paused;
use crate::plan::{Action, Next, Plan};

pub use observed::{Observed, SeenMachine};
pub use waiting::Waiting;

/// The field manager of Machines.
pub const MANAGER: &str = "capi-machineset";
/// The field manager of labels and annotations of the objects that Machines are made of.
pub const METADATA_MANAGER: &str = "capi-machineset-metadata";

/// Some actions, and what keeps the step from being finished.
#[derive(Debug, Default)]
struct Step {
    actions: Vec<Action>,
    waiting: Vec<Waiting>,
}

impl Step {
    fn acts(actions: Vec<Action>) -> Self {
        Self { actions, waiting: Vec::new() }
    }

    fn waits(reason: Waiting) -> Self {
        Self { actions: Vec::new(), waiting: vec![reason] }
    }

    fn then(&mut self, next: Step) {
        self.actions.extend(next.actions);
        self.waiting.extend(next.waiting);
    }
}

/// What to do for a MachineSet.
pub fn decide(seen: &Observed) -> Plan<MachineSetStatus, Waiting> {
    let Some(cluster) = seen.cluster.as_deref() else {
        // Who is left behind by a Cluster that is gone can still go.
        let step = if seen.is_deleting() { deletion::step(seen) } else { Step::waits(Waiting::Cluster) };
        return Plan { actions: step.actions, waiting: step.waiting, ..Plan::idle() };
    };
    if paused::is_paused(Some(cluster), &seen.machine_set.metadata) {
        let status = Some(status::paused(seen, cluster));
        return Plan { waiting: vec![Waiting::Paused], status, ..Plan::idle() };
    }
    if seen.is_deleting() {
        return deleting(seen, cluster);
    }
    if seen.lacks_deployment() {
        return Plan { waiting: vec![Waiting::Deployment], ..Plan::idle() };
    }
    let step = normal(seen, cluster);
    let status = Some(status::status(seen, cluster, &step.waiting));
    Plan { actions: step.actions, waiting: step.waiting, status, next: next(seen) }
}

fn deleting(seen: &Observed, cluster: &Cluster) -> Plan<MachineSetStatus, Waiting> {
    let step = deletion::step(seen);
    // Without Machines the finalizer goes, and with it the object: there is nobody left to read a status.
    let status = (!seen.own().is_empty()).then(|| status::status(seen, cluster, &step.waiting));
    Plan { actions: step.actions, waiting: step.waiting, status, next: next(seen) }
}

fn normal(seen: &Observed, cluster: &Cluster) -> Step {
    for actions in [
        metadata::actions(seen, cluster),
        templates::actions(cluster, &seen.machine_set.metadata, &seen.templates()),
        adoption::actions(seen),
    ] {
        if !actions.is_empty() {
            return Step::acts(actions);
        }
    }
    let (mut step, remediated) = remediation::step(seen, cluster);
    step.then(children::step(seen));
    step.then(propagation::step(seen, &remediated));
    // Machines that go for remediation may be the very ones that are too many: count again when they are on their way.
    if remediated.is_empty() {
        step.then(replicas::step(seen, cluster));
    }
    step
}

/// Only the passing of time changes these: no event tells.
fn next(seen: &Observed) -> Next {
    let own = seen.own();
    let machines = || own.iter().map(|seen| seen.machine.as_ref());
    let times =
        [aggregates::next_unreported(machines(), seen.now), messages::next_stale(machines(), seen.now)];
    times.into_iter().flatten().min().map_or(Next::OnChange, Next::At)
}
