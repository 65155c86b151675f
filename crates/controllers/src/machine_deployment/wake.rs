//! Which changes wake which MachineDeployments.
//!
//! Machines do not: whatever of theirs matters changes the status of their MachineSet first, and a look before that would
//! publish counters that are out of date.

use std::collections::BTreeSet;

use api::core::Cluster;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use decide::owners;
use runtime::cache::Store;
use runtime::key::Key;
use runtime::queue::Queue;

use crate::context::Context;
use crate::definitions::Definition;
use crate::error::Error;
use crate::machine_set::wake::{cluster_matters, definition_matters, itself, part_differs};
use crate::table;

/// Subscribes to all of them.
pub(super) fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
    let deployments = cx.kind::<MachineDeployment>()?;
    deployments.subscribe(queue, |old, new| {
        itself(old.map(|one| &one.metadata), new.map(|one| &one.metadata)).into_iter().collect()
    });
    let of_sets = deployments.clone();
    cx.kind::<MachineSet>()?.subscribe(queue, move |old, new| {
        let both = old.into_iter().chain(new);
        both.flat_map(|set| of_set(&of_sets, set)).collect::<BTreeSet<_>>().into_iter().collect()
    });
    let of_clusters = deployments.clone();
    cx.kind::<Cluster>()?.subscribe(queue, move |old, new| {
        let metadata = new.or(old).map(|cluster| &cluster.metadata).filter(|_| cluster_matters(old, new));
        let Some(metadata) = metadata else { return Vec::new() };
        let (namespace, name) = (metadata.namespace.as_deref(), metadata.name.as_deref());
        in_cluster(&of_clusters, namespace.unwrap_or_default(), name.unwrap_or_default())
    });
    let of_definitions = deployments.clone();
    cx.kind::<Definition>()?.subscribe(queue, move |old, new| {
        if definition_matters(old, new) { of_definitions.keys() } else { Vec::new() }
    });
    cx.cache.subscribe_dynamic(queue, move |kind, old, new| {
        let object = new.or(old).filter(|_| kind.kind.ends_with("Template"));
        let changed = part_differs(old, new, "/metadata");
        let Some(object) = object.filter(|_| changed) else { return Vec::new() };
        let value = table::object_value(object.namespace(), &kind.group, &kind.kind, object.name());
        deployments.keys_by_index(table::BY_REFERENCE, &value)
    });
    Ok(())
}

/// The MachineDeployment that controls a MachineSet; where nobody does, all of the Cluster, any of which may select it.
fn of_set(deployments: &Store<MachineDeployment>, set: &MachineSet) -> Vec<Key> {
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    match owners::controller_of(&set.metadata) {
        Some(owner) if owner.kind == "MachineDeployment" => vec![Key::new(namespace, &owner.name)],
        Some(_) => Vec::new(),
        None => in_cluster(deployments, namespace, &set.spec.cluster_name),
    }
}

fn in_cluster(deployments: &Store<MachineDeployment>, namespace: &str, cluster: &str) -> Vec<Key> {
    deployments.keys_by_index(table::BY_CLUSTER, &table::cluster_value(namespace, cluster))
}
