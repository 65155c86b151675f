//! KubeadmControlPlaneTemplate: what a topology makes control planes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::KubeadmConfigSpec;
use crate::controlplane::kubeadm_control_plane::{
    KubeadmControlPlaneMachineNamingSpec, KubeadmControlPlaneRemediationSpec, KubeadmControlPlaneRolloutSpec,
};
use crate::core::common::{MachineDeletionSpec, MachineTaint, Metadata};
use crate::is_default;
use crate::kind::kind;

kind! {
    /// What the control planes of a class are made from.
    KubeadmControlPlaneTemplate in "controlplane.cluster.x-k8s.io" as "kubeadmcontrolplanetemplates" {
        spec: KubeadmControlPlaneTemplateSpec,
    }
}

/// Holds the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeadmControlPlaneTemplateSpec {
    /// What new objects are made from.
    pub template: KubeadmControlPlaneTemplateResource,
}

/// What each KubeadmControlPlane is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneTemplateResource {
    /// Labels and annotations for each KubeadmControlPlane.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// What each KubeadmControlPlane should be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spec: KubeadmControlPlaneTemplateResourceSpec,
}

/// A KubeadmControlPlane without what the topology sets: replicas, version and infrastructure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneTemplateResourceSpec {
    /// What control plane machines are made from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub machine_template: KubeadmControlPlaneTemplateMachineTemplate,
    /// How kubeadm is to set up the first machine and join the others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kubeadm_config_spec: Box<KubeadmConfigSpec>,
    /// When and how machines are replaced by new ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: KubeadmControlPlaneRolloutSpec,
    /// How unhealthy machines are replaced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remediation: KubeadmControlPlaneRemediationSpec,
    /// How new machines are named. Their infrastructure and bootstrap objects share the name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub machine_naming: KubeadmControlPlaneMachineNamingSpec,
}

/// What control plane machines are made from, less what the topology sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneTemplateMachineTemplate {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// What the machines should be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spec: KubeadmControlPlaneTemplateMachineTemplateSpec,
}

/// The part of a control plane machine that a template may set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneTemplateMachineTemplateSpec {
    /// How machines are taken down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeletionSpec,
    /// Taints kept on the nodes; taints set by others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<MachineTaint>,
}
