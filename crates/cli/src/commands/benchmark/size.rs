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
    let clock = &conditions.environment.clock;
    let folder = tempfile::Builder::new().prefix("windlass-benchmark-").tempdir_in(&conditions.parent);
    let folder = folder.map_err(|error| {
        CommandError::user(format!("cannot make a directory in {}: {error}", conditions.parent.display()))
            .hint("name a directory you may write to with --data-dir DIR")
    })?;
    let data = folder.path().join("data");
    let starting = clock.now();
    let plane = start(conditions, &data).await?;
    let started = clock.since(starting);
    quiet::after(&plane, clock, starting).await;
    let memory_before = process::resident_bytes();

    output::note(format_args!("{clusters} clusters: creating"));
    let (cpu_before, asked_before) = (process::cpu(), asked(&plane));
    let kubeconfig = plane.kubeconfig_path().unwrap_or(Path::new("")).to_owned();
    let times =
        load::run(&kubeconfig, &conditions.environment, clusters, conditions.creators, conditions.timeout)
            .await?;
    let cpu = process::cpu().saturating_sub(cpu_before);
    let requests = Requests::between(&asked_before, &asked(&plane));
    let finished = clock.now();
    output::note(format_args!("{clusters} clusters: {} Available, coming to rest", times.available.len()));
    let quiet_after = quiet::after(&plane, clock, finished).await;
    let memory_after = process::resident_bytes();
    let rest = quiet::rest(&plane, clock, conditions.idle).await;

    output::note(format_args!("{clusters} clusters: starting again"));
    let stopping = clock.now();
    plane.stop().await.map_err(CommandError::internal)?;
    let stopped = clock.since(stopping);
    let (restarting, cpu_before) = (clock.now(), process::cpu());
    let plane = start(conditions, &data).await?;
    let ready_again = clock.since(restarting);
    let quiet_again = quiet::after(&plane, clock, restarting).await;
    let restart_cpu = process::cpu().saturating_sub(cpu_before);
    plane.stop().await.map_err(CommandError::internal)?;
    Ok(Measured {
        clusters: usize::try_from(clusters).unwrap_or(usize::MAX),
        started,
        wall: last_available(&times),
        all_accepted: between(&times, times.all_accepted),
        latencies: latencies(&times),
        cpu,
        requests,
        memory_before,
        memory_after,
        quiet_after,
        rest,
        stopped,
        ready_again,
        quiet_again,
        restart_cpu,
    })
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
