//! How far the drain of a Node has come, in words.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;

/// How many Pods a line names.
const NAMED_PODS: usize = 3;

/// How many different failures are told.
const TOLD_FAILURES: usize = 5;

const BUDGET: &str = "annot evict pod as it would violate the pod's disruption budget.";

/// What is still on a Node after a round of evictions. Pods are named `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// On their way, whether by this round or before.
    pub deleting: Vec<String>,
    /// What the API server said, with the Pods that could not be evicted because of it.
    pub failed: BTreeMap<String, Vec<String>>,
    /// Waiting for their turn to be evicted.
    pub evict_later: Vec<String>,
    /// Waited for.
    pub wait_now: Vec<String>,
    /// Waiting for their turn to be waited for.
    pub wait_later: Vec<String>,
}

impl Progress {
    /// Nothing that matters is left.
    pub fn is_completed(&self) -> bool {
        self.deleting.is_empty()
            && self.failed.is_empty()
            && self.evict_later.is_empty()
            && self.wait_now.is_empty()
            && self.wait_later.is_empty()
    }

    /// The message of the Machine's condition; empty once the drain is completed.
    pub fn message(&self, started: Timestamp) -> String {
        if self.is_completed() {
            return String::new();
        }
        let mut lines = vec![format!("Drain not completed yet (started at {}):", whole_seconds(started))];
        if !self.deleting.is_empty() {
            let what = "deletionTimestamp set, but still not removed from the Node";
            lines.push(item(&self.deleting, what));
        }
        self.failures(&mut lines);
        if !self.wait_now.is_empty() {
            lines.push(item(&self.wait_now, "waiting for completion"));
        }
        let mut later = |pods: &[String], what: &str| {
            if !pods.is_empty() {
                let after = "After above Pods have been removed from the Node";
                lines.push(format!("{after}, {what}: {}", named(pods)));
            }
        };
        later(&self.evict_later, "the following Pods will be evicted");
        later(&self.wait_later, "waiting for the following Pods to complete without eviction");
        lines.join("\n")
    }

    fn failures(&self, lines: &mut Vec<String>) {
        for (problem, pods) in self.failed.iter().take(TOLD_FAILURES) {
            lines.push(item(pods, &failure(problem)));
        }
        match self.failed.values().skip(TOLD_FAILURES).map(Vec::len).sum::<usize>() {
            0 => {}
            1 => lines.push("* 1 Pod with other issues".to_owned()),
            others => lines.push(format!("* {others} Pods with other issues")),
        }
    }
}

/// A disruption budget is no failure, so its text is not introduced as one.
fn failure(problem: &str) -> String {
    let problem = problem.replace(&format!("C{BUDGET}"), &format!("c{BUDGET}"));
    if problem.starts_with(&format!("c{BUDGET}")) {
        problem
    } else {
        format!("failed to evict Pod, {problem}")
    }
}

fn item(pods: &[String], what: &str) -> String {
    let kind = if pods.len() > 1 { "Pods" } else { "Pod" };
    format!("* {kind} {}: {what}", named(pods))
}

fn named(pods: &[String]) -> String {
    let shown: Vec<&str> = pods.iter().take(NAMED_PODS).map(String::as_str).collect();
    let mut text = shown.join(", ");
    let more = pods.len() - shown.len();
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, ", ... ({more} more)");
    }
    text
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
