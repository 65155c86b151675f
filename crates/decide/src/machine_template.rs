//! Whether a Machine, or the template of a MachineSet, is what its owner wants today.

use api::core::common::ContractVersionedObjectReference;
use api::core::machine::{MachineBootstrap, MachineSpec};

/// How a template differs from the wanted one. Both lists tell the same differences in the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// For logs and events: by field.
    pub log_messages: Vec<String>,
    /// For the condition `UpToDate` of Machines and `RollingOut` of their owners.
    pub condition_messages: Vec<String>,
}

impl Difference {
    /// Nothing needs to be replaced.
    pub fn is_none(&self) -> bool {
        self.log_messages.is_empty()
    }

    fn add(&mut self, log_message: String, condition_message: String) {
        self.log_messages.push(log_message);
        self.condition_messages.push(condition_message);
    }
}

/// Compares what can only be changed by a new Machine, or by an in-place update: version, bootstrap, infrastructure and
/// failure domain. Everything else in a template is handed on to Machines as they are.
pub fn difference(current: &MachineSpec, desired: &MachineSpec) -> Difference {
    let mut difference = Difference::default();
    let (is, wanted) = (text(&current.version), text(&desired.version));
    if is != wanted {
        difference
            .add(format!("spec.version {is}, {wanted} required"), format!("Version {is}, {wanted} required"));
    }
    compare_bootstrap(&current.bootstrap, &desired.bootstrap, &mut difference);
    let (is, wanted) = (&current.infrastructure_ref, &desired.infrastructure_ref);
    if is != wanted {
        difference.add(
            format!(
                "spec.infrastructureRef {} {}, {} {} required",
                is.kind, is.name, wanted.kind, wanted.name
            ),
            not_up_to_date(is),
        );
    }
    let (is, wanted) = (text(&current.failure_domain), text(&desired.failure_domain));
    if is != wanted {
        difference.add(
            format!("spec.failureDomain {is}, {wanted} required"),
            format!("Failure domain {is}, {wanted} required"),
        );
    }
    difference
}

/// The whole of both is compared; the message looks at what the current one has.
fn compare_bootstrap(current: &MachineBootstrap, desired: &MachineBootstrap, difference: &mut Difference) {
    let (is, wanted) = (defined(current), defined(desired));
    if is == wanted && current.data_secret_name == desired.data_secret_name {
        return;
    }
    let nothing = ContractVersionedObjectReference::default();
    if let Some(is) = is {
        let wanted = wanted.unwrap_or(&nothing);
        difference.add(
            format!(
                "spec.bootstrap.configRef {} {}, {} {} required",
                is.kind, is.name, wanted.kind, wanted.name
            ),
            not_up_to_date(is),
        );
    } else {
        let name = |bootstrap: &MachineBootstrap| {
            bootstrap.data_secret_name.clone().unwrap_or_else(|| "nil".to_owned())
        };
        let message = format!("spec.bootstrap.dataSecretName {}, {} required", name(current), name(desired));
        difference.add(message.clone(), message);
    }
}

fn defined(bootstrap: &MachineBootstrap) -> Option<&ContractVersionedObjectReference> {
    let nothing = ContractVersionedObjectReference::default();
    bootstrap.config_ref.as_ref().filter(|reference| **reference != nothing)
}

/// The message is read on a Machine, so it speaks of what was made from the template.
fn not_up_to_date(reference: &ContractVersionedObjectReference) -> String {
    let kind = reference.kind.strip_suffix("Template").unwrap_or(&reference.kind);
    format!("{kind} is not up-to-date")
}

fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}
