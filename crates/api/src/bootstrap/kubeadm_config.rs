//! KubeadmConfig: the bootstrap data of one machine.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::spec::KubeadmConfigSpec;
use crate::core::common::{DeprecatedStatus, V1Beta1Condition};

crate::kind::kind! {
    /// The bootstrap data of one machine: what it is told, and the secret that tells it.
    KubeadmConfig in "bootstrap.cluster.x-k8s.io" as "kubeadmconfigs" {
        spec: KubeadmConfigSpec,
        status: conditions KubeadmConfigStatus,
    }
}

/// What has come of a KubeadmConfig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeadmConfigStatus {
    /// How things stand: Ready, DataSecretAvailable, CertificatesAvailable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// What the Machine waits for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initialization: KubeadmConfigInitializationStatus,
    /// Name of the secret with the bootstrap data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub data_secret_name: Option<String>,
    /// Generation of the object that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub observed_generation: Option<i64>,
    /// What only readers of older versions look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Box<DeprecatedStatus<KubeadmConfigV1Beta1Status>>>,
}

/// What the Machine waits for. Part of the contract between Machine and bootstrap provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeadmConfigInitializationStatus {
    /// The secret with the bootstrap data exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_secret_created: Option<bool>,
}

/// Fields of the version v1beta1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeadmConfigV1Beta1Status {
    /// Conditions in the form of that version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<V1Beta1Condition>,
    /// Why no retry will help, as a word for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub failure_reason: Option<String>,
    /// Why no retry will help, told to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10240))]
    pub failure_message: Option<String>,
}
