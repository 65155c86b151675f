//! Which MachineSet is the current one, and what follows from that.

use api::core::machine::MachineSpec;
use machinery::selector::fnv_32a;

use super::{Observed, SeenMachineSet, current, revision};
use crate::names;

/// The MachineSets of a MachineDeployment.
pub(super) struct Sets<'a> {
    /// The one with the wanted template.
    pub current: Option<&'a SeenMachineSet>,
    /// All others.
    pub old: Vec<&'a SeenMachineSet>,
    /// Why there has to be a new one; empty where there is a current one.
    pub create_reason: String,
    /// The revision of the current one, or of the one that is yet to be made.
    pub revision: i64,
}

impl<'a> Sets<'a> {
    pub(super) fn of(seen: &'a Observed) -> Self {
        let own = seen.own();
        let candidates: Vec<current::Candidate<'_>> = own
            .iter()
            .map(|set| current::Candidate {
                name: set.name(),
                created: set.created(),
                replicas: set.replicas(),
                template: &set.machine_set.spec.template.spec,
            })
            .collect();
        let after = seen.deployment.spec.rollout.after.as_ref().map(|after| after.0);
        let choice = current::choose(&candidates, &seen.deployment.spec.template.spec, after, seen.now);
        let find = |name: &str| own.iter().copied().find(|set| set.name() == name);
        let current = choice.current.and_then(find);
        let old: Vec<&SeenMachineSet> = choice.old.iter().filter_map(|old| find(old.name)).collect();
        let revision = revision::of_current(current, &old);
        Self { current, old, create_reason: choice.create_reason, revision }
    }
}

/// The name of a MachineSet that is yet to be made, and the label value that tells it apart.
///
/// The value begins with a hash of what only a new MachineSet can change, and ends like the name, so that MachineSets with
/// the same template (as `rollout.after` makes them) differ.
pub(super) fn new_identity(seen: &Observed) -> (String, String) {
    let metadata = &seen.deployment.metadata;
    let base = format!("{}-", seen.name());
    let name = |suffix: &str| gotemplate::names::with_suffix(&base, suffix);
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let version = metadata.resource_version.as_deref().unwrap_or_default();
    let suffixes = names::suffixes(uid, version, 1, |suffix| seen.taken_names.contains(&name(suffix)));
    let suffix = suffixes.first().map(String::as_str).unwrap_or_default();
    let hash = template_hash(&seen.deployment.spec.template.spec);
    (name(suffix), format!("{hash}-{suffix}"))
}

fn template_hash(spec: &MachineSpec) -> u32 {
    let replaced = MachineSpec {
        cluster_name: spec.cluster_name.clone(),
        version: spec.version.clone(),
        bootstrap: spec.bootstrap.clone(),
        infrastructure_ref: spec.infrastructure_ref.clone(),
        failure_domain: spec.failure_domain.clone(),
        ..MachineSpec::default()
    };
    // A type of ours is always JSON.
    fnv_32a(serde_json::to_string(&replaced).unwrap_or_default().as_bytes())
}
