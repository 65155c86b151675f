//! What goes wrong, decided by the seed: requests that fail before or after they took effect, answers and watch events that
//! come late, streams that break, and controllers that are stopped between any two writes.

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::entropy::{Entropy, Stream};
use runtime::faults::{EventFate, Faults, RequestFate, WatchFilter};
use runtime::kind::Kind;

/// How often things go wrong, in thousandths of the requests or events they may hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultRates {
    /// Requests lost before they took effect.
    pub lost_requests: u64,
    /// Requests whose answer is lost after they took effect.
    pub lost_answers: u64,
    /// Requests or answers that come late.
    pub delayed_requests: u64,
    /// Watch events that come late, and with them everything behind them of the same kind: so kinds overtake each other.
    pub delayed_events: u64,
    /// Watch streams that break.
    pub cut_watches: u64,
    /// Requests to workload clusters that meet one of the first three fates, in equal shares.
    pub workload: u64,
    /// Writes after which all controllers are stopped, one way or the other, and started anew.
    pub restarts: u64,
    /// Clusters whose machines take their time to come up, each another time.
    pub slow_machines: u64,
    /// Clusters that roll out in another way than by default.
    pub other_rollouts: u64,
    /// Clusters that are deleted in the middle of whatever they are doing.
    pub early_ends: u64,
}

impl FaultRates {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        lost_requests: 0,
        lost_answers: 0,
        delayed_requests: 0,
        delayed_events: 0,
        cut_watches: 0,
        workload: 0,
        restarts: 0,
        slow_machines: 0,
        other_rollouts: 0,
        early_ends: 0,
    };

    /// Everything goes wrong now and then.
    pub const ROUGH: Self = Self {
        lost_requests: 15,
        lost_answers: 15,
        delayed_requests: 20,
        delayed_events: 60,
        cut_watches: 5,
        workload: 60,
        restarts: 6,
        slow_machines: 500,
        other_rollouts: 500,
        early_ends: 300,
    };
}

/// How often things went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Requests lost before they took effect.
    pub lost_requests: u64,
    /// Requests whose answer was lost.
    pub lost_answers: u64,
    /// Requests or answers that came late.
    pub delayed_requests: u64,
    /// Watch events that came late.
    pub delayed_events: u64,
    /// Watch streams that broke.
    pub cut_watches: u64,
    /// Requests to workload clusters that went wrong.
    pub workload: u64,
    /// Restarts of all controllers.
    pub restarts: u64,
    /// Those of them before which controllers finished what they had begun.
    pub orderly_restarts: u64,
    /// Clusters with slow machines.
    pub slow_machines: u64,
    /// Clusters with another rollout strategy than the default.
    pub other_rollouts: u64,
    /// Clusters that were deleted early.
    pub early_ends: u64,
}

impl FaultCounts {
    /// Each count with its name.
    pub fn each(&self) -> [(&'static str, u64); 11] {
        [
            ("lost requests", self.lost_requests),
            ("lost answers", self.lost_answers),
            ("delayed requests", self.delayed_requests),
            ("delayed events", self.delayed_events),
            ("cut watches", self.cut_watches),
            ("workload faults", self.workload),
            ("restarts", self.restarts),
            ("orderly restarts", self.orderly_restarts),
            ("slow clusters", self.slow_machines),
            ("other rollouts", self.other_rollouts),
            ("early ends", self.early_ends),
        ]
    }
}

impl AddAssign for FaultCounts {
    fn add_assign(&mut self, other: Self) {
        self.lost_requests += other.lost_requests;
        self.lost_answers += other.lost_answers;
        self.delayed_requests += other.delayed_requests;
        self.delayed_events += other.delayed_events;
        self.cut_watches += other.cut_watches;
        self.workload += other.workload;
        self.restarts += other.restarts;
        self.orderly_restarts += other.orderly_restarts;
        self.slow_machines += other.slow_machines;
        self.other_rollouts += other.other_rollouts;
        self.early_ends += other.early_ends;
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.each().iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&texts.join(", "))
    }
}

/// The longest that one fault delays something.
const LONGEST_DELAY_MILLISECONDS: u64 = 3_000;

/// How controllers stop before they are started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Where they stand, as a process that is killed.
    AtOnce,
    /// As a process that is asked to stop: they finish what they have begun.
    InOrder,
}

/// A restart at a place that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// Right after the write of this number, counted from 1.
    pub after: u64,
    /// How controllers stop before it.
    pub manner: Manner,
}

/// Decides about requests and events. Clones share the decision.
#[derive(Clone)]
pub struct Chaos {
    rates: FaultRates,
    restart: Option<Restart>,
    state: Arc<Mutex<State>>,
}

struct State {
    requests: Stream,
    events: Stream,
    workload: Stream,
    restarts: Stream,
    scenario: Stream,
    /// Writes that reached the server.
    writes: u64,
    /// No faults any more: the run is to come to rest.
    calm: bool,
    counts: FaultCounts,
}

