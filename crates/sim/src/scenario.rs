//! The life of a cluster, as steps: create, scale, upgrade, change in place, delete.

use api::labels;
use serde_json::{Value, json};

use crate::checkers::{Violation, leftovers, rest};
use crate::world::{World, WorldError};

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";

/// Virtual seconds a step may take before it counts as stuck. Faults cost retries, retries cost back-off.
const STEP_LIMIT_SECONDS: i64 = 3_600;
/// Virtual seconds without a write after which a world counts as quiet: twice the longest timer of a cluster at rest, which
/// is the ten minutes for which a good answer of etcd is believed.
const QUIET_SECONDS: i64 = 1_250;
/// How often a world may write something after all before it counts as restless.
const QUIET_TRIES: usize = 20;
/// Virtual seconds for which a spell of writes may last.
const SPELL_SECONDS: i64 = 60;

/// How large the cluster of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Control plane machines to begin with, to grow to, and to shrink to.
    pub control_plane: [i64; 3],
    /// Workers to begin with, to grow to, and to shrink to.
    pub workers: [i64; 3],
}

impl Size {
    /// As people try it first.
    pub const SMALL: Self = Self { control_plane: [1, 1, 1], workers: [1, 2, 0] };
    /// As it is run in production.
    pub const LARGE: Self = Self { control_plane: [3, 5, 1], workers: [3, 10, 0] };
}

/// A cluster's life from the first object to the last.
///
/// # Errors
/// A step that did not come about, or a rule that did not hold.
pub async fn lifecycle(world: &mut World, size: Size) -> Result<(), WorldError> {
    match live(world, size).await {
        Ok(()) | Err(WorldError::EarlyEnd) => {}
        Err(error) => return Err(error),
    }
    world.end_after = None;
    world.chaos.set_calm(false);
    delete(world).await
}

async fn live(world: &mut World, size: Size) -> Result<(), WorldError> {
    create(world, size).await?;
    at_rest(world).await?;
    scale(world, size.control_plane[1], size.workers[1]).await?;
    at_rest(world).await?;
    upgrade(world, "v1.36.0").await?;
    at_rest(world).await?;
    change_in_place(world).await?;
    scale(world, size.control_plane[2], size.workers[2]).await?;
    at_rest(world).await?;
    world.chaos.set_calm(true);
    quiet(world).await?;
    Ok(rest(&world.checkers)?)
}

const NAME: &str = "sim";

/// How new machines take the place of old ones. What is absent is left to the defaults.
#[derive(Debug, Clone, Copy, Default)]
struct Rollout {
    control_plane_surge: Option<i64>,
    /// maxSurge and maxUnavailable.
    workers: Option<(i64, i64)>,
}

const ROLLOUTS: [Rollout; 4] = [
    Rollout { control_plane_surge: None, workers: None },
    Rollout { control_plane_surge: None, workers: Some((0, 1)) },
    Rollout { control_plane_surge: None, workers: Some((2, 1)) },
    Rollout { control_plane_surge: Some(0), workers: Some((0, 1)) },
];

/// Control plane machines without which a rollout cannot do without one more.
const LEAST_WITHOUT_SURGE: i64 = 3;

impl Rollout {
    fn set(self, object: &mut Value) {
        let rolling =
            |numbers: Value| json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": numbers}});
        match (object["kind"].as_str(), self.control_plane_surge, self.workers) {
            (Some("KubeadmControlPlane"), Some(surge), _) => {
                object["spec"]["rollout"] = rolling(json!({"maxSurge": surge}));
            }
            (Some("MachineDeployment"), _, Some((surge, unavailable))) => {
                object["spec"]["rollout"] =
                    rolling(json!({"maxSurge": surge, "maxUnavailable": unavailable}));
            }
            _ => {}
        }
    }
}

async fn create(world: &mut World, size: Size) -> Result<(), WorldError> {
    let pace = if world.chaos.has_slow_machines() { slow() } else { json!({}) };
    let mut rollouts = ROLLOUTS.to_vec();
    if size.control_plane[0] < LEAST_WITHOUT_SURGE {
        rollouts.retain(|rollout| rollout.control_plane_surge != Some(0));
    }
    let choice = world.chaos.rollout(rollouts.len() as u64);
    let rollout = usize::try_from(choice).ok().and_then(|at| rollouts.get(at)).copied().unwrap_or_default();
    for mut object in objects(size.control_plane[0], size.workers[0], "v1.35.0", &pace) {
        rollout.set(&mut object);
        world.apply(&object).await?;
    }
    let wanted = size.control_plane[0] + size.workers[0];
    settle(world, "created and Available", move |world| {
        is_available(world) && running(world, "v1.35.0") == wanted
    })
    .await
}

