//! How often the disk is asked to sync while many write at once.
//!
//! Every commit writes whole pages and waits for the disk, however little it holds. Left alone, the writer thread commits as
//! often as the disk lets it, a few writes at a time, and a busy machine spends a fifth of its work on that.
//! So commits that several writers share have a rhythm: [`BURST`] of them are free, then one comes each [`INTERVAL`].
//! A commit that holds the write of one writer alone is always free: whoever writes step by step never waits here.

use std::time::Duration;

use tokio::time::Instant;

/// The time between two shared commits once the burst is used up.
const INTERVAL: Duration = Duration::from_millis(10);
/// Shared commits that are free after a rest: those of one or two clusters that are built as fast as they can.
const BURST: u32 = 128;

/// The rhythm of commits: a token bucket that keeps a time instead of tokens.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Where the last commit stands in the rhythm; ahead of the clock by what was taken from the burst.
    reached: Instant,
}

impl Pace {
    /// A rested one.
    pub fn new(now: Instant) -> Self {
        Self { reached: now }
    }

    /// How long the next shared commit has to wait.
    pub fn pause(&self, now: Instant) -> Duration {
        self.reached.saturating_duration_since(now).saturating_sub(INTERVAL * BURST)
    }

    /// Told of each commit, with how many writes it holds that somebody waits for.
    pub fn spend(&mut self, now: Instant, awaited: usize) {
        if awaited > 1 {
            // What was too much to gather did not wait for its turn. Whoever comes after it does not pay for that.
            let furthest = now + INTERVAL * (BURST + 1);
            self.reached = (self.reached.max(now) + INTERVAL).min(furthest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_then_there_is_a_rhythm_and_rest_gives_the_burst_back() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut wait = |now: Instant| {
            let waited = pace.pause(now);
            pace.spend(now + waited, 2);
            waited
        };
        let free = (0..BURST).filter(|_| wait(start).is_zero()).count();
        assert_eq!(free, BURST as usize);
        let mut now = start;
        wait(now);
        for _ in 0..3 {
            let waited = wait(now);
            assert_eq!(waited, INTERVAL);
            now += waited;
        }
        now += INTERVAL * BURST;
        assert_eq!((0..BURST).filter(|_| wait(now).is_zero()).count(), BURST as usize);
    }

    #[test]
    fn nobody_waits_longer_than_one_turn_whatever_did_not_wait_before() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        (0..10 * BURST).for_each(|_| pace.spend(now, 2));
        assert_eq!(pace.pause(now), INTERVAL);
    }

    #[test]
    fn one_writer_alone_never_waits() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        (0..10 * BURST).for_each(|_| pace.spend(now, 1));
        assert_eq!(pace.pause(now), Duration::ZERO);
    }
}