impl Chaos {
    /// Faults at these rates from the seed behind `entropy`, and one restart besides.
    pub fn new(rates: FaultRates, restart: Option<Restart>, entropy: &Entropy) -> Self {
        let stream = |key| entropy.stream("faults", key);
        let state = State {
            requests: stream("requests"),
            events: stream("events"),
            workload: stream("workload"),
            restarts: stream("restarts"),
            scenario: stream("scenario"),
            writes: 0,
            calm: false,
            counts: FaultCounts::default(),
        };
        Self { rates, restart, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on nothing goes wrong by chance, or things go wrong again.
    pub fn set_calm(&self, calm: bool) {
        self.lock().calm = calm;
    }

    /// Told of each write of a controller that reached the server: whether all controllers stop at this very point, and how.
    pub fn stops_after_write(&self) -> Option<Manner> {
        let rates = self.rates;
        let mut state = self.lock();
        state.writes += 1;
        let chosen = self.restart.filter(|restart| restart.after == state.writes);
        let by_chance = !state.calm && hits(&mut state.restarts, rates.restarts);
        let manner = match chosen {
            Some(restart) => restart.manner,
            None if by_chance && state.restarts.below(2) == 0 => Manner::AtOnce,
            None if by_chance => Manner::InOrder,
            None => return None,
        };
        state.counts.restarts += 1;
        state.counts.orderly_restarts += u64::from(manner == Manner::InOrder);
        Some(manner)
    }

    /// Whether the machines of this run are slow. To be asked once.
    pub fn has_slow_machines(&self) -> bool {
        let rates = self.rates;
        let mut state = self.lock();
        let slow = hits(&mut state.scenario, rates.slow_machines);
        state.counts.slow_machines += u64::from(slow);
        slow
    }

    /// Which of `count` ways to roll out this run takes, 0 being the default. To be asked once.
    pub fn rollout(&self, count: u64) -> u64 {
        let rates = self.rates;
        let mut state = self.lock();
        if !hits(&mut state.scenario, rates.other_rollouts) {
            return 0;
        }
        state.counts.other_rollouts += 1;
        1 + state.scenario.below(count.saturating_sub(1))
    }

    /// After which write, one of the first `within`, the cluster of this run is deleted, if that is early. To be asked once.
    pub fn early_end(&self, within: u64) -> Option<u64> {
        let rates = self.rates;
        let mut state = self.lock();
        hits(&mut state.scenario, rates.early_ends).then(|| 1 + state.scenario.below(within))
    }

    /// The cluster is deleted early.
    pub fn note_early_end(&self) {
        self.lock().counts.early_ends += 1;
    }

    /// How often things went wrong so far.
    pub fn counts(&self) -> FaultCounts {
        self.lock().counts
    }

    /// Faults for requests to workload clusters.
    pub fn of_workloads(&self) -> WorkloadChaos {
        WorkloadChaos(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hits(stream: &mut Stream, thousandths: u64) -> bool {
    thousandths > 0 && stream.below(1000) < thousandths
}

fn delay(stream: &mut Stream) -> Duration {
    Duration::from_millis(1 + stream.below(LONGEST_DELAY_MILLISECONDS))
}

/// Late, before or after taking effect.
fn late(stream: &mut Stream) -> RequestFate {
    let wait = delay(stream);
    if stream.below(2) == 0 { RequestFate::DelayRequest(wait) } else { RequestFate::DelayAnswer(wait) }
}

impl Faults for Chaos {
    fn fate(&self, request: &http::request::Parts) -> RequestFate {
        let rates = self.rates;
        let mut state = self.lock();
        let is_watch = request.uri.query().is_some_and(|query| query.contains("watch="));
        if state.calm || is_watch {
            return RequestFate::Pass;
        }
        let writes = request.method != http::Method::GET;
        if hits(&mut state.requests, rates.lost_requests) {
            state.counts.lost_requests += 1;
            return RequestFate::LoseRequest;
        }
        if writes && hits(&mut state.requests, rates.lost_answers) {
            state.counts.lost_answers += 1;
            return RequestFate::LoseAnswer;
        }
        if hits(&mut state.requests, rates.delayed_requests) {
            state.counts.delayed_requests += 1;
            return late(&mut state.requests);
        }
        RequestFate::Pass
    }
}

/// Faults of everything that is asked of workload clusters: reads, watches, writes, tunnels to etcd.
pub struct WorkloadChaos(Chaos);

impl Faults for WorkloadChaos {
    fn fate(&self, _: &http::request::Parts) -> RequestFate {
        let rates = self.0.rates;
        let mut state = self.0.lock();
        if state.calm || !hits(&mut state.workload, rates.workload) {
            return RequestFate::Pass;
        }
        state.counts.workload += 1;
        match state.workload.below(3) {
            0 => RequestFate::LoseRequest,
            1 => RequestFate::LoseAnswer,
            _ => late(&mut state.workload),
        }
    }
}

impl WatchFilter for Chaos {
    fn fate(&self, _: &Kind, _: &str) -> EventFate {
        let rates = self.rates;
        let mut state = self.lock();
        if state.calm {
            return EventFate::Deliver;
        }
        if hits(&mut state.events, rates.cut_watches) {
            state.counts.cut_watches += 1;
            return EventFate::Cut;
        }
        if hits(&mut state.events, rates.delayed_events) {
            state.counts.delayed_events += 1;
            return EventFate::Delay(delay(&mut state.events));
        }
        EventFate::Deliver
    }
}
