//! Names of API groups, versions, kinds and resources, and the `apiVersion` text that joins the first two.

use std::fmt;

use serde_json::Value;

/// A kind within a group, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, such as `ConfigMap`.
    pub kind: String,
}

/// A version of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersion {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
}

/// A kind as one version of its group serves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `ConfigMap`.
    pub kind: String,
}

/// A resource (the plural in a path) as one version of its group serves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Plural resource name, such as `configmaps`.
    pub resource: String,
}

/// An `apiVersion` that is neither `version` nor `group/version`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected GroupVersion string: {0}")]
pub struct InvalidApiVersion(pub String);

/// Splits an `apiVersion` into group (empty for the core group) and version.
///
/// The empty text and `/` stand for the empty group and version.
pub fn split_api_version(api_version: &str) -> Result<(&str, &str), InvalidApiVersion> {
    if api_version.is_empty() || api_version == "/" {
        return Ok(("", ""));
    }
    match api_version.split_once('/') {
        None => Ok(("", api_version)),
        Some((_, version)) if version.contains('/') => Err(InvalidApiVersion(api_version.to_owned())),
        Some(parts) => Ok(parts),
    }
}

/// Joins group and version into an `apiVersion`.
pub fn join_api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

impl GroupKind {
    /// Names a kind of a group.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl GroupVersion {
    /// Names a version of a group.
    pub fn new(group: impl Into<String>, version: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into() }
    }

    /// Reads an `apiVersion`.
    pub fn parse(api_version: &str) -> Result<Self, InvalidApiVersion> {
        let (group, version) = split_api_version(api_version)?;
        Ok(Self::new(group, version))
    }

    /// The `apiVersion` text.
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }
}

impl GroupVersionKind {
    /// Names a kind.
    pub fn new(group: impl Into<String>, version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Reads `apiVersion` and `kind`.
    pub fn parse(api_version: &str, kind: &str) -> Result<Self, InvalidApiVersion> {
        let (group, version) = split_api_version(api_version)?;
        Ok(Self::new(group, version, kind))
    }

    /// Reads `apiVersion` and `kind` of an object; absent members count as empty.
    pub fn of(object: &Value) -> Result<Self, InvalidApiVersion> {
        let text = |member: &str| object.get(member).and_then(Value::as_str).unwrap_or_default();
        Self::parse(text("apiVersion"), text("kind"))
    }

    /// The `apiVersion` text.
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }

    /// The kind without its version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.clone(), self.kind.clone())
    }

    /// The version without the kind.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }
}

impl GroupVersionResource {
    /// Names a resource.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// The `apiVersion` text.
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        f.write_str(&self.version)
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_split_and_join() {
        assert_eq!(split_api_version("v1").unwrap(), ("", "v1"));
        assert_eq!(split_api_version("apps/v1").unwrap(), ("apps", "v1"));
        assert!(split_api_version("a/b/c").is_err());
        assert_eq!(
            GroupVersionKind::parse("apps/v1", "Deployment").unwrap().to_string(),
            "apps/v1, Kind=Deployment"
        );
        assert_eq!(GroupVersionKind::parse("v1", "Pod").unwrap().to_string(), "/v1, Kind=Pod");
        assert_eq!(GroupVersion::parse("v1").unwrap().api_version(), "v1");
    }
}
