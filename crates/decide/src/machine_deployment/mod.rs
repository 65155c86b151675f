//! MachineDeployment: keeps one MachineSet per template and moves Machines from old ones to the current one.

pub mod current;
pub mod rollout;
