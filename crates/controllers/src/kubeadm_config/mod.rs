//! KubeadmConfig: what it sees, what it looks up, and what wakes it.

mod look;
mod observe;

use api::bootstrap::{KubeadmConfig, KubeadmConfigStatus};
use api::core::{Cluster, Machine};
use decide::kubeadm_config::{Need, Observed, Waiting};
use decide::plan::Plan;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use runtime::key::Key;
use runtime::queue::Queue;

use crate::context::Context;
use crate::controller::Controller;
use crate::error::Error;
use crate::table;

/// The controller of KubeadmConfigs.
pub struct KubeadmConfigController;

impl Controller for KubeadmConfigController {
    const NAME: &'static str = "kubeadmconfig";
    const MANAGER: &'static str = "capi-kubeadmconfig";
    type Kind = KubeadmConfig;
    type Seen = Observed;
    type Status = KubeadmConfigStatus;
    type Waiting = Waiting;
    type Need = Need;

    async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
        observe::observe(cx, key).await
    }

    async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
        look::look(cx, need, seen).await
    }

    fn decide(seen: &Observed) -> Plan<KubeadmConfigStatus, Waiting, Need> {
        decide::kubeadm_config::decide(seen)
    }

    fn is_urgent(published: &KubeadmConfig, status: &KubeadmConfigStatus) -> bool {
        published.status.initialization != status.initialization
            || published.status.data_secret_name != status.data_secret_name
    }

    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error> {
        let configs = cx.kind::<KubeadmConfig>()?;
        configs.subscribe(queue, |old, new| {
            new.or(old).map(|config| Key::of(&config.metadata)).into_iter().collect()
        });
        cx.kind::<Machine>()?.subscribe(queue, |old, new| {
            let Some(machine) = new.or(old) else { return Vec::new() };
            // Only what decisions depend on: most changes of a Machine are words about how far it is.
            if let (Some(old), Some(new)) = (old, new)
                && relevant_of_machine(old) == relevant_of_machine(new)
            {
                return Vec::new();
            }
            let config = machine.spec.bootstrap.config_ref.as_ref();
            let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
            config.map(|config| Key::new(namespace, &config.name)).into_iter().collect()
        });
        let of_cluster = configs.clone();
        cx.kind::<Cluster>()?.subscribe(queue, move |old, new| {
            // Only what decisions depend on: the rest of a Cluster changes with every Machine.
            if let (Some(old), Some(new)) = (old, new)
                && observe::relevant(old) == observe::relevant(new)
            {
                return Vec::new();
            }
            let Some(metadata) = new.or(old).map(|cluster| &cluster.metadata) else { return Vec::new() };
            of_cluster.keys_by_index(table::BY_CLUSTER, &table::value_of(metadata))
        });
        // Data Secrets have the name of their config; authorities matter to all configs that wait for one.
        let of_secret = configs.clone();
        cx.kind::<Secret>()?.subscribe(queue, move |old, new| {
            let Some(secret) = new.or(old) else { return Vec::new() };
            let key = Key::of(&secret.metadata);
            if of_secret.get(&key).is_some() {
                return vec![key];
            }
            if kubeadm::certificates::Purpose::of_secret_name(key.name()).is_none() {
                return Vec::new();
            }
            table::cluster_values(&secret.metadata)
                .iter()
                .flat_map(|cluster| of_secret.keys_by_index(table::BY_CLUSTER, cluster))
                .collect()
        });
        let of_lock = configs.clone();
        cx.kind::<ConfigMap>()?.subscribe(queue, move |old, new| {
            let Some(lock) = new.or(old) else { return Vec::new() };
            table::cluster_values(&lock.metadata)
                .iter()
                .flat_map(|cluster| of_lock.keys_by_index(table::BY_CLUSTER, cluster))
                .collect()
        });
        table::wake_on_connection(cx, queue, configs);
        Ok(())
    }
}

/// What of a Machine decisions here depend on.
fn relevant_of_machine(machine: &Machine) -> impl PartialEq + use<> {
    let metadata = &machine.metadata;
    (
        metadata.uid.clone(),
        metadata.generation,
        metadata.labels.clone(),
        metadata.annotations.clone(),
        metadata.deletion_timestamp.clone(),
        machine.status.node_ref.is_some(),
    )
}
