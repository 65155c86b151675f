//! KubeadmControlPlane: control plane machines set up by kubeadm.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::KubeadmConfigSpec;
use crate::core::common::{
    ContractVersionedObjectReference, DeprecatedStatus, MachineDeletionSpec, MachineReadinessGate,
    MachineTaint, Metadata, StatusVersion, V1Beta1Condition,
};
use crate::is_default;
use crate::kind::kind;
use crate::schema;

kind! {
    /// A control plane on machines that kubeadm sets up.
    KubeadmControlPlane in "controlplane.cluster.x-k8s.io" as "kubeadmcontrolplanes" {
        spec: KubeadmControlPlaneSpec,
        status: conditions KubeadmControlPlaneStatus,
    }
}

/// What a control plane made with kubeadm should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeadmControlPlaneSpec {
    /// How many control plane machines there should be. Absent: 1. Odd where etcd runs on the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Kubernetes version of the control plane.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
    /// What control plane machines are made from.
    pub machine_template: KubeadmControlPlaneMachineTemplate,
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

/// What each control plane machine is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeadmControlPlaneMachineTemplate {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// What the machines should be.
    pub spec: KubeadmControlPlaneMachineTemplateSpec,
}

/// The part of a machine that the control plane leaves to the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeadmControlPlaneMachineTemplateSpec {
    /// Template of the objects that describe the servers.
    pub infrastructure_ref: ContractVersionedObjectReference,
    /// Further conditions of the Machine that count towards its Ready condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["conditionType"]))]
    pub readiness_gates: Vec<MachineReadinessGate>,
    /// How machines are taken down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeletionSpec,
    /// Taints kept on the nodes; taints set by others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<MachineTaint>,
}

/// When and how control plane machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneRolloutSpec {
    /// Deadlines before which machines are replaced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub before: KubeadmControlPlaneRolloutBeforeSpec,
    /// Moment, in RFC 3339, after which all machines older than it are replaced, whether they changed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub after: Option<Time>,
    /// How old machines make way for new ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<KubeadmControlPlaneRolloutStrategy>,
}

/// Deadlines before which machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneRolloutBeforeSpec {
    /// Replace a machine when its certificates expire within so many days; at least 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 7))]
    pub certificates_expiry_days: Option<i32>,
}

/// How old control plane machines make way for new ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneRolloutStrategy {
    /// RollingUpdate, the only one there is.
    #[schemars(extend("enum" = ["RollingUpdate"]))]
    pub r#type: String,
    /// Limits of the rolling update; only with the type RollingUpdate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rolling_update: KubeadmControlPlaneRolloutStrategyRollingUpdate,
}

/// Limits of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneRolloutStrategyRollingUpdate {
    /// 1: make a new machine before an old one goes. 0: remove an old machine first. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub max_surge: Option<IntOrString>,
}

/// How persistently unhealthy control plane machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneRemediationSpec {
    /// How often to replace the replacement of an unhealthy machine. Absent: without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retry: Option<i32>,
    /// How long to wait, in seconds, before a replacement that is itself unhealthy is replaced. Absent: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub retry_period_seconds: Option<i32>,
    /// After how many seconds of health a further fault counts as a new one, not as a retry. Absent: 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_healthy_period_seconds: Option<i32>,
}

/// How new machines are named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneMachineNamingSpec {
    /// Go template of the name, with `.cluster.name`, `.kubeadmControlPlane.name` and `.random`, the last of which must
    /// occur. Absent: {{ .kubeadmControlPlane.name }}-{{ .random }}. Long names are cut so that the random part fits into 63
    /// characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub template: Option<String>,
}

/// What was last observed of a control plane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneStatus {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Steps of the first provisioning that are done. Part of the contract between controllers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initialization: KubeadmControlPlaneInitializationStatus,
    /// The selector as text, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub selector: Option<String>,
    /// How many machines there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// How many machines have the condition Ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// How many machines have the condition Available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i32>,
    /// How many machines have the condition UpToDate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to_date_replicas: Option<i32>,
    /// The Kubernetes versions in use and how many machines run each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["version"]))]
    pub versions: Vec<StatusVersion>,
    /// The lowest Kubernetes version among the machines. Superseded by versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub version: Option<String>,
    /// The metadata.generation this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub observed_generation: Option<i64>,
    /// The replacement of an unhealthy machine that was begun last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_remediation: Option<LastRemediationStatus>,
    /// Status that only clients of older versions read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Box<DeprecatedStatus<KubeadmControlPlaneV1Beta1Status>>>,
}

/// Steps of the first provisioning that are done; none of them is ever undone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct KubeadmControlPlaneInitializationStatus {
    /// Whether the API server has accepted requests once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_initialized: Option<bool>,
}

/// The replacement of an unhealthy machine that was begun last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LastRemediationStatus {
    /// Name of the machine that was replaced.
    #[schemars(length(min = 1, max = 253))]
    pub machine: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, schema_with = "schema::time")]
    pub time: Option<Time>,
    /// How many replacements of the same fault went before it.
    #[schemars(range(min = 0))]
    pub retry_count: i32,
}

/// Status of a control plane as v1beta1 reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeadmControlPlaneV1Beta1Status {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<V1Beta1Condition>,
    /// A fault that does not pass by itself, as a word for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// A fault that does not pass by itself, as a sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10240))]
    pub failure_message: Option<String>,
    /// How many machines are as the template says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,
    /// How many machines have the condition Ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// How many machines are still missing until all are available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable_replicas: Option<i32>,
}
