//! What one step of a decision comes to.

use super::observed::Need;
use super::waiting::Waiting;
use crate::plan::{Action, Next};

/// What one step comes to.
#[derive(Debug)]
pub enum Step {
    /// Some actions, perhaps none, that the next steps need not wait for.
    And(Vec<Action>),
    /// Actions that have to take effect before anything else is decided. With a time where no event tells of the effect.
    Act(Vec<Action>, Next<Need>),
    /// Nothing more can be done for now. With a time where no event tells of the end.
    Wait(Waiting, Next<Need>),
    /// A fact has to be looked up first.
    Look(Need),
}

impl Step {
    /// Nothing to do here.
    pub fn pass() -> Self {
        Self::And(Vec::new())
    }

    /// Actions that show in what is seen next, or nothing.
    pub fn act(actions: Vec<Action>) -> Self {
        if actions.is_empty() { Self::pass() } else { Self::Act(actions, Next::OnChange) }
    }

    /// Waiting for something that an event tells of.
    pub fn wait(reason: Waiting) -> Self {
        Self::Wait(reason, Next::OnChange)
    }

    /// Whether the next step may follow.
    pub fn is_pass(&self) -> bool {
        matches!(self, Self::And(_))
    }
}
