//! Control plane objects.

use machinery::version::{CompareOptions, Comparison, Version};
use serde_json::Value;

use super::{Contract, Field, FieldError};
use crate::core::common::{
    ApiEndpoint, ContractVersionedObjectReference, MachineReadinessGate, MachineTaint, Metadata,
    StatusVersion,
};

/// Kubernetes version wanted.
pub const VERSION: Field<String> = Field::at(&["spec", "version"]);
/// How many machines are wanted; only of control planes that count machines.
pub const REPLICAS: Field<i32> = Field::at(&["spec", "replicas"]);
/// Where clients reach the API server; only of control planes that decide so themselves.
pub const CONTROL_PLANE_ENDPOINT: Field<ApiEndpoint> = Field::at(&["spec", "controlPlaneEndpoint"]);
/// Moment after which all machines older than it are replaced.
pub const ROLLOUT_AFTER: Field<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> =
    Field::at(&["spec", "rollout", "after"]);
/// The lowest Kubernetes version in use.
pub const STATUS_VERSION: Field<String> = Field::at(&["status", "version"]);
/// The Kubernetes versions in use, the lowest first; read them with [`status_versions`].
pub const STATUS_VERSIONS: Field<Vec<StatusVersion>> = Field::at(&["status", "versions"]);
/// How many machines there are.
pub const STATUS_REPLICAS: Field<i32> = Field::at(&["status", "replicas"]);
/// How many machines are ready.
pub const READY_REPLICAS: Field<i32> = Field::at(&["status", "readyReplicas"]);
/// How many machines are available.
pub const AVAILABLE_REPLICAS: Field<i32> = Field::at(&["status", "availableReplicas"]);
/// How many machines are missing until all are available; only in the older contract.
pub const UNAVAILABLE_REPLICAS: Field<i32> = Field::at(&["status", "unavailableReplicas"]);
/// Which machines belong to the control plane, as text.
pub const SELECTOR: Field<String> = Field::at(&["status", "selector"]);
/// A fault that does not pass by itself, as a word; only of providers of the older contract.
pub const FAILURE_REASON: Field<String> = Field::at(&["status", "failureReason"]);
/// A fault that does not pass by itself, as a sentence; only of providers of the older contract.
pub const FAILURE_MESSAGE: Field<String> = Field::at(&["status", "failureMessage"]);
/// Whether the control plane is managed by someone else entirely.
pub const EXTERNAL_MANAGED: Field<bool> = Field::at(&["status", "externalManagedControlPlane"]);
/// Condition with which the provider sums up whether the control plane does its work.
pub const AVAILABLE_CONDITION: &str = crate::conditions::AVAILABLE;

/// Whether the API server has accepted requests once.
pub const fn initialized(contract: Contract) -> Field<bool> {
    match contract {
        Contract::V1Beta1 => Field::at(&["status", "initialized"]),
        Contract::V1Beta2 => Field::at(&["status", "initialization", "controlPlaneInitialized"]),
    }
}

/// How many machines are as wanted.
pub const fn up_to_date_replicas(contract: Contract) -> Field<i32> {
    match contract {
        Contract::V1Beta1 => Field::at(&["status", "updatedReplicas"]),
        Contract::V1Beta2 => Field::at(&["status", "upToDateReplicas"]),
    }
}

/// What control plane machines are made from.
pub mod machine_template {
    use super::*;

