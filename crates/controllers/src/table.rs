//! The table of all controllers, what the cache holds for them, and how they start.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::bootstrap::KubeadmConfig;
use api::controlplane::KubeadmControlPlane;
use api::core::cluster::Cluster;
use api::core::machine::{Machine, MachineSpec};
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use api::labels;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::gvk::GroupVersionKind;
use runtime::cache::{Cache, CacheBuilder, Codec, Store, Typed};
use runtime::controller::Controller as Loop;
use runtime::key::Key;
use runtime::queue::{Groups, Priority, Queue};
use runtime::shutdown::Shutdown;
use runtime::workload::Change;
use tokio::task::JoinHandle;

use crate::cluster::ClusterController;
use crate::context::Context;
use crate::controller::{Controller, reconcile};
use crate::definitions::{self, Definition};
use crate::error::Error;
use crate::gathering::Gathering;
use crate::kubeadm_config::KubeadmConfigController;
use crate::kubeadm_control_plane::{self, KubeadmControlPlaneController};
use crate::machine::MachineController;
use crate::machine_deployment::{self, MachineDeployments};
use crate::machine_set::{self, MachineSets};
use crate::target::{self, Target};

/// The index by the uid of any owner.
pub const BY_OWNER: &str = "owner";
/// The index by `namespace/name` of the Cluster that an object belongs to.
pub const BY_CLUSTER: &str = "cluster";
/// The index by the object that a reference names, or a template: `namespace/group/kind/name`.
pub const BY_REFERENCE: &str = "reference";
/// The index of Machines by their provider ID: `namespace/cluster` and the ID.
pub const BY_PROVIDER_ID: &str = "provider-id";

/// How a kind of ours is read and written.
fn ours<K: api::Kind>() -> Codec<K> {
    Codec { decode: K::from_json, encode: K::to_json }
}

/// Declares everything that controllers read.
pub fn declare(builder: CacheBuilder) -> CacheBuilder {
    declare_kubeadm(declare_core(builder))
}

/// The kinds of the core, and what defines all others.
fn declare_core(builder: CacheBuilder) -> CacheBuilder {
    builder
        .kind(Codec::<Definition>::of_traits(), |options| {
            options.index(definitions::BY_KIND, |definition: &Definition| {
                vec![definitions::kind_value(&definition.spec.group, &definition.spec.names.kind)]
            })
        })
        .kind(ours::<Cluster>(), |options| {
            options.index(BY_REFERENCE, |cluster: &Cluster| {
                let references = [&cluster.spec.infrastructure_ref, &cluster.spec.control_plane_ref];
                let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
                references
                    .into_iter()
                    .flatten()
                    .map(|reference| reference_value(namespace, reference))
                    .collect()
            })
        })
        .kind(ours::<Machine>(), |options| {
            options
                .index(BY_OWNER, |machine: &Machine| owner_uids(&machine.metadata))
                .index(BY_CLUSTER, |machine: &Machine| {
                    cluster_of(&machine.metadata, &machine.spec.cluster_name)
                })
                .index(BY_PROVIDER_ID, |machine: &Machine| {
                    let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
                    let value = |id: &String| provider_id_value(namespace, &machine.spec.cluster_name, id);
                    machine.spec.provider_id.iter().map(value).collect()
                })
                .index(BY_REFERENCE, |machine: &Machine| {
                    let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
                    let references =
                        [machine.spec.bootstrap.config_ref.as_ref(), Some(&machine.spec.infrastructure_ref)];
                    references
                        .into_iter()
                        .flatten()
                        .map(|reference| reference_value(namespace, reference))
                        .collect()
                })
        })
        .kind(ours::<MachineSet>(), |options| {
            options
                .index(BY_OWNER, |set: &MachineSet| owner_uids(&set.metadata))
                .index(BY_CLUSTER, |set: &MachineSet| cluster_of(&set.metadata, &set.spec.cluster_name))
                .index(BY_REFERENCE, |set: &MachineSet| {
                    template_references(&set.metadata, &set.spec.template.spec)
                })
        })
        .kind(ours::<MachineDeployment>(), |options| {
            options
                .index(BY_CLUSTER, |deployment: &MachineDeployment| {
                    cluster_of(&deployment.metadata, &deployment.spec.cluster_name)
                })
                .index(BY_REFERENCE, |deployment: &MachineDeployment| {
                    template_references(&deployment.metadata, &deployment.spec.template.spec)
                })
        })
}

