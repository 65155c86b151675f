//! The health of control plane Machines, and of the control plane as a whole.
//!
//! Six conditions on each Machine (four where etcd is external) say what is seen of its Node, its static Pods and its
//! etcd member; two on the control plane sum them up. While the workload cluster cannot be asked they say so, but a
//! connection that is lost for a moment changes nothing.

mod aggregate;
pub mod available;
mod etcd;
mod node;
mod pods;

use api::conditions::{
    API_SERVER_POD_HEALTHY, CONTROL_PLANE_COMPONENTS_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY,
    ETCD_CLUSTER_HEALTHY, ETCD_MEMBER_HEALTHY, ETCD_POD_HEALTHY, INITIALIZED,
    NODE_KUBEADM_LABELS_AND_TAINTS_SET, SCHEDULER_POD_HEALTHY, UP_TO_DATE, UPDATING, reason,
};
use api::core::{Cluster, Machine};
use api::labels;
use jiff::{SignedDuration, Timestamp};
use kubeadm::naming::Component;

use super::observed::{Observed, SeenMachine};
use super::view::Own;
use crate::conditions::{self, ConditionStatus, NewCondition};
use crate::machine_template::Difference;

pub use aggregate::names;

/// For how long what was known last is still told while the workload cluster cannot be reached (upstream's
/// `--remote-conditions-grace-period`).
const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// How many probes may fail before that says something about a cluster that never answered.
const FIRST_FAILURES: u32 = 5;

/// The static Pods and their conditions.
const PODS: [(Component, &str); 4] = [
    (Component::ApiServer, API_SERVER_POD_HEALTHY),
    (Component::ControllerManager, CONTROLLER_MANAGER_POD_HEALTHY),
    (Component::Scheduler, SCHEDULER_POD_HEALTHY),
    (Component::Etcd, ETCD_POD_HEALTHY),
];

/// The static Pods of a control plane Machine and their conditions.
fn pods(is_etcd_managed: bool) -> &'static [(Component, &'static str)] {
    PODS.get(..if is_etcd_managed { 4 } else { 3 }).unwrap_or(&PODS)
}

/// The conditions of a Machine that must be True before anything is added or taken away.
pub fn vital(is_etcd_managed: bool) -> &'static [&'static str] {
    const VITAL: [&str; 5] = [
        API_SERVER_POD_HEALTHY,
        CONTROLLER_MANAGER_POD_HEALTHY,
        SCHEDULER_POD_HEALTHY,
        ETCD_POD_HEALTHY,
        ETCD_MEMBER_HEALTHY,
    ];
    const WITHOUT_ETCD: [&str; 3] =
        [API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, SCHEDULER_POD_HEALTHY];
    if is_etcd_managed { &VITAL } else { &WITHOUT_ETCD }
}

/// The conditions that are written on Machines of a control plane, but for `OwnerRemediated`.
pub const ON_MACHINES: [&str; 7] = [
    UP_TO_DATE,
    NODE_KUBEADM_LABELS_AND_TAINTS_SET,
    API_SERVER_POD_HEALTHY,
    CONTROLLER_MANAGER_POD_HEALTHY,
    SCHEDULER_POD_HEALTHY,
    ETCD_POD_HEALTHY,
    ETCD_MEMBER_HEALTHY,
];

/// What can be said of the control plane as a whole.
pub enum Scope {
    /// Nothing new.
    Keep,
    /// Nothing is known, for a reason.
    Unknown {
        /// The reason of the conditions.
        reason: &'static str,
        /// Their message.
        message: String,
    },
    /// It follows from the Machines, and from these findings.
    Known {
        /// Nodes of the control plane without a Machine.
        stray_nodes: Vec<String>,
        /// What is wrong with the list of etcd members.
        stray_members: Vec<String>,
        /// Whether etcd members, Machines and Nodes fit together.
        members_match: bool,
    },
}

/// What is to be said of the Machines, in their order, and what can be said of all of them.
pub struct Assessed {
    /// Conditions of each Machine.
    pub machines: Vec<Vec<NewCondition>>,
    /// The whole.
    pub scope: Scope,
}

