//! Shrinking old MachineSets without going below the available Machines that a user asked for.

use super::{Pass, Working};

/// What may still be taken away, and what it may cost.
#[derive(Clone, Copy)]
struct Budget {
    /// Replicas that may still go.
    replicas: i64,
    /// Machines that are available, in the worst case, after what was decided so far.
    available: i64,
    /// Machines that must stay available.
    min_available: i64,
}

/// Which replicas a round of shrinking is after.
#[derive(Clone, Copy, PartialEq)]
enum Round {
    Unavailable,
    All,
}

impl Pass<'_> {
    /// Shrinks old MachineSets, the oldest first: first by what is unavailable, then by what is left of the budget.
    pub(super) fn shrink_old(&mut self, max_unavailable: i64) {
        if self.old.iter().map(|set| set.replicas).sum::<i64>() == 0 {
            return;
        }
        let min_available = (self.replicas - max_unavailable).max(0);
        let total: i64 = self.all().map(|set| set.replicas).sum();
        // Unavailable Machines of the current MachineSet slow everything down: they may be broken for good, and then no
        // working Machine should be traded for another of them.
        let new_unavailable = (self.new.replicas - self.new.available).max(0);
        let replicas = total - self.pending_scale_down() - min_available - new_unavailable;
        if replicas <= 0 {
            return;
        }
        self.sort_old_by_age();
        let available = self.all().map(|set| set.available).sum();
        let mut budget = Budget { replicas, available, min_available };
        for round in [Round::Unavailable, Round::All] {
            for set in &mut self.old {
                if budget.replicas <= 0 {
                    break;
                }
                shrink(set, round, &mut budget);
            }
        }
    }

    /// Machines that exist and are already doomed, by this pass or an earlier one. Nobody knows whether they are the
    /// available ones.
    fn pending_scale_down(&self) -> i64 {
        let doomed = |set: &Working<'_>| {
            let target = set.intent.map_or(set.replicas, |intent| intent.min(set.replicas));
            (set.current - target).max(0)
        };
        self.all().map(doomed).sum()
    }
}

fn shrink(set: &mut Working<'_>, round: Round, budget: &mut Budget) {
    let replicas = set.target();
    if replicas <= 0 {
        return;
    }
    let wanted = match round {
        Round::Unavailable => (replicas - set.available).max(0),
        Round::All => replicas,
    };
    let mut fewer = wanted.min(budget.replicas);
    if fewer == 0 {
        return;
    }
    let available_before = budget.available;
    if set.available > 0 {
        let spare = (budget.available - budget.min_available).max(0);
        let mut target = (replicas - fewer).max(0);
        let mut deleted = (set.current - target).max(0);
        if deleted > 0 {
            if budget.available - budget.min_available < deleted {
                target = (set.current - spare).min(replicas);
                fewer = (replicas - target).max(0);
                deleted = (set.current - target).max(0);
            }
            budget.available -= set.available.min(deleted);
        }
    }
    if fewer > 0 {
        set.note(if available_before == budget.available {
            "scale down to align to existing Machines or scale down by removing unavailable replicas (and no \
             available replicas exist on the MachineSet)"
                .to_owned()
        } else {
            format!(
                "{available_before} available replicas > {} minimum available replicas",
                budget.min_available
            )
        });
        set.intent = Some((replicas - fewer).max(0));
        budget.replicas = (budget.replicas - fewer).max(0);
    }
}
