//! As many Machines as are wanted.

use api::Kind as _;
use api::core::Cluster;
use api::core::machine::Machine;
use api::labels;

use super::{MANAGER, Observed, SeenMachine, Step, Waiting, machine, naming, preflight, templates};
use crate::deletion_order::{Candidate, DeletionOrder, in_order, is_healthy};
use crate::plan::{Action, ObjectRef};

/// Where the Machine controller notes which hooks are to be called for a Machine.
const PENDING_HOOKS: &str = "runtime.cluster.x-k8s.io/pending-hooks";

/// Makes or deletes Machines. Machines on their way out still count: their replacements wait until they are gone.
pub(super) fn step(seen: &Observed, cluster: &Cluster) -> Step {
    let Some(wanted) = seen.machine_set.spec.replicas else { return Step::waits(Waiting::Replicas) };
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let own = seen.own();
    if own.len() < wanted {
        return more(seen, cluster, wanted - own.len());
    }
    let surplus = (own.len() - uncounted(seen, &own)).saturating_sub(wanted);
    if surplus == 0 {
        return Step::default();
    }
    match seen.annotation(labels::MOVE_MACHINES_TO_MACHINE_SET) {
        Some(target) => Step::waits(Waiting::Move { target: target.to_owned() }),
        None => fewer(seen, &own, surplus),
    }
}

/// Machines that moved here and that the MachineDeployment has yet to count in.
fn uncounted(seen: &Observed, own: &[&SeenMachine]) -> usize {
    if seen.annotation(labels::RECEIVE_MACHINES_FROM_MACHINE_SETS).is_none() {
        return 0;
    }
    own.iter().filter(|machine| machine.is_annotated(labels::PENDING_ACKNOWLEDGE_MOVE)).count()
}

fn more(seen: &Observed, cluster: &Cluster, count: usize) -> Step {
    if let Some(reason) = blocked(seen, cluster) {
        return Step::waits(reason);
    }
    let names = match naming::names(seen, count) {
        Ok(names) => names,
        Err(reason) => return Step::waits(Waiting::Naming { reason }),
    };
    let metadata = seen.machine_metadata();
    let create = |name: &String| {
        let machine = machine::new(&seen.machine_set, &metadata, name);
        let object = machine.to_json();
        Action::apply(MANAGER, object, "the MachineSet has fewer Machines than wanted")
    };
    Step::acts(names.iter().map(create).collect())
}

/// Why no Machine can be made now.
fn blocked(seen: &Observed, cluster: &Cluster) -> Option<Waiting> {
    if seen.annotation(labels::DISABLE_MACHINE_CREATE) == Some("true") {
        return Some(Waiting::CreationDisabled);
    }
    if cluster.metadata.deletion_timestamp.is_some() {
        return Some(Waiting::ClusterDeleting);
    }
    // Without its template it is not known which checks are to be left out.
    if let Some(missing) = templates::missing(&seen.templates()) {
        return Some(Waiting::Templates { missing });
    }
    let failures = preflight::failures(seen, cluster, "Scale up");
    (!failures.is_empty()).then_some(Waiting::Preflight { failures })
}

fn fewer(seen: &Observed, own: &[&SeenMachine], surplus: usize) -> Step {
    let order = seen.machine_set.spec.deletion.order.as_deref().unwrap_or_default();
    // Admission lets no other values through.
    let order = DeletionOrder::parse(order).unwrap_or_default();
    let candidates: Vec<Candidate<'_>> = own.iter().map(|machine| candidate(seen, machine)).collect();
    let chosen = in_order(&candidates, order);
    let actions = chosen
        .iter()
        .take(surplus)
        .filter_map(|name| own.iter().find(|machine| machine.name() == *name))
        .filter(|machine| !machine.is_deleting())
        .map(|machine| {
            let target = ObjectRef::of::<Machine>(seen.namespace(), machine.name());
            let why = "the MachineSet has more Machines than wanted";
            Action::delete(target, machine.machine.metadata.uid.clone(), why)
        })
        .collect();
    Step { actions, waiting: vec![Waiting::MachineDeletion { count: surplus }] }
}

fn candidate<'a>(seen: &Observed, machine: &'a SeenMachine) -> Candidate<'a> {
    let created = machine.machine.metadata.creation_timestamp.as_ref();
    Candidate {
        name: machine.name(),
        age_seconds: created.map(|created| seen.now.duration_since(created.0).as_secs_f64()),
        deleting: machine.is_deleting(),
        marked: machine.is_annotated(labels::DELETE_MACHINE),
        updating: is_updating(&machine.machine),
        healthy: is_healthy(machine.machine.status.node_ref.is_some(), &machine.machine.status.conditions),
    }
}

/// Whether a Machine is being changed in place, or is about to be.
pub(super) fn is_updating(machine: &Machine) -> bool {
    machine.metadata.annotations.as_ref().is_some_and(|annotations| {
        annotations.contains_key(labels::UPDATE_IN_PROGRESS)
            || annotations
                .get(PENDING_HOOKS)
                .is_some_and(|hooks| hooks.split(',').any(|hook| hook == "UpdateMachine"))
    })
}
