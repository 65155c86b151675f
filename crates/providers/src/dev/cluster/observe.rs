//! What there is to see of a DevCluster, and which changes matter.

use std::sync::Arc;

use api::Kind as _;
use api::core::Cluster;
use api::infrastructure::{self, DevCluster};
use controllers::Context;
use runtime::key::Key;
use runtime::queue::Queue;

use super::decide::Observed;
use crate::dev::cloud::ClusterId;
use crate::dev::frame::{self, Error, Site};

/// Reads caches and the cloud.
pub fn observe(site: &Site, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(dev_cluster) = frame::read::<DevCluster>(site, key)? else { return Ok(None) };
    let owner = frame::owner_of::<Cluster>(&dev_cluster.metadata).map(str::to_owned);
    let cluster = match &owner {
        Some(owner) => site.cx.get::<Cluster>(&Key::new(key.namespace(), owner))?,
        None => None,
    };
    let id = owner.map(|owner| ClusterId::new(key.namespace(), &owner));
    let endpoint = id.as_ref().and_then(|id| site.cloud.endpoint(id));
    Ok(Some(Observed { dev_cluster: Arc::new(dev_cluster), cluster, id, endpoint, now: site.cx.clock.now() }))
}

/// A DevCluster is woken by itself and by its Cluster.
pub fn subscribe(site: &Site, queue: &Queue) -> Result<(), Error> {
    site.store
        .subscribe(queue, |old, new| new.or(old).map(runtime::cache::Object::key).into_iter().collect());
    site.cx.kind::<Cluster>()?.subscribe(queue, |old, new| {
        // Its status is none of our business, and it changes often.
        let changed = old.zip(new).is_none_or(|(old, new)| {
            old.spec != new.spec || old.metadata.annotations != new.metadata.annotations
        });
        new.or(old).filter(|_| changed).and_then(infrastructure_key).into_iter().collect()
    });
    Ok(())
}

fn infrastructure_key(cluster: &Cluster) -> Option<Key> {
    let reference = cluster.spec.infrastructure_ref.as_ref()?;
    let ours = reference.api_group == infrastructure::GROUP && reference.kind == DevCluster::KIND;
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    ours.then(|| Key::new(namespace, &reference.name))
}

/// The Cluster that names it.
pub fn group_of(cx: &Context, key: &Key) -> Key {
    let value = controllers::table::object_value(
        key.namespace(),
        infrastructure::GROUP,
        DevCluster::KIND,
        key.name(),
    );
    let named = cx.by_index::<Cluster>(controllers::table::BY_REFERENCE, &value).unwrap_or_default();
    named.first().map_or_else(|| key.clone(), |cluster| Key::of(&cluster.metadata))
}
