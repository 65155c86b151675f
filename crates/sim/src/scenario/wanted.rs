//! What the user wants of the cluster: how it is asked for, and whether it is so.

use api::labels;
use serde_json::{Value, json};

use super::{CONTROL_PLANE, CONTROL_PLANE_NAME, CORE, NAME, WORKERS};
use crate::world::{World, WorldError};

/// What the user wants of the cluster by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Machines of the control plane.
    pub control_plane: i64,
    /// The Kubernetes version they run.
    pub control_plane_version: &'static str,
    /// Workers.
    pub workers: i64,
    /// The Kubernetes version they run.
    pub workers_version: &'static str,
    /// The value of a label of the workers that is changed in place; none before it is set.
    pub rack: Option<&'static str>,
}

impl Wanted {
    /// A cluster of this size, at one version.
    pub fn new(control_plane: i64, workers: i64, version: &'static str) -> Self {
        Self { control_plane, control_plane_version: version, workers, workers_version: version, rack: None }
    }

    /// Writes what differs from `before` into the objects.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn ask(&self, before: &Self, world: &World) -> Result<(), WorldError> {
        let control_plane = |patch: Value| async move {
            world.patch(CONTROL_PLANE, "KubeadmControlPlane", CONTROL_PLANE_NAME, &patch).await
        };
        let workers =
            |patch: Value| async move { world.patch(CORE, "MachineDeployment", WORKERS, &patch).await };
        if self.control_plane != before.control_plane {
            control_plane(json!({"spec": {"replicas": self.control_plane}})).await?;
        }
        if self.control_plane_version != before.control_plane_version {
            control_plane(json!({"spec": {"version": self.control_plane_version}})).await?;
        }
        if self.workers != before.workers {
            workers(json!({"spec": {"replicas": self.workers}})).await?;
        }
        if self.workers_version != before.workers_version {
            workers(json!({"spec": {"template": {"spec": {"version": self.workers_version}}}})).await?;
        }
        if self.rack != before.rack {
            workers(json!({"spec": {"template": {"metadata": {"labels": {rack(): self.rack}}}}})).await?;
        }
        Ok(())
    }

    /// Whether the cluster is Available and as wanted, every machine of it.
    pub fn is_so(&self, world: &World) -> bool {
        let workers = || machines(world).filter(|machine| !is_control_plane(machine));
        is(world, "Available")
            && self.has_control_plane(world)
            && workers().count() as i64 == self.workers
            && workers().all(|worker| runs(worker, self.workers_version) && self.is_labelled(worker))
    }

    /// Whether the control plane is available and as wanted, whatever becomes of the workers.
    pub fn has_control_plane(&self, world: &World) -> bool {
        let control_plane = || machines(world).filter(|machine| is_control_plane(machine));
        is(world, "ControlPlaneAvailable")
            && control_plane().count() as i64 == self.control_plane
            && control_plane().all(|machine| runs(machine, self.control_plane_version))
    }

    fn is_labelled(&self, worker: &Value) -> bool {
        worker["metadata"]["labels"][rack()].as_str() == self.rack
    }
}

fn runs(machine: &Value, version: &str) -> bool {
    machine["status"]["phase"] == "Running" && machine["spec"]["version"] == version
}

/// A label that reaches Nodes as well.
fn rack() -> String {
    format!("{}/rack", labels::MANAGED_NODE_DOMAIN)
}

/// All Machines.
pub fn machines(world: &World) -> impl Iterator<Item = &Value> + Clone {
    world.objects("machines")
}

fn is_control_plane(machine: &Value) -> bool {
    !machine["metadata"]["labels"][labels::CONTROL_PLANE].is_null()
}

/// Whether the Cluster says so of itself.
fn is(world: &World, condition_type: &str) -> bool {
    let cluster = world.object("clusters", NAME);
    cluster
        .and_then(|cluster| condition(cluster, condition_type))
        .is_some_and(|found| found["status"] == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn message(object: &Value, kind: &str) -> String {
    condition(object, kind).and_then(|found| found["message"].as_str()).unwrap_or_default().to_owned()
}

/// How the cluster and each Machine stand, and why: for a step that does not come about.
pub fn describe(world: &World) -> String {
    let machines: Vec<String> = machines(world).map(describe_machine).collect();
    let cluster = world.object("clusters", NAME).map(|cluster| message(cluster, "Available"));
    format!("{}; {}", cluster.unwrap_or_default(), machines.join("; "))
}

fn describe_machine(machine: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let deleting = if machine["metadata"]["deletionTimestamp"].is_null() { "" } else { " deleting" };
    let why = message(machine, if deleting.is_empty() { "Ready" } else { "Deleting" });
    format!(
        "{} {} {}{deleting} ({why})",
        text(&machine["metadata"]["name"]),
        text(&machine["spec"]["version"]),
        text(&machine["status"]["phase"])
    )
}