async fn scale(world: &mut World, control_plane: i64, workers: i64) -> Result<(), WorldError> {
    let replicas = |count: i64| json!({"spec": {"replicas": count}});
    world.patch(CONTROL_PLANE, "KubeadmControlPlane", "sim-control-plane", &replicas(control_plane)).await?;
    world.patch(CORE, "MachineDeployment", "sim-workers", &replicas(workers)).await?;
    settle(world, "scaled", move |world| {
        is_available(world) && machines(world).count() as i64 == control_plane + workers && all_running(world)
    })
    .await
}

async fn upgrade(world: &mut World, version: &'static str) -> Result<(), WorldError> {
    let count = machines(world).count() as i64;
    let control_planes = machines(world).filter(|machine| is_control_plane(machine)).count() as i64;
    world
        .patch(
            CONTROL_PLANE,
            "KubeadmControlPlane",
            "sim-control-plane",
            &json!({"spec": {"version": version}}),
        )
        .await?;
    settle(world, "control plane upgraded", move |world| {
        let upgraded = |machine: &&Value| is_control_plane(machine) && machine["spec"]["version"] == version;
        machines(world).filter(upgraded).count() as i64 == control_planes
            && machines(world).count() as i64 == count
            && all_running(world)
    })
    .await?;
    let template = json!({"spec": {"template": {"spec": {"version": version}}}});
    world.patch(CORE, "MachineDeployment", "sim-workers", &template).await?;
    settle(world, "workers upgraded", move |world| running(world, version) == count && is_available(world))
        .await
}

async fn change_in_place(world: &mut World) -> Result<(), WorldError> {
    let before: Vec<Value> = machines(world).map(|machine| machine["metadata"]["uid"].clone()).collect();
    let key = format!("{}/rack", labels::MANAGED_NODE_DOMAIN);
    let template = json!({"spec": {"template": {"metadata": {"labels": {&key: "r1"}}}}});
    world.patch(CORE, "MachineDeployment", "sim-workers", &template).await?;
    let label = key.clone();
    settle(world, "label in place", move |world| {
        let labelled = |machine: &Value| machine["metadata"]["labels"][&label] == "r1";
        machines(world).filter(|machine| !is_control_plane(machine)).all(labelled)
    })
    .await?;
    let after: Vec<Value> = machines(world).map(|machine| machine["metadata"]["uid"].clone()).collect();
    if before != after {
        return Err(
            Violation::new("a label changes no Machine", format!("{before:?} became {after:?}")).into()
        );
    }
    Ok(())
}

/// Whatever is still on its way comes to rest, and then nothing is too much or too little.
async fn at_rest(world: &mut World) -> Result<(), WorldError> {
    if world.until(STEP_LIMIT_SECONDS, |world| rest(&world.checkers).is_ok()).await? {
        return Ok(());
    }
    Ok(rest(&world.checkers)?)
}

/// Deletes the Cluster, then what else the user made; nothing is left, neither here nor in the cloud.
async fn delete(world: &mut World) -> Result<(), WorldError> {
    let endpoint =
        world.object("clusters", NAME).map(|cluster| cluster["spec"]["controlPlaneEndpoint"].clone());
    world.delete(CORE, "Cluster", NAME).await?;
    settle(world, "deleted", |world| world.objects("clusters").next().is_none()).await?;
    for object in objects(1, 1, "v1.35.0", &json!({})) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        world.delete(group, &kind, &text(&object["metadata"]["name"])).await?;
    }
    if !world.until(STEP_LIMIT_SECONDS, |world| leftovers(&world.checkers).is_ok()).await? {
        leftovers(&world.checkers)?;
    }
    ports_free(world, &endpoint.unwrap_or_default()).await
}

/// Nobody listens any more where the cluster was reached, if it ever was.
async fn ports_free(world: &World, endpoint: &Value) -> Result<(), WorldError> {
    let Some(host) = endpoint["host"].as_str() else { return Ok(()) };
    match world.environment.network.listen(&format!("{host}:{}", endpoint["port"])).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Violation::new("ports are free again", error.to_string()).into()),
    }
}

/// Waits until a step has come about.
async fn settle(
    world: &mut World,
    step: &'static str,
    done: impl FnMut(&World) -> bool,
) -> Result<(), WorldError> {
    if world.until(STEP_LIMIT_SECONDS, done).await? {
        return Ok(());
    }
    let state: Vec<String> = machines(world).map(describe).collect();
    let cluster =
        world.object("clusters", NAME).map(|cluster| message(cluster, "Available")).unwrap_or_default();
    Err(Violation::new("every step comes about", format!("{step} did not; {cluster}; {}", state.join("; ")))
        .into())
}

