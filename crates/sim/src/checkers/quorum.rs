//! etcd is never harmed by a decision of ours. Nothing in a world breaks machines, so as long as a Cluster is not being
//! deleted, its etcd has a quorum, and its leader hands over before it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use providers::dev::cloud::etcd::Membership;
use providers::dev::cloud::records::ClusterRecord;
use providers::dev::cloud::{CLUSTER_RECORDS, RECORDS};
use store::{Database, EventKind, Options, Watch};

use super::mirror::Mirror;
use super::{Violation, missed};

/// Follows the membership of every simulated etcd, change by change.
pub struct Quorum {
    watch: Watch,
    known: BTreeMap<Arc<str>, Membership>,
}

impl Quorum {
    /// Over the database of the cloud, which must be fresh.
    ///
    /// # Errors
    /// When its first records are forgotten already.
    pub fn new(simulated: &Database) -> Result<Self, Violation> {
        let records = simulated.store_with(RECORDS, Options::small());
        let records = records.map_err(|error| Violation::new("the cloud is open", error.to_string()))?;
        let watch = records.watch(CLUSTER_RECORDS, 0).map_err(missed)?;
        Ok(Self { watch, known: BTreeMap::new() })
    }

    /// Judges everything that happened since it was last asked.
    ///
    /// # Errors
    /// The first harm.
    pub fn check(&mut self, mirror: &Mirror) -> Result<(), Violation> {
        while let Some(event) = self.watch.try_next().map_err(missed)? {
            if event.kind == EventKind::Deleted {
                self.known.remove(&event.key);
                continue;
            }
            let record: ClusterRecord = serde_json::from_slice(&event.value)
                .map_err(|error| Violation::new("records can be read", format!("{}: {error}", event.key)))?;
            let before = self.known.insert(event.key, record.etcd.clone());
            if mirror.is_cluster_alive(&record.id.namespace, &record.id.name) {
                judge(&record, before.as_ref())?;
            }
        }
        Ok(())
    }
}

fn judge(record: &ClusterRecord, before: Option<&Membership>) -> Result<(), Violation> {
    let (id, etcd) = (&record.id, &record.etcd);
    if !etcd.has_quorum() {
        return Err(Violation::new("etcd keeps its quorum", format!("cluster {id} has lost it")));
    }
    let leader = before.and_then(|before| {
        before.members.iter().find(|member| member.id == before.leader && before.members.len() > 1)
    });
    let Some(leader) = leader else { return Ok(()) };
    if etcd.members.iter().any(|member| member.id == leader.id && member.running) {
        return Ok(());
    }
    Err(Violation::new(
        "etcd's leader hands over before it goes",
        format!("the member on {} of cluster {id} led when it went", leader.name),
    ))
}
