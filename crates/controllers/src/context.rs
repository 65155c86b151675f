//! What every controller is handed: caches to read, a writer to act with, workload clusters, the clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::contract::{Contract, versions};
use api::core::common::ContractVersionedObjectReference;
use decide::referenced::Referenced;
use machinery::gvk::GroupVersionKind;
use runtime::cache::{Cache, Store, Typed};
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::key::Key;
use runtime::workload::Workloads;
use runtime::writer::Writer;

use crate::definitions::{self, Definition};
use crate::error::Error;
use crate::etcd_identity::EtcdIdentities;
use crate::kubeadm_control_plane::Memory;
use crate::target::{self, Target};

/// Everything a controller may use. Clones share it.
#[derive(Clone)]
pub struct Context {
    /// Objects of the management API, kept by watches.
    pub cache: Cache,
    /// Writes to the management API; the cache knows of them at once.
    pub writer: Writer,
    /// Connections to workload clusters.
    pub workloads: Workloads,
    /// The time.
    pub clock: Clock,
    /// Chance and keys.
    pub entropy: Entropy,
    /// Client certificates for the etcd of workload clusters.
    pub etcd_identities: EtcdIdentities,
    /// What workload clusters said about their control planes.
    pub control_planes: Memory,
    /// Kinds with a Rust type, by what an object says of itself.
    pub targets: Arc<BTreeMap<GroupVersionKind, Arc<dyn Target>>>,
}

impl Context {
    /// The cached objects of a kind.
    ///
    /// # Errors
    /// When the cache was built without that kind: a fault of ours.
    pub fn kind<K: Typed>(&self) -> Result<Store<K>, Error> {
        Ok(self.cache.kind::<K>()?)
    }

    /// One cached object.
    ///
    /// # Errors
    /// As [`Context::kind`].
    pub fn get<K: Typed>(&self, key: &Key) -> Result<Option<Arc<K>>, Error> {
        Ok(self.kind::<K>()?.get(key))
    }

    /// Cached objects by an index.
    ///
    /// # Errors
    /// As [`Context::kind`].
    pub fn by_index<K: Typed>(&self, index: &'static str, value: &str) -> Result<Vec<Arc<K>>, Error> {
        Ok(self.kind::<K>()?.by_index(index, value))
    }

    /// Where objects of a kind are written to. A kind without a Rust type is watched from its first use on.
    ///
    /// # Errors
    /// When the server does not know the kind, or the watch cannot be begun.
    pub async fn target(&self, kind: &GroupVersionKind) -> Result<Arc<dyn Target>, Error> {
        match self.targets.get(kind) {
            Some(target) => Ok(Arc::clone(target)),
            None => Ok(target::dynamic(self.cache.dynamic(kind).await?)),
        }
    }

    /// The version in which to read a kind, and the contract it fulfils: the newest of each that we understand. `None`
    /// if the server knows no such kind, or says of none of its versions that it fulfils a contract.
    ///
    /// # Errors
    /// As [`Context::kind`].
    pub fn version_of(&self, group: &str, kind: &str) -> Result<Option<(GroupVersionKind, Contract)>, Error> {
        let found =
            self.by_index::<Definition>(definitions::BY_KIND, &definitions::kind_value(group, kind))?;
        let Some(definition) = found.first() else { return Ok(None) };
        let (name, labels) = (&definition.metadata.name, &definition.metadata.labels);
        let (Some(name), Some(labels)) = (name, labels) else { return Ok(None) };
        let choice = versions::choose(name, labels, versions::CURRENT).ok();
        Ok(choice.map(|choice| {
            let contract = Contract::from_name(&choice.contract);
            (
                GroupVersionKind { group: group.to_owned(), version: choice.version, kind: kind.to_owned() },
                contract,
            )
        }))
    }

    /// The object that a reference names, in `namespace`. From its first use on, the kind is watched.
    ///
    /// # Errors
    /// When the watch cannot be begun.
    pub async fn referenced(
        &self,
        namespace: &str,
        reference: &ContractVersionedObjectReference,
    ) -> Result<Referenced, Error> {
        let Some((kind, contract)) = self.version_of(&reference.api_group, &reference.kind)? else {
            return Ok(Referenced::UnknownKind);
        };
        let store = match self.cache.dynamic(&kind).await {
            Ok(store) => store,
            Err(runtime::client::Error::UnknownKind(_)) => return Ok(Referenced::UnknownKind),
            Err(error) => return Err(error.into()),
        };
        let object = store.get(&Key::new(namespace, &reference.name));
        Ok(object.map_or(Referenced::Missing, |object| Referenced::Found(object.shared(), contract)))
    }
}
