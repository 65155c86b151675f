//! What a Machine records about itself: finalizer, label, owner, and what bootstrap and infrastructure report. All of it
//! in one patch.

use api::contract::infrastructure_machine;
use api::core::{Cluster, Machine};
use api::labels;
use serde_json::{Map, Value, json};

use super::observed::Observed;
use crate::finalizers;
use crate::owners;
use crate::plan::Action;

/// The patch that is due, if any.
pub fn patch(seen: &Observed, cluster: &Cluster) -> Option<Action> {
    let machine = &*seen.machine;
    let mut metadata = metadata(machine, cluster);
    let spec = spec(seen);
    if metadata.is_empty() && spec.is_empty() {
        return None;
    }
    let why = match (metadata.is_empty(), spec.is_empty()) {
        (true, _) => "what bootstrap and infrastructure report",
        (false, true) => "it belongs to its cluster",
        (false, false) => "it belongs to its cluster; what bootstrap and infrastructure report",
    };
    metadata.insert("resourceVersion".to_owned(), json!(machine.metadata.resource_version));
    let mut patch = json!({"metadata": metadata});
    if !spec.is_empty() {
        patch["spec"] = Value::Object(spec);
    }
    Some(Action::patch(super::reference(machine), patch, why))
}

fn metadata(machine: &Machine, cluster: &Cluster) -> Map<String, Value> {
    let mut patch = Map::new();
    let own = &machine.metadata;
    if let Some(all) = finalizers::with(own, labels::MACHINE_FINALIZER) {
        patch.insert("finalizers".to_owned(), json!(all));
    }
    let label = own.labels.as_ref().and_then(|all| all.get(labels::CLUSTER_NAME));
    if label != Some(&machine.spec.cluster_name) {
        patch.insert("labels".to_owned(), json!({labels::CLUSTER_NAME: machine.spec.cluster_name}));
    }
    if super::is_stand_alone(machine) {
        let references = json!(own.owner_references.as_deref().unwrap_or_default());
        if let Some(changed) = owners::with_owner(&references, &owners::plain(cluster)) {
            patch.insert("ownerReferences".to_owned(), changed);
        }
    }
    patch
}

fn spec(seen: &Observed) -> Map<String, Value> {
    let spec = &seen.machine.spec;
    let mut patch = Map::new();
    if spec.bootstrap.data_secret_name.is_none()
        && let Some(name) = super::reported_data_secret(seen)
    {
        patch.insert("bootstrap".to_owned(), json!({"dataSecretName": name}));
    }
    let Some(id) = super::reported_provider_id(seen) else { return patch };
    if spec.provider_id.as_ref() != Some(&id) {
        patch.insert("providerID".to_owned(), json!(id));
    }
    // Older providers place a server where they like and say so here.
    let domain = seen.infrastructure.field(infrastructure_machine::FAILURE_DOMAIN_IN_SPEC);
    if let Some(domain) =
        domain.filter(|domain| !domain.is_empty() && spec.failure_domain.as_ref() != Some(domain))
    {
        patch.insert("failureDomain".to_owned(), json!(domain));
    }
    patch
}
