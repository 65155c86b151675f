//! What a request has to know about a kind: group, version, kind and the plural that stands in paths.

use std::fmt;

use machinery::gvk::{GroupVersionKind, join_api_version};

/// A kind in one version. Two versions of one kind are two of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1beta2`.
    pub version: String,
    /// The kind, such as `Machine`.
    pub kind: String,
    /// The plural in lower case, such as `machines`.
    pub plural: String,
}

impl Kind {
    /// From its four parts.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into(), plural: plural.into() }
    }

    /// The kind of a Rust type.
    pub fn of<K: kube_core::Resource<DynamicType = ()>>() -> Self {
        Self::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()))
    }

    /// `group/version`, or the version alone for the core group.
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }

    /// Without the plural.
    pub fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind::new(self.group.as_str(), self.version.as_str(), self.kind.as_str())
    }

    /// `plural.group`, as resources are named to people and in metrics.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The path of the collection: of one namespace, or of everything where `namespace` is empty.
    pub(crate) fn collection_path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api/" } else { "/apis/" };
        let mut path = String::with_capacity(96);
        path.push_str(root);
        if !self.group.is_empty() {
            path.push_str(&self.group);
            path.push('/');
        }
        path.push_str(&self.version);
        if !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, Kind={}", self.api_version(), self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let machines = Kind::new("cluster.x-k8s.io", "v1beta2", "Machine", "machines");
        assert_eq!(
            machines.collection_path("default"),
            "/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machines"
        );
        let secrets = Kind::of::<k8s_openapi::api::core::v1::Secret>();
        assert_eq!(secrets.collection_path(""), "/api/v1/secrets");
        assert_eq!(secrets.resource(), "secrets");
    }
}
