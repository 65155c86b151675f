//! Files that are written to the machine before kubeadm runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// A file to write to the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Full path on the machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 512))]
    pub path: String,
    /// Owner, as `root:root`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub owner: Option<String>,
    /// Permissions, as `0640`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub permissions: Option<String>,
    /// How the content is encoded; not at all when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["base64", "gzip", "gzip+base64"]))]
    pub encoding: Option<Encoding>,
    /// Append to a file that is there already instead of replacing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append: Option<bool>,
    /// The content itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10240))]
    pub content: Option<String>,
    /// Where to take the content from instead.
    #[serde(default, skip_serializing_if = "is_default")]
    pub content_from: FileSource,
    /// `Template`: the content, from wherever it came, is a Go template. It may use `.controlPlane.version`, the
    /// version of the control plane, which is there only if the cluster's control plane tells one.
    /// `Raw` or unset: it is written as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["Raw", "Template"]))]
    pub content_format: Option<FileContentFormat>,
}

/// How a file's content is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As base64.
    #[serde(rename = "base64")]
    Base64,
    /// With gzip.
    #[serde(rename = "gzip")]
    Gzip,
    /// With gzip, then as base64.
    #[serde(rename = "gzip+base64")]
    GzipBase64,
}

impl Encoding {
    /// The name, as users and cloud-init write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Gzip => "gzip",
            Self::GzipBase64 => "gzip+base64",
        }
    }
}

/// What a file's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContentFormat {
    /// The content itself.
    Raw,
    /// A Go template that gives the content.
    Template,
}

/// Where a file's content comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSource {
    /// A key of a Secret.
    #[serde(default)]
    #[schemars(!default)]
    pub secret: SecretFileSource,
}

impl FileSource {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// A key of a Secret in the namespace of the config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretFileSource {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret's data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub key: String,
}
