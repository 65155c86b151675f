//! Which Machines are to be replaced, why, and the next step of that.

use api::controlplane::KubeadmControlPlaneRolloutSpec;
use api::core::Machine;
use api::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::kubeadm_diff::Wanted;
use super::observed::{Observed, SeenMachine};
use super::step::Step;
use super::view::View;
use super::{desired, scale, select};
use crate::machine_template::Difference;

/// Compares Machines with what is wanted.
pub struct Comparison<'a> {
    seen: &'a Observed,
    wanted: Wanted,
}

impl<'a> Comparison<'a> {
    /// Compares with what this control plane wants.
    pub fn new(seen: &'a Observed) -> Self {
        Self { seen, wanted: Wanted::new(&seen.control_plane) }
    }

    /// How a Machine differs. Labels, annotations, taints and time-outs are changed in place and do not count.
    pub fn difference(&self, machine: &SeenMachine) -> Difference {
        let spec = &self.seen.control_plane.spec;
        let mut difference = Difference::default();
        let mut add = |log: String, condition: String| {
            difference.log_messages.push(log);
            difference.condition_messages.push(condition);
        };
        if expires_at(&spec.rollout, &machine.machine).is_some_and(|time| time < self.seen.now) {
            add("certificates will expire soon".to_owned(), "Certificates will expire soon".to_owned());
        }
        if is_older_than_rollout(&spec.rollout, machine, self.seen.now) {
            add(
                "rollout.after has passed".to_owned(),
                "KubeadmControlPlane spec.rolloutAfter expired".to_owned(),
            );
        }
        let is = machine.machine.spec.version.as_deref().unwrap_or_default();
        if is != spec.version {
            let message = format!("Version {is}, {} required", spec.version);
            add(message.clone(), message);
        }
        let is_config_current =
            machine.config.as_ref().is_none_or(|config| self.wanted.matches(&config.spec));
        if !is_config_current {
            add("the KubeadmConfig differs".to_owned(), "KubeadmConfig is not up-to-date".to_owned());
        }
        if let Some(template) = self.other_template(machine.infrastructure.object()) {
            let kind = &machine.machine.spec.infrastructure_ref.kind;
            add(format!("made from {template}"), format!("{kind} is not up-to-date"));
        }
        difference
    }

    /// The template that an infrastructure object was made from, if it is another one. Objects that do not say were
    /// adopted, and count as current.
    fn other_template(&self, object: Option<&Value>) -> Option<String> {
        let annotations = &object?["metadata"]["annotations"];
        let name = annotations[labels::CLONED_FROM_NAME].as_str()?;
        let group_kind = annotations[labels::CLONED_FROM_GROUP_KIND].as_str()?;
        let wanted = &self.seen.control_plane.spec.machine_template.spec.infrastructure_ref;
        let same = name == wanted.name && group_kind == desired::group_kind(wanted);
        (!same).then(|| format!("{group_kind} {name}"))
    }
}

/// When a Machine is to be replaced because its certificates end.
fn expires_at(rollout: &KubeadmControlPlaneRolloutSpec, machine: &Machine) -> Option<Timestamp> {
    let days = rollout.before.certificates_expiry_days.filter(|days| *days > 0)?;
    let expiry = machine.status.certificates_expiry_date.as_ref()?.0;
    expiry.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok()
}

fn is_older_than_rollout(
    rollout: &KubeadmControlPlaneRolloutSpec,
    machine: &SeenMachine,
    now: Timestamp,
) -> bool {
    let Some(after) = rollout.after.as_ref().map(|after| after.0) else { return false };
    after < now && machine.created().is_some_and(|created| created < after)
}

/// When a Machine that is up to date no longer will be. Only the passing of time tells.
pub fn next(seen: &Observed) -> Option<Timestamp> {
    let rollout = &seen.control_plane.spec.rollout;
    let expiries = seen.own().into_iter().filter_map(|machine| expires_at(rollout, &machine.machine));
    let times = expiries.chain(rollout.after.as_ref().map(|after| after.0));
    // "Later than" is meant: the first second after that.
    let times = times.filter_map(|time| time.checked_add(SignedDuration::from_secs(1)).ok());
    times.filter(|time| *time > seen.now).min()
}

/// The next step of replacing outdated Machines: one more as long as there may be one more, else one less.
pub fn step(view: &View<'_>) -> Step {
    let outdated = view.outdated();
    if outdated.is_empty() {
        return Step::pass();
    }
    if view.machines.len() < view.seen.wanted() + max_surge(view.seen) {
        return scale::up(view, scale::Reason::Rollout);
    }
    match select::to_remove(view, &outdated) {
        Some(machine) => scale::down(view, machine, scale::Reason::Rollout),
        None => Step::pass(),
    }
}

/// How many Machines there may be too many while they are replaced: 1 or 0.
fn max_surge(seen: &Observed) -> usize {
    let strategy = seen.control_plane.spec.rollout.strategy.as_ref();
    match strategy.and_then(|strategy| strategy.rolling_update.max_surge.as_ref()) {
        Some(IntOrString::Int(count)) => usize::from(*count != 0),
        Some(IntOrString::String(text)) => usize::from(text.trim() != "0"),
        None => 1,
    }
}
