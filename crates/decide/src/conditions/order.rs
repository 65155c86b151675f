//! The order in which conditions stand in an object.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What people look for first comes first, what other controllers add stands between our own conditions and the two
/// that close the list. `""` is the place of every type that is not named here.
const ORDER: &[&str] = &[
    // Availability.
    "Available",
    "Ready",
    "UpToDate",
    "RemoteConnectionProbe",
    "BootstrapConfigReady",
    "InfrastructureReady",
    "ControlPlaneInitialized",
    "ControlPlaneAvailable",
    "WorkersAvailable",
    "CertificatesAvailable",
    "Initialized",
    "EtcdClusterHealthy",
    "ControlPlaneComponentsHealthy",
    "NodeHealthy",
    "NodeReady",
    "NodeKubeadmLabelsAndTaintsSet",
    "EtcdPodHealthy",
    "EtcdMemberHealthy",
    "APIServerPodHealthy",
    "ControllerManagerPodHealthy",
    "SchedulerPodHealthy",
    "HealthCheckSucceeded",
    "OwnerRemediated",
    // Operations.
    "TopologyReconciled",
    "Updating",
    "RollingOut",
    "Remediating",
    "ScalingDown",
    "ScalingUp",
    // Gathered from Machines.
    "MachinesReady",
    "ControlPlaneMachinesReady",
    "WorkerMachinesReady",
    "MachinesUpToDate",
    "ControlPlaneMachinesUpToDate",
    "WorkerMachinesUpToDate",
    // Everybody else's.
    "",
    // Closing.
    "Paused",
    "Deleting",
];

/// The place of each type that is named in [`ORDER`]. Every status is ordered by it, condition by condition.
static PLACES: LazyLock<BTreeMap<&str, usize>> =
    LazyLock::new(|| ORDER.iter().enumerate().map(|(place, name)| (*name, place)).collect());

fn rank(condition_type: &str) -> usize {
    PLACES.get(condition_type).or_else(|| PLACES.get("")).copied().unwrap_or(ORDER.len())
}

/// Compares two condition types by their place in an object; types that share a place go by name.
pub fn default_order(left: &str, right: &str) -> Ordering {
    rank(left).cmp(&rank(right)).then_with(|| left.cmp(right))
}
