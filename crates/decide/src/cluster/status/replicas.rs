//! Control plane and workers in numbers and versions.

use api::conditions::{AVAILABLE, READY, UP_TO_DATE};
use api::contract::{Contract, control_plane as contract};
use api::core::Machine;
use api::core::cluster::{ClusterControlPlaneStatus, WorkersStatus};
use api::core::common::StatusVersion;

use super::super::observed::Observed;
use crate::conditions::is_true;
use crate::machine_set::versions;
use crate::owners;

/// Counts that may not be known.
#[derive(Clone, Default)]
struct Counts {
    desired: Option<i32>,
    current: Option<i32>,
    ready: Option<i32>,
    available: Option<i32>,
    up_to_date: Option<i32>,
    versions: Vec<StatusVersion>,
}

impl Counts {
    /// Adds what is known; a sum of nothing stays unknown.
    fn add(&mut self, other: Counts) {
        let add = |sum: &mut Option<i32>, more: Option<i32>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or_default().saturating_add(more));
            }
        };
        add(&mut self.desired, other.desired);
        add(&mut self.current, other.current);
        add(&mut self.ready, other.ready);
        add(&mut self.available, other.available);
        add(&mut self.up_to_date, other.up_to_date);
        self.versions.extend(other.versions);
    }

    /// Machines that stand alone: whoever made one wants one.
    fn of_machines(machines: &[&Machine]) -> Self {
        let count = |type_: &str| {
            let with = machines.iter().filter(|machine| is_true(&machine.status.conditions, type_)).count();
            some(with)
        };
        let all = some(machines.len());
        Counts {
            desired: all,
            current: all,
            ready: count(READY),
            available: count(AVAILABLE),
            up_to_date: count(UP_TO_DATE),
            versions: versions::of_machines(machines.iter().copied()),
        }
    }
}

fn some(count: usize) -> Option<i32> {
    i32::try_from(count).ok().filter(|count| *count > 0)
}

/// The control plane, as its object reports it; a control plane object need not count Machines.
pub fn control_plane(seen: &Observed) -> Option<ClusterControlPlaneStatus> {
    let was = seen.cluster.status.control_plane.clone().unwrap_or_default();
    let counts = match &seen.cluster.spec.control_plane_ref {
        Some(_) => reported(seen, &was),
        None if seen.has_topology() => Counts::default(),
        None => Counts::of_machines(&seen.control_plane_machines()),
    };
    let status = ClusterControlPlaneStatus {
        desired_replicas: counts.desired,
        replicas: counts.current,
        ready_replicas: counts.ready,
        available_replicas: counts.available,
        up_to_date_replicas: counts.up_to_date,
        versions: counts.versions,
        upgrade_plan: Vec::new(),
    };
    (status != ClusterControlPlaneStatus::default()).then_some(status)
}

fn reported(seen: &Observed, was: &ClusterControlPlaneStatus) -> Counts {
    let object = &seen.control_plane;
    let Some(value) = object.object() else { return Counts::default() };
    let version = object.contract();
    let desired = object.field(contract::REPLICAS).or(was.desired_replicas);
    let available = match version {
        Contract::V1Beta2 => object.field(contract::AVAILABLE_REPLICAS),
        Contract::V1Beta1 => object
            .field(contract::UNAVAILABLE_REPLICAS)
            .zip(desired)
            .map(|(missing, desired)| desired.saturating_sub(missing).max(0)),
    };
    Counts {
        desired,
        current: object.field(contract::STATUS_REPLICAS).or(was.replicas),
        ready: object.field(contract::READY_REPLICAS).or(was.ready_replicas),
        available: available.or(was.available_replicas),
        up_to_date: object.field(contract::up_to_date_replicas(version)).or(was.up_to_date_replicas),
        versions: match contract::status_versions(value) {
            Ok(versions) => versions.unwrap_or_default(),
            Err(_) => was.versions.clone(),
        },
    }
}

/// All workers together: MachineDeployments, and MachineSets and Machines that stand alone.
pub fn workers(seen: &Observed) -> Option<WorkersStatus> {
    let mut counts = Counts::default();
    for deployment in &seen.machine_deployments {
        let status = &deployment.status;
        counts.add(Counts {
            desired: deployment.spec.replicas,
            current: status.replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            up_to_date: status.up_to_date_replicas,
            versions: status.versions.clone(),
        });
    }
    for set in seen.stand_alone_machine_sets() {
        let status = &set.status;
        counts.add(Counts {
            desired: set.spec.replicas,
            current: status.replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            up_to_date: status.up_to_date_replicas,
            versions: status.versions.clone(),
        });
    }
    let uid = seen.cluster.metadata.uid.as_deref().unwrap_or_default();
    let machines = seen.worker_machines();
    let alone: Vec<&Machine> =
        machines.into_iter().filter(|machine| owners::is_owned_by(&machine.metadata, uid)).collect();
    counts.add(Counts::of_machines(&alone));
    let status = WorkersStatus {
        desired_replicas: counts.desired,
        replicas: counts.current,
        ready_replicas: counts.ready,
        available_replicas: counts.available,
        up_to_date_replicas: counts.up_to_date,
        versions: versions::merged(counts.versions.into_iter()),
        upgrade_plan: Vec::new(),
    };
    (status != WorkersStatus::default()).then_some(status)
}
