//! What makes a machine unhealthy and when that has consequences.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What makes a machine unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct HealthCheckChecks {
    /// How long a machine may go without a node, in seconds, before it is unhealthy. 0: for ever. Absent: 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub node_startup_timeout_seconds: Option<i32>,
    /// Conditions of the node, any one of which makes the machine unhealthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub unhealthy_node_conditions: Vec<UnhealthyNodeCondition>,
    /// Conditions of the Machine, any one of which makes it unhealthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub unhealthy_machine_conditions: Vec<UnhealthyMachineCondition>,
}

/// A node condition that, when it stays, makes the machine unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UnhealthyNodeCondition {
    /// Type of the node condition.
    #[schemars(length(min = 1))]
    pub r#type: String,
    /// The status that is a sign of ill health: True, False or Unknown.
    #[schemars(length(min = 1))]
    pub status: String,
    /// How long the condition must have had that status, in seconds.
    #[schemars(range(min = 0))]
    pub timeout_seconds: i32,
}

/// A machine condition that, when it stays, makes the machine unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UnhealthyMachineCondition {
    /// Type of the machine condition.
    #[schemars(length(min = 1, max = 316), regex(pattern = schema::CONDITION_TYPE), extend("x-kubernetes-validations" = schema::rules(&[("!(self in ['Ready','Available','HealthCheckSucceeded','OwnerRemediated','ExternallyRemediated'])", "type must not be one of: Ready, Available, HealthCheckSucceeded, OwnerRemediated, ExternallyRemediated")])))]
    pub r#type: String,
    /// The status that is a sign of ill health: True, False or Unknown.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// How long the condition must have had that status, in seconds.
    #[schemars(range(min = 0))]
    pub timeout_seconds: i32,
}

/// Limits beyond which nothing is remediated, because the fault is likely a common one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct HealthCheckRemediationTriggerIf {
    /// Remediate only while at most so many machines, as a number or a percentage, are unhealthy. unhealthyInRange goes
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub unhealthy_less_than_or_equal_to: Option<IntOrString>,
    /// Remediate only while the number of unhealthy machines lies in this range, both ends included, such as [3-5].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^\[[0-9]+-[0-9]+\]$"))]
    pub unhealthy_in_range: Option<String>,
}

/// A template of the object that asks someone else to repair a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RemediationTemplateReference {
    /// Kind of the template.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::KIND))]
    pub kind: String,
    /// Name of the template.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub name: String,
    /// API group and version of the template.
    #[schemars(length(min = 1, max = 317), regex(pattern = schema::API_VERSION))]
    pub api_version: String,
}
