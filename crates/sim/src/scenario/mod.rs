//! The life of a cluster: created, changed as its user wants, and deleted.

pub mod objects;
mod rollout;
mod wanted;

use runtime::entropy::Stream;
use serde_json::{Value, json};

use crate::checkers::{Violation, leftovers, rest};
use crate::world::{World, WorldError};
use objects::{objects, slow};
use rollout::Rollout;
use wanted::{Wanted, describe, machines};

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
const NAME: &str = "sim";
const CONTROL_PLANE_NAME: &str = "sim-control-plane";
const WORKERS: &str = "sim-workers";

/// Virtual seconds a step may take before it counts as stuck. Faults cost retries, retries cost back-off.
const STEP_LIMIT_SECONDS: i64 = 3_600;
/// Virtual seconds without a write after which a world counts as quiet: twice the longest timer of a cluster at rest, which
/// is the ten minutes for which a good answer of etcd is believed.
const QUIET_SECONDS: i64 = 1_250;
/// How often a world may write something after all before it counts as restless.
const QUIET_TRIES: usize = 20;
/// Virtual seconds for which a spell of writes may last.
const SPELL_SECONDS: i64 = 60;

/// The versions that the user goes through.
const VERSIONS: [&str; 3] = ["v1.35.0", "v1.36.0", "v1.36.1"];
/// A user who does not wait has the next idea within this many writes.
const PATIENCE_WRITES: u64 = 60;

/// What a cluster goes through between its first object and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Everything, one thing after the other, the user waiting for each.
    Whole(Size),
    /// A few things that the seed draws, the user not always waiting.
    Drawn,
}

/// How large the cluster of a whole life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Control plane machines to begin with, to grow to, and to shrink to.
    pub control_plane: [i64; 3],
    /// Workers to begin with, to grow to, and to shrink to.
    pub workers: [i64; 3],
}

impl Life {
    /// As people try it first.
    pub const SMALL: Self = Self::Whole(Size { control_plane: [1, 1, 1], workers: [1, 2, 0] });
    /// As it is run in production.
    pub const LARGE: Self = Self::Whole(Size { control_plane: [3, 5, 1], workers: [3, 10, 0] });

    /// An early end comes within this many writes.
    pub fn early_writes(self) -> u64 {
        match self {
            Self::Whole(_) => 400,
            Self::Drawn => 150,
        }
    }
}

/// A cluster's life from the first object to the last.
///
/// # Errors
/// A step that did not come about, or a rule that did not hold.
pub async fn lifecycle(world: &mut World, life: Life) -> Result<(), WorldError> {
    let outcome = match life {
        Life::Whole(size) => whole(world, size).await,
        Life::Drawn => drawn(world).await,
    };
    match outcome {
        Ok(()) | Err(WorldError::EarlyEnd) => {}
        Err(error) => return Err(error),
    }
    world.end_after = None;
    world.chaos.set_calm(false);
    delete(world).await
}

async fn whole(world: &mut World, size: Size) -> Result<(), WorldError> {
    let mut wanted = Wanted::new(size.control_plane[0], size.workers[0], VERSIONS[0]);
    create(world, &wanted).await?;
    settle(world, &wanted, "created and Available").await?;
    at_rest(world).await?;
    let (control_plane, workers) = (size.control_plane[1], size.workers[1]);
    wanted = want(world, wanted, Wanted { control_plane, workers, ..wanted }).await?;
    settle(world, &wanted, "scaled up").await?;
    at_rest(world).await?;
    wanted = upgrade(world, wanted, VERSIONS[1], true).await?;
    settle(world, &wanted, "upgraded").await?;
    at_rest(world).await?;
    wanted = label_in_place(world, wanted, "r1").await?;
    let (control_plane, workers) = (size.control_plane[2], size.workers[2]);
    wanted = want(world, wanted, Wanted { control_plane, workers, ..wanted }).await?;
    settle(world, &wanted, "scaled down").await?;
    at_rest(world).await?;
    leave_alone(world).await
}

async fn drawn(world: &mut World) -> Result<(), WorldError> {
    let mut draw = world.environment.entropy.stream("life", "");
    let control_plane = if draw.below(16) == 0 { 3 } else { 1 };
    let mut wanted = Wanted::new(control_plane, draw.below(2).cast_signed(), VERSIONS[0]);
    create(world, &wanted).await?;
    let changes = if draw.below(3) == 0 { 2 } else { 1 };
    for _ in 0..changes {
        pause(world, &wanted, &mut draw).await?;
        wanted = wish(world, wanted, &mut draw).await?;
    }
    settle(world, &wanted, "everything asked for").await?;
    at_rest(world).await?;
    leave_alone(world).await
}

