//! Counting Machines that moved from an old MachineSet to the current one.

use super::Pass;

impl Pass<'_> {
    /// Raises the replicas of the current MachineSet by the Machines that arrived since the last pass.
    ///
    /// A Machine says that it moved until its MachineSet sees it counted; the MachineSet lists the Machines counted
    /// already. Together they make sure that each Machine is counted once, however often this runs. It comes before
    /// all scaling, which must know these Machines.
    pub(super) fn count_moved_machines(&mut self) {
        if !self.rollout.in_place_updates {
            return;
        }
        let arrived =
            self.rollout.machines.iter().filter(|machine| {
                machine.machine_set == self.new.seen.name && machine.pending_acknowledge_move
            });
        for machine in arrived {
            self.new.acknowledged_moves.insert(machine.name.clone());
            if !self.new.seen.acknowledged_moves.contains(&machine.name) {
                self.acknowledged.push(machine.name.clone());
                self.new.replicas += 1;
            }
        }
        if !self.acknowledged.is_empty() {
            let names: Vec<&str> = self.new.acknowledged_moves.iter().map(String::as_str).collect();
            let note = format!("acknowledge Machines {} moved from an old MachineSet", names.join(","));
            self.new.note(note);
        }
    }
}
