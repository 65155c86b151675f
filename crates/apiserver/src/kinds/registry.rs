//! All kinds that one server knows at one moment.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::kinds::{Kind, Version, builtin};

type Group = BTreeMap<Arc<str>, Arc<Kind>>;

/// Kinds that never change, shared by all servers made from the set.
#[derive(Clone, Default)]
pub struct KindSet {
    groups: Arc<BTreeMap<Arc<str>, Group>>,
}

impl KindSet {
    /// All built-in kinds. They are read once in a process.
    pub fn builtin() -> Self {
        static ALL: LazyLock<KindSet> = LazyLock::new(|| KindSet::new(builtin::kinds()));
        ALL.clone()
    }

    /// A set of exactly these kinds.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let mut groups: BTreeMap<Arc<str>, Group> = BTreeMap::new();
        for kind in kinds {
            groups.entry(kind.group.clone()).or_default().insert(kind.plural.clone(), Arc::new(kind));
        }
        Self { groups: Arc::new(groups) }
    }
}

/// The kinds of a server: a shared set, and what custom definitions added.
#[derive(Clone, Default)]
pub struct Registry {
    base: KindSet,
    custom: BTreeMap<Arc<str>, Group>,
}

/// A kind in one of its versions.
#[derive(Clone)]
pub struct Resolved {
    /// The kind.
    pub kind: Arc<Kind>,
    index: usize,
}

impl Resolved {
    /// A kind in the version it is stored in.
    pub fn stored(kind: Arc<Kind>) -> Self {
        let index = kind.storage;
        Self { kind, index }
    }

    /// The version asked for.
    pub fn version(&self) -> &Version {
        &self.kind.versions[self.index]
    }

    /// Whether it is the version that is stored.
    pub fn is_stored_version(&self) -> bool {
        self.index == self.kind.storage
    }

    /// Whether bytes of the store are in the version that is stored now.
    pub fn is_stored_version_of(&self, bytes: &[u8]) -> bool {
        let leading = crate::object::leading(&self.stored_api_version(), &self.kind.kind);
        bytes.starts_with(leading.as_bytes())
    }

    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self) -> String {
        machinery::gvk::join_api_version(&self.kind.group, &self.version().name)
    }

    /// `group/version` of what is stored.
    pub fn stored_api_version(&self) -> String {
        machinery::gvk::join_api_version(&self.kind.group, &self.kind.versions[self.kind.storage].name)
    }
}

impl Registry {
    /// The kinds of a set, and no custom ones.
    pub fn new(base: KindSet) -> Self {
        Self { base, custom: BTreeMap::new() }
    }

    /// Finds a resource in a served version.
    pub fn resolve(&self, group: &str, version: &str, plural: &str) -> Option<Resolved> {
        let kind = self.find(group, plural)?;
        let index = kind.served(version)?;
        Some(Resolved { kind: kind.clone(), index })
    }

    /// Finds a resource whatever its versions are.
    pub fn find(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        let custom = self.custom.get(group).and_then(|group| group.get(plural));
        custom.or_else(|| self.base.groups.get(group)?.get(plural))
    }

    /// Finds a kind by its name.
    pub fn find_kind(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.in_group(group).find(|candidate| &*candidate.kind == kind).cloned()
    }

    /// Kinds of one group, by plural; built-in ones first.
    pub fn in_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Arc<Kind>> {
        let base = self.base.groups.get(group).into_iter().flat_map(BTreeMap::values);
        base.chain(self.custom.get(group).into_iter().flat_map(BTreeMap::values))
    }

    /// All kinds, by group and plural; built-in ones first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        let base = self.base.groups.values().flat_map(BTreeMap::values);
        base.chain(self.custom.values().flat_map(BTreeMap::values))
    }

    /// Names of all groups, the core group (empty) first.
    pub fn groups(&self) -> Vec<Arc<str>> {
        let mut groups: Vec<_> = self.base.groups.keys().chain(self.custom.keys()).cloned().collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// Served versions of a group, the preferred one first.
    pub fn versions(&self, group: &str) -> Vec<Arc<str>> {
        let served =
            self.in_group(group).flat_map(|kind| kind.versions.iter()).filter(|version| version.served);
        let mut names: Vec<Arc<str>> = served.map(|version| version.name.clone()).collect();
        names.sort_by(|left, right| compare_versions(left, right));
        names.dedup();
        names
    }

    /// Adds or replaces a custom kind.
    pub fn insert_custom(&mut self, kind: Kind) {
        self.custom.entry(kind.group.clone()).or_default().insert(kind.plural.clone(), Arc::new(kind));
    }

    /// Takes a custom kind away.
    pub fn remove_custom(&mut self, group: &str, plural: &str) -> Option<Arc<Kind>> {
        let kinds = self.custom.get_mut(group)?;
        let removed = kinds.remove(plural);
        if kinds.is_empty() {
            self.custom.remove(group);
        }
        removed
    }
}

/// Order of API versions, the preferred one first: stable, beta, alpha; higher numbers first; other names last, by name.
pub fn compare_versions(left: &str, right: &str) -> std::cmp::Ordering {
    match (version_rank(left), version_rank(right)) {
        (Some(left), Some(right)) => right.cmp(&left),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// Stability (2 stable, 1 beta, 0 alpha), major and minor number of a version name.
fn version_rank(name: &str) -> Option<(u8, u64, u64)> {
    let rest = name.strip_prefix('v')?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let major = rest[..digits].parse().ok()?;
    let (stability, minor) = match &rest[digits..] {
        "" => return Some((2, major, 0)),
        tail => tail
            .strip_prefix("beta")
            .map(|minor| (1, minor))
            .or_else(|| tail.strip_prefix("alpha").map(|minor| (0, minor)))?,
    };
    Some((stability, major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_stability_then_number() {
        let mut names =
            ["foo10", "v1", "v10beta3", "v2", "v11alpha2", "foo1", "v3beta1", "v12alpha1", "v10", "v11beta2"];
        names.sort_by(|left, right| compare_versions(left, right));
        let expected =
            ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"];
        assert_eq!(names, expected);
    }
}
