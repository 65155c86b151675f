//! Statuses that wait a moment before they are published.
//!
//! While a cluster comes up, most changes of a status only tell how far things are, and the next one is milliseconds away.
//! They are gathered, so that many small changes become one write. What others act on is published at once: each controller
//! says what that is ([`crate::controller::Controller::is_urgent`]).
//!
//! The longer the lines before all controllers, the longer a status waits, up to three seconds: a thousand clusters that come
//! up at once have more urgent work than to tell how far they are, and what a person sees of them is late anyway. All lines
//! count, since one slow controller holds up every other: theirs are short then, and what they have to tell changes again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use decide::conditions;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use runtime::key::Key;
use runtime::queue::Queue;

/// How long a status may be behind where nobody waits.
const PATIENCE: Duration = Duration::from_millis(100);
/// How much longer for each object that waits for any controller.
const PATIENCE_IN_LINE: Duration = Duration::from_millis(5);
/// However long the line is.
const PATIENCE_MAX: Duration = Duration::from_secs(3);

/// Since when the statuses of one controller wait.
pub struct Gathering {
    due: Mutex<BTreeMap<Key, Timestamp>>,
    line: Queue,
}

impl Gathering {
    /// For the controller that takes its keys from `line`.
    pub fn new(line: &Queue) -> Self {
        Self { due: Mutex::default(), line: line.clone() }
    }

    /// When the status of `key` has to be published, if it waits.
    pub fn waits_until(&self, key: &Key) -> Option<Timestamp> {
        self.lock().get(key).copied()
    }

    /// Lets the status of `key` wait from now on, and says until when.
    pub fn begin(&self, key: &Key, now: Timestamp) -> Timestamp {
        let patience =
            SignedDuration::try_from(patience(self.line.waiting())).unwrap_or(SignedDuration::ZERO);
        let due = now.checked_add(patience).unwrap_or(now);
        self.lock().insert(key.clone(), due);
        due
    }

    /// Nothing waits for `key`.
    pub fn settled(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Timestamp>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn patience(waiting: usize) -> Duration {
    let in_line = PATIENCE_IN_LINE.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX));
    PATIENCE.saturating_add(in_line).min(PATIENCE_MAX)
}

/// Whether any condition of these types became true, or ceased to be.
pub fn turned(before: &[Condition], after: &[Condition], types: &[&str]) -> bool {
    types.iter().any(|type_| conditions::is_true(before, type_) != conditions::is_true(after, type_))
}

#[cfg(test)]
mod tests {
    use runtime::clock::Clock;
    use runtime::entropy::Entropy;
    use runtime::queue::Priority;

    use super::*;

    #[test]
    fn the_first_change_sets_the_time_for_all() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let (gathering, key) = (Gathering::new(&Queue::new("test", &clock, &entropy)), Key::new("n", "a"));
        let at = |milliseconds| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds);
        assert_eq!(gathering.waits_until(&key), None);
        assert_eq!(gathering.begin(&key, at(0)), at(100));
        assert_eq!(gathering.waits_until(&key), Some(at(100)));
        gathering.settled(&key);
        assert_eq!(gathering.waits_until(&key), None);
    }

    #[test]
    fn the_longer_the_line_the_more_patience() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let queue = Queue::new("test", &clock, &entropy);
        let (gathering, now) = (Gathering::new(&queue), Timestamp::UNIX_EPOCH);
        let mut waits = Vec::new();
        for number in 0..1000 {
            queue.add(Key::new("n", &format!("waiting-{number}")), Priority::Fresh);
            if [1, 20, 200, 1000].contains(&(number + 1)) {
                waits.push(gathering.begin(&Key::new("n", "a"), now).duration_since(now).as_millis());
            }
        }
        assert_eq!(waits, [105, 200, 1100, 3000]);
    }
}
