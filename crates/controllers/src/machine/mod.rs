//! Machine: what it sees, what it looks up, and what wakes it.

mod look;
pub(crate) mod observe;

use std::sync::Arc;

use api::conditions::{AVAILABLE, PAUSED};
use api::core::machine::MachineStatus;
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use decide::machine::{Need, Observed, Waiting};
use decide::plan::Plan;
use k8s_openapi::api::core::v1::Node;
use runtime::cache::Store;
use runtime::key::Key;
use runtime::queue::{Priority, Queue};
use runtime::workload::Change;

use crate::context::Context;
use crate::controller::Controller;
use crate::definitions::Definition;
use crate::error::Error;
use crate::gathering::turned;
use crate::table;

/// The controller of Machines.
pub struct MachineController;

impl Controller for MachineController {
    const NAME: &'static str = "machine";
    const MANAGER: &'static str = "capi-machine";
    type Kind = Machine;
    type Seen = Observed;
    type Status = MachineStatus;
    type Waiting = Waiting;
    type Need = Need;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(cx, key).await
    }

    async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
        look::look(cx, need, seen).await;
        Ok(())
    }

    fn decide(seen: &Observed) -> Plan<MachineStatus, Waiting, Need> {
        decide::machine::decide(seen)
    }

    fn is_urgent(published: &Machine, status: &MachineStatus) -> bool {
        published.status.node_ref != status.node_ref
            || turned(&published.status.conditions, &status.conditions, &[AVAILABLE, PAUSED])
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        let machines = cx.kind::<Machine>()?;
        machines.subscribe(queue, |old, new| {
            new.or(old).map(|machine| Key::of(&machine.metadata)).into_iter().collect()
        });
        follow_references(cx, queue, machines.clone());
        follow_definitions(cx, queue, machines.clone())?;
        follow_owners(cx, queue, machines.clone())?;
        let of_cluster = machines.clone();
        cx.kind::<Cluster>()?.subscribe(queue, move |old, new| {
            // Only what decisions depend on: the rest of a Cluster changes with every Machine.
            if let (Some(old), Some(new)) = (old, new)
                && observe::relevant_of_cluster(old) == observe::relevant_of_cluster(new)
            {
                return Vec::new();
            }
            let Some(metadata) = new.or(old).map(|cluster| &cluster.metadata) else { return Vec::new() };
            of_cluster.keys_by_index(table::BY_CLUSTER, &table::value_of(metadata))
        });
        follow_nodes(cx, queue, machines.clone());
        table::wake_on_connection(cx, queue, machines);
        Ok(())
    }
}

/// Bootstrap and infrastructure objects wake the Machine that refers to them.
fn follow_references(cx: &Context, queue: &Queue, machines: Store<Machine>) {
    cx.cache.subscribe_dynamic(queue, move |kind, old, new| {
        let Some(object) = new.or(old) else { return Vec::new() };
        let value = table::object_value(object.namespace(), &kind.group, &kind.kind, object.name());
        machines.keys_by_index(table::BY_REFERENCE, &value)
    });
}

/// A definition that comes, goes or begins to be served wakes the Machines that refer to its kind, or wait for their control
/// plane to be readable. That is rare: all Machines may be looked through for it.
fn follow_definitions(cx: &Context, queue: &Queue, machines: Store<Machine>) -> Result<(), Error> {
    let queue = queue.clone();
    let clusters = cx.kind::<Cluster>()?;
    let control_plane = move |machine: &Machine| {
        machine.metadata.deletion_timestamp.as_ref()?;
        let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
        clusters.get(&Key::new(namespace, &machine.spec.cluster_name))?.spec.control_plane_ref.clone()
    };
    cx.kind::<Definition>()?.observe(move |old, new, priority| {
        let Some(definition) = new.or(old).filter(|_| priority != Priority::Resync) else { return };
        for machine in machines.list("") {
            let spec = &machine.spec;
            let references = [spec.bootstrap.config_ref.as_ref(), Some(&spec.infrastructure_ref)];
            let mut references = references.into_iter().flatten();
            if references.any(|reference| observe::is_of(reference, definition))
                || control_plane(&machine).is_some_and(|reference| observe::is_of(&reference, definition))
            {
                queue.add(Key::of(&machine.metadata), priority);
            }
        }
    });
    Ok(())
}

/// Revisions and templates of MachineSets and MachineDeployments wake their Machines.
fn follow_owners(cx: &Context, queue: &Queue, machines: Store<Machine>) -> Result<(), Error> {
    let of_set = machines.clone();
    cx.kind::<MachineSet>()?.subscribe(queue, move |old, new| {
        if let (Some(old), Some(new)) = (old, new)
            && observe::relevant_of_set(old) == observe::relevant_of_set(new)
        {
            return Vec::new();
        }
        let uid = new.or(old).and_then(|set| set.metadata.uid.as_deref());
        uid.map(|uid| of_set.keys_by_index(table::BY_OWNER, uid)).unwrap_or_default()
    });
    cx.kind::<MachineDeployment>()?.subscribe(queue, move |old, new| {
        if let (Some(old), Some(new)) = (old, new)
            && observe::relevant_of_deployment(old) == observe::relevant_of_deployment(new)
        {
            return Vec::new();
        }
        let Some(deployment) = new.or(old) else { return Vec::new() };
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
        let cluster = table::cluster_value(namespace, &deployment.spec.cluster_name);
        let of_cluster = machines.by_index(table::BY_CLUSTER, &cluster);
        let own = of_cluster
            .iter()
            .filter(|machine| observe::deployment_of(machine) == deployment.metadata.name.as_deref());
        own.map(|machine| Key::of(&machine.metadata)).collect()
    });
    Ok(())
}

/// Nodes wake the Machine with their provider ID. A Node reports many times a minute that nothing changed.
fn follow_nodes(cx: &Context, queue: &Queue, machines: Store<Machine>) {
    let queue = queue.clone();
    cx.workloads.subscribe(Arc::new(move |cluster: &Key, change: &Change<'_>| {
        let Some((old, new)) = change.object::<Node>() else { return };
        if let (Some(old), Some(new)) = (old, new)
            && observe::is_same_node(old, new)
        {
            return;
        }
        let ids = [old, new].map(|node| node.and_then(|node| node.spec.as_ref()?.provider_id.as_deref()));
        for id in ids.into_iter().flatten() {
            let value = table::provider_id_value(cluster.namespace(), cluster.name(), id);
            for key in machines.keys_by_index(table::BY_PROVIDER_ID, &value) {
                queue.add(key, Priority::Fresh);
            }
        }
    }));
}
