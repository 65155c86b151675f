//! What is looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::core::Cluster;
use api::core::common::{ContractVersionedObjectReference, Metadata};
use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use api::labels;
use jiff::Timestamp;
use serde_json::Value;

use super::{machine, templates::Template};
use crate::applied::Applied;
use crate::owners;
use crate::referenced::Referenced;

/// Everything a decision about a MachineSet depends on.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object itself.
    pub machine_set: Arc<MachineSet>,
    /// Its Cluster.
    pub cluster: Option<Arc<Cluster>>,
    /// The MachineDeployment that its label names.
    pub deployment: Option<Arc<MachineDeployment>>,
    /// Machines that it selects and that nobody else controls, by name.
    pub machines: Vec<SeenMachine>,
    /// Names of all Machines of the Cluster.
    pub taken_names: BTreeSet<String>,
    /// The template of infrastructure objects.
    pub infrastructure_template: Referenced,
    /// The template of bootstrap configs.
    pub bootstrap_template: Referenced,
    /// The control plane of the Cluster.
    pub control_plane: Referenced,
    /// Infrastructure objects and bootstrap configs that belong to the MachineSet itself, by kind and name: other
    /// implementations make them before their Machine.
    pub belongings: Vec<Arc<Value>>,
}

/// A Machine and what it is made of.
#[derive(Debug, Clone, Default)]
pub struct SeenMachine {
    /// The Machine.
    pub machine: Arc<Machine>,
    /// What was applied to it by [`super::MANAGER`] before; `None` if nothing ever was.
    pub applied: Option<Applied>,
    /// Its bootstrap config.
    pub bootstrap: Referenced,
    /// Its infrastructure object.
    pub infrastructure: Referenced,
}

impl SeenMachine {
    /// The name.
    pub fn name(&self) -> &str {
        self.machine.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whether its deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.machine.metadata.deletion_timestamp.is_some()
    }

    /// Whether it carries an annotation.
    pub fn is_annotated(&self, annotation: &str) -> bool {
        self.machine.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(annotation))
    }
}

impl Observed {
    /// The uid of the MachineSet.
    pub(super) fn uid(&self) -> &str {
        self.machine_set.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.machine_set.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.machine_set.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.machine_set.metadata.deletion_timestamp.is_some()
    }

    /// The value of an annotation of the MachineSet; empty counts as absent.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        let value = self.machine_set.metadata.annotations.as_ref()?.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether it came from a MachineDeployment.
    pub(super) fn has_deployment(&self) -> bool {
        let own = self.machine_set.metadata.labels.as_ref();
        own.is_some_and(|own| own.contains_key(labels::DEPLOYMENT_NAME))
    }

    /// Whether its MachineDeployment should be there and is not.
    pub(super) fn lacks_deployment(&self) -> bool {
        self.has_deployment() && self.deployment.is_none()
    }

    /// Whether its MachineDeployment has moved on to another MachineSet.
    pub(super) fn is_outdated(&self) -> bool {
        let revision = |annotations: &Option<_>| {
            let annotations: Option<&std::collections::BTreeMap<String, String>> = annotations.as_ref();
            annotations.and_then(|all| all.get(labels::REVISION)).cloned()
        };
        self.has_deployment()
            && self.deployment.as_ref().is_some_and(|deployment| {
                revision(&deployment.metadata.annotations) != revision(&self.machine_set.metadata.annotations)
            })
    }

    /// The Machines that it controls.
    pub(super) fn own(&self) -> Vec<&SeenMachine> {
        let uid = self.uid();
        let is_own = |seen: &&SeenMachine| {
            owners::controller_of(&seen.machine.metadata).is_some_and(|owner| owner.uid == uid)
        };
        self.machines.iter().filter(is_own).collect()
    }

    /// Labels and annotations of its Machines.
    pub(super) fn machine_metadata(&self) -> Metadata {
        machine::metadata(&self.machine_set)
    }

    /// How its bootstrap configs are made, if they are.
    pub(super) fn bootstrap_reference(&self) -> Option<&ContractVersionedObjectReference> {
        self.machine_set.spec.template.spec.bootstrap.config_ref.as_ref()
    }

    /// Its templates: bootstrap first.
    pub(super) fn templates(&self) -> Vec<Template<'_>> {
        let infrastructure = Template {
            reference: &self.machine_set.spec.template.spec.infrastructure_ref,
            seen: &self.infrastructure_template,
        };
        let bootstrap = self
            .bootstrap_reference()
            .map(|reference| Template { reference, seen: &self.bootstrap_template });
        bootstrap.into_iter().chain([infrastructure]).collect()
    }
}