/// The kinds of kubeadm's providers, and the Secrets and ConfigMaps of Clusters.
fn declare_kubeadm(builder: CacheBuilder) -> CacheBuilder {
    builder
        .kind(ours::<KubeadmConfig>(), |options| {
            options
                .index(BY_OWNER, |config: &KubeadmConfig| owner_uids(&config.metadata))
                .index(BY_CLUSTER, |config: &KubeadmConfig| cluster_of_label(&config.metadata))
        })
        .kind(ours::<KubeadmControlPlane>(), |options| {
            options.index(BY_OWNER, |control_plane: &KubeadmControlPlane| owner_uids(&control_plane.metadata))
        })
        .kind(Codec::<Secret>::of_traits(), |options| {
            options
                .label(labels::CLUSTER_NAME)
                .index(BY_CLUSTER, |secret: &Secret| cluster_of_label(&secret.metadata))
        })
        .kind(Codec::<ConfigMap>::of_traits(), |options| {
            options
                .label(labels::CLUSTER_NAME)
                .index(BY_CLUSTER, |config_map: &ConfigMap| cluster_of_label(&config_map.metadata))
        })
}

/// Where objects with a Rust type are written to.
///
/// # Errors
/// When the cache was not built by [`declare`]: a fault of ours.
pub fn targets(cache: &Cache) -> Result<BTreeMap<GroupVersionKind, Arc<dyn Target>>, Error> {
    let mut targets = BTreeMap::new();
    add::<Cluster>(cache, &mut targets)?;
    add::<Machine>(cache, &mut targets)?;
    add::<MachineSet>(cache, &mut targets)?;
    add::<MachineDeployment>(cache, &mut targets)?;
    add::<KubeadmConfig>(cache, &mut targets)?;
    add::<KubeadmControlPlane>(cache, &mut targets)?;
    add::<Secret>(cache, &mut targets)?;
    add::<ConfigMap>(cache, &mut targets)?;
    Ok(targets)
}

fn add<K: Typed>(
    cache: &Cache,
    targets: &mut BTreeMap<GroupVersionKind, Arc<dyn Target>>,
) -> Result<(), Error> {
    let store = cache.kind::<K>()?;
    targets.insert(store.kind().group_version_kind(), target::typed(store));
    Ok(())
}

/// Starts all controllers; each ends, what it has begun finished, when `shutdown` is requested.
///
/// # Errors
/// When the cache was not built by [`declare`]: a fault of ours.
pub fn start(cx: &Context, groups: &Groups, shutdown: &Shutdown) -> Result<Vec<JoinHandle<()>>, Error> {
    Ok(vec![
        run::<MachineSets>(cx, groups, machine_set::group_of, shutdown)?,
        run::<MachineDeployments>(cx, groups, machine_deployment::group_of, shutdown)?,
        run::<KubeadmConfigController>(cx, groups, cluster_by_label::<KubeadmConfig>, shutdown)?,
        run::<KubeadmControlPlaneController>(cx, groups, kubeadm_control_plane::group_of, shutdown)?,
        run::<MachineController>(cx, groups, cluster_of_machine, shutdown)?,
        run::<ClusterController>(cx, groups, |_, cluster| cluster.clone(), shutdown)?,
    ])
}

/// The key of the Cluster that an object belongs to by its label; its own key without one.
fn cluster_by_label<K: Typed>(cx: &Context, key: &Key) -> Key {
    let object = cx.get::<K>(key).ok().flatten();
    let labels = object.as_ref().and_then(|object| object.meta().labels.as_ref());
    let cluster = labels.and_then(|labels| labels.get(labels::CLUSTER_NAME));
    cluster.map_or_else(|| key.clone(), |cluster| Key::new(key.namespace(), cluster))
}

/// The key of the Cluster that a Machine names; its own key once it is gone.
fn cluster_of_machine(cx: &Context, key: &Key) -> Key {
    let machine = cx.get::<Machine>(key).ok().flatten();
    machine.map_or_else(|| key.clone(), |machine| Key::new(key.namespace(), &machine.spec.cluster_name))
}

