//! What to do with one Pod.

use std::collections::{BTreeMap, BTreeSet};

use api::workload::Pod;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{Behavior, DrainError, Rule};

/// Label with which a Pod says what should happen to it.
const DRAIN_LABEL: &str = "cluster.x-k8s.io/drain";

/// Annotation of the copies of static Pods; evicting those does nothing.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Everything besides a Pod that matters.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The time.
    pub now: Timestamp,
    /// Pods that have been deleting for longer than this are forgotten: the Node is unreachable, so nobody will report
    /// their end. Zero: never.
    pub skip_deleting_after_seconds: i64,
    /// Namespace and name of every DaemonSet.
    pub daemon_sets: BTreeSet<(String, String)>,
    /// Labels of every namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// The rules that apply to the Machine, by name.
    pub rules: Vec<&'a Rule>,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictReason {
    /// Nothing speaks against eviction.
    Okay,
    /// It is left alone.
    Skip,
    /// It ends by itself.
    WaitCompleted,
    /// Somebody may want to know, see the message.
    Warning,
}

/// What happens to a Pod, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What.
    pub behavior: Behavior,
    /// When, in relation to others; absent means 0.
    pub order: Option<i32>,
    /// Why.
    pub reason: VerdictReason,
    /// Warnings, for logs.
    pub message: String,
}

impl Verdict {
    fn skip(reason: VerdictReason, message: &str) -> Self {
        Self { behavior: Behavior::Skip, order: None, reason, message: message.to_owned() }
    }

    fn wait() -> Self {
        Self {
            behavior: Behavior::WaitCompleted,
            order: Some(0),
            reason: VerdictReason::WaitCompleted,
            message: String::new(),
        }
    }

    fn drain(order: Option<i32>, warnings: &[&str]) -> Self {
        let reason = if warnings.is_empty() { VerdictReason::Okay } else { VerdictReason::Warning };
        Self { behavior: Behavior::Drain, order, reason, message: warnings.join(", ") }
    }
}

/// Judges one Pod. The first thing that speaks against eviction decides; warnings of a Pod that is evicted add up.
pub fn verdict(pod: &Pod, surroundings: &Surroundings<'_>) -> Result<Verdict, DrainError> {
    if deleting_for_too_long(pod, surroundings) {
        return Ok(Verdict::skip(VerdictReason::Skip, ""));
    }
    let mut warnings = Vec::new();
    let finished = is_finished(pod);
    let controller = controller(pod);
    if let Some(controller) = controller.filter(|controller| controller.kind == "DaemonSet" && !finished) {
        let key = (namespace(pod).to_owned(), controller.name.clone());
        if surroundings.daemon_sets.contains(&key) {
            return Ok(Verdict::skip(VerdictReason::Warning, "ignoring DaemonSet-managed Pod"));
        }
        warnings.push("evicting orphaned DaemonSet-managed Pod");
    }
    let annotations = pod.metadata.annotations.as_ref();
    if annotations.is_some_and(|annotations| annotations.contains_key(MIRROR_ANNOTATION)) {
        return Ok(Verdict::skip(VerdictReason::Skip, ""));
    }
    if has_local_storage(pod) && !finished {
        warnings.push("evicting Pod with local storage");
    }
    if controller.is_none() && !finished {
        warnings.push("evicting Pod that has no controller");
    }
    match by_label(pod) {
        Some(verdict) => Ok(verdict),
        None => by_rules(pod, surroundings, &warnings),
    }
}

fn by_label(pod: &Pod) -> Option<Verdict> {
    let label = pod.metadata.labels.as_ref()?.get(DRAIN_LABEL)?;
    if label.eq_ignore_ascii_case("skip") {
        Some(Verdict::skip(VerdictReason::Skip, ""))
    } else if label.replacen('-', "", 1).eq_ignore_ascii_case("waitcompleted") {
        Some(Verdict::wait())
    } else {
        None
    }
}

fn by_rules(pod: &Pod, surroundings: &Surroundings<'_>, warnings: &[&str]) -> Result<Verdict, DrainError> {
    let labels = surroundings
        .namespaces
        .get(namespace(pod))
        .ok_or_else(|| DrainError::NoNamespace { pod: super::schedule::key(pod) })?;
    let rule = surroundings.rules.iter().find(|rule| rule.applies_to_pod(&pod.metadata.labels, labels));
    Ok(match rule.map(|rule| (rule.behavior, rule.order)) {
        None => Verdict::drain(Some(0), warnings),
        Some((Behavior::Drain, order)) => Verdict::drain(order, warnings),
        Some((Behavior::Skip, _)) => Verdict::skip(VerdictReason::Skip, ""),
        Some((Behavior::WaitCompleted, _)) => Verdict::wait(),
    })
}

fn deleting_for_too_long(pod: &Pod, surroundings: &Surroundings<'_>) -> bool {
    let limit = surroundings.skip_deleting_after_seconds;
    limit > 0
        && pod
            .metadata
            .deletion_timestamp
            .as_ref()
            .is_some_and(|since| surroundings.now.duration_since(since.0).as_secs() > limit)
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

fn controller(pod: &Pod) -> Option<&OwnerReference> {
    pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn has_local_storage(pod: &Pod) -> bool {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.into_iter().any(|volume| volume.empty_dir.is_some())
}
