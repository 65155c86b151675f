//! etcd's quorum is never lost by a decision of ours: nothing in a world breaks machines, so as long as a Cluster is not
//! being deleted, its etcd has a quorum.

use super::{Checkers, Violation};

/// Clusters whose etcd lost its quorum although nobody asked for their end.
pub fn check(checkers: &Checkers) -> Result<(), Violation> {
    let clusters = checkers.objects("cluster.x-k8s.io", "clusters");
    let lives = |namespace: &str, name: &str| {
        clusters.iter().any(|cluster| {
            let metadata = &cluster["metadata"];
            metadata["namespace"] == namespace
                && metadata["name"] == name
                && metadata["deletionTimestamp"].is_null()
        })
    };
    for id in checkers.cloud.clusters_without_quorum() {
        if lives(&id.namespace, &id.name) {
            return Err(Violation::new("etcd keeps its quorum", format!("cluster {id} has lost it")));
        }
    }
    Ok(())
}
