//! One Machine per replica: whoever makes a Machine had room for it.

use serde_json::Value;

use super::mirror::{Transition, is_deleting};
use super::{Judged, Violation, name, rollout_number};

const RULE: &str = "one Machine per replica";

/// Judges a write that made a Machine.
pub fn check(judged: &Judged<'_>, transition: &Transition) -> Result<(), Violation> {
    let Some(machine) = transition.created().filter(|_| transition.plural == "machines") else {
        return Ok(());
    };
    if let Some(set) = judged.mirror.controller_of("machinesets", machine) {
        return within(judged, "MachineSet", set, 0);
    }
    match judged.mirror.controller_of("kubeadmcontrolplanes", machine) {
        Some(control_plane) => {
            one_at_a_time(judged, control_plane)?;
            within(judged, "KubeadmControlPlane", control_plane, rollout_number(control_plane, "maxSurge", 1))
        }
        None => Ok(()),
    }
}

fn within(judged: &Judged<'_>, kind: &str, owner: &Value, surge: i64) -> Result<(), Violation> {
    let count = staying(judged, owner);
    let (_, most) = judged.memory.replicas(owner, judged.now);
    if count <= most + surge {
        return Ok(());
    }
    Err(Violation::new(
        RULE,
        format!("{kind} {} has {count} Machines and may have {most} + {surge}", name(owner)),
    ))
}

/// A control plane waits for a Machine that goes before it makes another.
fn one_at_a_time(judged: &Judged<'_>, control_plane: &Value) -> Result<(), Violation> {
    let machines = judged.mirror.controlled("machines", control_plane);
    match machines.into_iter().find(|machine| is_deleting(machine)) {
        None => Ok(()),
        Some(going) => Err(Violation::new(
            "a control plane changes one Machine at a time",
            format!("{} made a Machine while {} is going", name(control_plane), name(going)),
        )),
    }
}

/// Machines of an owner that nobody asked the end of.
pub fn staying(judged: &Judged<'_>, owner: &Value) -> i64 {
    judged.mirror.controlled("machines", owner).filter(|machine| !is_deleting(machine)).count() as i64
}