/// Converged means silent: no write at all for a long time.
async fn quiet(world: &mut World) -> Result<(), WorldError> {
    for _ in 0..QUIET_TRIES {
        let before = world.trace.len();
        if !world.until(QUIET_SECONDS, |world| world.trace.len() > before).await? {
            return Ok(());
        }
        // What belongs together comes together.
        world.until(SPELL_SECONDS, |_| false).await?;
    }
    let tail: Vec<String> = world.trace.tail(5).iter().map(ToString::to_string).collect();
    Err(Violation::new("a converged cluster is quiet", format!("the last writes: {}", tail.join(" | ")))
        .into())
}

fn machines(world: &World) -> impl Iterator<Item = &Value> + Clone {
    world.objects("machines")
}

fn is_control_plane(machine: &Value) -> bool {
    !machine["metadata"]["labels"][labels::CONTROL_PLANE].is_null()
}

fn all_running(world: &World) -> bool {
    machines(world).all(|machine| machine["status"]["phase"] == "Running")
}

fn running(world: &World, version: &str) -> i64 {
    let running =
        |machine: &&Value| machine["status"]["phase"] == "Running" && machine["spec"]["version"] == version;
    if machines(world).any(|machine| machine["spec"]["version"] != version) {
        return -1;
    }
    machines(world).filter(running).count() as i64
}

fn is_available(world: &World) -> bool {
    let cluster = world.object("clusters", NAME);
    cluster.and_then(|cluster| condition(cluster, "Available")).is_some_and(|found| found["status"] == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn message(object: &Value, kind: &str) -> String {
    condition(object, kind).and_then(|found| found["message"].as_str()).unwrap_or_default().to_owned()
}

fn describe(machine: &Value) -> String {
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

/// How machines come up that take their time: each part another time.
fn slow() -> Value {
    let part = |seconds: u64| json!({"provisioning": {"startupDuration": format!("{seconds}s"), "startupJitter": "2.0"}});
    json!({"vm": part(20), "node": part(10), "apiServer": part(5), "etcd": part(4)})
}

/// The objects of a cluster, as a user writes them; `pace` says how machines come up.
pub fn objects(control_plane: i64, workers: i64, version: &str, pace: &Value) -> Vec<Value> {
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let meta = |name: &str| json!({"name": name, "namespace": "default"});
    let reference =
        |group: &str, kind: &str, name: &str| json!({"apiGroup": group, "kind": kind, "name": name});
    let dev = |kind: &str, name: &str, spec: Value| json!({"apiVersion": format!("{infrastructure}/v1beta2"), "kind": kind, "metadata": meta(name), "spec": spec});
    let template = json!({"template": {"spec": {"backend": {"inMemory": pace}}}});
    vec![
        json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": meta(NAME), "spec": {
            "infrastructureRef": reference(infrastructure, "DevCluster", NAME),
            "controlPlaneRef": reference(CONTROL_PLANE, "KubeadmControlPlane", "sim-control-plane"),
        }}),
        dev("DevCluster", NAME, json!({"backend": {"inMemory": {}}})),
        dev("DevMachineTemplate", "sim-control-plane", template.clone()),
        dev("DevMachineTemplate", "sim-workers", template),
        json!({"apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane",
            "metadata": meta("sim-control-plane"), "spec": {
            "replicas": control_plane, "version": version,
            "machineTemplate": {"spec": {
                "infrastructureRef": reference(infrastructure, "DevMachineTemplate", "sim-control-plane"),
            }},
            "kubeadmConfigSpec": {"initConfiguration": registration(), "joinConfiguration": registration()},
        }}),
        json!({"apiVersion": "bootstrap.cluster.x-k8s.io/v1beta2", "kind": "KubeadmConfigTemplate",
            "metadata": meta("sim-workers"),
            "spec": {"template": {"spec": {"joinConfiguration": registration()}}}}),
        json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "metadata": meta("sim-workers"), "spec": {
            "clusterName": NAME, "replicas": workers, "selector": {"matchLabels": {}},
            "template": {"spec": {
                "clusterName": NAME, "version": version,
                "bootstrap": {"configRef": reference("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", "sim-workers")},
                "infrastructureRef": reference(infrastructure, "DevMachineTemplate", "sim-workers"),
            }},
        }}),
    ]
}

fn registration() -> Value {
    json!({"nodeRegistration": {"criSocket": "unix:///run/containerd/containerd.sock"}})
}
