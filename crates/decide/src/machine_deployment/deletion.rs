//! The end of a MachineDeployment: its MachineSets first, then its finalizer.

use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use api::labels;
use serde_json::json;

use super::{Observed, Step, Waiting};
use crate::plan::{Action, ObjectRef};

/// What comes next.
pub(super) fn step(seen: &Observed) -> Step {
    let own = seen.own();
    if own.is_empty() {
        return Step::acts(release(seen));
    }
    let actions = own
        .iter()
        .filter(|set| !set.is_deleting())
        .map(|set| {
            let target = ObjectRef::of::<MachineSet>(seen.namespace(), set.name());
            let uid = set.machine_set.metadata.uid.clone();
            Action::delete(target, uid, "the MachineDeployment is being deleted")
        })
        .collect();
    Step { actions, waiting: vec![Waiting::MachineSetDeletion { count: own.len() }] }
}

/// Takes the finalizer off.
fn release(seen: &Observed) -> Vec<Action> {
    let metadata = &seen.deployment.metadata;
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let rest: Vec<&String> =
        finalizers.iter().filter(|finalizer| *finalizer != labels::MACHINE_DEPLOYMENT_FINALIZER).collect();
    if rest.len() == finalizers.len() {
        return Vec::new();
    }
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": rest}});
    let target = ObjectRef::of::<MachineDeployment>(seen.namespace(), seen.name());
    vec![Action::patch(target, patch, "the MachineDeployment has no MachineSets left")]
}
