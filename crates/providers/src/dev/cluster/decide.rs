//! What should happen to a DevCluster. Pure.

use std::fmt;
use std::sync::Arc;

use api::core::Cluster;
use api::infrastructure::{DevCluster, DevClusterInitializationStatus, DevClusterStatus};
use api::{Kind as _, conditions, labels};
use decide::conditions::NewCondition;
use decide::plan::{self, Action, Never, ObjectRef, Plan};
use decide::{conditions as rules, finalizers, paused};
use jiff::Timestamp;
use serde_json::{Map, json};

use crate::dev::cloud::ClusterId;
use crate::dev::frame::{Step, joined};

/// What is known.
pub struct Observed {
    /// The object.
    pub dev_cluster: Arc<DevCluster>,
    /// The Cluster that owns it, if it is there.
    pub cluster: Option<Arc<Cluster>>,
    /// Which Cluster owns it.
    pub id: Option<ClusterId>,
    /// Where the simulated cluster listens, once it does.
    pub endpoint: Option<(String, u16)>,
    /// The time.
    pub now: Timestamp,
}

/// What is done in the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Give the cluster an address.
    Create {
        /// Which.
        id: ClusterId,
        /// The host that was asked for.
        host: Option<String>,
        /// The port that was asked for.
        port: Option<u16>,
    },
    /// Take the cluster away.
    Delete {
        /// Which.
        id: ClusterId,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { id, .. } => write!(formatter, "create simulated cluster {id}"),
            Self::Delete { id } => write!(formatter, "delete simulated cluster {id}"),
        }
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No Cluster owns it yet.
    Owner,
    /// It is paused.
    Paused,
    /// It asks for a backend that is not there.
    Backend,
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Self::Owner => "WaitingForOwner",
            Self::Paused => conditions::reason::PAUSED,
            Self::Backend => "BackendNotSupported",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Owner => "Waiting for a Cluster to own the DevCluster".to_owned(),
            Self::Paused => "The DevCluster is paused".to_owned(),
            Self::Backend => "Only spec.backend.inMemory is supported".to_owned(),
        }
    }
}

type Decided = Plan<DevClusterStatus, Waiting, Never, Step<Deed>>;

/// The plan for one DevCluster.
pub fn decide(seen: &Observed) -> Decided {
    if paused::is_paused(seen.cluster.as_deref(), &seen.dev_cluster.metadata) {
        return Plan { waiting: vec![Waiting::Paused], status: Some(status(seen, false)), ..Plan::idle() };
    }
    if seen.dev_cluster.metadata.deletion_timestamp.is_some() {
        return Plan { actions: deletion(seen), ..Plan::idle() };
    }
    let (Some(id), Some(_)) = (&seen.id, &seen.cluster) else {
        return Plan { waiting: vec![Waiting::Owner], ..Plan::idle() };
    };
    if seen.dev_cluster.spec.backend.in_memory.is_none() {
        return Plan { waiting: vec![Waiting::Backend], status: Some(unsupported(seen)), ..Plan::idle() };
    }
    let Some((host, port)) = &seen.endpoint else {
        return Plan { actions: vec![Step::Do(creation(seen, id))], ..Plan::idle() };
    };
    let actions: Vec<_> = surface(seen, id, host, *port).into_iter().map(Step::write).collect();
    Plan { actions, status: Some(status(seen, true)), ..Plan::idle() }
}

fn creation(seen: &Observed, id: &ClusterId) -> Deed {
    let wanted = &seen.dev_cluster.spec.control_plane_endpoint;
    let port = wanted.port.and_then(|port| u16::try_from(port).ok());
    Deed::Create { id: id.clone(), host: wanted.host.clone().filter(|host| !host.is_empty()), port }
}

/// Endpoint, finalizer and the name of the listener, in one patch; none where all are there.
fn surface(seen: &Observed, id: &ClusterId, host: &str, port: u16) -> Option<Action> {
    let metadata = &seen.dev_cluster.metadata;
    let endpoint = &seen.dev_cluster.spec.control_plane_endpoint;
    let listener = id.to_string();
    let (mut meta, mut patch) = (Map::new(), Map::new());
    if let Some(all) = finalizers::with(metadata, labels::DEV_CLUSTER_FINALIZER) {
        meta.insert("finalizers".to_owned(), json!(all));
    }
    if metadata.annotations.as_ref().and_then(|all| all.get(labels::DEV_LISTENER)) != Some(&listener) {
        meta.insert("annotations".to_owned(), json!({ labels::DEV_LISTENER: listener }));
    }
    if endpoint.host.as_deref() != Some(host) || endpoint.port != Some(i32::from(port)) {
        let spec = json!({"controlPlaneEndpoint": {"host": host, "port": port}});
        patch.insert("spec".to_owned(), spec);
    }
    let patch = joined(metadata, meta, patch)?;
    Some(Action::patch(ObjectRef::to(&*seen.dev_cluster), patch, "the simulated cluster has an address"))
}

fn deletion(seen: &Observed) -> Vec<Step<Deed>> {
    if let Some(id) = seen.id.as_ref().filter(|_| seen.endpoint.is_some()) {
        return vec![Step::Do(Deed::Delete { id: id.clone() })];
    }
    let why = "the simulated cluster is gone";
    finalizers::release(&*seen.dev_cluster, labels::DEV_CLUSTER_FINALIZER, why)
        .map(Step::write)
        .into_iter()
        .collect()
}

