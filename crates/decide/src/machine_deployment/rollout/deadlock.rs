//! When broken Machines of old MachineSets block a roll-out for good.

use super::Pass;

impl Pass<'_> {
    /// Takes one replica from an old MachineSet that has unavailable Machines, where nothing else moves.
    ///
    /// Shrinking assumes that available Machines go first, so with every available Machine needed, broken ones of old
    /// MachineSets would stay for ever; and nothing repairs old Machines. Most likely the one that goes is a broken one, so
    /// this breaks the promise of availability in the letter only.
    pub(super) fn break_deadlock(&mut self) {
        let current: i64 = self.old.iter().map(|set| set.current).sum();
        let available: i64 = self.old.iter().map(|set| set.available).sum();
        let settled = self.all().all(|set| set.replicas == set.current && set.intent.is_none());
        let new_works = self.new.available == self.new.current;
        if current == 0 || current == available || !settled || !new_works {
            return;
        }
        let stuck = self.old.iter_mut().find(|set| set.available != set.current && set.replicas != 0);
        if let Some(set) = stuck {
            set.intent = Some((set.replicas - 1).max(0));
            self.new.note("scaling down by 1 to unblock rollout stuck due to unavailable Machine on oldMS");
        }
    }
}
