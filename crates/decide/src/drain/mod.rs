//! Emptying a Node before its Machine goes.
//!
//! ```text
//!  Pods of the Node --verdict--> what to do with each --schedule--> whom to evict now, whom later
//!  what became of it --Progress::message--> the message of the Machine's condition
//! ```
//!
//! The rules are those of `kubectl drain`, plus a label on Pods and MachineDrainRules. Pods are evicted in the order that
//! rules give them; nobody is evicted while a Pod of a lower order is still there.

mod progress;
mod rule;
mod schedule;
mod verdict;

pub use progress::Progress;
pub use rule::{Rule, RuleError};
pub use schedule::{Schedule, schedule};
pub use verdict::{Surroundings, Verdict, VerdictReason, verdict};

use thiserror::Error;

/// What happens to a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// It is evicted.
    Drain,
    /// It stays and does not matter.
    Skip,
    /// It is not evicted, but has to end by itself first.
    WaitCompleted,
}

impl Behavior {
    /// The name in a MachineDrainRule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "Drain",
            Self::Skip => "Skip",
            Self::WaitCompleted => "WaitCompleted",
        }
    }

    /// Reads the name in a MachineDrainRule.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Drain, Self::Skip, Self::WaitCompleted].into_iter().find(|one| one.as_str() == text)
    }
}

/// A Node whose Pods cannot be judged; it is not drained then.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DrainError {
    /// The namespace of a Pod is not among those listed.
    #[error("Pod {pod}: its namespace does not exist")]
    NoNamespace {
        /// Namespace and name.
        pod: String,
    },
}
