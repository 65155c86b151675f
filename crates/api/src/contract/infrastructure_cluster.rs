//! Infrastructure objects that all machines of a cluster share.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Contract, Field, FieldError};
use crate::core::common::{ApiEndpoint, FailureDomain};

/// Where clients reach the API server.
pub const CONTROL_PLANE_ENDPOINT: Field<ApiEndpoint> = Field::at(&["spec", "controlPlaneEndpoint"]);
/// A fault that does not pass by itself, as a word; only of providers of the older contract.
pub const FAILURE_REASON: Field<String> = Field::at(&["status", "failureReason"]);
/// A fault that does not pass by itself, as a sentence; only of providers of the older contract.
pub const FAILURE_MESSAGE: Field<String> = Field::at(&["status", "failureMessage"]);
/// The failure domains as they stand; read them with [`failure_domains`].
pub const FAILURE_DOMAINS: Field<Vec<FailureDomain>> = Field::at(&["status", "failureDomains"]);

const FAILURE_DOMAINS_BY_NAME: Field<BTreeMap<String, DomainWithoutName>> =
    Field::at(&["status", "failureDomains"]);

/// Whether the infrastructure has been provisioned once.
pub const fn provisioned(contract: Contract) -> Field<bool> {
    match contract {
        Contract::V1Beta1 => Field::at(&["status", "ready"]),
        Contract::V1Beta2 => Field::at(&["status", "initialization", "provisioned"]),
    }
}

/// A failure domain as the older contract has it, under its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DomainWithoutName {
    #[serde(default)]
    control_plane: bool,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// The failure domains, ordered by name so that two readings of one object are equal; each says whether it is for the
/// control plane. `None` where the provider reports none.
pub fn failure_domains(contract: Contract, object: &Value) -> Result<Option<Vec<FailureDomain>>, FieldError> {
    match contract {
        Contract::V1Beta1 => Ok(FAILURE_DOMAINS_BY_NAME.get(object)?.map(|domains| {
            domains
                .into_iter()
                .map(|(name, domain)| FailureDomain {
                    name,
                    control_plane: Some(domain.control_plane),
                    attributes: domain.attributes,
                })
                .collect()
        })),
        Contract::V1Beta2 => Ok(FAILURE_DOMAINS.get(object)?.map(|mut domains| {
            for domain in &mut domains {
                domain.control_plane.get_or_insert(false);
            }
            domains.sort_by(|a, b| a.name.cmp(&b.name));
            domains
        })),
    }
}

/// Parts of the endpoint that say nothing (an empty host, port 0) and must not be written over what the provider set.
pub fn paths_to_ignore(object: &Value) -> Vec<&'static [&'static str]> {
    const HOST: Field<Value> = Field::at(&["spec", "controlPlaneEndpoint", "host"]);
    const PORT: Field<Value> = Field::at(&["spec", "controlPlaneEndpoint", "port"]);
    let mut paths = Vec::new();
    if HOST.raw(object).is_some_and(|host| host == "") {
        paths.push(HOST.path());
    }
    if PORT.raw(object).is_some_and(|port| port == 0) {
        paths.push(PORT.path());
    }
    paths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn both_contracts_give_the_same_failure_domains() {
        let by_name = json!({ "status": { "failureDomains": { "b": { "controlPlane": true }, "a": { "attributes": { "k": "v" } } } } });
        let listed = json!({ "status": { "failureDomains": [{ "name": "b", "controlPlane": true }, { "name": "a", "attributes": { "k": "v" } }] } });
        let old = failure_domains(Contract::V1Beta1, &by_name).unwrap().unwrap();
        let new = failure_domains(Contract::V1Beta2, &listed).unwrap().unwrap();
        assert_eq!(old, new);
        assert_eq!(
            old.iter().map(|domain| (domain.name.as_str(), domain.control_plane)).collect::<Vec<_>>(),
            [("a", Some(false)), ("b", Some(true))]
        );
        assert_eq!(failure_domains(Contract::V1Beta2, &json!({})).unwrap(), None);
    }

    #[test]
    fn an_endpoint_that_says_nothing_is_ignored() {
        let object = json!({ "spec": { "controlPlaneEndpoint": { "host": "", "port": 0 } } });
        assert_eq!(paths_to_ignore(&object).len(), 2);
        assert!(
            paths_to_ignore(&json!({ "spec": { "controlPlaneEndpoint": { "host": "a", "port": 1 } } }))
                .is_empty()
        );
    }
}
