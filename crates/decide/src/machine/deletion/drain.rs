//! Draining: the Node takes no more Pods, those it has are evicted in order, and their end is waited for.

use std::collections::BTreeMap;

use api::labels;
use api::workload::Pod;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use super::super::observed::{Looked, Need, Observed, PodsOnNode};
use super::super::waiting::{Waiting, shown};
use super::{Course, RETRY, Step, ends, retry};
use crate::drain::{Progress, Schedule, Surroundings, Verdict, schedule, verdict};
use crate::plan::{Action, ObjectRef, Write};

/// Pods of a Node that cannot be reached count as gone after this, since nobody will report their end.
const UNREACHABLE_SECONDS: i64 = 1;
/// How long Pods of such a Node may take to end: nobody is there to end them in any other way.
const UNREACHABLE_GRACE_SECONDS: u32 = 1;
/// How often Pods are looked at: they live in another cluster, and nobody watches them for us. Often at first, since most
/// are gone within seconds, and then ever less.
const OFTEN: SignedDuration = SignedDuration::from_secs(2);
const SELDOM: SignedDuration = SignedDuration::from_secs(20);

/// The step of draining.
pub fn drain(course: &mut Course<'_>) -> Option<Step> {
    let name = course.node.clone()?;
    let seen = course.seen;
    let timeout = seen.machine.spec.deletion.node_drain_timeout_seconds;
    let started = course.times.node_drain_start_time.clone();
    if !course.may_care_for_node(labels::EXCLUDE_NODE_DRAINING, started.as_ref(), timeout) {
        return None;
    }
    let now = course.now();
    let started = course.times.node_drain_start_time.get_or_insert(now).0;
    if matches!(seen.node, super::NodeView::Absent) {
        return None;
    }
    let end = ends(course.times.node_drain_start_time.as_ref(), timeout);
    let pods = match &seen.pods {
        None => return Some(Step::Look(Need::Pods { node: name })),
        Some(Looked::Failed) => return Some(failed(seen, end)),
        Some(Looked::Known(pods)) => pods,
    };
    let Some(judged) = judge(seen, pods) else { return Some(failed(seen, end)) };
    let schedule = schedule(&judged);
    let refused = match &seen.refused_evictions {
        _ if schedule.evict_now.is_empty() => &BTreeMap::new(),
        None => {
            return Some(Step::Look(Need::Evictions {
                pods: schedule.evict_now.iter().map(|pod| name_of(pod)).collect(),
            }));
        }
        Some(Looked::Failed) => return Some(failed(seen, end)),
        Some(Looked::Known(refused)) => refused,
    };
    let evictions = evictions(seen, &schedule, refused);
    course.actions.extend(cordon(seen));
    let progress = progress(&schedule, refused);
    if progress.is_completed() && schedule.evict_now.is_empty() {
        return None;
    }
    let message = match progress.message(started) {
        told if !told.is_empty() => told,
        _ => format!("Drain not completed yet (started at {}):", shown(started)),
    };
    let next = retry(seen.now, pause(seen.now, started, !evictions.is_empty()), end);
    Some(Step::Wait { waiting: Waiting::Drain(message), actions: evictions, next })
}

fn failed(seen: &Observed, end: Option<Timestamp>) -> Step {
    let next = retry(seen.now, RETRY, end);
    Step::Wait { waiting: Waiting::DrainFailed, actions: Vec::new(), next }
}

/// A quarter of the time that it took so far, within limits.
fn pause(now: Timestamp, started: Timestamp, has_acted: bool) -> SignedDuration {
    if has_acted {
        return OFTEN;
    }
    (now.duration_since(started) / 4).clamp(OFTEN, SELDOM)
}

/// What happens to each Pod; `None` if that cannot be told of one.
pub fn judge(seen: &Observed, pods: &PodsOnNode) -> Option<Vec<(Pod, Verdict)>> {
    let is_unreachable = seen.node.found().is_some_and(is_unreachable);
    let surroundings = Surroundings {
        now: seen.now,
        skip_deleting_after_seconds: if is_unreachable { UNREACHABLE_SECONDS } else { 0 },
        daemon_sets: pods.daemon_sets.clone(),
        namespaces: pods.namespaces.clone(),
        rules: Vec::new(),
    };
    pods.pods.iter().map(|pod| Some((pod.clone(), verdict(pod, &surroundings).ok()?))).collect()
}

/// Whether nothing is heard of a Node any more.
pub fn is_unreachable(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "Unknown")
}

/// Closes the Node before anything is evicted, so that no Pod comes back to it.
fn cordon(seen: &Observed) -> Option<Action> {
    let node = seen.node.found()?;
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        return None;
    }
    let target = ObjectRef::of::<Node>("", node.metadata.name.as_deref().unwrap_or_default());
    let patch = json!({"spec": {"unschedulable": true}});
    let cluster = super::super::cluster_ref(&seen.machine);
    Some(Action::patch(target, patch, "no more Pods may come").in_workload(cluster))
}

fn evictions(seen: &Observed, schedule: &Schedule<'_>, refused: &BTreeMap<String, String>) -> Vec<Action> {
    let cluster = super::super::cluster_ref(&seen.machine);
    let grace_period_seconds =
        seen.node.found().is_some_and(is_unreachable).then_some(UNREACHABLE_GRACE_SECONDS);
    let allowed = schedule.evict_now.iter().filter(|pod| !refused.contains_key(&key(pod)));
    let evict = |pod: &&Pod| {
        let (namespace, name) = name_of(pod);
        let target = ObjectRef::of::<Pod>(&namespace, &name);
        let write = Write::Evict { target, grace_period_seconds };
        Action::Write { write, why: "its Node is drained".to_owned() }.in_workload(cluster.clone())
    };
    allowed.map(evict).collect()
}

/// What is left, as it was seen: Pods evicted right now are told of when their end is seen to have begun.
fn progress(schedule: &Schedule<'_>, refused: &BTreeMap<String, String>) -> Progress {
    let keys = |pods: &[&Pod]| pods.iter().map(|pod| key(pod)).collect::<Vec<_>>();
    let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in &schedule.evict_now {
        if let Some(problem) = refused.get(&key(pod)) {
            failed.entry(problem.clone()).or_default().push(key(pod));
        }
    }
    Progress {
        deleting: keys(&schedule.deleting),
        failed,
        evict_later: keys(&schedule.evict_later),
        wait_now: keys(&schedule.wait_now),
        wait_later: keys(&schedule.wait_later),
    }
}

fn name_of(pod: &Pod) -> (String, String) {
    let metadata = &pod.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// Namespace and name, as messages show a Pod.
pub fn key(pod: &Pod) -> String {
    let (namespace, name) = name_of(pod);
    format!("{namespace}/{name}")
}
