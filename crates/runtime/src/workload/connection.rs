//! The task of one cluster: connect, watch and probe, start over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::{Change, Entry, Phase, Shared, Status};
use crate::client::Client;
use crate::entropy::Stream;
use crate::kubeconfig::Kubeconfig;
use crate::transport::Transport;

/// How much later than planned a retry or the first probe may come, so that many clusters do not act at one moment.
const JITTER: f64 = 0.2;
/// However often something wakes it, a cluster that cannot be reached is tried again this soon.
const WOKEN_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Doubts about a connection do not cause more probes than this.
const PROBE_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Clusters that answer are probed on these beats, so that a thousand of them wake the process once a second and not a
/// thousand times in twenty.
const PROBE_BEAT_MILLISECONDS: i64 = 1_000;

/// Keeps one cluster connected for as long as it is known.
pub(super) async fn keep(shared: Arc<Shared>, entry: Arc<Entry>) {
    let mut random = shared.entropy.stream("workload", &entry.key.to_string());
    let mut pauses = Pauses::new(&shared);
    loop {
        let Some(kubeconfig) = (shared.source)(&entry.key) else {
            disconnect(&shared, &entry, None);
            entry.wake.notified().await;
            continue;
        };
        match connect(&shared, &entry, &kubeconfig).await {
            Ok(client) => {
                pauses = Pauses::new(&shared);
                let end = stay(&shared, &entry, &kubeconfig, client, &mut random).await;
                disconnect(&shared, &entry, end);
            }
            Err(reason) => {
                disconnect(&shared, &entry, Some(reason));
                wait_to_retry(&shared, &entry, &kubeconfig, &mut pauses, &mut random).await;
            }
        }
    }
}

/// How long to wait before the next try, by itself and once woken. Both grow from failure to failure: while a cluster comes
/// up, every step wakes, and a thousand of them that tried each time would do little else.
struct Pauses {
    alone: Duration,
    woken: Duration,
}

impl Pauses {
    fn new(shared: &Shared) -> Self {
        Self { alone: shared.settings.retry_min, woken: shared.settings.retry_min }
    }
}

/// Waits for the next try. Being woken shortens the wait, and ends it only where the kubeconfig is another: whoever wakes on
/// every event must not cause a try on every event.
async fn wait_to_retry(
    shared: &Shared,
    entry: &Entry,
    kubeconfig: &[u8],
    pauses: &mut Pauses,
    random: &mut Stream,
) {
    tokio::select! {
        biased;
        () = entry.wake.notified() => {}
        () = shared.clock.sleep(random.jitter(pauses.alone, JITTER)) => {
            if pauses.alone >= WOKEN_PAUSE_MAX {
                // Nothing happened for a while: what happens next is news.
                pauses.woken = shared.settings.retry_min;
            }
            pauses.alone = (pauses.alone * 2).min(shared.settings.retry_max);
            return;
        }
    }
    if (shared.source)(&entry.key).as_deref() == Some(kubeconfig) {
        shared.clock.sleep(pauses.woken).await;
        pauses.woken = (pauses.woken * 2).min(WOKEN_PAUSE_MAX);
        pauses.alone = pauses.woken;
    } else {
        *pauses = Pauses::new(shared);
    }
}

/// One try. The reason of a failure is for people to read.
async fn connect(shared: &Shared, entry: &Entry, kubeconfig: &[u8]) -> Result<Client, String> {
    entry.state().status.phase = Phase::Connecting;
    let config = Kubeconfig::parse(kubeconfig, None).map_err(|error| error.to_string())?;
    let transport =
        Transport::new(&config, &shared.network, &shared.clock).map_err(|error| error.to_string())?;
    let client = Client::over((shared.settings.wire)(&entry.key, transport), shared.clock.clone());
    probe(shared, &client).await.map_err(|failure| failure.reason)?;
    let now = shared.clock.now();
    let status = Status {
        phase: Phase::Connected { since: now },
        last_probe_time: Some(now),
        last_probe_success_time: Some(now),
        consecutive_failures: 0,
        last_error: None,
    };
    let mut state = entry.state();
    state.client = Some(client.clone());
    state.status = status.clone();
    drop(state);
    tracing::info!(cluster = %entry.key, server = config.server, "connected");
    shared.tell(&entry.key, &Change::Connection(&status));
    Ok(client)
}