    /// Labels and annotations of the machines.
    pub const METADATA: Field<Metadata> = Field::at(&["spec", "machineTemplate", "metadata"]);
    /// The template of the infrastructure objects; in the older contract see [`V1BETA1_INFRASTRUCTURE_REF`].
    pub const INFRASTRUCTURE_REF: Field<ContractVersionedObjectReference> =
        Field::at(&["spec", "machineTemplate", "spec", "infrastructureRef"]);
    /// The template of the infrastructure objects in the older contract: with version and namespace.
    pub const V1BETA1_INFRASTRUCTURE_REF: Field<k8s_openapi::api::core::v1::ObjectReference> =
        Field::at(&["spec", "machineTemplate", "infrastructureRef"]);
    /// How long draining may take, in seconds.
    pub const NODE_DRAIN_TIMEOUT_SECONDS: Field<i32> =
        Field::at(&["spec", "machineTemplate", "spec", "deletion", "nodeDrainTimeoutSeconds"]);
    /// How long detaching volumes may take, in seconds.
    pub const NODE_VOLUME_DETACH_TIMEOUT_SECONDS: Field<i32> =
        Field::at(&["spec", "machineTemplate", "spec", "deletion", "nodeVolumeDetachTimeoutSeconds"]);
    /// How long deleting the Node may take, in seconds.
    pub const NODE_DELETION_TIMEOUT_SECONDS: Field<i32> =
        Field::at(&["spec", "machineTemplate", "spec", "deletion", "nodeDeletionTimeoutSeconds"]);
    /// How long draining may take, as a Go duration; only in the older contract.
    pub const V1BETA1_NODE_DRAIN_TIMEOUT: Field<String> =
        Field::at(&["spec", "machineTemplate", "nodeDrainTimeout"]);
    /// How long detaching volumes may take, as a Go duration; only in the older contract.
    pub const V1BETA1_NODE_VOLUME_DETACH_TIMEOUT: Field<String> =
        Field::at(&["spec", "machineTemplate", "nodeVolumeDetachTimeout"]);
    /// How long deleting the Node may take, as a Go duration; only in the older contract.
    pub const V1BETA1_NODE_DELETION_TIMEOUT: Field<String> =
        Field::at(&["spec", "machineTemplate", "nodeDeletionTimeout"]);
    /// Taints of the nodes.
    pub const TAINTS: Field<Vec<MachineTaint>> = Field::at(&["spec", "machineTemplate", "spec", "taints"]);

    /// Further conditions that count towards a machine's readiness.
    pub const fn readiness_gates(contract: Contract) -> Field<Vec<MachineReadinessGate>> {
        match contract {
            Contract::V1Beta1 => Field::at(&["spec", "machineTemplate", "readinessGates"]),
            Contract::V1Beta2 => Field::at(&["spec", "machineTemplate", "spec", "readinessGates"]),
        }
    }
}

/// The Kubernetes versions in use, checked: each is a version, none is lower than the one before it, and no count is
/// negative. `None` where the control plane reports no such list.
pub fn status_versions(object: &Value) -> Result<Option<Vec<StatusVersion>>, FieldError> {
    let Some(versions) = STATUS_VERSIONS.get(object)? else { return Ok(None) };
    let mut previous: Option<Version> = None;
    for entry in &versions {
        let current = parse(STATUS_VERSIONS.to_string(), &entry.version)?;
        if let Some(previous) = &previous
            && compare(&current, previous) == Comparison::Older
        {
            return Err(FieldError::Unexpected {
                path: STATUS_VERSIONS.to_string(),
                problem: format!("{} comes after the higher {previous}", entry.version),
            });
        }
        if entry.replicas.is_some_and(|replicas| replicas < 0) {
            return Err(FieldError::Unexpected {
                path: STATUS_VERSIONS.to_string(),
                problem: format!("{} has a negative number of replicas", entry.version),
            });
        }
        previous = Some(current);
    }
    Ok(Some(versions))
}

/// Whether some machine runs a lower version than the one wanted. A control plane that reports no version yet is not
/// upgrading: it is provisioning. `None` where no version is wanted.
pub fn is_upgrading(object: &Value) -> Result<Option<bool>, FieldError> {
    let Some(wanted) = VERSION.get(object)? else { return Ok(None) };
    let wanted = parse(VERSION.to_string(), &wanted)?;
    // Builds of one version that cannot be ordered count as an upgrade as well.
    let is_behind =
        |version: &Version| matches!(compare(&wanted, version), Comparison::Newer | Comparison::Different);
    if let Some(versions) = status_versions(object)?.filter(|versions| !versions.is_empty()) {
        for entry in versions {
            if is_behind(&parse(STATUS_VERSIONS.to_string(), &entry.version)?) {
                return Ok(Some(true));
            }
        }
        return Ok(Some(false));
    }
    match STATUS_VERSION.get(object)?.filter(|version| !version.is_empty()) {
        None => Ok(Some(false)),
        Some(version) => Ok(Some(is_behind(&parse(STATUS_VERSION.to_string(), &version)?))),
    }
}

fn parse(path: String, version: &str) -> Result<Version, FieldError> {
    Version::parse_tolerant(version)
        .map_err(|error| FieldError::Unexpected { path, problem: format!("{version:?}: {error}") })
}

fn compare(a: &Version, b: &Version) -> Comparison {
    a.compare(b, CompareOptions { with_build_tags: true, ..CompareOptions::default() })
}

/// The lowest Kubernetes version in use; `None` until the control plane reports one.
pub fn current_version(object: &Value) -> Result<Option<String>, FieldError> {
    if let Some(lowest) = status_versions(object)?.and_then(|versions| versions.into_iter().next()) {
        return Ok(Some(lowest.version));
    }
    Ok(STATUS_VERSION.get(object)?.filter(|version| !version.is_empty()))
}

