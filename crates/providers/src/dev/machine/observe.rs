//! What there is to see of a DevMachine, and which changes matter.

use std::sync::Arc;

use api::core::{Cluster, Machine};
use api::infrastructure::{self, DevMachine};
use api::{Kind as _, labels};
use controllers::{Context, table};
use runtime::key::Key;
use runtime::queue::Queue;

use super::decide::Observed;
use crate::dev::cloud::ClusterId;
use crate::dev::frame::{self, Error, Site};

/// Reads caches and the cloud.
pub fn observe(site: &Site, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(dev_machine) = frame::read::<DevMachine>(site, key)? else { return Ok(None) };
    let machine = match frame::owner_of::<Machine>(&dev_machine.metadata) {
        Some(owner) => site.cx.get::<Machine>(&Key::new(key.namespace(), owner))?,
        None => None,
    };
    let cluster_name = match &machine {
        Some(machine) => Some(machine.spec.cluster_name.clone()),
        None => dev_machine.metadata.labels.as_ref().and_then(|all| all.get(labels::CLUSTER_NAME)).cloned(),
    };
    let cluster = match &cluster_name {
        Some(name) => site.cx.get::<Cluster>(&Key::new(key.namespace(), name))?,
        None => None,
    };
    let id = cluster_name.map(|name| ClusterId::new(key.namespace(), &name));
    let record = id.as_ref().and_then(|id| site.cloud.machine(id, key.name()));
    let has_cluster = id.as_ref().is_some_and(|id| site.cloud.endpoint(id).is_some());
    let now = site.cx.clock.now();
    Ok(Some(Observed { dev_machine: Arc::new(dev_machine), machine, cluster, id, has_cluster, record, now }))
}

/// A DevMachine is woken by itself, by its Machine, and by what its Cluster says to all machines.
pub fn subscribe(site: &Site, queue: &Queue) -> Result<(), Error> {
    site.store
        .subscribe(queue, |old, new| new.or(old).map(runtime::cache::Object::key).into_iter().collect());
    let machines = site.cx.kind::<Machine>()?;
    machines.subscribe(queue, |old, new| {
        let changed = old.zip(new).is_none_or(|(old, new)| old.spec != new.spec);
        new.or(old).filter(|_| changed).and_then(infrastructure_key).into_iter().collect()
    });
    site.cx.kind::<Cluster>()?.subscribe(queue, move |old, new| {
        let changed = old.zip(new).is_none_or(|(old, new)| {
            old.status.initialization != new.status.initialization || old.spec.paused != new.spec.paused
        });
        let Some(cluster) = new.or(old).filter(|_| changed) else { return Vec::new() };
        let key = Key::of(&cluster.metadata);
        let members =
            machines.by_index(table::BY_CLUSTER, &table::cluster_value(key.namespace(), key.name()));
        members.iter().filter_map(|machine| infrastructure_key(machine)).collect()
    });
    Ok(())
}

fn infrastructure_key(machine: &Machine) -> Option<Key> {
    let reference = &machine.spec.infrastructure_ref;
    let ours = reference.api_group == infrastructure::GROUP && reference.kind == DevMachine::KIND;
    let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
    ours.then(|| Key::new(namespace, &reference.name))
}

/// The Cluster of the Machine that names it.
pub fn group_of(cx: &Context, key: &Key) -> Key {
    let value = table::object_value(key.namespace(), infrastructure::GROUP, DevMachine::KIND, key.name());
    let named = cx.by_index::<Machine>(table::BY_REFERENCE, &value).unwrap_or_default();
    named.first().map_or_else(|| key.clone(), |machine| Key::new(key.namespace(), &machine.spec.cluster_name))
}
