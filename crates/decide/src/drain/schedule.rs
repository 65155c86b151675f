//! Whom to evict now, and whom later.

use api::workload::Pod;

use super::{Behavior, Verdict};

/// The Pods of a Node by what happens to them, each list by namespace and name, so that messages made from it stay the
/// same while nothing changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule<'a> {
    /// To evict now.
    pub evict_now: Vec<&'a Pod>,
    /// To evict once Pods of a lower order are gone.
    pub evict_later: Vec<&'a Pod>,
    /// On their way already.
    pub deleting: Vec<&'a Pod>,
    /// To wait for now.
    pub wait_now: Vec<&'a Pod>,
    /// To wait for once Pods of a lower order are gone.
    pub wait_later: Vec<&'a Pod>,
    /// They do not matter.
    pub ignored: Vec<&'a Pod>,
}

/// Sorts the Pods; only those of the lowest order that is still there get their turn.
pub fn schedule<'a>(judged: &'a [(Pod, Verdict)]) -> Schedule<'a> {
    let mut sorted: Vec<&'a (Pod, Verdict)> = judged.iter().collect();
    sorted.sort_by_cached_key(|(pod, _)| key(pod));
    let matters = |verdict: &Verdict| verdict.behavior != Behavior::Skip;
    let order = |verdict: &Verdict| verdict.order.unwrap_or(0);
    let turn = judged.iter().filter(|(_, verdict)| matters(verdict)).map(|(_, verdict)| order(verdict)).min();
    let mut schedule = Schedule::default();
    for (pod, verdict) in sorted {
        let now = Some(order(verdict)) == turn;
        let deleting = pod.metadata.deletion_timestamp.is_some();
        let list = match (verdict.behavior, deleting, now) {
            (Behavior::Skip, _, _) => &mut schedule.ignored,
            (Behavior::Drain, true, _) => &mut schedule.deleting,
            (Behavior::Drain, false, true) => &mut schedule.evict_now,
            (Behavior::Drain, false, false) => &mut schedule.evict_later,
            (Behavior::WaitCompleted, _, true) => &mut schedule.wait_now,
            (Behavior::WaitCompleted, _, false) => &mut schedule.wait_later,
        };
        list.push(pod);
    }
    schedule
}

/// Namespace and name, as messages show a Pod.
pub(super) fn key(pod: &Pod) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", part(&pod.metadata.namespace), part(&pod.metadata.name))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::super::VerdictReason;
    use super::*;

    fn judged(name: &str, behavior: Behavior, order: i32, deleting: bool) -> (Pod, Verdict) {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.namespace = Some("ns".to_owned());
        pod.metadata.deletion_timestamp = deleting.then_some(Time(Timestamp::UNIX_EPOCH));
        let verdict =
            Verdict { behavior, order: Some(order), reason: VerdictReason::Okay, message: String::new() };
        (pod, verdict)
    }

    fn names(pods: &[&Pod]) -> Vec<String> {
        pods.iter().map(|pod| key(pod)).collect()
    }

    #[test]
    fn a_pod_of_a_lower_order_holds_up_the_others_until_it_is_gone() {
        let pods = [
            judged("b", Behavior::Drain, 5, false),
            judged("a", Behavior::Drain, 0, true),
            judged("w", Behavior::WaitCompleted, 0, false),
            judged("s", Behavior::Skip, -9, false),
        ];
        let schedule = schedule(&pods);
        assert_eq!(names(&schedule.evict_now), Vec::<String>::new());
        assert_eq!(names(&schedule.evict_later), ["ns/b"]);
        assert_eq!(names(&schedule.deleting), ["ns/a"]);
        assert_eq!(names(&schedule.wait_now), ["ns/w"]);
        assert_eq!(names(&schedule.ignored), ["ns/s"]);
    }

    #[test]
    fn the_lowest_order_is_evicted_by_name() {
        let pods = [
            judged("z", Behavior::Drain, -1, false),
            judged("b", Behavior::Drain, -1, false),
            judged("c", Behavior::Drain, 0, false),
        ];
        let schedule = schedule(&pods);
        assert_eq!(names(&schedule.evict_now), ["ns/b", "ns/z"]);
        assert_eq!(names(&schedule.evict_later), ["ns/c"]);
    }
}
