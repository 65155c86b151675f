//! MachineDeployment: keeps one MachineSet per template and moves Machines from old ones to the current one.
//!
//! ```text
//!  1  Cluster there, not paused
//!  2  finalizer, label, owner, revision                           metadata
//!  3  templates belong to the Cluster                             templates of the MachineSet's decision
//!  4  MachineSets that nobody controls become its own             adoption
//!  5  being deleted: MachineSets go, then the finalizer           deletion
//!  6  which MachineSet has the wanted template, or a new one      current
//!  7  how many Machines each should have                          rollout, or proportions while paused
//!  8  one apply per MachineSet: all of what it should be          machine_set, apply
//!  9  old MachineSets without Machines go                         cleanup
//! 10  counters, conditions, phase                                 status
//! ```
//!
//! Steps 2 to 4 end a round of their own: what follows looks at their outcome.

mod adoption;
mod apply;
mod cleanup;
pub mod current;
mod deletion;
mod machine_set;
mod metadata;
mod observed;
mod proportions;
mod revision;
pub mod rollout;
mod sets;
mod status;
mod waiting;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod testing;
#[cfg(test)]
mod tests;

use api::core::Cluster;
use api::core::machine_deployment::MachineDeploymentStatus;

use crate::machine_set::{aggregates, messages, templates};
use crate::paused;
use crate::plan::{Action, Next, Plan};

pub use observed::{Observed, SeenMachineSet};
pub use waiting::Waiting;

/// The field manager of MachineSets.
pub const MANAGER: &str = "capi-machinedeployment";

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
}

/// What to do for a MachineDeployment.
pub fn decide(seen: &Observed) -> Plan<MachineDeploymentStatus, Waiting> {
    let Some(cluster) = seen.cluster.as_deref() else {
        // Who is left behind by a Cluster that is gone can still go.
        let step = if seen.is_deleting() { deletion::step(seen) } else { Step::waits(Waiting::Cluster) };
        return Plan { actions: step.actions, waiting: step.waiting, ..Plan::idle() };
    };
    if paused::is_paused(Some(cluster), &seen.deployment.metadata) {
        let status = Some(status::paused(seen, cluster));
        return Plan { waiting: vec![Waiting::Paused], status, ..Plan::idle() };
    }
    let step = if seen.is_deleting() { deletion::step(seen) } else { normal(seen, cluster) };
    let status = is_worth_telling(seen).then(|| status::status(seen, cluster));
    Plan { actions: step.actions, waiting: step.waiting, status, next: next(seen) }
}

fn normal(seen: &Observed, cluster: &Cluster) -> Step {
    let sets = sets::Sets::of(seen);
    for actions in [
        metadata::actions(seen, cluster, &sets),
        templates::actions(cluster, &seen.deployment.metadata, &seen.templates()),
        adoption::actions(seen),
    ] {
        if !actions.is_empty() {
            return Step::acts(actions);
        }
    }
    let mut step = apply::step(seen, &sets);
    step.actions.extend(cleanup::actions(seen, &sets));
    step
}

/// Nobody needs the status of a MachineDeployment whose first MachineSet has not been looked at yet: the word of that
/// follows at once and says something. Nor is there anybody to read it once the finalizer goes.
fn is_worth_telling(seen: &Observed) -> bool {
    let own = seen.own();
    if seen.is_deleting() {
        return !own.is_empty();
    }
    let is_new = seen.deployment.status.conditions.is_empty();
    let silent = |set: &&SeenMachineSet| set.machine_set.status.observed_generation.is_none();
    !(is_new && !own.is_empty() && own.iter().all(silent))
}

/// Only the passing of time changes these: no event tells.
fn next(seen: &Observed) -> Next {
    let machines = || seen.machines.iter().map(AsRef::as_ref);
    let rollout =
        seen.deployment.spec.rollout.after.as_ref().map(|after| after.0).filter(|after| *after > seen.now);
    let times = [
        rollout,
        aggregates::next_unreported(machines(), seen.now),
        messages::next_stale(machines(), seen.now),
    ];
    times.into_iter().flatten().min().map_or(Next::OnChange, Next::At)
}
