//! Changing Machines where they are instead of replacing them.

use std::collections::BTreeSet;

use super::{InPlaceUpdate, Pass};

impl Pass<'_> {
    /// Tells old MachineSets that can to hand Machines over instead of deleting them, and holds back new Machines that
    /// would only be made because of surge.
    ///
    /// The numbers decided so far stay as they are: an in-place update can fail, so it counts as unavailability just like
    /// a replacement.
    pub(super) fn prefer_in_place_updates(&mut self) {
        if !self.rollout.in_place_updates || self.new.replicas >= self.replicas {
            return;
        }
        let movers = self.movers();
        if movers.is_empty() {
            return;
        }
        self.new.receive_from = movers;
        self.hold_back_surge();
    }

    /// Marks the old MachineSets whose Machines can move.
    fn movers(&mut self) -> BTreeSet<String> {
        let mut movers = BTreeSet::new();
        let current = &self.new.seen.name;
        for set in self.old.iter_mut().filter(|set| set.current > 0) {
            match set.seen.in_place_update {
                InPlaceUpdate::NotEligible | InPlaceUpdate::Impossible => {}
                InPlaceUpdate::NotAsked => self.ask.push(set.seen.name.clone()),
                InPlaceUpdate::Possible => {
                    set.note(format!("should scale down by moving Machines to MachineSet {current}"));
                    set.move_to = Some(current.clone());
                    movers.insert(set.seen.name.clone());
                }
            }
        }
        movers
    }

    /// Takes back growth beyond what is wanted in total, except for one Machine where nothing else would ever move.
    fn hold_back_surge(&mut self) {
        let Some(growth) = self.new.intent.map(|intent| intent - self.new.replicas).filter(|more| *more > 0)
        else {
            return;
        };
        let total: i64 = self.all().map(|set| set.target().max(set.current)).sum();
        let surge = growth.min((total - self.replicas).max(0));
        if surge <= 0 {
            return;
        }
        let mut kept = growth - surge;
        if kept == 0 && !self.something_moves() {
            kept = 1;
            self.new.note("surge 1 allowed to create availability for in-place updates");
        } else {
            self.new.note(format!("surge {surge} dropped to prioritize in-place updates"));
        }
        self.new.intent = (kept > 0).then_some(self.new.replicas + kept);
    }

    /// Whether waiting is enough: a MachineSet is scaling, or an in-place update has yet to come to an end.
    fn something_moves(&mut self) -> bool {
        let scaling = self.new.replicas != self.new.current
            || self.old.iter().any(|set| {
                set.replicas < set.current || set.intent.is_some_and(|intent| intent < set.replicas)
            });
        // The MachineSet and its Machines both tell about updates, and neither is always the first to know.
        if scaling || self.new.replicas != self.new.up_to_date {
            return true;
        }
        let updating = self.rollout.machines.iter().filter(|machine| machine.updating);
        self.updating.extend(updating.map(|machine| machine.name.clone()));
        // An updated Machine still has to become available before it makes room for the next one.
        !self.updating.is_empty() || self.new.replicas != self.new.available
    }
}
