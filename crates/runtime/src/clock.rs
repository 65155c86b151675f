//! The one source of time.
//!
//! Production reads the wall clock. A rehearsal reads a start time plus what Tokio's own clock has counted since, so
//! that pausing Tokio's clock pauses ours, and a sleep of a month passes as soon as nobody has anything else to do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// How long a sleep on the wall clock may last before the clock is read again. A machine that slept, or whose clock was
/// set, is then at most this late.
const WALL_CLOCK_RECHECK: Duration = Duration::from_secs(300);

/// A handle to read the time and to wait for one. Cheap to copy around.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Simulated { start: Timestamp, origin: Instant },
}

impl Clock {
    /// The wall clock of this machine.
    pub fn system() -> Self {
        Self { source: Source::System }
    }

    /// A clock that shows `start` now and goes on with Tokio's clock. Call it inside the runtime that will be paused.
    pub fn simulated(start: Timestamp) -> Self {
        Self { source: Source::Simulated { start, origin: Instant::now() } }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => Timestamp::now(),
            Source::Simulated { start, origin } => add(*start, origin.elapsed()),
        }
    }

    /// The time `duration` from now; the last representable time where that lies beyond it.
    pub fn after(&self, duration: Duration) -> Timestamp {
        add(self.now(), duration)
    }

    /// Returns once the time is `deadline` or later; at once where it already is.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        loop {
            let left = self.until(deadline);
            if left.is_zero() {
                return;
            }
            match self.source {
                Source::System => tokio::time::sleep(left.min(WALL_CLOCK_RECHECK)).await,
                Source::Simulated { .. } => tokio::time::sleep(left).await,
            }
        }
    }

    /// Returns after `duration`. Not affected by a wall clock that is set meanwhile.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// How long until `deadline`; zero where it has passed.
    pub fn until(&self, deadline: Timestamp) -> Duration {
        between(self.now(), deadline)
    }

    /// How long since `past`; zero where it lies ahead.
    pub fn since(&self, past: Timestamp) -> Duration {
        between(past, self.now())
    }
}

/// `from` to `to`, or zero where `to` is the earlier.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn add(time: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|signed| time.checked_add(signed).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        Timestamp::constant(1_800_000_000, 0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_month_passes_at_once() {
        let clock = Clock::simulated(start());
        let month = Duration::from_secs(30 * 24 * 3600);
        clock.sleep_until(clock.after(month)).await;
        assert!(clock.since(start()) >= month);
        assert!(clock.since(start()) < month + Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_does_not_wait() {
        let clock = Clock::simulated(start());
        clock.sleep_until(Timestamp::UNIX_EPOCH).await;
        assert_eq!(clock.now(), start());
        assert_eq!(clock.until(Timestamp::UNIX_EPOCH), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn time_has_an_end() {
        let clock = Clock::simulated(start());
        assert_eq!(clock.after(Duration::MAX), Timestamp::MAX);
    }
}
