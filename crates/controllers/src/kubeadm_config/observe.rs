//! What is seen of one KubeadmConfig: all of it from caches.

use std::sync::Arc;

use api::bootstrap::KubeadmConfig;
use api::contract::control_plane;
use api::core::{Cluster, Machine};
use api::{Conditioned, conditions};
use decide::certificates;
use decide::kubeadm_config::{Observed, lock_holder, lock_name};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube_core::Resource as _;
use runtime::key::Key;

use crate::context::Context;
use crate::error::Error;
use crate::table;

/// Everything a decision about the KubeadmConfig needs.
pub async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(config) = cx.get::<KubeadmConfig>(key)? else { return Ok(None) };
    let namespace = key.namespace();
    let group = format!("{}/", Machine::group(&()));
    let is_machine =
        |owner: &&OwnerReference| owner.kind == "Machine" && owner.api_version.starts_with(&group);
    let owner = config.metadata.owner_references.iter().flatten().find(is_machine);
    let machine =
        owner.map(|owner| cx.get::<Machine>(&Key::new(namespace, &owner.name))).transpose()?.flatten();
    let cluster_name = machine.as_ref().map(|machine| machine.spec.cluster_name.clone()).unwrap_or_default();
    let cluster_key = Key::new(namespace, &cluster_name);
    let cluster = cx.get::<Cluster>(&cluster_key)?;
    let secrets =
        cx.by_index::<Secret>(table::BY_CLUSTER, &table::cluster_value(namespace, &cluster_name))?;
    let lock = cx.get::<ConfigMap>(&Key::new(namespace, &lock_name(&cluster_name)))?;
    let lock_holder_exists = match lock_holder(lock.as_deref()) {
        Some(holder) => cx.get::<Machine>(&Key::new(namespace, &holder))?.is_some(),
        None => false,
    };
    Ok(Some(Observed {
        now: cx.clock.now(),
        control_plane_version: control_plane_version(cx, cluster.as_ref()).await?,
        data_secret: cx.get::<Secret>(key)?,
        lock,
        lock_holder_exists,
        key_pairs: certificates::key_pairs(&cluster_name, &secrets),
        has_looked_for_key_pairs: false,
        made_key_pairs: None,
        fresh_token: fresh_token(cx, &config)?,
        is_connected: cx.workloads.client(&cluster_key).is_ok(),
        referenced_secrets: None,
        token_expires: None,
        config,
        machine,
        cluster,
    }))
}

/// A token nobody has used before, the same for the same version of the object.
fn fresh_token(cx: &Context, config: &KubeadmConfig) -> Result<api::bootstrap::BootstrapTokenString, Error> {
    let metadata = &config.metadata;
    let seed = format!(
        "{}/{}",
        metadata.uid.as_deref().unwrap_or_default(),
        metadata.resource_version.as_deref().unwrap_or_default()
    );
    let mut stream = cx.entropy.stream("bootstrap-token", &seed);
    stream.bootstrap_token().parse().map_err(|error: api::bootstrap::InvalidToken| Error::Malformed {
        act: "draw",
        what: "a bootstrap token".to_owned(),
        reason: error.to_string(),
    })
}

async fn control_plane_version(
    cx: &Context,
    cluster: Option<&Arc<Cluster>>,
) -> Result<Option<String>, Error> {
    let Some(cluster) = cluster else { return Ok(None) };
    let Some(reference) = &cluster.spec.control_plane_ref else { return Ok(None) };
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    Ok(cx.referenced(namespace, reference).await?.field(control_plane::VERSION))
}

/// What of a Cluster decisions here depend on.
pub fn relevant(cluster: &Cluster) -> impl PartialEq + use<> {
    (
        cluster.spec.paused,
        cluster.spec.control_plane_endpoint.clone(),
        cluster.status.initialization.infrastructure_provisioned,
        cluster.condition_is_true(conditions::CONTROL_PLANE_INITIALIZED),
        cluster.metadata.deletion_timestamp.is_some(),
    )
}
