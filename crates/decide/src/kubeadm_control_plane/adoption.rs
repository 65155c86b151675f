//! Control plane Machines that nobody controls become ours; while somebody else controls some, nothing is done.

use api::Kind;
use api::bootstrap::KubeadmConfig;
use machinery::version::Version;

use super::observed::{Need, Observed, SeenMachine};
use super::step::Step;
use super::waiting::Waiting;
use crate::owners;

/// Adopts what can be adopted.
pub fn step(seen: &Observed) -> Step {
    let foreign: Vec<String> = seen
        .machines
        .iter()
        .filter(|machine| {
            owners::controller_of(&machine.machine.metadata).is_some_and(|owner| owner.uid != seen.uid())
        })
        .map(|machine| machine.name().to_owned())
        .collect();
    if !foreign.is_empty() {
        return Step::wait(Waiting::ForeignMachines(foreign));
    }
    let alone =
        seen.machines.iter().filter(|machine| owners::controller_of(&machine.machine.metadata).is_none());
    // What is on its way out already is left to go.
    let alone: Vec<&SeenMachine> = alone.filter(|machine| !machine.is_deleting()).collect();
    if let Some(obstacle) = alone.iter().find_map(|machine| obstacle(seen, machine)) {
        return Step::wait(Waiting::Adoption(obstacle));
    }
    // The cache may be behind: whoever is being deleted leaves Machines behind on purpose, and must not take them back.
    match seen.is_kept {
        None if !alone.is_empty() => return Step::Look(Need::Kept),
        Some(false) => {
            let message = "the KubeadmControlPlane was deleted in the meantime".to_owned();
            return Step::wait(Waiting::Adoption(message));
        }
        None | Some(true) => {}
    }
    let owner = owners::controller(&*seen.control_plane);
    let why = "a control plane Machine that nobody controls";
    let adopted = alone.into_iter().filter_map(|machine| owners::adoption(&*machine.machine, &owner, why));
    Step::act(adopted.collect())
}

fn obstacle(seen: &Observed, machine: &SeenMachine) -> Option<String> {
    let config = machine.machine.spec.bootstrap.config_ref.as_ref();
    if config.is_none_or(|config| config.kind != KubeadmConfig::KIND) {
        return Some(format!("Machine {} has no bootstrap config of kind KubeadmConfig", machine.name()));
    }
    // Where the Machine does not tell its version, users are trusted to know what they do.
    let version = machine.machine.spec.version.as_deref().filter(|version| !version.is_empty())?;
    let (is, wanted) = (
        Version::parse_tolerant(version).ok()?,
        Version::parse_tolerant(&seen.control_plane.spec.version).ok()?,
    );
    let is_near = is.major == wanted.major && is.minor.abs_diff(wanted.minor) <= 1;
    (!is_near).then(|| {
        format!(
            "Could not adopt Machine {}: its version ({version}) is more than one minor version from {}",
            machine.name(),
            seen.control_plane.spec.version
        )
    })
}
