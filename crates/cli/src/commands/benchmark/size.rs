//! One number of clusters: a fresh plane, the work, rest, a restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use manager::{Data, Plane, Settings};
use runtime::client::CallCount;

use super::load::{self, Times};
use super::report::{Measured, Requests};
use super::{Conditions, process, quiet};
use crate::commands::up;
use crate::error::CommandError;
use crate::output;

/// Measures `clusters` clusters on a plane of their own.
pub async fn measure(conditions: &Conditions, clusters: u32) -> Result<Measured, CommandError> {
    let folder = tempfile::Builder::new().prefix("windlass-benchmark-").tempdir_in(&conditions.parent);
    let folder = folder.map_err(|error| {
        CommandError::user(format!("cannot make a directory in {}: {error}", conditions.parent.display()))
            .hint("name a directory you may write to with --data-dir DIR")
    })?;
    let data = folder.path().join("data");
    let clusters_there = usize::try_from(clusters).unwrap_or(usize::MAX);
    let mut measured = Measured { clusters: clusters_there, ..Measured::default() };
    let clock = &conditions.environment.clock;
    let starting = clock.now();
    let plane = start(conditions, &data).await?;
    measured.started = clock.since(starting);
    quiet::after(&plane, clock, starting).await;
    create(conditions, &plane, clusters, &mut measured).await?;
    measured.rest = quiet::rest(&plane, clock, conditions.idle).await;
    output::note(format_args!("{clusters} clusters: starting again"));
    restart(conditions, plane, &data, &mut measured).await?;
    Ok(measured)
}

/// The work, until the plane is quiet after it.
async fn create(
    conditions: &Conditions,
    plane: &Plane,
    clusters: u32,
    measured: &mut Measured,
) -> Result<(), CommandError> {
    let Conditions { environment, creators, timeout, .. } = conditions;
    measured.memory_before = process::resident_bytes();
    output::note(format_args!("{clusters} clusters: creating"));
    let (cpu_before, asked_before) = (process::cpu(), asked(plane));
    let kubeconfig = plane.kubeconfig_path().unwrap_or(Path::new(""));
    let times = load::run(kubeconfig, environment, clusters, *creators, *timeout).await?;
    measured.cpu = process::cpu().saturating_sub(cpu_before);
    measured.requests = Requests::between(&asked_before, &asked(plane));
    let finished = environment.clock.now();
    measured.wall = last_available(&times);
    measured.all_accepted = between(&times, times.all_accepted);
    measured.latencies = latencies(&times);
    output::note(format_args!("{clusters} clusters: {} Available, coming to rest", measured.available()));
    measured.quiet_after = quiet::after(plane, &environment.clock, finished).await;
    measured.memory_after = process::resident_bytes();
    Ok(())
}

/// Stops the plane and starts one again on what it left.
async fn restart(
    conditions: &Conditions,
    plane: Plane,
    data: &Path,
    measured: &mut Measured,
) -> Result<(), CommandError> {
    let clock = &conditions.environment.clock;
    let stopping = clock.now();
    plane.stop().await.map_err(CommandError::internal)?;
    measured.stopped = clock.since(stopping);
    let (restarting, cpu_before) = (clock.now(), process::cpu());
    let plane = start(conditions, data).await?;
    measured.ready_again = clock.since(restarting);
    measured.quiet_again = quiet::after(&plane, clock, restarting).await;
    measured.restart_cpu = process::cpu().saturating_sub(cpu_before);
    plane.stop().await.map_err(CommandError::internal)
}

/// A plane on its real store, served over TCP.
async fn start(conditions: &Conditions, data: &Path) -> Result<Plane, CommandError> {
    let settings = Settings {
        data: Data::Directory(data.to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        kubeconfig: None,
        controllers: true,
    };
    Plane::start(settings, conditions.environment.clone()).await.map_err(up::explain)
}

/// From the first request to the last Cluster seen Available.
fn last_available(times: &Times) -> Duration {
    times.available.values().max().map(|&last| between(times, last)).unwrap_or_default()
}

fn between(times: &Times, later: jiff::Timestamp) -> Duration {
    Duration::try_from(later.duration_since(times.began)).unwrap_or_default()
}

/// From accepted to Available, shortest first.
fn latencies(times: &Times) -> Vec<Duration> {
    let each = times.available.iter().filter_map(|(name, available)| {
        Duration::try_from(available.duration_since(*times.accepted.get(name)?)).ok()
    });
    let mut latencies: Vec<Duration> = each.collect();
    latencies.sort_unstable();
    latencies
}

/// What the controllers have asked the management API for: verb and resource to count.
fn asked(plane: &Plane) -> BTreeMap<(&'static str, String), CallCount> {
    let Some(hands) = plane.hands() else { return BTreeMap::new() };
    let calls = hands.context().cache.client().metrics().calls();
    calls.into_iter().map(|count| ((count.verb, count.resource.clone()), count)).collect()
}
