//! What there is around a MachineDeployment: all of it from caches.

use std::sync::Arc;

use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use decide::machine_deployment::{self, Observed, SeenMachineSet};
use decide::machine_set::selector;
use decide::owners;
use runtime::key::Key;

use crate::context::Context;
use crate::error::Error;
use crate::machine_set::observe::{Kinds, applied};
use crate::table;

/// A MachineDeployment and everything its decision depends on; `None` if it is gone.
pub(super) async fn machine_deployment(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(deployment) = cx.get::<MachineDeployment>(key)? else { return Ok(None) };
    let namespace = key.namespace();
    let cluster_name = &deployment.spec.cluster_name;
    let cluster = cx.get::<Cluster>(&Key::new(namespace, cluster_name))?;
    let all = cx.by_index::<MachineSet>(table::BY_CLUSTER, &table::cluster_value(namespace, cluster_name))?;
    let taken_names = all.iter().filter_map(|set| set.metadata.name.clone()).collect();
    let machine_sets = machine_sets(cx, &deployment, &all)?;
    let machines = machines(cx, &machine_sets)?;
    let mut kinds = Kinds::new(cx, namespace);
    let template = &deployment.spec.template.spec;
    let infrastructure_template = kinds.find(Some(&template.infrastructure_ref)).await?;
    let bootstrap_template = kinds.find(template.bootstrap.config_ref.as_ref()).await?;
    Ok(Some(Observed {
        now: cx.clock.now(),
        deployment,
        cluster,
        machine_sets,
        taken_names,
        machines,
        infrastructure_template,
        bootstrap_template,
    }))
}

/// MachineSets that the MachineDeployment controls, or that it selects and nobody controls.
fn machine_sets(
    cx: &Context,
    deployment: &MachineDeployment,
    all: &[Arc<MachineSet>],
) -> Result<Vec<SeenMachineSet>, Error> {
    let store = cx.kind::<MachineSet>()?;
    // A selector that cannot be read selects nothing; admission lets none through.
    let selector = selector::of(&deployment.spec.selector).ok();
    let uid = deployment.metadata.uid.as_deref().unwrap_or_default();
    let belongs = |set: &&Arc<MachineSet>| match owners::controller_of(&set.metadata) {
        Some(owner) => owner.uid == uid,
        None => selector.as_ref().is_some_and(|selector| selector.matches(&set.metadata.labels)),
    };
    let seen = |set: &Arc<MachineSet>| SeenMachineSet {
        applied: applied(&store, &Key::of(&set.metadata), machine_deployment::MANAGER),
        machine_set: Arc::clone(set),
    };
    Ok(all.iter().filter(belongs).map(seen).collect())
}

/// The Machines that these MachineSets control, by name.
fn machines(cx: &Context, sets: &[SeenMachineSet]) -> Result<Vec<Arc<Machine>>, Error> {
    let store = cx.kind::<Machine>()?;
    let mut machines = Vec::new();
    for uid in sets.iter().filter_map(|set| set.machine_set.metadata.uid.as_deref()) {
        let controlled = |machine: &Arc<Machine>| {
            owners::controller_of(&machine.metadata).is_some_and(|owner| owner.uid == uid)
        };
        machines.extend(store.by_index(table::BY_OWNER, uid).into_iter().filter(controlled));
    }
    machines.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
    Ok(machines)
}
