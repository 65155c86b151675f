//! Who owns whom, as far as the store has told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::object::{HeadMetadata, Owner};

/// One object.
pub struct Node {
    /// Namespace; empty outside of namespaces.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Owners.
    pub owners: Vec<Owner>,
    /// It is being deleted.
    pub deleting: bool,
    /// Its deletion waits for its dependents.
    pub foreground: bool,
    /// Its dependents are to be left alone.
    pub orphans: bool,
}

/// All objects, the dependents of each, and what is to be looked at.
#[derive(Default)]
pub struct Graph {
    nodes: BTreeMap<Arc<str>, Node>,
    keys: BTreeMap<String, Arc<str>>,
    dependents: BTreeMap<String, BTreeSet<Arc<str>>>,
    pending: BTreeSet<Arc<str>>,
}

impl Graph {
    /// An object as it is now.
    pub fn put(&mut self, key: &Arc<str>, head: HeadMetadata) {
        self.forget(key);
        let has = |name: &str| head.finalizers.iter().any(|finalizer| finalizer == name);
        let node = Node {
            deleting: head.deletion_timestamp.is_some(),
            foreground: has("foregroundDeletion"),
            orphans: has("orphan"),
            namespace: head.namespace,
            name: head.name,
            uid: head.uid,
            owners: head.owner_references,
        };
        for owner in &node.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        self.keys.insert(node.uid.clone(), key.clone());
        // What owns nothing and is owned by nobody, and is not being deleted, needs no look.
        if !node.owners.is_empty() || node.deleting {
            self.pending.insert(key.clone());
        }
        if node.deleting {
            // Owners that wait for their dependents look at what is left.
            let owners: Vec<String> = node.owners.iter().map(|owner| owner.uid.clone()).collect();
            self.look_at_owners(&owners);
        }
        self.nodes.insert(key.clone(), node);
    }

    /// An object is gone: its dependents, its owners and its namespace may have something to do now.
    pub fn remove(&mut self, key: &Arc<str>) {
        let Some(node) = self.forget(key) else { return };
        if let Some(dependents) = self.dependents.get(&node.uid) {
            self.pending.extend(dependents.iter().cloned());
        }
        let owners: Vec<String> = node.owners.iter().map(|owner| owner.uid.clone()).collect();
        self.look_at_owners(&owners);
        if !node.namespace.is_empty() {
            let namespace: Arc<str> = format!("/core/namespaces/{}", node.namespace).into();
            if self.nodes.get(&namespace).is_some_and(|namespace| namespace.deleting) {
                self.pending.insert(namespace);
            }
        }
    }

    fn look_at_owners(&mut self, owners: &[String]) {
        for uid in owners {
            if let Some(key) = self.keys.get(uid)
                && self.nodes.get(key).is_some_and(|owner| owner.deleting)
            {
                self.pending.insert(key.clone());
            }
        }
    }

    fn forget(&mut self, key: &Arc<str>) -> Option<Node> {
        let node = self.nodes.remove(key)?;
        self.pending.remove(key);
        self.keys.remove(&node.uid);
        for owner in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        Some(node)
    }

    /// The first object that is to be looked at.
    pub fn next(&mut self) -> Option<Arc<str>> {
        self.pending.pop_first()
    }

    /// An object.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// An object by its uid.
    pub fn by_uid(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(self.keys.get(uid)?)
    }

    /// Keys of the objects that name this uid as an owner.
    pub fn dependents(&self, uid: &str) -> Vec<Arc<str>> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Keys of everything in a namespace.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        self.nodes.iter().filter(move |(_, node)| node.namespace == namespace).map(|(key, _)| key)
    }
}
