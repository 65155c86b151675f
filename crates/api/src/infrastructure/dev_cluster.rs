//! DevCluster and its template: cluster infrastructure for development and tests.

use k8s_openapi::api::core::v1::LocalObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::common::{ApiEndpoint, DeprecatedStatus, FailureDomain, Metadata, V1Beta1Condition};
use crate::is_default;
use crate::kind::kind;
use crate::schema;

kind! {
    /// Infrastructure that machines of a development cluster share.
    DevCluster in "infrastructure.cluster.x-k8s.io" as "devclusters" {
        spec: DevClusterSpec,
        status: conditions DevClusterStatus,
    }
}

kind! {
    /// What DevClusters of a class are made from.
    DevClusterTemplate in "infrastructure.cluster.x-k8s.io" as "devclustertemplates" {
        spec: DevClusterTemplateSpec,
    }
}

/// What the infrastructure of a development cluster should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterSpec {
    /// Where clients reach the API server of the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub control_plane_endpoint: ApiEndpoint,
    /// How it is realised.
    pub backend: DevClusterBackendSpec,
}

/// How a development cluster is realised; exactly one is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterBackendSpec {
    /// Realised with containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerClusterBackendSpec>,
    /// Realised in memory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_memory: Option<InMemoryClusterBackendSpec>,
}

/// A cluster of containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DockerClusterBackendSpec {
    /// Failure domains to report in the status; containers know none of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub failure_domains: Vec<FailureDomain>,
    /// The container that balances load over API servers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub load_balancer: DockerLoadBalancer,
}

/// The container that balances load over API servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DockerLoadBalancer {
    /// Where the image of the load balancer is pulled from. Absent: kindest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_repository: Option<String>,
    /// Tag of the image of the load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// ConfigMap whose key `value` holds a template for the HAProxy configuration, instead of the built-in one.
    #[serde(rename = "customHAProxyConfigTemplateRef", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::local_object_reference")]
    pub custom_ha_proxy_config_template_ref: Option<LocalObjectReference>,
}

/// A cluster that exists in memory only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InMemoryClusterBackendSpec {}

/// What was last observed of the infrastructure of a development cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterStatus {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Steps of the first provisioning that are done. Part of the contract between controllers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initialization: DevClusterInitializationStatus,
    /// Failure domains that machines can be spread over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub failure_domains: Vec<FailureDomain>,
    /// Status that only clients of older versions read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Box<DeprecatedStatus<DevClusterV1Beta1Status>>>,
}

/// Steps of the first provisioning that are done; none of them is ever undone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("minProperties" = 1))]
pub struct DevClusterInitializationStatus {
    /// Whether the infrastructure has been provisioned once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<bool>,
}

/// Status of a development cluster as v1beta1 reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterV1Beta1Status {
    /// How the object is doing, one condition per aspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<V1Beta1Condition>,
}

/// Holds the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterTemplateSpec {
    /// What new objects are made from.
    pub template: DevClusterTemplateResource,
}

/// What each DevCluster is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevClusterTemplateResource {
    /// Labels and annotations for the generated objects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// What each DevCluster should be.
    pub spec: DevClusterSpec,
}
