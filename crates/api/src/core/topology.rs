//! The managed topology of a Cluster: what differs from its class.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::common::{MachineDeletionSpec, MachineReadinessGate, MachineTaint, Metadata};
use crate::core::health_check::{
    HealthCheckChecks, HealthCheckRemediationTriggerIf, RemediationTemplateReference,
};
use crate::core::machine_deployment::MachineDeploymentRolloutSpec;
use crate::is_default;
use crate::schema;

/// The managed shape of a cluster: a class, a version and what differs from the class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Topology {
    /// The ClusterClass to use.
    pub class_ref: ClusterClassRef,
    /// Kubernetes version of the whole cluster.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
    /// How the control plane differs from its class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub control_plane: ControlPlaneTopology,
    /// The sets of workers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub workers: WorkersTopology,
    /// Values for the variables of the class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub variables: Vec<ClusterVariable>,
}

/// The ClusterClass a topology is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClusterClassRef {
    /// Name of the ClusterClass.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SUBDOMAIN))]
    pub name: String,
    /// Namespace of the ClusterClass. Absent: that of the Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::LABEL))]
    pub namespace: Option<String>,
}

/// How the control plane differs from its class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct ControlPlaneTopology {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// How many control plane machines there should be. Absent for control planes that do not count machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// When and how machines are replaced by new ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: ControlPlaneTopologyRolloutSpec,
    /// Health check of these machines, if it differs from that of the class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health_check: ControlPlaneTopologyHealthCheck,
    /// How machines are taken down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeletionSpec,
    /// Taints kept on the nodes; taints set by others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<MachineTaint>,
    /// Further conditions of the Machine that count towards its Ready condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["conditionType"]))]
    pub readiness_gates: Vec<MachineReadinessGate>,
    /// Values for the variables of the class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variables: TopologyVariables,
}

/// When the control plane is replaced although nothing about it changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct ControlPlaneTopologyRolloutSpec {
    /// Moment, in RFC 3339, after which all machines older than it are replaced, whether they changed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub after: Option<Time>,
}

/// The health check of control plane machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct ControlPlaneTopologyHealthCheck {
    /// Whether there is a health check. Absent: there is one if it is defined here or in the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What makes a machine unhealthy. Setting this or `remediation` replaces both as the class defines them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: HealthCheckChecks,
    /// When and how unhealthy machines are replaced. Setting this or `checks` replaces both as the class defines them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remediation: ControlPlaneTopologyHealthCheckRemediation,
}

/// When and how unhealthy control plane machines are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct ControlPlaneTopologyHealthCheckRemediation {
    /// Under which circumstances anything is remediated at all. Absent: always.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trigger_if: HealthCheckRemediationTriggerIf,
    /// Template of an object that asks an external component to repair the machine. Absent: the owner of the machine
    /// replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<RemediationTemplateReference>,
}

/// Variable values for one part of the topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct TopologyVariables {
    /// Values that go before those set for the whole cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub overrides: Vec<ClusterVariable>,
}

/// A value for a variable that the class declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClusterVariable {
    /// Name of the variable.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The value, in the form that the schema of the variable asks for.
    #[schemars(schema_with = "schema::any")]
    pub value: Value,
}

/// The sets of workers in a topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct WorkersTopology {
    /// Workers made as MachineDeployments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 2000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub machine_deployments: Vec<MachineDeploymentTopology>,
    /// Workers made as MachinePools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 2000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub machine_pools: Vec<MachinePoolTopology>,
}

/// A set of workers, made as a MachineDeployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MachineDeploymentTopology {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// Which of the MachineDeployment classes of the ClusterClass to use.
    #[schemars(length(min = 1, max = 256))]
    pub class: String,
    /// Name of this set of workers within the topology; part of the name of the MachineDeployment.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::SUBDOMAIN))]
    pub name: String,
    /// The failure domain the machines are placed in; one of those in the status of the Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub failure_domain: Option<String>,
    /// How many workers there should be. Absent: someone else, such as an autoscaler, decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Health check of these machines, if it differs from that of the class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health_check: MachineDeploymentTopologyHealthCheck,
    /// How machines are taken down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeploymentTopologyMachineDeletionSpec,
    /// Taints kept on the nodes; taints set by others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<MachineTaint>,
    /// How long a machine must be ready, in seconds, before it counts as available. None means at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_ready_seconds: Option<i32>,
    /// Further conditions of the Machine that count towards its Ready condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["conditionType"]))]
    pub readiness_gates: Vec<MachineReadinessGate>,
    /// When and how machines are replaced by new ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollout: MachineDeploymentRolloutSpec,
    /// Values for the variables of the class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variables: TopologyVariables,
}

/// The health check of the machines of one MachineDeployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentTopologyHealthCheck {
    /// Whether there is a health check. Absent: there is one if it is defined here or in the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What makes a machine unhealthy. Setting this or `remediation` replaces both as the class defines them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: HealthCheckChecks,
    /// When and how unhealthy machines are replaced. Setting this or `checks` replaces both as the class defines them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub remediation: MachineDeploymentTopologyHealthCheckRemediation,
}

/// When and how unhealthy workers are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentTopologyHealthCheckRemediation {
    /// How many remediations may be under way at once, as a number or as a percentage of replicas. Absent: no limit. Only
    /// machines of the newest MachineSet are remediated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::int_or_string")]
    pub max_in_flight: Option<IntOrString>,
    /// Under which circumstances anything is remediated at all. Absent: always.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trigger_if: HealthCheckRemediationTriggerIf,
    /// Template of an object that asks an external component to repair the machine. Absent: the owner of the machine
    /// replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<RemediationTemplateReference>,
}

/// How machines of a MachineDeployment are chosen for deletion and taken down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct MachineDeploymentTopologyMachineDeletionSpec {
    /// Which machines go first when there are too many: Random, Newest or Oldest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["Random", "Newest", "Oldest"]))]
    pub order: Option<String>,
    /// How long draining the node may take, in seconds, before the machine is deleted all the same. 0 or absent: as long
    /// as it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub node_drain_timeout_seconds: Option<i32>,
    /// How long to wait for volumes to be detached, in seconds, before the machine is deleted all the same. 0 or absent:
    /// as long as it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub node_volume_detach_timeout_seconds: Option<i32>,
    /// How long to try to delete the Node object, in seconds, once the machine is being deleted. 0: for ever. Absent: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub node_deletion_timeout_seconds: Option<i32>,
}

/// A set of workers, made as a MachinePool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MachinePoolTopology {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// Which of the MachinePool classes of the ClusterClass to use.
    #[schemars(length(min = 1, max = 256))]
    pub class: String,
    /// Name of this set of workers within the topology; part of the name of the MachinePool.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::SUBDOMAIN))]
    pub name: String,
    /// The failure domains the machines are spread over; from those in the status of the Cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "atomic"))]
    pub failure_domains: Vec<String>,
    /// How machines are taken down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletion: MachineDeletionSpec,
    /// Taints kept on the nodes; taints set by others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<MachineTaint>,
    /// How long a machine must be ready, in seconds, before it counts as available. None means at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_ready_seconds: Option<i32>,
    /// How many workers there should be. Absent: someone else, such as an autoscaler, decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Values for the variables of the class.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variables: TopologyVariables,
}
