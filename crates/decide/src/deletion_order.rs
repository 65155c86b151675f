//! Which Machines of a MachineSet go first when it shrinks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::conditions;

/// What decides between healthy Machines that nobody marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionOrder {
    /// Any; in fact by name, so that a decision repeats itself.
    #[default]
    Random,
    /// The youngest first.
    Newest,
    /// The oldest first.
    Oldest,
}

impl DeletionOrder {
    /// Reads `spec.deletion.order`; empty means random, and `None` is returned for values that do not exist.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Random" => Some(Self::Random),
            "Newest" => Some(Self::Newest),
            "Oldest" => Some(Self::Oldest),
            _ => None,
        }
    }
}

/// What matters about a Machine here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate<'a> {
    /// Name; the last word between equals.
    pub name: &'a str,
    /// Seconds since it was created; `None` where it was never stored.
    pub age_seconds: Option<f64>,
    /// Is being deleted already.
    pub deleting: bool,
    /// Carries the annotation `cluster.x-k8s.io/delete-machine`.
    pub marked: bool,
    /// An in-place update runs or is about to.
    pub updating: bool,
    /// See [`is_healthy`].
    pub healthy: bool,
}

/// A Machine counts as healthy when it has a Node and neither its Node nor a health check says otherwise. Unknown is no
/// reason to prefer it for deletion.
pub fn is_healthy(has_node: bool, machine_conditions: &[Condition]) -> bool {
    has_node
        && !conditions::is_false(machine_conditions, "NodeHealthy")
        && !conditions::is_false(machine_conditions, "HealthCheckSucceeded")
}

// The levels; healthy Machines lie between 0 and UNHEALTHY by age.
const DELETING: f64 = 100.0;
const MARKED: f64 = 80.0;
const UPDATING: f64 = 75.0;
const UNHEALTHY: f64 = 50.0;
const ANY: f64 = 20.0;
const SECONDS_PER_TEN_DAYS: f64 = 864_000.0;

/// The names of all candidates, those that should go first in front.
///
/// Machines that are already going come first (else a second look would choose others on top of them), then those that
/// the user marked, then those whose in-place update would be wasted, then unhealthy ones, then by `order`.
pub fn in_order<'a>(candidates: &[Candidate<'a>], order: DeletionOrder) -> Vec<&'a str> {
    let mut ranked: Vec<(f64, &'a str)> =
        candidates.iter().map(|machine| (priority(machine, order), machine.name)).collect();
    ranked.sort_by(|(left, left_name), (right, right_name)| {
        right.total_cmp(left).then_with(|| left_name.cmp(right_name))
    });
    ranked.into_iter().map(|(_, name)| name).collect()
}

fn priority(machine: &Candidate<'_>, order: DeletionOrder) -> f64 {
    if machine.deleting {
        DELETING
    } else if machine.marked {
        MARKED
    } else if machine.updating {
        UPDATING
    } else if !machine.healthy {
        UNHEALTHY
    } else {
        match order {
            DeletionOrder::Random => ANY,
            DeletionOrder::Oldest => by_age(machine),
            DeletionOrder::Newest => UNHEALTHY - by_age(machine),
        }
    }
}

/// Rises with age from 0 towards [`UNHEALTHY`].
fn by_age(machine: &Candidate<'_>) -> f64 {
    match machine.age_seconds {
        Some(age) if age >= 0.0 => UNHEALTHY * (1.0 - (-age / SECONDS_PER_TEN_DAYS).exp()),
        _ => 0.0,
    }
}
