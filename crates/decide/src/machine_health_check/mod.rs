//! MachineHealthCheck: which Machines are beyond hope, and how many of them may be replaced at once.

mod allowance;
mod target;

pub use allowance::{Allowance, AllowanceError, allowance};
pub use target::{Check, Finding, Node, Target, examine};
