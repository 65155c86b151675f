//! The name of an object within its kind.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Namespace and name. The namespace of a cluster-scoped object is empty. Cloning counts a reference and copies no text,
/// since keys sit in many queues and indexes at once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// `namespace/name`; starts with the slash where there is no namespace.
    text: Arc<str>,
    slash: usize,
}

impl Key {
    /// The key of a namespaced object, or of a cluster-scoped one where `namespace` is empty.
    pub fn new(namespace: &str, name: &str) -> Self {
        let mut text = String::with_capacity(namespace.len() + 1 + name.len());
        text.push_str(namespace);
        text.push('/');
        text.push_str(name);
        Self { text: text.into(), slash: namespace.len() }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster_scoped(name: &str) -> Self {
        Self::new("", name)
    }

    /// The key that `metadata` names; empty texts where it lacks them.
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        )
    }

    /// The namespace; empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        self.text.get(..self.slash).unwrap_or_default()
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.text.get(self.slash + 1..).unwrap_or_default()
    }
}

/// By namespace, then name: all keys of a namespace lie beside one another.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.slash == other.slash {
            // Nearly always: the texts differ first where namespaces do, and after the slash otherwise.
            return self.text.cmp(&other.text);
        }
        self.namespace().cmp(other.namespace())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `namespace/name`, or the bare name of a cluster-scoped object.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.slash == 0 { self.name() } else { &self.text })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_stay_together() {
        let mut keys =
            [Key::new("a-b", "x"), Key::new("a", "y"), Key::new("a", "x"), Key::cluster_scoped("z")];
        keys.sort();
        let texts: Vec<_> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["z", "a/x", "a/y", "a-b/x"]);
    }

    #[test]
    fn both_parts_come_back() {
        let key = Key::new("default", "one");
        assert_eq!((key.namespace(), key.name()), ("default", "one"));
        let key = Key::cluster_scoped("node");
        assert_eq!((key.namespace(), key.name()), ("", "node"));
    }
}