/// Starts one controller.
///
/// # Errors
/// As [`Controller::subscribe`].
pub fn run<C: Controller>(
    cx: &Context,
    groups: &Groups,
    group_of: impl Fn(&Context, &Key) -> Key + Send + Sync + 'static,
    shutdown: &Shutdown,
) -> Result<JoinHandle<()>, Error> {
    let grouping = cx.clone();
    let queue =
        Queue::grouped(C::NAME, &cx.clock, &cx.entropy, groups.clone(), move |key| group_of(&grouping, key));
    C::subscribe(cx, &queue)?;
    let clock = cx.clock.clone();
    let cx = cx.clone();
    let gathering = Arc::new(Gathering::new(&queue));
    let each = move |key: Key| {
        let (cx, gathering) = (cx.clone(), Arc::clone(&gathering));
        async move { reconcile::<C>(&cx, &gathering, &key).await }
    };
    Ok(tokio::spawn(Loop::new(C::NAME, queue, clock).run(each, shutdown.clone())))
}

/// The uids of all owners.
pub fn owner_uids(metadata: &ObjectMeta) -> Vec<String> {
    metadata.owner_references.iter().flatten().map(|owner| owner.uid.clone()).collect()
}

/// The value of the index [`BY_CLUSTER`] of an object whose specification names its Cluster.
fn cluster_of(metadata: &ObjectMeta, name: &str) -> Vec<String> {
    vec![cluster_value(metadata.namespace.as_deref().unwrap_or_default(), name)]
}

/// The value of the index [`BY_CLUSTER`] of an object that carries the label.
fn cluster_of_label(metadata: &ObjectMeta) -> Vec<String> {
    let name = metadata.labels.as_ref().and_then(|labels| labels.get(labels::CLUSTER_NAME));
    name.map(|name| cluster_of(metadata, name)).unwrap_or_default()
}

/// The value of the index [`BY_CLUSTER`] of what belongs to the Cluster with this metadata.
pub fn value_of(cluster: &ObjectMeta) -> String {
    cluster_value(
        cluster.namespace.as_deref().unwrap_or_default(),
        cluster.name.as_deref().unwrap_or_default(),
    )
}

/// The values of the index [`BY_CLUSTER`] of an object that carries the label: one or none.
pub fn cluster_values(metadata: &ObjectMeta) -> Vec<String> {
    cluster_of_label(metadata)
}

/// Wakes every object of a workload cluster in `store` when the connection to that cluster comes or goes.
pub fn wake_on_connection<K: Send + Sync + 'static>(cx: &Context, queue: &Queue, store: Store<K>) {
    let queue = queue.clone();
    cx.workloads.subscribe(Arc::new(move |cluster: &Key, change: &Change<'_>| {
        if matches!(change, Change::Connection(_) | Change::Synced { .. }) {
            let value = cluster_value(cluster.namespace(), cluster.name());
            for key in store.keys_by_index(BY_CLUSTER, &value) {
                queue.add(key, Priority::Fresh);
            }
        }
    }));
}

/// The values of the index [`BY_REFERENCE`] of an object that makes Machines from templates.
fn template_references(metadata: &ObjectMeta, template: &MachineSpec) -> Vec<String> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let references = template.bootstrap.config_ref.iter().chain([&template.infrastructure_ref]);
    references.map(|reference| reference_value(namespace, reference)).collect()
}

/// A value of the index [`BY_CLUSTER`].
pub fn cluster_value(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// A value of the index [`BY_PROVIDER_ID`].
pub fn provider_id_value(namespace: &str, cluster: &str, id: &str) -> String {
    format!("{namespace}/{cluster} {id}")
}

/// A value of the index [`BY_REFERENCE`].
pub fn reference_value(
    namespace: &str,
    reference: &api::core::common::ContractVersionedObjectReference,
) -> String {
    object_value(namespace, &reference.api_group, &reference.kind, &reference.name)
}

/// The same, for an object that may be referred to.
pub fn object_value(namespace: &str, group: &str, kind: &str, name: &str) -> String {
    format!("{namespace}/{group}/{kind}/{name}")
}
