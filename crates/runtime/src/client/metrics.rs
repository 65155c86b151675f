//! Requests counted by verb and resource.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::Verb;

/// Counts of all requests of a client and its clones.
#[derive(Debug, Default)]
pub struct Metrics {
    resources: RwLock<BTreeMap<String, Arc<PerVerb>>>,
    /// Applies that were not sent, because they would have changed nothing.
    unsent_applies: AtomicU64,
}

#[derive(Debug, Default)]
struct PerVerb {
    verbs: [Counts; Verb::ALL.len()],
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    failures: AtomicU64,
    conflicts: AtomicU64,
    microseconds: AtomicU64,
}

/// The counts of one verb on one resource since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The verb in lower case.
    pub verb: &'static str,
    /// `plural.group`, or `plural.group/subresource` where a subresource was addressed.
    pub resource: String,
    /// All requests.
    pub calls: u64,
    /// Those that ended in an error.
    pub failures: u64,
    /// Those of the failures that were conflicts.
    pub conflicts: u64,
    /// Time spent waiting for answers.
    pub duration: Duration,
}

impl Metrics {
    pub(super) fn record(
        &self,
        verb: Verb,
        resource: &str,
        duration: Duration,
        failed: bool,
        conflict: bool,
    ) {
        let per_verb = self.resource(resource);
        let Some(counts) = per_verb.verbs.get(verb as usize) else {
            return;
        };
        counts.calls.fetch_add(1, Relaxed);
        counts.failures.fetch_add(u64::from(failed), Relaxed);
        counts.conflicts.fetch_add(u64::from(conflict), Relaxed);
        counts.microseconds.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn record_unsent_apply(&self) {
        self.unsent_applies.fetch_add(1, Relaxed);
    }

    /// How many applies were not sent, because they would have changed nothing.
    pub fn unsent_applies(&self) -> u64 {
        self.unsent_applies.load(Relaxed)
    }

    /// All counts that are not zero, by resource and verb.
    pub fn calls(&self) -> Vec<CallCount> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        let mut calls = Vec::new();
        for (resource, per_verb) in resources.iter() {
            for (verb, counts) in Verb::ALL.iter().zip(&per_verb.verbs) {
                let count = counts.calls.load(Relaxed);
                if count > 0 {
                    calls.push(CallCount {
                        verb: verb.name(),
                        resource: resource.clone(),
                        calls: count,
                        failures: counts.failures.load(Relaxed),
                        conflicts: counts.conflicts.load(Relaxed),
                        duration: Duration::from_micros(counts.microseconds.load(Relaxed)),
                    });
                }
            }
        }
        calls
    }

    fn resource(&self, resource: &str) -> Arc<PerVerb> {
        if let Some(known) = self.resources.read().unwrap_or_else(PoisonError::into_inner).get(resource) {
            return Arc::clone(known);
        }
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(resources.entry(resource.to_owned()).or_default())
    }
}
