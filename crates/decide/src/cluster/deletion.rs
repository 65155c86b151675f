//! Taking a Cluster down: workers first, then the control plane, then what all of them stood on.

use api::core::{Machine, MachineDeployment, MachineSet};
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource;

use super::ClusterPlan;
use super::observed::{Observed, is_control_plane};
use super::waiting::Waiting;
use super::{references, status};
use crate::finalizers;
use crate::owners;
use crate::plan::{Action, ObjectRef, Plan};
use crate::referenced::Referenced;

/// How many names a line shows.
const SHOWN: usize = 5;
/// Why everything goes.
const WHY: &str = "its Cluster is deleted";

/// What is done, and what is waited for.
type Step = (Waiting, Vec<Action>);

/// The steps, in order; `None` means done.
const STEPS: [fn(&Observed) -> Option<Step>; 3] = [workers, control_plane, infrastructure];

/// The plan for a Cluster that is being deleted.
pub fn decide(seen: &Observed) -> ClusterPlan {
    let (waiting, step) = match STEPS.iter().find_map(|step| step(seen)) {
        Some(step) => step,
        None => match finalizers::release(&*seen.cluster, labels::CLUSTER_FINALIZER, "nothing of it is left")
        {
            // Nothing is left to tell about.
            Some(action) => return Plan { actions: vec![action], ..Plan::idle() },
            None => (Waiting::Completed, Vec::new()),
        },
    };
    let (status, next) = status::status(seen, Some(&waiting));
    // Whoever is to go has to know its Cluster to find out what goes before it.
    let actions = references::adopt(seen).into_iter().chain(step).collect();
    Plan { actions, waiting: vec![waiting], status: Some(status), next }
}

/// Workers, and Machines of a control plane that has no object of its own. What is controlled by something goes with it.
fn workers(seen: &Observed) -> Option<Step> {
    let has_control_plane = seen.cluster.spec.control_plane_ref.is_some();
    let (control_plane, workers): (Vec<&Machine>, Vec<&Machine>) =
        seen.machines.iter().map(|machine| &**machine).partition(|machine| is_control_plane(machine));
    let control_plane = if has_control_plane { Vec::new() } else { control_plane };
    let lines = [
        line("Control plane Machines", control_plane.iter().map(|machine| &machine.metadata)),
        line("MachineDeployments", seen.machine_deployments.iter().map(|deployment| &deployment.metadata)),
        line("MachineSets", seen.machine_sets.iter().map(|set| &set.metadata)),
        line("Worker Machines", workers.iter().map(|machine| &machine.metadata)),
    ];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    if lines.is_empty() {
        return None;
    }
    let deployments =
        seen.machine_deployments.iter().filter_map(|deployment| delete::<MachineDeployment>(deployment));
    let sets = seen.stand_alone_machine_sets().filter_map(delete::<MachineSet>);
    let machines = workers.into_iter().chain(control_plane);
    let machines = machines.filter(|machine| owners::controller_of(&machine.metadata).is_none());
    let actions = deployments.chain(sets).chain(machines.filter_map(delete::<Machine>)).collect();
    Some((Waiting::Workers(lines.join("\n")), actions))
}

fn delete<K: Resource<DynamicType = ()>>(object: &K) -> Option<Action> {
    let metadata = object.meta();
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let target = ObjectRef::of::<K>(namespace, metadata.name.as_deref().unwrap_or_default());
    Some(Action::delete(target, metadata.uid.clone(), WHY))
}

fn line<'a>(what: &str, objects: impl Iterator<Item = &'a ObjectMeta>) -> Option<String> {
    let mut names: Vec<&str> = objects.map(|metadata| metadata.name.as_deref().unwrap_or_default()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(format!("* {what}: {}", names.join(", "))),
        (false, more) => Some(format!("* {what}: {}, ... ({more} more)", names.join(", "))),
    }
}

fn control_plane(seen: &Observed) -> Option<Step> {
    let kind = &seen.cluster.spec.control_plane_ref.as_ref()?.kind;
    gone(&seen.control_plane, kind, Waiting::ControlPlaneDeletion(kind.clone()))
}

fn infrastructure(seen: &Observed) -> Option<Step> {
    let kind = &seen.cluster.spec.infrastructure_ref.as_ref()?.kind;
    gone(&seen.infrastructure, kind, Waiting::InfrastructureDeletion(kind.clone()))
}

/// Has an object deleted and waits until it is gone. A kind that cannot be read, even one that is not defined, may still have
/// something to show for it: its definition may be on its way back.
fn gone(object: &Referenced, kind: &str, waiting: Waiting) -> Option<Step> {
    match object {
        Referenced::Unset | Referenced::Missing => None,
        Referenced::UnknownKind => Some((Waiting::Unreadable(kind.to_owned()), Vec::new())),
        Referenced::Found(..) if object.is_deleting() => Some((waiting, Vec::new())),
        Referenced::Found(value, _) => {
            let uid = Some(object.uid().to_owned()).filter(|uid| !uid.is_empty());
            Some((waiting, vec![Action::delete(ObjectRef::of_value(value), uid, WHY)]))
        }
    }
}