/// The in-memory backend says no more than whether it is provisioned; once it is, it stays so.
fn status(seen: &Observed, provisioned: bool) -> DevClusterStatus {
    let before = &seen.dev_cluster.status;
    let paused = paused::condition(seen.cluster.as_deref(), DevCluster::KIND, &seen.dev_cluster.metadata);
    DevClusterStatus {
        conditions: with(seen, [paused]),
        initialization: DevClusterInitializationStatus {
            provisioned: if provisioned { Some(true) } else { before.initialization.provisioned },
        },
        failure_domains: before.failure_domains.clone(),
        deprecated: None,
    }
}

fn unsupported(seen: &Observed) -> DevClusterStatus {
    let message = plan::Waiting::message(&Waiting::Backend);
    let ready = NewCondition::new(conditions::READY, false, conditions::reason::NOT_READY, message);
    let paused = paused::condition(seen.cluster.as_deref(), DevCluster::KIND, &seen.dev_cluster.metadata);
    DevClusterStatus { conditions: with(seen, [ready, paused]), ..DevClusterStatus::default() }
}

fn with<const N: usize>(
    seen: &Observed,
    new: [NewCondition; N],
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let mut list = seen.dev_cluster.status.conditions.clone();
    list.retain(|condition| new.iter().any(|new| new.type_ == condition.type_));
    for condition in new {
        rules::set(&mut list, condition, seen.dev_cluster.metadata.generation.unwrap_or_default(), seen.now);
    }
    list
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn seen(change: impl FnOnce(&mut Value)) -> Observed {
        let mut object = json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 1},
            "spec": {"backend": {"inMemory": {}}},
        });
        change(&mut object);
        Observed {
            dev_cluster: Arc::new(serde_json::from_value(object).unwrap()),
            cluster: Some(Arc::new(Cluster::default())),
            id: Some(ClusterId::new("n", "c")),
            endpoint: None,
            now: Timestamp::constant(1_800_000_000, 0),
        }
    }

    fn patch(plan: &Decided) -> Value {
        let [Step::Write(action)] = plan.actions.as_slice() else { panic!("{:?}", plan.actions) };
        match &**action {
            Action::Write { write: plan::Write::Patch { patch, .. }, .. } => patch.clone(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_address_then_one_patch_then_rest() {
        let mut seen = seen(|_| {});
        let plan = decide(&seen);
        assert_eq!(
            plan.actions,
            [Step::Do(Deed::Create { id: ClusterId::new("n", "c"), host: None, port: None })]
        );
        seen.endpoint = Some(("127.0.0.1".into(), 20_000));
        let written = patch(&decide(&seen));
        assert_eq!(written["spec"]["controlPlaneEndpoint"], json!({"host": "127.0.0.1", "port": 20_000}));
        assert_eq!(written["metadata"]["finalizers"], json!([labels::DEV_CLUSTER_FINALIZER]));
        assert_eq!(written["metadata"]["resourceVersion"], "5");
        let done = super::tests::seen(|object| {
            object["spec"]["controlPlaneEndpoint"] = json!({"host": "127.0.0.1", "port": 20_000});
            object["metadata"]["finalizers"] = json!([labels::DEV_CLUSTER_FINALIZER]);
            object["metadata"]["annotations"] = json!({labels::DEV_LISTENER: "n/c"});
        });
        let plan = decide(&Observed { endpoint: seen.endpoint, ..done });
        assert!(plan.actions.is_empty());
        assert_eq!(plan.status.unwrap().initialization.provisioned, Some(true));
    }

    #[test]
    fn an_address_that_was_asked_for_is_taken() {
        let seen = seen(|object| object["spec"]["controlPlaneEndpoint"] = json!({"host": "h", "port": 6443}));
        let wanted = Deed::Create { id: ClusterId::new("n", "c"), host: Some("h".into()), port: Some(6443) };
        assert_eq!(decide(&seen).actions, [Step::Do(wanted)]);
    }

    #[test]
    fn guards_come_in_order() {
        let orphan = Observed { cluster: None, id: None, ..seen(|_| {}) };
        assert_eq!(decide(&orphan).waiting, [Waiting::Owner]);
        let paused = seen(|object| object["metadata"]["annotations"] = json!({labels::PAUSED: ""}));
        let plan = decide(&paused);
        assert_eq!(plan.waiting, [Waiting::Paused]);
        assert!(rules::is_true(&plan.status.unwrap().conditions, conditions::PAUSED));
        let docker = seen(|object| object["spec"]["backend"] = json!({"docker": {}}));
        let plan = decide(&docker);
        assert_eq!((plan.waiting, plan.actions.len()), (vec![Waiting::Backend], 0));
        assert!(rules::is_false(&plan.status.unwrap().conditions, conditions::READY));
    }

    #[test]
    fn deletion_frees_then_lets_go() {
        let mut seen = seen(|object| {
            object["metadata"]["deletionTimestamp"] = json!("2027-01-01T00:00:00Z");
            object["metadata"]["finalizers"] = json!(["other", labels::DEV_CLUSTER_FINALIZER]);
        });
        seen.cluster = None;
        seen.endpoint = Some(("127.0.0.1".into(), 20_000));
        assert_eq!(decide(&seen).actions, [Step::Do(Deed::Delete { id: ClusterId::new("n", "c") })]);
        seen.endpoint = None;
        assert_eq!(patch(&decide(&seen))["metadata"]["finalizers"], json!(["other"]));
    }
}
