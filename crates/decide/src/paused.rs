//! Pausing: while it lasts, an object's only change is the condition that says so.

use api::core::Cluster;
use api::{conditions, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::conditions::NewCondition;

/// Whether an object is paused: by its Cluster, or by its own annotation.
pub fn is_paused(cluster: Option<&Cluster>, metadata: &ObjectMeta) -> bool {
    by_cluster(cluster) || by_annotation(metadata)
}

/// The condition that says whether an object of this kind is paused, and by what.
pub fn condition(cluster: Option<&Cluster>, kind: &str, metadata: &ObjectMeta) -> NewCondition {
    let mut causes = Vec::new();
    if by_cluster(cluster) {
        causes.push("Cluster spec.paused is set to true".to_owned());
    }
    if by_annotation(metadata) {
        causes.push(format!("{kind} has the cluster.x-k8s.io/paused annotation"));
    }
    let paused = !causes.is_empty();
    let reason = if paused { conditions::reason::PAUSED } else { conditions::reason::NOT_PAUSED };
    NewCondition::new(conditions::PAUSED, paused, reason, causes.join(", "))
}

fn by_cluster(cluster: Option<&Cluster>) -> bool {
    cluster.is_some_and(|cluster| cluster.spec.paused == Some(true))
}

fn by_annotation(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(labels::PAUSED))
}
