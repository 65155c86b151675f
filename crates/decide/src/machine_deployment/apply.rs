//! One apply per MachineSet: what the template hands on, how many Machines it should have, and how it should behave.

use std::collections::{BTreeMap, BTreeSet};

use api::Kind as _;
use api::core::machine_set::MachineSet;
use api::labels;

use super::machine_set::{self, Particulars};
use super::rollout::{self, Decision, InPlaceUpdate, Outcome, Rollout, Strategy};
use super::{MANAGER, Observed, SeenMachineSet, Step, Waiting, proportions, sets, sets::Sets};
use crate::machine_set::templates;
use crate::plan::Action;

/// What one MachineSet should have, and why.
#[derive(Default)]
struct Target {
    replicas: i32,
    annotations: BTreeMap<String, String>,
    notes: Vec<String>,
}

/// Applies to all MachineSets, and makes a new one where none has the wanted template.
pub(super) fn step(seen: &Observed, sets: &Sets<'_>) -> Step {
    let Some(wanted) = seen.deployment.spec.replicas else { return Step::waits(Waiting::Replicas) };
    if seen.deployment.spec.paused == Some(true) {
        let mut targets = targets_as_they_are(sets);
        for (name, replicas) in proportions::scale(seen, sets, wanted) {
            targets.insert(name, Target { replicas, ..Target::default() });
        }
        let mut step = Step::acts(applies(seen, sets, wanted, None, &targets));
        step.waiting.push(Waiting::RolloutPaused);
        return step;
    }
    if sets.current.is_none()
        && let Some(reason) = cannot_create(seen)
    {
        return Step::waits(reason);
    }
    let (name, hash) = sets::new_identity(seen);
    let new_name = sets.current.map_or(name.as_str(), SeenMachineSet::name);
    let outcome = rollout::plan(&rollout(seen, sets, wanted, new_name));
    let targets = targets(&outcome);
    let new = sets.current.is_none().then_some((name.as_str(), hash.as_str()));
    let mut step = Step::acts(applies(seen, sets, wanted, new, &targets));
    let notes: Vec<String> = targets.into_values().flat_map(|target| target.notes).collect();
    if !notes.is_empty() {
        step.waiting.push(Waiting::Rollout { notes });
    }
    step
}

/// Why no MachineSet can be made now.
fn cannot_create(seen: &Observed) -> Option<Waiting> {
    let is_going =
        |cluster: &std::sync::Arc<api::core::Cluster>| cluster.metadata.deletion_timestamp.is_some();
    if seen.cluster.as_ref().is_some_and(is_going) {
        return Some(Waiting::ClusterDeleting);
    }
    templates::missing(&seen.templates()).map(|missing| Waiting::Templates { missing })
}

/// The question to the planner.
fn rollout(seen: &Observed, sets: &Sets<'_>, wanted: i32, new_name: &str) -> Rollout {
    let strategy = if seen.is_rolling_update() {
        let limits = seen.limits().cloned().unwrap_or_default();
        Strategy::RollingUpdate { max_surge: limits.max_surge, max_unavailable: limits.max_unavailable }
    } else {
        Strategy::OnDelete
    };
    Rollout {
        replicas: wanted,
        strategy,
        // Nobody can be asked yet whether Machines can be changed in place.
        in_place_updates: false,
        new: sets.current.map_or_else(
            || rollout::MachineSet { name: new_name.to_owned(), ..rollout::MachineSet::default() },
            counted,
        ),
        old: sets.old.iter().map(|set| counted(set)).collect(),
        machines: Vec::new(),
    }
}

fn counted(set: &SeenMachineSet) -> rollout::MachineSet {
    let status = &set.machine_set.status;
    let moved = set.annotation(labels::ACKNOWLEDGED_MOVE).unwrap_or_default().split(',');
    rollout::MachineSet {
        name: set.name().to_owned(),
        created: Some(set.created()),
        replicas: set.replicas(),
        current_replicas: status.replicas.unwrap_or_default(),
        available_replicas: status.available_replicas.unwrap_or_default(),
        up_to_date_replicas: status.up_to_date_replicas.unwrap_or_default(),
        in_place_update: InPlaceUpdate::NotEligible,
        acknowledged_moves: moved.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    }
}

fn targets_as_they_are(sets: &Sets<'_>) -> BTreeMap<String, Target> {
    let target = |set: &SeenMachineSet| {
        (set.name().to_owned(), Target { replicas: set.replicas(), ..Target::default() })
    };
    sets.old.iter().copied().chain(sets.current).map(target).collect()
}

fn targets(outcome: &Outcome) -> BTreeMap<String, Target> {
    let target = |decision: &Decision| {
        let mut annotations = BTreeMap::new();
        let mut set = |key: &str, names: &BTreeSet<String>| {
            if !names.is_empty() {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                annotations.insert(key.to_owned(), names.join(","));
            }
        };
        set(labels::MOVE_MACHINES_TO_MACHINE_SET, &decision.move_to.iter().cloned().collect());
        set(labels::RECEIVE_MACHINES_FROM_MACHINE_SETS, &decision.receive_from);
        set(labels::ACKNOWLEDGED_MOVE, &decision.acknowledged_moves);
        let target = Target { replicas: decision.target(), annotations, notes: decision.notes.clone() };
        (decision.name.clone(), target)
    };
    outcome.old.iter().chain([&outcome.new]).map(target).collect()
}

/// The current MachineSet comes first: it grows before others shrink. `new` is the name and the hash of one that is yet to
/// be made.
fn applies(
    seen: &Observed,
    sets: &Sets<'_>,
    wanted: i32,
    new: Option<(&str, &str)>,
    targets: &BTreeMap<String, Target>,
) -> Vec<Action> {
    let nothing = Target::default();
    let target = |name: &str| targets.get(name).unwrap_or(&nothing);
    let revision = sets.revision.to_string();
    let mut actions = Vec::new();
    if let Some((name, hash)) = new {
        let particulars = Particulars {
            live: None,
            name,
            hash: Some(hash),
            replicas: target(name).replicas,
            revision: Some(revision.clone()),
            creates_none: false,
            annotations: target(name).annotations.clone(),
        };
        let object = machine_set::desired(seen, wanted, &particulars);
        actions.push(apply(&object, sets.create_reason.clone()));
    }
    let current = sets.current.into_iter().map(|set| (set, Some(revision.clone()), false));
    // Where users replace Machines by deleting them, an old MachineSet must not make them anew.
    let creates_none = !seen.is_rolling_update();
    let old =
        sets.old.iter().map(|set| (*set, set.annotation(labels::REVISION).map(str::to_owned), creates_none));
    for (set, revision, creates_none) in current.chain(old).filter(|(set, ..)| !set.is_deleting()) {
        let target = target(set.name());
        let particulars = Particulars {
            live: Some(set),
            name: set.name(),
            hash: set.hash(),
            replicas: target.replicas,
            revision,
            creates_none,
            annotations: target.annotations.clone(),
        };
        let object = machine_set::desired(seen, wanted, &particulars);
        if !machine_set::is_current(set, &object) {
            actions.push(apply(&object, why(set, target)));
        }
    }
    actions
}

fn why(set: &SeenMachineSet, target: &Target) -> String {
    if set.replicas() == target.replicas || target.notes.is_empty() {
        return "the MachineDeployment says so".to_owned();
    }
    target.notes.join(", ")
}

fn apply(object: &MachineSet, why: String) -> Action {
    Action::apply(MANAGER, object.to_json(), why)
}
