//! The order in which conditions stand in an object.

use std::cmp::Ordering;

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

fn rank(condition_type: &str) -> usize {
    let place = |wanted: &str| ORDER.iter().position(|known| *known == wanted);
    place(condition_type).or_else(|| place("")).unwrap_or(ORDER.len())
}

/// Compares two condition types by their place in an object; types that share a place go by name.
pub fn default_order(left: &str, right: &str) -> Ordering {
    rank(left).cmp(&rank(right)).then_with(|| left.cmp(right))
}
