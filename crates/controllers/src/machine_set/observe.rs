//! What there is around a MachineSet: all of it from caches.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::contract::Contract;
use api::contract::names::kind_of_template;
use api::core::Cluster;
use api::core::common::ContractVersionedObjectReference;
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use api::labels;
use decide::applied::Applied;
use decide::machine_set::{self, Observed, SeenMachine, selector};
use decide::owners;
use decide::referenced::Referenced;
use runtime::cache::{Object, Store, Typed};
use runtime::key::Key;
use serde_json::Value;

use crate::context::Context;
use crate::error::Error;
use crate::table;

/// The index of kinds held as JSON by the uid of any owner.
const DYNAMIC_OWNER: &str = "owner";

/// A MachineSet and everything its decision depends on; `None` if it is gone.
pub(super) async fn machine_set(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(set) = cx.get::<MachineSet>(key)? else { return Ok(None) };
    let namespace = key.namespace();
    let cluster = cx.get::<Cluster>(&Key::new(namespace, &set.spec.cluster_name))?;
    let deployment = set.metadata.labels.as_ref().and_then(|own| own.get(labels::DEPLOYMENT_NAME));
    let deployment = match deployment {
        Some(name) => cx.get::<MachineDeployment>(&Key::new(namespace, name))?,
        None => None,
    };
    let all =
        cx.by_index::<Machine>(table::BY_CLUSTER, &table::cluster_value(namespace, &set.spec.cluster_name))?;
    let taken_names = all.iter().filter_map(|machine| machine.metadata.name.clone()).collect();
    let mut kinds = Kinds::new(cx, namespace);
    let template = &set.spec.template.spec;
    let infrastructure_template = kinds.find(Some(&template.infrastructure_ref)).await?;
    let bootstrap_template = kinds.find(template.bootstrap.config_ref.as_ref()).await?;
    let control_plane_ref = cluster.as_ref().and_then(|cluster| cluster.spec.control_plane_ref.as_ref());
    let control_plane = kinds.find(control_plane_ref).await?;
    let machines = machines(cx, &mut kinds, &set, &all).await?;
    let belongings = kinds.belongings(&set).await?;
    Ok(Some(Observed {
        now: cx.clock.now(),
        machine_set: set,
        cluster,
        deployment,
        machines,
        taken_names,
        infrastructure_template,
        bootstrap_template,
        control_plane,
        belongings,
    }))
}

/// The Machines that the MachineSet selects and nobody else controls, and what they are made of.
async fn machines(
    cx: &Context,
    kinds: &mut Kinds<'_>,
    set: &MachineSet,
    all: &[Arc<Machine>],
) -> Result<Vec<SeenMachine>, Error> {
    let store = cx.kind::<Machine>()?;
    // A selector that cannot be read selects nothing; admission lets none through.
    let Ok(selector) = selector::of(&set.spec.selector) else { return Ok(Vec::new()) };
    let uid = set.metadata.uid.as_deref().unwrap_or_default();
    let mut seen = Vec::new();
    for machine in all {
        let foreign = owners::controller_of(&machine.metadata).is_some_and(|owner| owner.uid != uid);
        if foreign || !selector.matches(&machine.metadata.labels) {
            continue;
        }
        seen.push(SeenMachine {
            applied: applied(&store, &Key::of(&machine.metadata), machine_set::MANAGER),
            bootstrap: kinds.find(machine.spec.bootstrap.config_ref.as_ref()).await?,
            infrastructure: kinds.find(Some(&machine.spec.infrastructure_ref)).await?,
            machine: Arc::clone(machine),
        });
    }
    Ok(seen)
}

/// What a manager applied to an object before; `None` if nothing ever was.
pub(crate) fn applied<K: Typed>(store: &Store<K>, key: &Key, manager: &str) -> Option<Applied> {
    store.applied_fields(key, manager, "").map(|fields| Applied::from_fields(&fields))
}

/// The objects of a kind, and the contract that it fulfils.
type Found = (Store<Object>, Contract);

/// Providers' kinds, each looked up once however many Machines refer to it.
pub(crate) struct Kinds<'a> {
    cx: &'a Context,
    namespace: &'a str,
    /// By group and kind.
    known: BTreeMap<(String, String), Option<Found>>,
}

impl<'a> Kinds<'a> {
    /// Nothing looked up yet.
    pub(crate) fn new(cx: &'a Context, namespace: &'a str) -> Self {
        Self { cx, namespace, known: BTreeMap::new() }
    }

    /// The object that a reference names.
    pub(crate) async fn find(
        &mut self,
        reference: Option<&ContractVersionedObjectReference>,
    ) -> Result<Referenced, Error> {
        let Some(reference) = reference.filter(|reference| !reference.kind.is_empty()) else {
            return Ok(Referenced::Unset);
        };
        let Some((store, contract)) = self.store(&reference.api_group, &reference.kind).await? else {
            return Ok(Referenced::UnknownKind);
        };
        let object = store.get(&Key::new(self.namespace, &reference.name));
        Ok(object.map_or(Referenced::Missing, |object| Referenced::Found(object.shared(), contract)))
    }

    /// Objects of the kinds that the templates make, which belong to the MachineSet itself.
    async fn belongings(&mut self, set: &MachineSet) -> Result<Vec<Arc<Value>>, Error> {
        let template = &set.spec.template.spec;
        let uid = set.metadata.uid.as_deref().unwrap_or_default();
        let mut found = Vec::new();
        for reference in template.bootstrap.config_ref.iter().chain([&template.infrastructure_ref]) {
            let kind = kind_of_template(&reference.kind);
            let Some((store, _)) = self.store(&reference.api_group, kind).await? else { continue };
            found.extend(store.by_index(DYNAMIC_OWNER, uid).iter().map(|object| object.shared()));
        }
        Ok(found)
    }

    async fn store(&mut self, group: &str, kind: &str) -> Result<Option<Found>, Error> {
        let name = (group.to_owned(), kind.to_owned());
        if let Some(known) = self.known.get(&name) {
            return Ok(known.clone());
        }
        let found = match self.cx.version_of(group, kind)? {
            None => None,
            Some((kind, contract)) => match self.cx.cache.dynamic(&kind).await {
                Ok(store) => Some((store, contract)),
                Err(runtime::client::Error::UnknownKind(_)) => None,
                Err(error) => return Err(error.into()),
            },
        };
        self.known.insert(name, found.clone());
        Ok(found)
    }
}
