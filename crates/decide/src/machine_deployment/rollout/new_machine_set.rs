//! Scaling the current MachineSet.

use super::Pass;

impl Pass<'_> {
    /// Grows the current MachineSet as far as `surge` lets it, or cuts it down to what is wanted.
    pub(super) fn scale_new_by_rolling_update(&mut self, surge: i64) {
        let ceiling = self.replicas + surge;
        let limit = format!("{} MachineDeployment spec.replicas + {surge} maxSurge", self.replicas);
        // Surge is no reason to have more than what is wanted in the end.
        self.scale_new(ceiling, true, &limit);
    }

    /// Grows the current MachineSet by what is missing over all MachineSets, or cuts it down to what is wanted.
    pub(super) fn scale_new_by_deletions(&mut self) {
        let limit = format!("{} MachineDeployment spec.replicas", self.replicas);
        self.scale_new(self.replicas, false, &limit);
    }

    /// Cutting down does not ask about availability: whoever lowers the replicas of a MachineDeployment means it.
    fn scale_new(&mut self, ceiling: i64, capped: bool, limit: &str) {
        if self.new.replicas == self.replicas {
            return;
        }
        if self.new.replicas > self.replicas {
            self.new.note("scale down to align MachineSet spec.replicas to MachineDeployment spec.replicas");
            self.new.intent = Some(self.replicas);
            return;
        }
        let count = self.machine_count();
        let mut room = ceiling - count;
        if capped {
            room = room.min(self.replicas - self.new.replicas);
        }
        if room > 0 {
            self.new.note(format!("{count} current Machines < {limit}"));
            self.new.intent = Some(self.new.replicas + room);
        }
    }
}
