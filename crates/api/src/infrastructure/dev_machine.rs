//! DevMachine and its template: machines for development and tests.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::common::{DeprecatedStatus, MachineAddress, Metadata, V1Beta1Condition};
use crate::is_default;
use crate::kind::kind;
use crate::schema;

kind! {
    /// A machine that is a container or a simulation.
    DevMachine in "infrastructure.cluster.x-k8s.io" as "devmachines" {
        spec: DevMachineSpec,
        status: conditions DevMachineStatus,
    }
}

kind! {
    /// What DevMachines are made from.
    DevMachineTemplate in "infrastructure.cluster.x-k8s.io" as "devmachinetemplates" {
        spec: DevMachineTemplateSpec,
        status: DevMachineTemplateStatus,
    }
}

/// What a development machine should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineSpec {
    /// Links the machine to the node on it.
    #[serde(rename = "providerID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub provider_id: Option<String>,
    /// How it is realised.
    pub backend: DevMachineBackendSpec,
}

/// How a development machine is realised; exactly one is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineBackendSpec {
    /// Realised with containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerMachineBackendSpec>,
    /// Realised in memory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_memory: Option<InMemoryMachineBackendSpec>,
}

/// A machine that is a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DockerMachineBackendSpec {
    /// Image to run instead of the one that fits the Kubernetes version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_image: Option<String>,
    /// Images to load into a new machine before it is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_load_images: Vec<String>,
    /// Paths of the host to make visible in the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_mounts: Vec<Mount>,
    /// How long the bootstrap of the machine may take. Absent: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub bootstrap_timeout: Option<String>,
}

/// A path of the host made visible in the container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Mount {
    /// Path in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_path: Option<String>,
    /// Path on the host; it must exist, and symbolic links are followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    /// Whether the container may only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// A machine that exists in memory only, and how slowly its parts come up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryMachineBackendSpec {
    /// How the virtual machine comes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm: Option<InMemoryVmSpec>,
    /// How the node comes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<InMemoryNodeSpec>,
    /// How the API server comes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_server: Option<InMemoryApiServerSpec>,
    /// How the etcd member comes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd: Option<InMemoryEtcdSpec>,
}

/// The simulated virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryVmSpec {
    /// How long coming up takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provisioning: CommonProvisioningSettings,
}

/// How long a part takes to come up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CommonProvisioningSettings {
    /// How long it takes at least.
    #[schemars(schema_with = "schema::duration")]
    pub startup_duration: String,
    /// Share of startupDuration, such as 0.2, up to which a random time is added. Absent or 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_jitter: Option<String>,
}

/// The simulated node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryNodeSpec {
    /// How long coming up takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provisioning: CommonProvisioningSettings,
}

/// The simulated API server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryApiServerSpec {
    /// How long coming up takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provisioning: CommonProvisioningSettings,
}

/// The simulated etcd member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryEtcdSpec {
    /// How long coming up takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub provisioning: CommonProvisioningSettings,
}

/// What was last observed of a development machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineStatus {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Steps of the first provisioning that are done. Part of the contract between controllers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initialization: DevMachineInitializationStatus,
    /// Addresses of the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<MachineAddress>,
    /// The failure domain the machine was placed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub failure_domain: Option<String>,
    /// Status that only clients of older versions read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Box<DeprecatedStatus<DevMachineV1Beta1Status>>>,
}

/// Steps of the first provisioning that are done; none of them is ever undone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct DevMachineInitializationStatus {
    /// Whether the infrastructure has been provisioned once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<bool>,
}

/// Status of a development machine as v1beta1 reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineV1Beta1Status {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<V1Beta1Condition>,
}

/// Holds the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineTemplateSpec {
    /// What new objects are made from.
    pub template: DevMachineTemplateResource,
}

/// What each DevMachine is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineTemplateResource {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// What each DevMachine should be.
    pub spec: DevMachineSpec,
}

/// What machines made from the template will offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevMachineTemplateStatus {
    /// What a machine offers, by resource; read by autoscalers that start from no machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::resource_list")]
    pub capacity: BTreeMap<String, Quantity>,
}
