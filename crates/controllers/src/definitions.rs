//! What kinds the server knows, as far as a reference without version needs it: names, versions and contract labels.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

/// A CustomResourceDefinition without its schemas, which are most of it and of no use here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Name and labels.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it defines.
    #[serde(default)]
    pub spec: DefinitionSpec,
}

/// The part of the specification that is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DefinitionSpec {
    /// The group.
    #[serde(default)]
    pub group: String,
    /// The names.
    #[serde(default)]
    pub names: DefinitionNames,
    /// The versions.
    #[serde(default)]
    pub versions: Vec<DefinitionVersion>,
}

/// What the kind is called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DefinitionNames {
    /// In CamelCase.
    #[serde(default)]
    pub kind: String,
    /// In paths.
    #[serde(default)]
    pub plural: String,
}

/// One version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DefinitionVersion {
    /// Such as `v1beta2`.
    #[serde(default)]
    pub name: String,
    /// Whether the server answers for it.
    #[serde(default)]
    pub served: bool,
}

impl kube_core::Resource for Definition {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "CustomResourceDefinition".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "apiextensions.k8s.io".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "customresourcedefinitions".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The index by `group/Kind`.
pub const BY_KIND: &str = "kind";

/// The value of the index [`BY_KIND`].
pub fn kind_value(group: &str, kind: &str) -> String {
    format!("{group}/{kind}")
}
