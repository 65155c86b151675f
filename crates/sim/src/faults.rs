//! What goes wrong, decided by the seed: requests that fail before or after they took effect, answers and watch events that
//! come late, streams that break, and controllers that are stopped between any two writes.

use std::sync::{Arc, Mutex, PoisonError};
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
    /// Writes after which all controllers are stopped at once and started anew.
    pub restarts: u64,
}

impl FaultRates {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        lost_requests: 0,
        lost_answers: 0,
        delayed_requests: 0,
        delayed_events: 0,
        cut_watches: 0,
        restarts: 0,
    };

    /// Everything goes wrong now and then.
    pub const ROUGH: Self = Self {
        lost_requests: 15,
        lost_answers: 15,
        delayed_requests: 20,
        delayed_events: 60,
        cut_watches: 5,
        restarts: 6,
    };
}

/// The longest that one fault delays something.
const LONGEST_DELAY_MILLISECONDS: u64 = 3_000;

/// Decides about requests and events. Clones share the decision.
#[derive(Clone)]
pub struct Chaos {
    rates: FaultRates,
    state: Arc<Mutex<State>>,
}

struct State {
    requests: Stream,
    events: Stream,
    /// No faults any more: the run is to come to rest.
    calm: bool,
    /// A restart was decided and not yet taken up.
    restart: bool,
}

impl Chaos {
    /// Faults at these rates from the seed behind `entropy`.
    pub fn new(rates: FaultRates, entropy: &Entropy) -> Self {
        let state = State {
            requests: entropy.stream("faults", "requests"),
            events: entropy.stream("faults", "events"),
            calm: false,
            restart: false,
        };
        Self { rates, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.calm = true;
        state.restart = false;
    }

    /// Whether controllers are to be restarted now; asked after each write.
    pub fn takes_restart(&self) -> bool {
        std::mem::take(&mut self.lock().restart)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hits(stream: &mut Stream, thousandths: u64) -> bool {
    thousandths > 0 && stream.below(1000) < thousandths
}

fn delay(stream: &mut Stream) -> Duration {
    Duration::from_millis(1 + stream.below(LONGEST_DELAY_MILLISECONDS))
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
        if writes && hits(&mut state.requests, rates.restarts) {
            state.restart = true;
        }
        if hits(&mut state.requests, rates.lost_requests) {
            return RequestFate::LoseRequest;
        }
        if writes && hits(&mut state.requests, rates.lost_answers) {
            return RequestFate::LoseAnswer;
        }
        if hits(&mut state.requests, rates.delayed_requests) {
            let wait = delay(&mut state.requests);
            let before = state.requests.below(2) == 0;
            return if before { RequestFate::DelayRequest(wait) } else { RequestFate::DelayAnswer(wait) };
        }
        RequestFate::Pass
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
            return EventFate::Cut;
        }
        if hits(&mut state.events, rates.delayed_events) {
            return EventFate::Delay(delay(&mut state.events));
        }
        EventFate::Deliver
    }
}
