//! What is seen of one Cluster: all of it from caches.

use api::core::common::ContractVersionedObjectReference;
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use decide::certificates;
use decide::cluster::Observed;
use decide::referenced::Referenced;
use k8s_openapi::api::core::v1::Secret;
use kubeadm::certificates::Purpose;
use runtime::key::Key;

use crate::context::Context;
use crate::error::Error;
use crate::{machine, table};

/// Everything a decision about the Cluster needs.
pub async fn observe(cx: &Context, key: &Key) -> Result<Option<Observed>, Error> {
    let Some(cluster) = cx.get::<Cluster>(key)? else { return Ok(None) };
    let value = table::value_of(&cluster.metadata);
    let kubeconfig = certificates::kubeconfig_name(key.name());
    let has_kubeconfig = cx.get::<Secret>(&Key::new(key.namespace(), &kubeconfig))?.is_some();
    let authority = match has_kubeconfig || cluster.spec.control_plane_ref.is_some() {
        true => None,
        false => {
            let secret =
                cx.get::<Secret>(&Key::new(key.namespace(), &Purpose::ClusterCa.secret_name(key.name())))?;
            let secrets: Vec<_> = secret.into_iter().collect();
            certificates::key_pairs(key.name(), &secrets).remove(&Purpose::ClusterCa)
        }
    };
    Ok(Some(Observed {
        now: cx.clock.now(),
        infrastructure: referenced(cx, key, cluster.spec.infrastructure_ref.as_ref()).await?,
        control_plane: referenced(cx, key, cluster.spec.control_plane_ref.as_ref()).await?,
        machine_deployments: cx.by_index::<MachineDeployment>(table::BY_CLUSTER, &value)?,
        machine_sets: cx.by_index::<MachineSet>(table::BY_CLUSTER, &value)?,
        machines: cx.by_index::<Machine>(table::BY_CLUSTER, &value)?,
        connection: machine::observe::connection(cx, key),
        has_kubeconfig,
        authority,
        has_looked_for_secrets: false,
        new_kubeconfig: None,
        cluster,
    }))
}

async fn referenced(
    cx: &Context,
    key: &Key,
    reference: Option<&ContractVersionedObjectReference>,
) -> Result<Referenced, Error> {
    match reference {
        Some(reference) => cx.referenced(key.namespace(), reference).await,
        None => Ok(Referenced::Unset),
    }
}