/// The user waits until everything is as wanted, or has the next idea after some writes.
async fn pause(world: &mut World, wanted: &Wanted, draw: &mut Stream) -> Result<(), WorldError> {
    if draw.below(2) == 0 {
        return settle(world, wanted, "everything asked for so far").await;
    }
    let patience = world.trace.len() as u64 + draw.below(PATIENCE_WRITES);
    let over = |world: &World| world.trace.len() as u64 >= patience || wanted.is_so(world);
    world.until(STEP_LIMIT_SECONDS, over).await?;
    Ok(())
}

/// The user wants something else.
async fn wish(world: &mut World, wanted: Wanted, draw: &mut Stream) -> Result<Wanted, WorldError> {
    match draw.below(12) {
        0 => {
            let control_plane = if wanted.control_plane == 1 { 3 } else { 1 };
            want(world, wanted, Wanted { control_plane, ..wanted }).await
        }
        1..=4 => {
            let workers = (wanted.workers + 1 + draw.below(2).cast_signed()) % 3;
            want(world, wanted, Wanted { workers, ..wanted }).await
        }
        5..=7 => {
            let rack = if wanted.rack == Some("r1") { "r2" } else { "r1" };
            want(world, wanted, Wanted { rack: Some(rack), ..wanted }).await
        }
        _ => {
            let newer = VERSIONS.into_iter().find(|version| *version > wanted.workers_version);
            let is_patient = draw.below(2) == 0;
            upgrade(world, wanted, newer.unwrap_or(wanted.workers_version), is_patient).await
        }
    }
}

async fn create(world: &mut World, wanted: &Wanted) -> Result<(), WorldError> {
    let pace = if world.chaos.has_slow_machines() { slow() } else { json!({}) };
    let rollout = Rollout::draw(&world.chaos, wanted.control_plane);
    for mut object in objects(wanted.control_plane, wanted.workers, wanted.workers_version, &pace) {
        rollout.set(&mut object);
        world.apply(&object).await?;
    }
    Ok(())
}

/// Asks for what is wanted from now on, which it returns.
async fn want(world: &World, before: Wanted, wanted: Wanted) -> Result<Wanted, WorldError> {
    wanted.ask(&before, world).await?;
    Ok(wanted)
}

/// The control plane first; then the workers, which a patient user asks for when the control plane is there. (Whoever waited for
/// more could wait for ever: a worker of the old minor version that is still missing cannot join any more.)
async fn upgrade(
    world: &mut World,
    wanted: Wanted,
    version: &'static str,
    is_patient: bool,
) -> Result<Wanted, WorldError> {
    let wanted = want(world, wanted, Wanted { control_plane_version: version, ..wanted }).await?;
    if is_patient {
        come_about(world, "control plane upgraded", |world| wanted.has_control_plane(world)).await?;
    }
    want(world, wanted, Wanted { workers_version: version, ..wanted }).await
}

/// Changes a label where nothing else is going on: no Machine is replaced.
async fn label_in_place(world: &mut World, wanted: Wanted, rack: &'static str) -> Result<Wanted, WorldError> {
    let uids = |world: &World| {
        machines(world).map(|machine| machine["metadata"]["uid"].clone()).collect::<Vec<Value>>()
    };
    let before = uids(world);
    let wanted = want(world, wanted, Wanted { rack: Some(rack), ..wanted }).await?;
    settle(world, &wanted, "label in place").await?;
    let after = uids(world);
    if before != after {
        let found = format!("{before:?} became {after:?}");
        return Err(Violation::new("a label changes no Machine", found).into());
    }
    Ok(wanted)
}

/// Nobody wants anything any more, and nothing goes wrong: the cluster is quiet.
async fn leave_alone(world: &mut World) -> Result<(), WorldError> {
    world.chaos.set_calm(true);
    quiet(world).await?;
    Ok(rest(&world.checkers)?)
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
    come_about(world, "deleted", |world| world.objects("clusters").next().is_none()).await?;
    for object in objects(1, 1, VERSIONS[0], &json!({})) {
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

/// Waits until everything is as wanted.
async fn settle(world: &mut World, wanted: &Wanted, step: &'static str) -> Result<(), WorldError> {
    come_about(world, step, |world| wanted.is_so(world)).await
}

/// Waits until a step has come about.
async fn come_about(
    world: &mut World,
    step: &'static str,
    done: impl FnMut(&World) -> bool,
) -> Result<(), WorldError> {
    if world.until(STEP_LIMIT_SECONDS, done).await? {
        return Ok(());
    }
    let found = format!("{step} did not; {}", describe(world));
    Err(Violation::new("every step comes about", found).into())
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
