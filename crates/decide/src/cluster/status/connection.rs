//! `RemoteConnectionProbe`: whether the API server of the cluster answers.

use api::conditions::{REMOTE_CONNECTION_PROBE, reason};
use jiff::{SignedDuration, Timestamp};

use super::super::observed::Need;
use super::Conditions;
use crate::conditions::{NewCondition, has};
use crate::plan::Next;

/// How long an API server may be silent before that is told (upstream's `--remote-connection-grace-period`).
const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// How soon a connection is looked at again that fails, or has been tried too rarely to say so. Its beginning and its end are
/// told, but not that it recovers in between or that a further try failed.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// Sets the condition; tells when it has to be looked at again.
pub fn probe(conditions: &mut Conditions<'_>) -> Next<Need> {
    let (now, connection) = (conditions.seen.now, conditions.seen.connection);
    let failed =
        |message: String| NewCondition::new(REMOTE_CONNECTION_PROBE, false, reason::PROBE_FAILED, message);
    if connection.is_untried() {
        // What was last known stays: this process may just have begun.
        if !has(&conditions.list, REMOTE_CONNECTION_PROBE) {
            conditions.put(failed("Remote connection not established yet".to_owned()));
        }
        return if connection.consecutive_failures > 0 { again(now) } else { Next::OnChange };
    }
    let ends = connection.last_success.and_then(|success| success.checked_add(GRACE).ok());
    if connection.is_healthy || ends.is_some_and(|ends| now <= ends) {
        conditions.put(NewCondition::new(REMOTE_CONNECTION_PROBE, true, reason::PROBE_SUCCEEDED, ""));
        let late = ends.and_then(|ends| ends.checked_add(SignedDuration::from_secs(1)).ok());
        return if connection.is_healthy { Next::OnChange } else { late.map_or(Next::OnChange, Next::At) };
    }
    let message = match connection.last_success {
        None => "Remote connection probe failed".to_owned(),
        Some(success) => {
            let success = Timestamp::from_second(success.as_second()).unwrap_or(success);
            format!("Remote connection probe failed, probe last succeeded at {success}")
        }
    };
    conditions.put(failed(message));
    if connection.is_connected { again(now) } else { Next::OnChange }
}

fn again(now: Timestamp) -> Next<Need> {
    now.checked_add(PAUSE).map_or(Next::OnChange, Next::At)
}
