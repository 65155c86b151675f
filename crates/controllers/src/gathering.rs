//! Statuses that wait a moment before they are published.
//!
//! While a cluster comes up, most changes of a status only tell how far things are, and the next one is milliseconds away.
//! They are gathered, so that many small changes become one write. What others act on is published at once: each controller
//! says what that is ([`crate::controller::Controller::is_urgent`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use decide::conditions;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use runtime::key::Key;

/// How long a status may be behind.
const PATIENCE: Duration = Duration::from_millis(100);

/// Since when the statuses of one controller wait.
#[derive(Debug, Default)]
pub struct Gathering {
    due: Mutex<BTreeMap<Key, Timestamp>>,
}

impl Gathering {
    /// When the status of `key` has to be published, if it waits.
    pub fn waits_until(&self, key: &Key) -> Option<Timestamp> {
        self.lock().get(key).copied()
    }

    /// Lets the status of `key` wait from now on, and says until when.
    pub fn begin(&self, key: &Key, now: Timestamp) -> Timestamp {
        let patience = SignedDuration::try_from(PATIENCE).unwrap_or(SignedDuration::ZERO);
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

/// Whether any condition of these types became true, or ceased to be.
pub fn turned(before: &[Condition], after: &[Condition], types: &[&str]) -> bool {
    types.iter().any(|type_| conditions::is_true(before, type_) != conditions::is_true(after, type_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_sets_the_time_for_all() {
        let (gathering, key) = (Gathering::default(), Key::new("n", "a"));
        let at = |milliseconds| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds);
        assert_eq!(gathering.waits_until(&key), None);
        assert_eq!(gathering.begin(&key, at(0)), at(100));
        assert_eq!(gathering.waits_until(&key), Some(at(100)));
        gathering.settled(&key);
        assert_eq!(gathering.waits_until(&key), None);
    }
}
