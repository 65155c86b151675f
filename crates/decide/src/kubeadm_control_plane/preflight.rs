//! What has to be well before a Machine is added or taken away: one operation at a time, on a control plane that is whole.

use api::conditions::{CERTIFICATES_AVAILABLE, ETCD_MEMBER_HEALTHY};
use api::labels;

use super::conditions::vital;
use super::view::{Own, View};
use super::{certificates, quorum};
use crate::conditions;
use crate::etcd_membership::Change;

/// What is not well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// A version that has yet to reach the control plane.
    pub version: Option<String>,
    /// A Machine is on its way out.
    pub deleting: bool,
    /// Certificates are missing.
    pub certificates: bool,
    /// Components of a Machine are not healthy, or not known to be.
    pub components: bool,
    /// An etcd member is not healthy, or not known to be.
    pub etcd: bool,
    /// What exactly, for people.
    pub details: Vec<String>,
}

impl Failures {
    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The sentences of conditions, without bullets.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(version) = &self.version {
            lines.push(format!("waiting for a version upgrade to {version} to be propagated"));
        }
        let mut add = |holds: bool, line: &str| {
            if holds {
                lines.push(line.to_owned());
            }
        };
        add(self.deleting, "waiting for a control plane Machine to complete deletion");
        add(self.certificates, "cluster certificates are missing or unknown");
        add(self.components, "waiting for control plane components to become healthy");
        add(self.etcd, "waiting for etcd cluster to become healthy");
        lines
    }
}

/// The operation that is about to begin.
#[derive(Clone, Copy)]
pub enum Operation<'a> {
    /// A Machine is made.
    Add,
    /// This Machine goes, and need not be well.
    Remove(&'a str),
}

/// What speaks against an operation. The first Machine of a cluster is always welcome.
pub fn failures(view: &View<'_>, operation: Operation<'_>) -> Failures {
    if view.machines.is_empty() {
        return Failures::default();
    }
    if let Some(version) = pending_version(view) {
        return Failures { version: Some(version), ..Failures::default() };
    }
    let is_add = matches!(operation, Operation::Add);
    if is_add && !conditions::is_true(&[certificates::as_condition(view.seen)], CERTIFICATES_AVAILABLE) {
        return Failures { certificates: true, ..Failures::default() };
    }
    if view.deleting().next().is_some() {
        return Failures { deleting: true, ..Failures::default() };
    }
    let failures = health(view, operation);
    if is_add && !failures.is_empty() && view.seen.annotation(labels::REMEDIATION_IN_PROGRESS).is_some() {
        return while_remediating(view);
    }
    failures
}

/// The version that a managed topology is about to bring to this control plane, if it is another one.
pub fn pending_version(view: &View<'_>) -> Option<String> {
    let topology = view.cluster.spec.topology.as_ref()?;
    let wanted = &view.seen.control_plane.spec.version;
    let annotations = view.cluster.metadata.annotations.as_ref();
    let step =
        annotations.and_then(|all| all.get(labels::TOPOLOGY_UPGRADE_STEP)).filter(|step| !step.is_empty());
    if topology.version == *wanted || step == Some(wanted) {
        return None;
    }
    Some(step.unwrap_or(&topology.version).clone())
}

/// Every Machine but the one that goes has to be whole.
fn health(view: &View<'_>, operation: Operation<'_>) -> Failures {
    let managed = view.seen.is_etcd_managed();
    let mut failures = Failures::default();
    for own in &view.machines {
        if matches!(operation, Operation::Remove(name) if name == own.name()) {
            continue;
        }
        if own.seen.node().is_none() {
            let name = own.name();
            let detail = format!(
                "Machine {name} does not have a corresponding Node yet (Machine.status.nodeRef not set)"
            );
            failures.details.push(detail);
            failures.components = true;
            failures.etcd |= managed;
            continue;
        }
        for condition in vital(managed).iter().filter(|condition| !own.has(condition)) {
            failures.details.push(detail(own, condition));
            if *condition == ETCD_MEMBER_HEALTHY {
                failures.etcd = true;
            } else {
                failures.components = true;
            }
        }
    }
    failures
}

fn detail(own: &Own<'_>, condition: &str) -> String {
    let name = own.name();
    match conditions::get(&own.machine.status.conditions, condition) {
        None => format!("Machine {name} does not have {condition} condition"),
        Some(found) => {
            let status = found.status.to_lowercase();
            format!("Machine {name} reports {condition} condition is {status} ({})", found.message)
        }
    }
}

/// A replacement may be made although others are broken too, if what is left can carry it.
fn while_remediating(view: &View<'_>) -> Failures {
    let mut failures = Failures::default();
    if !quorum::keeps_components(view, None) {
        failures.components = true;
        failures.details.push("no control plane Machine has all Kubernetes components healthy".to_owned());
    }
    if view.seen.is_etcd_managed() {
        match quorum::survives(view, Change { add: true, remove: None }) {
            Some(true) => {}
            Some(false) => {
                failures.etcd = true;
                failures.details.push("adding a Machine can lead to etcd quorum loss".to_owned());
            }
            None => failures.details.push("the list of etcd members is not known".to_owned()),
        }
    }
    failures
}
