//! The state of health of one Machine.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::conditions::{self, NewCondition, UNKNOWN_TIME};
use crate::durations::go_duration;

const HEALTH_CHECK_SUCCEEDED: &str = "HealthCheckSucceeded";
const CONTROL_PLANE_INITIALIZED: &str = "ControlPlaneInitialized";
const INFRASTRUCTURE_READY: &str = "InfrastructureReady";

/// A condition that is unhealthy when it has had a status for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Type of the condition.
    pub condition_type: String,
    /// The bad status.
    pub status: String,
    /// For how long it is tolerated.
    pub timeout_seconds: i32,
}

/// The Node of a Machine, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// The Machine has none yet, or it could not be read.
    NotThere,
    /// The Machine had one, and it is gone.
    Deleted {
        /// Its name.
        name: &'a str,
    },
    /// It is there.
    There {
        /// Its conditions.
        conditions: &'a [NodeCondition],
    },
}

/// What matters about a Machine here.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The time.
    pub now: Timestamp,
    /// Conditions of the Cluster.
    pub cluster_conditions: &'a [Condition],
    /// Conditions of the Machine.
    pub machine_conditions: &'a [Condition],
    /// When the Machine was created.
    pub created: Timestamp,
    /// It belongs to the control plane.
    pub control_plane: bool,
    /// A user asked for its remediation (annotation `cluster.x-k8s.io/remediate-machine`).
    pub marked: bool,
    /// Its Node.
    pub node: Node<'a>,
    /// Checks on conditions of the Machine.
    pub machine_checks: &'a [Check],
    /// Checks on conditions of the Node.
    pub node_checks: &'a [Check],
    /// How long the Machine may be without a Node; zero: for ever.
    pub node_startup_timeout_seconds: i64,
}

/// The result of an examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It should be replaced; the condition says why.
    Unhealthy(NewCondition),
    /// Nothing to complain about now.
    Fine {
        /// After this time it has to be examined again even if nothing changes.
        again_in: Option<SignedDuration>,
    },
}

/// What one group of checks found.
#[derive(Default)]
struct Complaints {
    messages: Vec<String>,
    again_in: Option<SignedDuration>,
}

/// Examines a Machine.
///
/// Before a cluster's infrastructure and control plane stand, Machines are not blamed for what they cannot help; only the
/// first control plane Machine is, since nothing else would ever replace it.
pub fn examine(target: &Target<'_>) -> Finding {
    if target.marked {
        return unhealthy(
            "HasRemediateAnnotation",
            "Health check failed: marked for remediation via cluster.x-k8s.io/remediate-machine annotation"
                .to_owned(),
        );
    }
    let initialized = conditions::is_true(target.cluster_conditions, CONTROL_PLANE_INITIALIZED);
    let infrastructure = conditions::is_true(target.cluster_conditions, INFRASTRUCTURE_READY);
    if !(initialized || target.control_plane) || !infrastructure {
        return Finding::Fine { again_in: None };
    }
    let machine = examine_machine(target);
    let (node_reason, node) = examine_node(target);
    if machine.messages.is_empty() && node.messages.is_empty() {
        return Finding::Fine { again_in: machine.again_in.into_iter().chain(node.again_in).min() };
    }
    let reason = if machine.messages.is_empty() { node_reason } else { "UnhealthyMachine" };
    let lines: Vec<String> =
        machine.messages.iter().chain(&node.messages).map(|message| format!("  * {message}")).collect();
    unhealthy(reason, format!("Health check failed:\n{}", lines.join("\n")))
}

fn unhealthy(reason: &'static str, message: String) -> Finding {
    Finding::Unhealthy(NewCondition::new(HEALTH_CHECK_SUCCEEDED, false, reason, message))
}

fn examine_machine(target: &Target<'_>) -> Complaints {
    let find = |condition_type: &str| {
        let condition = conditions::get(target.machine_conditions, condition_type)?;
        Some((condition.status.as_str(), condition.reason.as_str(), condition.last_transition_time.0))
    };
    run(target.machine_checks, "Machine", target.now, find)
}

fn examine_node(target: &Target<'_>) -> (&'static str, Complaints) {
    match target.node {
        Node::Deleted { name } => {
            let messages = vec![format!("Node {name} has been deleted")];
            ("NodeDeleted", Complaints { messages, again_in: None })
        }
        Node::NotThere => ("NodeStartupTimeout", examine_startup(target)),
        Node::There { conditions } => {
            let find = |condition_type: &str| {
                let condition = conditions.iter().find(|condition| condition.type_ == condition_type)?;
                let since = condition.last_transition_time.as_ref().map_or(UNKNOWN_TIME, |time| time.0);
                Some((condition.status.as_str(), condition.reason.as_deref().unwrap_or_default(), since))
            };
            ("UnhealthyNode", run(target.node_checks, "Node", target.now, find))
        }
    }
}

/// The clock of a Machine without a Node starts when the last thing it needs was there.
fn examine_startup(target: &Target<'_>) -> Complaints {
    let timeout = SignedDuration::from_secs(target.node_startup_timeout_seconds);
    if timeout.is_zero() {
        return Complaints::default();
    }
    let since_true = |list: &[Condition], condition_type: &str| {
        conditions::since(list, condition_type).filter(|_| conditions::is_true(list, condition_type))
    };
    let start = [
        since_true(target.cluster_conditions, CONTROL_PLANE_INITIALIZED),
        since_true(target.cluster_conditions, INFRASTRUCTURE_READY),
        since_true(target.machine_conditions, INFRASTRUCTURE_READY),
    ];
    let start = start.into_iter().flatten().fold(target.created, Timestamp::max);
    let waited = target.now.duration_since(start);
    if waited > timeout {
        let message = format!("Node failed to report startup in {}", go_duration(timeout.as_secs()));
        return Complaints { messages: vec![message], again_in: None };
    }
    Complaints { messages: Vec::new(), again_in: again_in(timeout, waited) }
}

/// Compares each check with the status, reason and transition time of its condition.
fn run<'a>(
    checks: &[Check],
    owner: &str,
    now: Timestamp,
    find: impl Fn(&str) -> Option<(&'a str, &'a str, Timestamp)>,
) -> Complaints {
    let mut complaints = Complaints::default();
    for check in checks {
        let Some((_, reason, since)) =
            find(&check.condition_type).filter(|(status, _, _)| *status == check.status)
        else {
            continue;
        };
        let timeout = SignedDuration::from_secs(check.timeout_seconds.into());
        let lasted = now.duration_since(since);
        if lasted > timeout {
            complaints.messages.push(format!(
                "Condition {} on {owner} is reporting status {} with reason {reason} for more than {}",
                check.condition_type,
                check.status,
                go_duration(timeout.as_secs())
            ));
        } else {
            complaints.again_in = complaints.again_in.into_iter().chain(again_in(timeout, lasted)).min();
        }
    }
    complaints
}

/// One second after the time-out, so that it has passed for certain.
fn again_in(timeout: SignedDuration, lasted: SignedDuration) -> Option<SignedDuration> {
    let rest = timeout.saturating_sub(lasted).saturating_add(SignedDuration::from_secs(1));
    rest.is_positive().then_some(rest)
}
