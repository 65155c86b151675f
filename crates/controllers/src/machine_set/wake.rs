//! Which changes wake which MachineSets.

use std::collections::BTreeSet;

use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use decide::owners;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::gvk::GroupVersionKind;
use runtime::cache::{Object, Store};
use runtime::key::Key;
use runtime::queue::Queue;

use crate::context::Context;
use crate::definitions::Definition;
use crate::error::Error;
use crate::table;

/// Subscribes to all of them.
pub(super) fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
    let sets = cx.kind::<MachineSet>()?;
    sets.subscribe(queue, |old, new| {
        itself(old.map(|set| &set.metadata), new.map(|set| &set.metadata)).into_iter().collect()
    });
    let of_machines = sets.clone();
    cx.kind::<Machine>()?.subscribe(queue, move |old, new| {
        let both = old.into_iter().chain(new);
        both.flat_map(|machine| of_machine(&of_machines, machine))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    });
    let of_clusters = sets.clone();
    cx.kind::<Cluster>()?.subscribe(queue, move |old, new| of_cluster(&of_clusters, old, new));
    let of_deployments = sets.clone();
    cx.kind::<MachineDeployment>()?
        .subscribe(queue, move |old, new| of_deployment(&of_deployments, old, new));
    let of_definitions = sets.clone();
    cx.kind::<Definition>()?.subscribe(queue, move |old, new| {
        if definition_matters(old, new) { of_definitions.keys() } else { Vec::new() }
    });
    let machines = cx.kind::<Machine>()?;
    let clusters = cx.kind::<Cluster>()?;
    cx.cache.subscribe_dynamic(queue, move |kind, old, new| {
        of_object(&Stores { sets: &sets, machines: &machines, clusters: &clusters }, kind, old, new)
    });
    Ok(())
}

/// Whether a kind came or speaks another contract: references to it may lead somewhere now. Rare enough to wake everybody.
pub(crate) fn definition_matters(old: Option<&Definition>, new: Option<&Definition>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.metadata.labels != new.metadata.labels,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

/// The key of the object itself, unless only its status changed: that is our own doing.
pub(crate) fn itself(old: Option<&ObjectMeta>, new: Option<&ObjectMeta>) -> Option<Key> {
    let metadata = new.or(old)?;
    let same = match (old, new) {
        (Some(old), Some(new)) => {
            old.uid == new.uid
                && old.generation == new.generation
                && old.deletion_timestamp == new.deletion_timestamp
                && old.labels == new.labels
                && old.annotations == new.annotations
                && old.finalizers == new.finalizers
                && old.owner_references == new.owner_references
        }
        _ => false,
    };
    (!same).then(|| Key::of(metadata))
}

/// The MachineSet that controls a Machine; where nobody does, all of the Cluster, any of which may select it.
fn of_machine(sets: &Store<MachineSet>, machine: &Machine) -> Vec<Key> {
    let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
    match owners::controller_of(&machine.metadata) {
        Some(owner) if owner.kind == "MachineSet" => vec![Key::new(namespace, &owner.name)],
        Some(_) => Vec::new(),
        None => in_cluster(sets, namespace, &machine.spec.cluster_name),
    }
}

fn in_cluster(sets: &Store<MachineSet>, namespace: &str, cluster: &str) -> Vec<Key> {
    sets.keys_by_index(table::BY_CLUSTER, &table::cluster_value(namespace, cluster))
}

/// The MachineSets of a Cluster, when it comes or goes or something changes that they look at.
fn of_cluster(sets: &Store<MachineSet>, old: Option<&Cluster>, new: Option<&Cluster>) -> Vec<Key> {
    if !cluster_matters(old, new) {
        return Vec::new();
    }
    let Some(metadata) = new.or(old).map(|cluster| &cluster.metadata) else { return Vec::new() };
    let (namespace, name) = (&metadata.namespace, &metadata.name);
    in_cluster(sets, namespace.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default())
}

/// Whether anything of a Cluster changed that its workers look at: specification, annotations, deletion.
pub(crate) fn cluster_matters(old: Option<&Cluster>, new: Option<&Cluster>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            old.metadata.uid != new.metadata.uid
                || old.metadata.generation != new.metadata.generation
                || old.metadata.annotations != new.metadata.annotations
                || old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        }
        _ => true,
    }
}

/// The MachineSets of a MachineDeployment, unless only its status changed.
fn of_deployment(
    sets: &Store<MachineSet>,
    old: Option<&MachineDeployment>,
    new: Option<&MachineDeployment>,
) -> Vec<Key> {
    let changed = itself(old.map(|one| &one.metadata), new.map(|one| &one.metadata)).is_some();
    let uid = new.or(old).and_then(|deployment| deployment.metadata.uid.as_deref()).filter(|_| changed);
    uid.map(|uid| sets.keys_by_index(table::BY_OWNER, uid)).unwrap_or_default()
}

struct Stores<'a> {
    sets: &'a Store<MachineSet>,
    machines: &'a Store<Machine>,
    clusters: &'a Store<Cluster>,
}

/// Of an object of a provider: MachineSets that use it as a template, that own the Machine made of it, or whose Cluster it
/// is the control plane of.
fn of_object(
    stores: &Stores<'_>,
    kind: &GroupVersionKind,
    old: Option<&Object>,
    new: Option<&Object>,
) -> Vec<Key> {
    let Some(object) = new.or(old) else { return Vec::new() };
    let value = table::object_value(object.namespace(), &kind.group, &kind.kind, object.name());
    if kind.kind.ends_with("Template") {
        let changed = part_differs(old, new, "/metadata") || part_differs(old, new, "/spec");
        return if changed { stores.sets.keys_by_index(table::BY_REFERENCE, &value) } else { Vec::new() };
    }
    let mut keys = Vec::new();
    if made_of_it_matters(old, new) {
        for machine in stores.machines.by_index(table::BY_REFERENCE, &value) {
            keys.extend(of_machine(stores.sets, &machine));
        }
    }
    if control_plane_matters(old, new) {
        for cluster in stores.clusters.keys_by_index(table::BY_REFERENCE, &value) {
            keys.extend(in_cluster(stores.sets, cluster.namespace(), cluster.name()));
        }
    }
    keys
}

/// Whether what a Machine is made of came, went or carries other labels or annotations.
fn made_of_it_matters(old: Option<&Object>, new: Option<&Object>) -> bool {
    ["/metadata/labels", "/metadata/annotations", "/metadata/deletionTimestamp"]
        .iter()
        .any(|path| part_differs(old, new, path))
}

/// Whether a control plane says something else about its versions.
fn control_plane_matters(old: Option<&Object>, new: Option<&Object>) -> bool {
    ["/spec/version", "/status/version", "/status/versions"].iter().any(|path| part_differs(old, new, path))
}

/// Whether a part of an object differs; always, where the object came or went.
pub(crate) fn part_differs(old: Option<&Object>, new: Option<&Object>, path: &str) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.value().pointer(path) != new.value().pointer(path),
        _ => true,
    }
}