/// How the control plane as a whole is.
#[derive(Default)]
pub struct Assessment {
    /// `EtcdClusterHealthy`; nothing where it stays as it was, or is not ours to say.
    pub etcd: Option<NewCondition>,
    /// `ControlPlaneComponentsHealthy`; nothing where it stays as it was.
    pub components: Option<NewCondition>,
    /// Whether etcd members, Machines and Nodes fit together.
    pub members_match: bool,
}

/// What is to be said of Machines, from what was seen.
pub fn assess(seen: &Observed, cluster: &Cluster, machines: &[&SeenMachine]) -> Assessed {
    let silence = |scope| Assessed { machines: machines.iter().map(|_| Vec::new()).collect(), scope };
    if let Some(message) = not_ready_for_machines(cluster) {
        return silence(Scope::Unknown { reason: reason::INSPECTION_FAILED, message: message.to_owned() });
    }
    match blindness(seen) {
        None => known(seen, machines),
        Some(Blindness { overwrites, .. }) if !overwrites && is_reported(seen) => silence(Scope::Keep),
        Some(Blindness { reason, message, .. }) => Assessed {
            machines: machines.iter().map(|_| unknown(seen, reason, &message)).collect(),
            scope: Scope::Unknown { reason, message },
        },
    }
}

/// Why there are no Machines yet.
pub fn not_ready_for_machines(cluster: &Cluster) -> Option<&'static str> {
    if cluster.status.initialization.infrastructure_provisioned != Some(true) {
        return Some("Waiting for Cluster status.infrastructureReady to be true");
    }
    (!has_endpoint(cluster)).then_some("Waiting for Cluster spec.controlPlaneEndpoint to be set")
}

/// Whether it is known where the API server will answer.
pub fn has_endpoint(cluster: &Cluster) -> bool {
    let endpoint = &cluster.spec.control_plane_endpoint;
    endpoint.host.as_ref().is_some_and(|host| !host.is_empty()) && endpoint.port.is_some_and(|port| port != 0)
}

/// Why nothing is known of the workload cluster.
struct Blindness {
    reason: &'static str,
    message: String,
    /// Whether what was known last is out of date.
    overwrites: bool,
}

fn blindness(seen: &Observed) -> Option<Blindness> {
    if !seen.is_initialized() {
        let message = "Waiting for Cluster control plane to be initialized".to_owned();
        return Some(Blindness { reason: reason::INSPECTION_FAILED, message, overwrites: true });
    }
    let connection = &seen.connection;
    let down =
        |message: String, overwrites| Blindness { reason: reason::CONNECTION_DOWN, message, overwrites };
    if connection.last_success.is_none() && connection.failures < FIRST_FAILURES {
        return Some(down("Remote connection not established yet".to_owned(), false));
    }
    let last = connection.last_success.map(|time| format!("Last successful probe at {}", seconds(time)));
    let last = last.unwrap_or_default();
    if grace_ends(seen).is_some_and(|end| seen.now > end) {
        return Some(down(last, true));
    }
    let is_visible = connection.is_up && seen.nodes.is_some() && seen.pods.is_some();
    (!is_visible).then(|| down(last, false))
}

/// Whether the workload cluster cannot be seen now, although something may be known of it from before.
pub fn is_blind(seen: &Observed) -> bool {
    blindness(seen).is_some()
}

/// Whether nothing could be seen of the workload cluster so far: no connection was made and tries have not failed often, or
/// there is one and what it watches is still on its way.
pub fn is_unseen(seen: &Observed) -> bool {
    let connection = &seen.connection;
    let is_untried = connection.last_success.is_none() && connection.failures < FIRST_FAILURES;
    is_untried || (connection.is_up && (seen.nodes.is_none() || seen.pods.is_none()))
}

/// When what was known last is no longer told.
pub fn grace_ends(seen: &Observed) -> Option<Timestamp> {
    let initialized = conditions::since(&seen.control_plane.status.conditions, INITIALIZED);
    let from = initialized.max(seen.connection.last_success)?;
    from.checked_add(GRACE).ok()
}