/// Watches and probes until the connection is of no more use; says why, or nothing where only the kubeconfig changed.
async fn stay(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    kubeconfig: &[u8],
    client: Client,
    random: &mut Stream,
) -> Option<String> {
    let mut watches = Watches::default();
    // Connecting was a probe already. The first pause spreads the probes of many clusters over time.
    let interval = shared.settings.probe_interval;
    let mut next_probe = on_beat(shared.clock.after(random.jitter(interval / 2, 1.0)));
    let mut last_probe = shared.clock.now();
    loop {
        watches.start_missing(shared, entry, &client);
        tokio::select! {
            biased;
            () = entry.wake.notified() => {
                if (shared.source)(&entry.key).as_deref() != Some(kubeconfig) {
                    return None;
                }
                if entry.doubt.swap(false, Ordering::Relaxed) {
                    next_probe = next_probe.min(later(last_probe, PROBE_PAUSE_MIN));
                }
            }
            () = watches.run() => {}
            () = shared.clock.sleep_until(next_probe) => {
                // Watches go on while the answer is waited for.
                let verdict = tokio::select! {
                    biased;
                    verdict = check(shared, entry, &client) => verdict,
                    () = watches.run() => Verdict::Alive,
                };
                last_probe = shared.clock.now();
                next_probe = match verdict {
                    Verdict::Alive => on_beat(later(last_probe, interval)),
                    Verdict::Doubtful => later(last_probe, shared.settings.doubt_interval),
                    Verdict::Lost(reason) => return Some(reason),
                };
            }
        }
    }
}

fn later(time: jiff::Timestamp, duration: Duration) -> jiff::Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|signed| time.checked_add(signed).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

/// The beat nearest to `time`.
fn on_beat(time: jiff::Timestamp) -> jiff::Timestamp {
    let beats = (time.as_millisecond() + PROBE_BEAT_MILLISECONDS / 2).div_euclid(PROBE_BEAT_MILLISECONDS);
    jiff::Timestamp::from_millisecond(beats * PROBE_BEAT_MILLISECONDS).unwrap_or(time)
}

/// The watches of one connection, all driven by the task of the cluster.
#[derive(Default)]
struct Watches {
    names: Vec<&'static str>,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Watches {
    fn start_missing(&mut self, shared: &Arc<Shared>, entry: &Arc<Entry>, client: &Client) {
        for slot in entry.slots() {
            if !self.names.contains(&slot.name()) {
                self.names.push(slot.name());
                self.running.push(slot.run(client.clone(), shared.clone(), entry.clone()));
            }
        }
    }

    /// Never ends: a watch that has nothing more to say waits for the connection to end.
    async fn run(&mut self) {
        while self.running.next().await.is_some() {}
        std::future::pending::<()>().await;
    }
}

enum Verdict {
    /// It answered.
    Alive,
    /// It did not; the next probe decides, or one of those after it.
    Doubtful,
    /// The connection is of no more use.
    Lost(String),
}

/// Probes a connected cluster and records the outcome.
async fn check(shared: &Shared, entry: &Entry, client: &Client) -> Verdict {
    let outcome = probe(shared, client).await;
    let now = shared.clock.now();
    let mut state = entry.state();
    let status = &mut state.status;
    status.last_probe_time = Some(now);
    let Err(failure) = outcome else {
        status.last_probe_success_time = Some(now);
        status.consecutive_failures = 0;
        status.last_error = None;
        return Verdict::Alive;
    };
    status.consecutive_failures += 1;
    let is_first = status.last_error.replace(failure.reason.clone()).is_none();
    let is_lost = failure.is_unauthorized || status.consecutive_failures >= shared.settings.failure_threshold;
    let snapshot = status.clone();
    drop(state);
    if is_lost {
        return Verdict::Lost(failure.reason);
    }
    if is_first {
        shared.tell(&entry.key, &Change::Connection(&snapshot));
    }
    Verdict::Doubtful
}

struct Failure {
    reason: String,
    /// The credentials are no longer good: the kubeconfig was replaced, or is about to be.
    is_unauthorized: bool,
}

/// Asks the API server for its root page. That it answers at all is what counts; not every server has such a page.
async fn probe(shared: &Shared, client: &Client) -> Result<(), Failure> {
    let failed = |reason: String, is_unauthorized| Failure { reason, is_unauthorized };
    let limit = shared.settings.probe_timeout;
    match tokio::time::timeout(limit, client.read(&shared.settings.probe_path)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_not_found() => Ok(()),
        Ok(Err(error)) => Err(failed(error.reason(), error.code() == Some(401))),
        Err(_) => Err(failed(format!("no answer within {} s", limit.as_secs_f64()), false)),
    }
}

/// Records that there is no connection; tells observers where there was one or where failing is new.
fn disconnect(shared: &Shared, entry: &Entry, reason: Option<String>) {
    let mut state = entry.state();
    let was_connected = state.client.take().is_some();
    let status = &mut state.status;
    status.phase = Phase::Disconnected;
    if reason.is_some() && !was_connected {
        status.last_probe_time = Some(shared.clock.now());
        status.consecutive_failures += 1;
    }
    let is_news = reason.is_some() && status.last_error != reason;
    let began_to_fail = reason.is_some() && status.last_error.is_none();
    status.last_error.clone_from(&reason);
    let snapshot = status.clone();
    drop(state);
    if let (true, Some(reason)) = (is_news || was_connected, &reason) {
        // A cluster that has never answered is one that comes up.
        match snapshot.last_probe_success_time {
            Some(_) => tracing::warn!(cluster = %entry.key, reason, "not connected"),
            None => tracing::info!(cluster = %entry.key, reason, "not connected yet"),
        }
    }
    if was_connected || began_to_fail {
        shared.tell(&entry.key, &Change::Connection(&snapshot));
    }
}
