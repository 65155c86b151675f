//! MachineDeployment: machines that are replaced, step by step, when their template changes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::common::{DeprecatedStatus, StatusVersion, V1Beta1Condition};
use crate::core::machine_set::{MachineNamingSpec, MachineTemplateSpec};
use crate::is_default;
use crate::kind::kind;
use crate::schema;

kind! {
    /// Keeps machines running and replaces them, through MachineSets, when their template changes.
    MachineDeployment in "cluster.x-k8s.io" as "machinedeployments" {
        spec: MachineDeploymentSpec,
        status: conditions MachineDeploymentStatus,
    }
}

/// What a MachineDeployment should keep running, and how it changes over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MachineDeploymentSpec {
    /// The Cluster, in the same namespace, that this object belongs to.
    #[schemars(length(min = 1, max = 63))]
    pub cluster_name: String,
    /// How many machines there should be. Absent: 1, or what the bounds of an autoscaler, given as annotations, suggest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// When and how machines are replaced by new ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: MachineDeploymentRolloutSpec,
    /// Which machines and MachineSets belong to this object, by their labels. The labels of the template must match it.
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: LabelSelector,
    /// What new machines are made from.
    pub template: MachineTemplateSpec,
    /// How new machines are named. Their infrastructure and bootstrap objects share the name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub machine_naming: MachineNamingSpec,
    /// How unhealthy machines are replaced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remediation: MachineDeploymentRemediationSpec,
    /// Which machines go first when there are too many.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeploymentDeletionSpec,
    /// Stops the rollout: MachineSets are scaled, but nothing is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// When and how machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentRolloutSpec {
    /// Moment, in RFC 3339, after which all machines older than it are replaced, whether they changed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub after: Option<Time>,
    /// How old machines make way for new ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<MachineDeploymentRolloutStrategy>,
}

/// How old machines make way for new ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentRolloutStrategy {
    /// RollingUpdate: replace machine by machine. OnDelete: replace a machine when someone deletes it.
    #[schemars(extend("enum" = ["RollingUpdate", "OnDelete"]))]
    pub r#type: String,
    /// Limits of the rolling update; only with the type RollingUpdate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rolling_update: MachineDeploymentRolloutStrategyRollingUpdate,
}

/// Limits of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentRolloutStrategyRollingUpdate {
    /// How many machines may be missing during the update, as a number or as a percentage of replicas (rounded down).
    /// Not 0 together with maxSurge 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub max_unavailable: Option<IntOrString>,
    /// How many machines may exist beyond replicas during the update, as a number or as a percentage of replicas (rounded
    /// up). Not 0 together with maxUnavailable 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub max_surge: Option<IntOrString>,
}

/// How fast unhealthy machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentRemediationSpec {
    /// How many remediations may be under way at once, as a number or as a percentage of replicas. Absent: no limit. Only
    /// machines of the newest MachineSet are remediated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub max_in_flight: Option<IntOrString>,
}

/// Which machines go first when a MachineDeployment shrinks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentDeletionSpec {
    /// Which machines go first when there are too many: Random, Newest or Oldest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["Random", "Newest", "Oldest"]))]
    pub order: Option<String>,
}

/// What was last observed of a MachineDeployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentStatus {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The metadata.generation this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub observed_generation: Option<i64>,
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
    /// The state in one word, for people; programs should look at conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["ScalingUp", "ScalingDown", "Running", "Failed", "Unknown"]))]
    pub phase: Option<String>,
    /// Status that only clients of older versions read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Box<DeprecatedStatus<MachineDeploymentV1Beta1Status>>>,
}

/// Status of a MachineDeployment as v1beta1 reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MachineDeploymentV1Beta1Status {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<V1Beta1Condition>,
    /// How many machines are as the template says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,
    /// How many machines have the condition Ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// How many machines have the condition Available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i32>,
    /// How many machines are still missing until all are available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable_replicas: Option<i32>,
}
