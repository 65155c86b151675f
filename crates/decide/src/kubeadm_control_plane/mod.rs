//! KubeadmControlPlane: keeps the machines of a control plane that kubeadm sets up, and the etcd on them.
//!
//! ```text
//!  1  Cluster there, finalizer set, not paused                        metadata
//!  2  being deleted: after the workers all Machines go                delete
//!  3  the template belongs to the Cluster                             metadata
//!  4  infrastructure of the Cluster provisioned?                      waits
//!  5  authorities, keys, kubeconfig                                   certificates
//!  6  Machines that nobody controls become its own                    adoption
//!  7  half-made Machines get what they lack                           children
//!  8  labels, annotations, time-outs ... reach existing Machines      in_place
//!  9  is it up? (kubeadm left its configuration in the cluster)       looks
//!     from here on: can it be seen?                                   conditions
//! 10  health of Nodes, Pods and etcd members, onto the Machines       conditions, machine_conditions
//! 11  etcd members without a Machine leave                            etcd
//! 12  Machines that are drained: their etcd member leaves first       pre_terminate
//! 13  Machines that a health check gave up are replaced               remediation
//! 14  outdated Machines are replaced, one at a time                   rollout, workload_config
//! 15  missing Machines are made, surplus ones deleted, one at a time  scale, preflight, select
//! 16  kube-proxy and CoreDNS follow, certificate ends are noted       addons, expiry
//! 17  counters and conditions                                         status
//! ```
//!
//! The heart of it is that etcd never loses its quorum by what is done here. Steps 11 to 15 each look at what is left
//! afterwards (`quorum`), from an answer of etcd that is seconds old, and only one of them acts at a time. Members leave
//! after their Machine was drained and before its server goes: a hook on the Machine holds it until then.
//!
//! Absent: in-place updates through hooks, MachinePools, migration of Corefiles.

mod addons;
mod adoption;
mod certificates;
mod children;
pub mod conditions;
mod delete;
mod desired;
mod etcd;
mod expiry;
mod in_place;
mod kubeadm_diff;
mod machine_conditions;
mod metadata;
mod observed;
mod pre_terminate;
mod preflight;
mod quorum;
mod remediation;
mod rollout;
mod scale;
mod select;
mod status;
mod step;
mod view;
mod waiting;
mod workload_config;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

use api::controlplane::KubeadmControlPlaneStatus;
use api::core::Cluster;
use jiff::{SignedDuration, Timestamp};

pub use addons::wanted as wanted_addons;
pub use expiry::ASK_AGAIN;
pub use observed::{
    AddonImage, Addons, Connection, EtcdMember, EtcdMembers, EtcdTrouble, EtcdView, Expiry, Looked,
    MadeKubeconfig, Need, Observed, SeenMachine,
};
pub use preflight::Failures;
pub use waiting::Waiting;

use crate::machine_set::{aggregates, messages};
use crate::paused;
use crate::plan::{Action, ClusterRef, Next, Plan};
use remediation::Mark;
use step::Step;
use view::View;

/// The field manager of Machines and of what is said on them.
pub const MANAGER: &str = "capi-kubeadmcontrolplane";
/// The field manager of labels and annotations of the objects that Machines are made of.
pub const METADATA_MANAGER: &str = "capi-kubeadmcontrolplane-metadata";

/// How long after the first try to look again whether the control plane is up.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(20);

/// What a decision about a KubeadmControlPlane looks like.
pub type KubeadmControlPlanePlan = Plan<KubeadmControlPlaneStatus, Waiting, Need>;

/// The plan for one KubeadmControlPlane.
pub fn decide(seen: &Observed) -> KubeadmControlPlanePlan {
    let Some(cluster) = seen.cluster.as_deref() else {
        return Plan { waiting: vec![Waiting::Cluster], ..Plan::idle() };
    };
    if paused::is_paused(Some(cluster), &seen.control_plane.metadata) {
        let status = Some(status::paused(seen, cluster));
        return Plan { waiting: vec![Waiting::Paused], status, ..Plan::idle() };
    }
    if let Some(need) = need(seen, cluster) {
        return Plan::look(need);
    }
    let view = View::new(seen, cluster);
    let mut course = Course::default();
    if seen.is_deleting() {
        deletion(&view, &mut course)
    } else {
        normal(&view, &mut course)
    };
    course.into_plan(&view)
}

/// What has to be looked up before health can be told.
fn need(seen: &Observed, cluster: &Cluster) -> Option<Need> {
    // Of a control plane that was up with Secrets of a user it must not be said that they are missing.
    if seen.is_initialized()
        && let Some(need) = certificates::unseen(seen)
    {
        return Some(need);
    }
    if conditions::not_ready_for_machines(cluster).is_some() || seen.own().is_empty() {
        return None;
    }
    if !seen.is_initialized() {
        let is_due = seen.kubeadm_config.is_none() && seen.connection.is_up && !seen.only_machine_is_going();
        return is_due.then_some(Need::KubeadmConfig);
    }
    // At the very end nobody has to know any more.
    if seen.is_deleting() && seen.workers.is_empty() {
        return None;
    }
    etcd::need(seen)
}

/// What the steps come to, one after the other.
#[derive(Default)]
struct Course {
    actions: Vec<Action>,
    waiting: Vec<Waiting>,
    next: Option<Next<Need>>,
    mark: Option<Mark>,
    until: Option<Timestamp>,
    is_over: bool,
}

