//! What is looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::core::Cluster;
use api::core::machine::Machine;
use api::core::machine_deployment::{MachineDeployment, MachineDeploymentRolloutStrategyRollingUpdate};
use api::core::machine_set::MachineSet;
use api::labels;
use jiff::Timestamp;

use crate::applied::Applied;
use crate::machine_set::templates::Template;
use crate::owners;
use crate::referenced::Referenced;

/// Everything a decision about a MachineDeployment depends on.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object itself.
    pub deployment: Arc<MachineDeployment>,
    /// Its Cluster.
    pub cluster: Option<Arc<Cluster>>,
    /// MachineSets that it controls, or selects and that nobody controls, by name.
    pub machine_sets: Vec<SeenMachineSet>,
    /// Names of all MachineSets of the Cluster.
    pub taken_names: BTreeSet<String>,
    /// Machines that its MachineSets control, by name.
    pub machines: Vec<Arc<Machine>>,
    /// The template of infrastructure objects.
    pub infrastructure_template: Referenced,
    /// The template of bootstrap configs.
    pub bootstrap_template: Referenced,
}

/// A MachineSet, and what was applied to it.
#[derive(Debug, Clone, Default)]
pub struct SeenMachineSet {
    /// The MachineSet.
    pub machine_set: Arc<MachineSet>,
    /// What was applied to it by [`super::MANAGER`] before; `None` if nothing ever was.
    pub applied: Option<Applied>,
}

impl SeenMachineSet {
    /// The name.
    pub fn name(&self) -> &str {
        self.machine_set.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whether its deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.machine_set.metadata.deletion_timestamp.is_some()
    }

    /// When it was created; the beginning of time where it says nothing.
    pub(super) fn created(&self) -> Timestamp {
        self.machine_set
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |created| created.0)
    }

    /// `spec.replicas`, none counting as zero.
    pub(super) fn replicas(&self) -> i32 {
        self.machine_set.spec.replicas.unwrap_or_default()
    }

    /// The value of an annotation; empty counts as absent.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        let value = self.machine_set.metadata.annotations.as_ref()?.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// What tells it apart from the other MachineSets.
    pub(super) fn hash(&self) -> Option<&str> {
        self.machine_set.metadata.labels.as_ref()?.get(labels::MACHINE_TEMPLATE_HASH).map(String::as_str)
    }
}

impl Observed {
    pub(super) fn namespace(&self) -> &str {
        self.deployment.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.deployment.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.deployment.metadata.deletion_timestamp.is_some()
    }

    /// Whether it replaces Machines by itself. Admission fills in that it does.
    pub(super) fn is_rolling_update(&self) -> bool {
        let strategy = self.deployment.spec.rollout.strategy.as_ref();
        strategy.is_none_or(|strategy| strategy.r#type != "OnDelete")
    }

    /// The limits of a rolling update.
    pub(super) fn limits(&self) -> Option<&MachineDeploymentRolloutStrategyRollingUpdate> {
        self.deployment.spec.rollout.strategy.as_ref().map(|strategy| &strategy.rolling_update)
    }

    /// The MachineSets that it controls.
    pub(super) fn own(&self) -> Vec<&SeenMachineSet> {
        let uid = self.deployment.metadata.uid.as_deref().unwrap_or_default();
        let is_own = |seen: &&SeenMachineSet| {
            owners::controller_of(&seen.machine_set.metadata).is_some_and(|owner| owner.uid == uid)
        };
        self.machine_sets.iter().filter(is_own).collect()
    }

    /// Its templates: bootstrap first.
    pub(super) fn templates(&self) -> Vec<Template<'_>> {
        let spec = &self.deployment.spec.template.spec;
        let infrastructure =
            Template { reference: &spec.infrastructure_ref, seen: &self.infrastructure_template };
        let bootstrap = spec
            .bootstrap
            .config_ref
            .as_ref()
            .map(|reference| Template { reference, seen: &self.bootstrap_template });
        bootstrap.into_iter().chain([infrastructure]).collect()
    }
}
