//! KubeadmConfigTemplate: what the KubeadmConfigs of a set of machines are made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;
use super::spec::KubeadmConfigSpec;
use crate::core::common::Metadata;

crate::kind::kind! {
    /// What the KubeadmConfigs of a set of machines are made from.
    KubeadmConfigTemplate in "bootstrap.cluster.x-k8s.io" as "kubeadmconfigtemplates" {
        spec: KubeadmConfigTemplateSpec,
    }
}

/// Holds the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeadmConfigTemplateSpec {
    /// What each KubeadmConfig starts as.
    #[serde(default)]
    #[schemars(!default)]
    pub template: KubeadmConfigTemplateResource,
}

/// What each KubeadmConfig starts as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct KubeadmConfigTemplateResource {
    /// Labels and annotations of the KubeadmConfig.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// Spec of the KubeadmConfig.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spec: KubeadmConfigSpec,
}
