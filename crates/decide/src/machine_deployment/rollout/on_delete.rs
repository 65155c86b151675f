//! Shrinking old MachineSets when users delete their Machines themselves.

use super::Pass;

impl Pass<'_> {
    /// Lets old MachineSets forget the Machines that are gone, and shrinks them further only where the MachineDeployment
    /// itself wants fewer.
    pub(super) fn shrink_old_by_deletions(&mut self) {
        let old_replicas: i64 = self.old.iter().map(|set| set.replicas).sum();
        if old_replicas == 0 {
            return;
        }
        let mut surplus = (old_replicas + self.new.target() - self.replicas).max(0);
        self.sort_old_by_age();
        // Replicas without a Machine: a user deleted it, or the MachineSet became an old one before it was made. They
        // go in any case, and count towards the surplus.
        for set in self.old.iter_mut().filter(|set| set.replicas > 0) {
            let gone = set.replicas - set.current;
            if gone > 0 {
                set.note("scale down to align to existing Machines");
                set.intent = Some((set.replicas - gone).max(0));
                surplus -= gone;
            }
        }
        for set in &mut self.old {
            if surplus <= 0 {
                break;
            }
            let fewer = set.target().min(surplus);
            if fewer > 0 {
                set.note("scale down to align MachineSet spec.replicas to MachineDeployment spec.replicas");
                // From the replicas as they are: what the loop above decided for this MachineSet is taken up again by
                // the next pass, when the numbers have settled.
                set.intent = Some((set.replicas - fewer).max(0));
                surplus -= fewer;
            }
        }
    }
}
