//! The roll-out planner: how many Machines the current and the old MachineSets of a MachineDeployment should have next.
//!
//! ```text
//!  Rollout (what is there) --plan--> Outcome (one Decision per MachineSet, each with its reasons)
//!
//!  RollingUpdate: count moved Machines -> grow the current MachineSet -> shrink old ones
//!                 -> prefer in-place updates over new Machines -> break a deadlock
//!  OnDelete:      grow the current MachineSet -> shrink old ones by what their users deleted
//! ```
//!
//! One call is one pass. It changes only numbers; Machines are made, moved and deleted by the MachineSets, and the next
//! pass starts from what they report. The planner always assumes the worst: that a MachineSet deletes an available Machine
//! first, and that an in-place update fails.

mod deadlock;
mod in_place;
mod moves;
mod new_machine_set;
mod on_delete;
mod rolling_update;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::scaling::{Fenceposts, rolling_update_limits, scaled_value};

/// How a MachineDeployment replaces its Machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// By itself, within limits.
    RollingUpdate {
        /// How many Machines there may be too many.
        max_surge: Option<IntOrString>,
        /// How many Machines may be unavailable.
        max_unavailable: Option<IntOrString>,
    },
    /// Whenever a user deletes an old one.
    OnDelete,
}

/// Whether the Machines of an old MachineSet can be changed without replacing them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InPlaceUpdate {
    /// In-place updates are off, or the difference rules them out.
    #[default]
    NotEligible,
    /// Perhaps; the update extensions have to be asked.
    NotAsked,
    /// The extensions can make every change.
    Possible,
    /// The extensions cannot.
    Impossible,
}

/// A MachineSet as the planner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineSet {
    /// Name.
    pub name: String,
    /// When it was created: old MachineSets shrink in this order.
    pub created: Option<Timestamp>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `status.replicas`.
    pub current_replicas: i32,
    /// `status.availableReplicas`.
    pub available_replicas: i32,
    /// `status.upToDateReplicas`.
    pub up_to_date_replicas: i32,
    /// Of an old MachineSet: whether its Machines can move to the current one.
    pub in_place_update: InPlaceUpdate,
    /// Of the current MachineSet: moved Machines that earlier passes have counted already (annotation
    /// `acknowledged-move`).
    pub acknowledged_moves: BTreeSet<String>,
}

/// A Machine as the planner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Name.
    pub name: String,
    /// Name of the MachineSet that owns it.
    pub machine_set: String,
    /// It came from an old MachineSet and waits to be counted (annotation `pending-acknowledge-move`).
    pub pending_acknowledge_move: bool,
    /// An in-place update runs or is about to.
    pub updating: bool,
}

/// Everything a pass looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `spec.replicas` of the MachineDeployment.
    pub replicas: i32,
    /// How it replaces Machines.
    pub strategy: Strategy,
    /// Whether in-place updates are switched on at all.
    pub in_place_updates: bool,
    /// The MachineSet with the current template; with zero replicas where it is yet to be made.
    pub new: MachineSet,
    /// All other MachineSets.
    pub old: Vec<MachineSet>,
    /// Machines of all of them.
    pub machines: Vec<Machine>,
}

/// What should become of one MachineSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Name of the MachineSet.
    pub name: String,
    /// `spec.replicas` as it is, with moved Machines counted in.
    pub replicas: i32,
    /// `spec.replicas` as it should become, where that differs from `replicas`.
    pub intent: Option<i32>,
    /// Why; for logs and events.
    pub notes: Vec<String>,
    /// Of an old MachineSet: move Machines to this MachineSet instead of deleting them.
    pub move_to: Option<String>,
    /// Of the current MachineSet: accept Machines from these.
    pub receive_from: BTreeSet<String>,
    /// Of the current MachineSet: moved Machines that are counted now.
    pub acknowledged_moves: BTreeSet<String>,
}

impl Decision {
    /// What `spec.replicas` should be.
    pub fn target(&self) -> i32 {
        self.intent.unwrap_or(self.replicas)
    }
}

/// The result of one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The current MachineSet.
    pub new: Decision,
    /// The old ones, in the order in which they shrink.
    pub old: Vec<Decision>,
    /// Machines that this pass counted for the first time, in the order given.
    pub acknowledged: Vec<String>,
    /// Machines whose in-place update holds the roll-out up, in the order given.
    pub updating: Vec<String>,
    /// Old MachineSets for which the update extensions have to be asked before this outcome may be used.
    pub ask: Vec<String>,
}