/// Whether the control plane has yet to come up for the first time: it reports no version.
pub fn is_provisioning(object: &Value) -> Result<bool, FieldError> {
    Ok(current_version(object)?.is_none())
}

/// Whether machines are being added, removed or replaced: some count differs from the number wanted, or is not
/// reported yet. `None` where the control plane does not count machines.
pub fn is_scaling(contract: Contract, object: &Value) -> Result<Option<bool>, FieldError> {
    let Some(wanted) = REPLICAS.get(object)? else { return Ok(None) };
    let available = match contract {
        Contract::V1Beta1 => Some(wanted.saturating_sub(UNAVAILABLE_REPLICAS.get(object)?.unwrap_or(0))),
        Contract::V1Beta2 => AVAILABLE_REPLICAS.get(object)?,
    };
    let counts = [
        STATUS_REPLICAS.get(object)?,
        up_to_date_replicas(contract).get(object)?,
        READY_REPLICAS.get(object)?,
        available,
    ];
    Ok(Some(counts.iter().any(|count| *count != Some(wanted))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_lowest_version_counts_and_the_list_goes_first() {
        let both = json!({ "status": { "version": "v1.30.0", "versions": [{ "version": "v1.31.0" }, { "version": "v1.32.0" }] } });
        assert_eq!(current_version(&both).unwrap().as_deref(), Some("v1.31.0"));
        let old = json!({ "status": { "version": "v1.30.0" } });
        assert_eq!(current_version(&old).unwrap().as_deref(), Some("v1.30.0"));
        assert!(is_provisioning(&json!({})).unwrap());
        assert!(is_provisioning(&json!({ "status": { "version": "" } })).unwrap());
        assert!(!is_provisioning(&old).unwrap());
    }

    #[test]
    fn upgrading_while_a_machine_is_behind() {
        let upgrading = |status: Value| {
            is_upgrading(&json!({ "spec": { "version": "v1.33.1" }, "status": status })).unwrap()
        };
        assert_eq!(upgrading(json!({})), Some(false));
        assert_eq!(upgrading(json!({ "version": "v1.33.0" })), Some(true));
        assert_eq!(upgrading(json!({ "version": "v1.33.1" })), Some(false));
        assert_eq!(
            upgrading(json!({ "versions": [{ "version": "v1.32.0" }, { "version": "v1.33.1" }] })),
            Some(true)
        );
        assert_eq!(
            upgrading(json!({ "version": "v1.32.0", "versions": [{ "version": "v1.33.1" }] })),
            Some(false)
        );
        assert_eq!(is_upgrading(&json!({})).unwrap(), None);
    }

    #[test]
    fn versions_out_of_order_are_refused() {
        let object =
            json!({ "status": { "versions": [{ "version": "v1.33.0" }, { "version": "v1.32.0" }] } });
        let error = status_versions(&object).unwrap_err().to_string();
        assert!(error.starts_with(".status.versions: v1.32.0 comes after"), "{error}");
    }

    #[test]
    fn scaling_until_every_count_agrees() {
        let stable = json!({
            "spec": { "replicas": 3 },
            "status": { "replicas": 3, "upToDateReplicas": 3, "readyReplicas": 3, "availableReplicas": 3 },
        });
        assert_eq!(is_scaling(Contract::V1Beta2, &stable).unwrap(), Some(false));
        for count in ["replicas", "upToDateReplicas", "readyReplicas", "availableReplicas"] {
            let mut other = stable.clone();
            other["status"][count] = json!(2);
            assert_eq!(is_scaling(Contract::V1Beta2, &other).unwrap(), Some(true), "{count}");
            other["status"][count] = Value::Null;
            assert_eq!(is_scaling(Contract::V1Beta2, &other).unwrap(), Some(true), "{count} absent");
        }
        assert_eq!(is_scaling(Contract::V1Beta2, &json!({})).unwrap(), None);
    }

    #[test]
    fn the_older_contract_counts_what_is_missing() {
        let mut object = json!({
            "spec": { "replicas": 3 },
            "status": { "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3 },
        });
        assert_eq!(is_scaling(Contract::V1Beta1, &object).unwrap(), Some(false));
        object["status"]["unavailableReplicas"] = json!(1);
        assert_eq!(is_scaling(Contract::V1Beta1, &object).unwrap(), Some(true));
    }
}