impl Course {
    /// Takes a step, unless one before has ended the course; whether the next may follow.
    fn take(&mut self, step: impl FnOnce() -> Step) -> bool {
        if self.is_over {
            return false;
        }
        match step() {
            Step::And(actions) => self.actions.extend(actions),
            Step::Act(actions, next) => {
                self.actions.extend(actions);
                self.end(next);
            }
            Step::Wait(reason, next) => {
                self.waiting.push(reason);
                self.end(next);
            }
            Step::Look(need) => self.end(Next::Look(need)),
        }
        !self.is_over
    }

    /// Replaces unhealthy Machines. What speaks against that is said on the Machine, and holds up nothing else.
    fn remediate(&mut self, view: &View<'_>) {
        if self.is_over {
            return;
        }
        let outcome = remediation::step(view);
        self.take(|| outcome.step);
        (self.mark, self.until) = (outcome.mark, outcome.until);
        self.waiting.extend(outcome.waiting);
    }

    fn end(&mut self, next: Next<Need>) {
        self.next = Some(next);
        self.is_over = true;
    }

    fn into_plan(self, view: &View<'_>) -> KubeadmControlPlanePlan {
        let until = self.until.map_or(Next::OnChange, Next::At);
        let next = self.next.unwrap_or(Next::OnChange).sooner(until).sooner(timers(view));
        if let Next::Look(need) = next {
            return Plan::look(need);
        }
        // What is said about Machines comes first: it holds whatever becomes of the rest.
        let mut actions = match view.seen.is_deleting() && view.seen.workers.is_empty() {
            true => Vec::new(),
            false => machine_conditions::actions(view, self.mark.as_ref()),
        };
        actions.extend(self.actions);
        let is_going = view.seen.is_deleting() && view.machines.is_empty();
        let status = (!is_going).then(|| status::status(view, &self.waiting));
        // Once there is nothing left to do it is published, but perhaps not at once.
        match status.as_ref().filter(|_| actions.is_empty()).and_then(|status| status::may_wait(view, status))
        {
            Some(quiet) => Plan { waiting: self.waiting, next: next.sooner(Next::At(quiet)), ..Plan::idle() },
            None => Plan { actions, waiting: self.waiting, status, next },
        }
    }
}

fn deletion(view: &View<'_>, course: &mut Course) {
    course.take(|| delete::step(view));
}

fn normal(view: &View<'_>, course: &mut Course) {
    let (seen, cluster) = (view.seen, view.cluster);
    course.take(|| metadata::finalizer(seen));
    course.take(|| metadata::template(seen, cluster));
    course.take(|| match cluster.status.initialization.infrastructure_provisioned {
        Some(true) => Step::pass(),
        _ => Step::wait(Waiting::Infrastructure),
    });
    course.take(|| certificates::step(seen));
    course.take(|| certificates::kubeconfig(seen, cluster));
    course.take(|| adoption::step(seen));
    course.take(|| children::step(seen));
    let cluster_name = cluster.metadata.name.as_deref().unwrap_or_default();
    course.take(|| in_place::step(seen, cluster_name));
    // What was known last is no ground to make or take away Machines on.
    course.take(|| match seen.is_initialized() && conditions::is_blind(seen) {
        true => Step::wait(Waiting::Connection),
        false => Step::pass(),
    });
    course.take(|| Step::And(remediation::recovered(view)));
    course.take(|| etcd::repair(view));
    course.take(|| pre_terminate::step(view));
    course.remediate(view);
    course.take(|| match view.machines.iter().find(|own| own.is_updating_in_place()) {
        Some(own) => Step::wait(Waiting::InPlaceUpdate(own.name().to_owned())),
        None => Step::pass(),
    });
    course.take(|| rollout::step(view));
    course.take(|| scale::step(view));
    course.take(|| addons::step(view));
    course.take(|| expiry::step(view));
}

/// What only the passing of time changes: no event tells.
fn timers(view: &View<'_>) -> Next<Need> {
    let seen = view.seen;
    // A control plane that comes up changes its Node at last; should that be missed, this is the net below.
    let look_again = (!seen.is_initialized() && !view.machines.is_empty() && seen.connection.is_up)
        .then(|| seen.now.checked_add(LOOK_AGAIN).ok())
        .flatten();
    // What was known last of a cluster that cannot be reached is told for a while only.
    let grace =
        (seen.is_initialized() && !seen.connection.is_up).then(|| conditions::grace_ends(seen)).flatten();
    let later = |time: Timestamp| time.checked_add(SignedDuration::from_secs(1)).ok();
    let times = [
        look_again,
        grace.and_then(later).filter(|time| *time > seen.now),
        certificates::renewal(seen).filter(|time| *time > seen.now),
        etcd::next(seen),
        rollout::next(seen),
        conditions::available::next(view),
        aggregates::next_unreported(view.all(), seen.now),
        messages::next_stale(view.all(), seen.now),
    ];
    times.into_iter().flatten().min().map_or(Next::OnChange, Next::At)
}

/// The workload cluster, as actions name it.
fn cluster_ref(cluster: &Cluster) -> ClusterRef {
    ClusterRef {
        namespace: cluster.metadata.namespace.clone().unwrap_or_default(),
        name: cluster.metadata.name.clone().unwrap_or_default(),
    }
}