/// Plans one pass.
pub fn plan(rollout: &Rollout) -> Outcome {
    let mut pass = Pass::new(rollout);
    match &rollout.strategy {
        Strategy::RollingUpdate { max_surge, max_unavailable } => {
            let limits =
                rolling_update_limits(max_surge.as_ref(), max_unavailable.as_ref(), rollout.replicas);
            // The ceiling of the current MachineSet does not care whether the other limit can be read.
            let surge = max_surge.as_ref().and_then(|surge| scaled_value(surge, rollout.replicas, true).ok());
            pass.rolling_update(Fenceposts { surge: surge.unwrap_or_default(), ..limits });
        }
        Strategy::OnDelete => pass.on_delete(),
    }
    pass.outcome()
}

/// A MachineSet while a pass works on it. Counts are wide, so that sums of them cannot overflow.
struct Working<'a> {
    seen: &'a MachineSet,
    replicas: i64,
    current: i64,
    available: i64,
    up_to_date: i64,
    intent: Option<i64>,
    notes: Vec<String>,
    move_to: Option<String>,
    receive_from: BTreeSet<String>,
    acknowledged_moves: BTreeSet<String>,
}

impl<'a> Working<'a> {
    fn new(seen: &'a MachineSet) -> Self {
        Self {
            seen,
            replicas: seen.replicas.into(),
            current: seen.current_replicas.into(),
            available: seen.available_replicas.into(),
            up_to_date: seen.up_to_date_replicas.into(),
            intent: None,
            notes: Vec::new(),
            move_to: None,
            receive_from: BTreeSet::new(),
            acknowledged_moves: BTreeSet::new(),
        }
    }

    /// Replicas as decided so far.
    fn target(&self) -> i64 {
        self.intent.unwrap_or(self.replicas)
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn decision(self) -> Decision {
        Decision {
            name: self.seen.name.clone(),
            replicas: narrow(self.replicas),
            intent: self.intent.map(narrow),
            notes: self.notes,
            move_to: self.move_to,
            receive_from: self.receive_from,
            acknowledged_moves: self.acknowledged_moves,
        }
    }
}

fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// One pass at work.
struct Pass<'a> {
    rollout: &'a Rollout,
    replicas: i64,
    new: Working<'a>,
    old: Vec<Working<'a>>,
    acknowledged: Vec<String>,
    updating: Vec<String>,
    ask: Vec<String>,
}

impl<'a> Pass<'a> {
    fn new(rollout: &'a Rollout) -> Self {
        Self {
            rollout,
            replicas: rollout.replicas.into(),
            new: Working::new(&rollout.new),
            old: rollout.old.iter().map(Working::new).collect(),
            acknowledged: Vec::new(),
            updating: Vec::new(),
            ask: Vec::new(),
        }
    }

    fn rolling_update(&mut self, limits: Fenceposts) {
        self.count_moved_machines();
        self.scale_new_by_rolling_update(limits.surge.into());
        self.shrink_old(limits.unavailable.into());
        self.prefer_in_place_updates();
        self.break_deadlock();
    }

    fn on_delete(&mut self) {
        self.scale_new_by_deletions();
        self.shrink_old_by_deletions();
    }

    /// Old MachineSets first, then the current one.
    fn all(&self) -> impl Iterator<Item = &Working<'a>> {
        self.old.iter().chain(std::iter::once(&self.new))
    }

    /// Machines that are there or asked for, whichever is more.
    fn machine_count(&self) -> i64 {
        self.all().map(|set| set.replicas.max(set.current)).sum()
    }

    /// The oldest MachineSet shrinks first.
    fn sort_old_by_age(&mut self) {
        self.old.sort_by(|left, right| {
            (left.seen.created, &left.seen.name).cmp(&(right.seen.created, &right.seen.name))
        });
    }

    fn outcome(self) -> Outcome {
        Outcome {
            new: self.new.decision(),
            old: self.old.into_iter().map(Working::decision).collect(),
            acknowledged: self.acknowledged,
            updating: self.updating,
            ask: self.ask,
        }
    }
}