/// Whether the control plane has both of its conditions: then the Machines have theirs.
fn is_reported(seen: &Observed) -> bool {
    let list = &seen.control_plane.status.conditions;
    conditions::has(list, CONTROL_PLANE_COMPONENTS_HEALTHY) && conditions::has(list, ETCD_CLUSTER_HEALTHY)
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// All conditions of a Machine, saying nothing.
fn unknown(seen: &Observed, reason: &'static str, message: &str) -> Vec<NewCondition> {
    let of = |condition: &'static str| {
        NewCondition::new(condition, ConditionStatus::Unknown, reason, message.to_owned())
    };
    let pods = pods(seen.is_etcd_managed()).iter().map(|(_, condition)| of(condition));
    let member = seen.is_etcd_managed().then(|| of(ETCD_MEMBER_HEALTHY));
    [of(NODE_KUBEADM_LABELS_AND_TAINTS_SET)].into_iter().chain(pods).chain(member).collect()
}

/// Conditions from what is known.
fn known(seen: &Observed, machines: &[&SeenMachine]) -> Assessed {
    let of_machine = |machine: &&SeenMachine| {
        let mut list = pods::conditions(seen, machine);
        list.extend(etcd::condition(seen, machine));
        list
    };
    let (stray_members, members_match) = etcd::compare(seen, machines);
    Assessed {
        machines: machines.iter().map(of_machine).collect(),
        scope: Scope::Known { stray_nodes: node::strays(seen, machines), stray_members, members_match },
    }
}

/// What a Machine without a Node waits for.
fn waits_for_node(machine: &SeenMachine) -> String {
    match machine.machine.spec.provider_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => format!("Waiting for a Node with spec.providerID {id} to exist"),
        None => {
            format!("Waiting for {} to report spec.providerID", machine.machine.spec.infrastructure_ref.kind)
        }
    }
}

/// Sums up the Machines.
pub fn aggregate(seen: &Observed, machines: &[Own<'_>], scope: Scope) -> Assessment {
    match scope {
        Scope::Keep => Assessment::default(),
        Scope::Unknown { reason, message } => {
            let of =
                |condition| NewCondition::new(condition, ConditionStatus::Unknown, reason, message.clone());
            Assessment {
                etcd: Some(of(ETCD_CLUSTER_HEALTHY)),
                components: Some(of(CONTROL_PLANE_COMPONENTS_HEALTHY)),
                members_match: false,
            }
        }
        Scope::Known { stray_nodes, stray_members, members_match } => {
            let managed = seen.is_etcd_managed();
            let types: Vec<&str> = pods(managed).iter().map(|(_, condition)| *condition).collect();
            let components = aggregate::Aggregate {
                condition: CONTROL_PLANE_COMPONENTS_HEALTHY,
                sources: &types,
                findings: &stray_nodes,
                subject: "control plane",
            };
            let etcd = aggregate::Aggregate {
                condition: ETCD_CLUSTER_HEALTHY,
                sources: &[ETCD_MEMBER_HEALTHY],
                findings: &stray_members,
                subject: "etcd member",
            };
            Assessment {
                // What an external etcd is like is for those to say who run it.
                etcd: managed.then(|| etcd.of(machines)),
                components: Some(components.of(machines)),
                members_match,
            }
        }
    }
}

/// Whether a Machine is what is wanted, as a condition.
pub fn up_to_date(machine: &Machine, difference: &Difference) -> NewCondition {
    if !difference.is_none() {
        let lines: Vec<String> =
            difference.condition_messages.iter().map(|line| format!("* {line}")).collect();
        return NewCondition::new(UP_TO_DATE, false, reason::NOT_UP_TO_DATE, lines.join("\n"));
    }
    let annotations = machine.metadata.annotations.as_ref();
    if annotations.is_some_and(|all| all.contains_key(labels::UPDATE_IN_PROGRESS)) {
        let updating = conditions::get(&machine.status.conditions, UPDATING)
            .filter(|condition| condition.status == "True" && !condition.message.is_empty());
        let message = updating.map_or("In-place update in progress", |condition| condition.message.as_str());
        return NewCondition::new(UP_TO_DATE, false, reason::UPDATING, format!("* {message}"));
    }
    let wanted = machine.spec.version.as_deref().unwrap_or_default();
    let kubelet = machine.status.node_info.as_ref().map(|info| info.kubelet_version.as_str());
    match kubelet.filter(|version| !version.is_empty() && *version != wanted) {
        Some(kubelet) => {
            let message = format!("* Node.status.nodeInfo.kubeletVersion {kubelet}, {wanted} required");
            NewCondition::new(UP_TO_DATE, false, reason::UPDATING, message)
        }
        None => NewCondition::new(UP_TO_DATE, true, reason::UP_TO_DATE, ""),
    }
}
