//! Which clusters have a machine of a name.
//!
//! A DevMachine that is gone no longer says which cluster it belonged to; without this every cluster would have to be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ClusterId;

/// Machines by namespace and name. It may name a cluster whose machine could not be made, never omit one that has it.
#[derive(Default)]
pub struct Directory {
    clusters: Mutex<BTreeMap<(String, String), BTreeSet<ClusterId>>>,
}

impl Directory {
    /// A machine is about to be made in a cluster, or was found there.
    pub fn enter(&self, id: &ClusterId, machine: &str) {
        self.lock().entry(place(&id.namespace, machine)).or_default().insert(id.clone());
    }

    /// A machine of a cluster is destroyed.
    pub fn strike(&self, id: &ClusterId, machine: &str) {
        let place = place(&id.namespace, machine);
        let mut clusters = self.lock();
        let Some(ids) = clusters.get_mut(&place) else { return };
        ids.remove(id);
        if ids.is_empty() {
            clusters.remove(&place);
        }
    }

    /// The clusters of a namespace that have a machine of this name.
    pub fn clusters_with(&self, namespace: &str, machine: &str) -> Vec<ClusterId> {
        let clusters = self.lock();
        clusters.get(&place(namespace, machine)).into_iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), BTreeSet<ClusterId>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(namespace: &str, machine: &str) -> (String, String) {
    (namespace.to_owned(), machine.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_one_name_are_told_apart() {
        let (directory, one, two) =
            (Directory::default(), ClusterId::new("default", "one"), ClusterId::new("default", "two"));
        directory.enter(&one, "a");
        directory.enter(&one, "a");
        directory.enter(&two, "a");
        directory.enter(&ClusterId::new("other", "one"), "a");
        assert_eq!(directory.clusters_with("default", "a"), [one.clone(), two.clone()]);
        directory.strike(&one, "a");
        assert_eq!(directory.clusters_with("default", "a"), std::slice::from_ref(&two));
        directory.strike(&two, "a");
        assert_eq!(directory.clusters_with("default", "a"), []);
        assert!(!directory.lock().contains_key(&place("default", "a")), "nothing is kept of what is gone");
    }
}
