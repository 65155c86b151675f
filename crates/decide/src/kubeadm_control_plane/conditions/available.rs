//! Whether a control plane does its work: etcd has a quorum and at least one API server is up.

use api::conditions::{AVAILABLE, CERTIFICATES_AVAILABLE, ETCD_MEMBER_HEALTHY, INITIALIZED, reason};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::observed::{EtcdMember, Observed};
use super::super::view::{Own, View};
use super::vital;
use crate::conditions::{self, ConditionStatus, NewCondition};

/// How long a fault lasts before it is mentioned although the control plane is available.
const FLICKER: SignedDuration = SignedDuration::from_secs(10);
/// How long a new control plane may take to tell its etcd members.
const NEW: SignedDuration = SignedDuration::from_mins(2);

/// How many are healthy, how many are not, and how many only just are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    healthy: usize,
    unhealthy: usize,
    unreported: usize,
}

/// How etcd is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Etcd {
    count: Count,
    total: usize,
    learners: usize,
    quorum: usize,
}

/// `Available`; `list` holds the other conditions of the control plane as they are to be.
pub fn condition(view: &View<'_>, list: &[Condition]) -> NewCondition {
    let seen = view.seen;
    if !seen.is_initialized() {
        return not("Control plane not yet initialized".to_owned());
    }
    if let Some(published) = seen.members().is_none().then(|| still_true(seen)).flatten() {
        return published;
    }
    let etcd = match members(view, list) {
        Ok(etcd) => etcd,
        Err(condition) => return *condition,
    };
    let machines = machines(view);
    let has_certificates = conditions::is_true(list, CERTIFICATES_AVAILABLE);
    let has_quorum = etcd.is_none_or(|etcd| etcd.count.healthy >= etcd.quorum);
    if !seen.is_deleting() && has_certificates && has_quorum && machines.healthy >= 1 {
        let message = partial_trouble(etcd, machines, view.machines.len());
        return NewCondition::new(AVAILABLE, true, reason::AVAILABLE, message);
    }
    let mut lines = Vec::new();
    if seen.is_deleting() {
        lines.push("* Control plane metadata.deletionTimestamp is set".to_owned());
    }
    if !has_certificates {
        lines.push("* Control plane certificates are not available".to_owned());
    }
    if let Some(etcd) = etcd.filter(|_| !has_quorum) {
        lines.push(etcd_line(etcd, etcd.count.healthy));
    }
    if machines.healthy == 0 {
        lines.push(
            "* There are no Machines with healthy control plane components, at least 1 required".to_owned(),
        );
    }
    not(lines.join("\n"))
}

/// What was told last, if it was good news and nobody could look yet: this process may just have begun, and a control plane
/// is not down because of that.
fn still_true(seen: &Observed) -> Option<NewCondition> {
    let published = conditions::get(&seen.control_plane.status.conditions, AVAILABLE)?;
    let is_told = published.status == "True" && !seen.is_deleting();
    (is_told && super::is_unseen(seen))
        .then(|| NewCondition::new(AVAILABLE, true, reason::AVAILABLE, published.message.clone()))
}

fn not(message: String) -> NewCondition {
    NewCondition::new(AVAILABLE, false, reason::NOT_AVAILABLE, message)
}

/// The members of etcd, counted; or the condition where that cannot be done. Nothing where etcd is external.
fn members(view: &View<'_>, list: &[Condition]) -> Result<Option<Etcd>, Box<NewCondition>> {
    let seen = view.seen;
    if !seen.is_etcd_managed() {
        return Ok(None);
    }
    let Some(known) = seen.members() else {
        let since = conditions::since(list, INITIALIZED).filter(|_| conditions::is_true(list, INITIALIZED));
        if since.is_some_and(|since| seen.now.duration_since(since) < NEW) {
            return Err(Box::new(not("Waiting for etcd to report the list of members".to_owned())));
        }
        let failed = NewCondition::new(
            AVAILABLE,
            ConditionStatus::Unknown,
            reason::INSPECTION_FAILED,
            "Failed to get etcd members",
        );
        return Err(Box::new(failed));
    };
    if !view.health.members_match {
        let message = "The list of etcd members does not match the list of Machines and Nodes";
        return Err(Box::new(not(message.to_owned())));
    }
    Ok(Some(count_members(view, &known.members)))
}

/// Learners and members without a name do not vote. A member without a Machine is given to the one Machine without a
/// Node, if there is exactly one.
fn count_members(view: &View<'_>, members: &[EtcdMember]) -> Etcd {
    let mut etcd = Etcd { total: members.len(), ..Etcd::default() };
    let waiting: Vec<&Own<'_>> = view.machines.iter().filter(|own| own.seen.node().is_none()).collect();
    let mut newcomer = match waiting.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    let mut voters = 0;
    for member in members {
        if member.is_learner || member.name.is_empty() {
            etcd.learners += 1;
        } else {
            voters += 1;
        }
        if member.name.is_empty() {
            etcd.count.healthy += 1;
            continue;
        }
        let hosts = |own: &&Own<'_>| own.seen.node() == Some(member.name.as_str());
        match view.machines.iter().find(hosts).or_else(|| newcomer.take()) {
            Some(own) => tally(view.seen, own, &[ETCD_MEMBER_HEALTHY], &mut etcd.count),
            None => etcd.count.unhealthy += 1,
        }
    }
    etcd.quorum = voters / 2 + 1;
    etcd
}

/// Machines that have a server, by whether all of their control plane is healthy: each API server talks to its own etcd.
fn machines(view: &View<'_>) -> Count {
    let mut count = Count::default();
    let types = vital(view.seen.is_etcd_managed());
    for own in &view.machines {
        if !own.machine.spec.provider_id.as_deref().unwrap_or_default().is_empty() {
            tally(view.seen, own, types, &mut count);
        }
    }
    count
}

fn tally(seen: &Observed, own: &Own<'_>, types: &[&str], count: &mut Count) {
    if types.iter().all(|condition| own.has(condition)) {
        count.healthy += 1;
    } else if fault_since(own, types).is_some_and(|since| seen.now.duration_since(since) > FLICKER) {
        count.unhealthy += 1;
    } else {
        count.unreported += 1;
    }
}

/// Since when at least one of the conditions is not True.
fn fault_since(own: &Own<'_>, types: &[&str]) -> Option<Timestamp> {
    let list = &own.machine.status.conditions;
    let found = types.iter().filter_map(|condition| conditions::get(list, condition));
    found
        .filter(|condition| condition.status != "True")
        .map(|condition| condition.last_transition_time.0)
        .min()
}

/// When a fault that is not mentioned yet will be.
pub fn next(view: &View<'_>) -> Option<Timestamp> {
    let types = vital(view.seen.is_etcd_managed());
    let times = view.machines.iter().filter_map(|own| fault_since(own, types));
    // Times are told in whole seconds and "longer than" is meant: the first second after that.
    let mentioned = times.filter_map(|since| since.checked_add(FLICKER + SignedDuration::from_secs(1)).ok());
    mentioned.filter(|time| *time > view.seen.now).min()
}

fn partial_trouble(etcd: Option<Etcd>, machines: Count, total: usize) -> String {
    let mut lines = Vec::new();
    if let Some(etcd) = etcd.filter(|etcd| etcd.count.unhealthy > 0) {
        // What only just failed is not mentioned, so it counts as healthy.
        lines.push(etcd_line(etcd, etcd.count.healthy + etcd.count.unreported));
    }
    if machines.unhealthy > 0 {
        lines.push(match machines.healthy + machines.unreported {
            1 => format!("* 1 of {total} Machines has healthy control plane components, at least 1 required"),
            many => format!(
                "* {many} of {total} Machines have healthy control plane components, at least 1 required"
            ),
        });
    }
    lines.join("\n")
}

fn etcd_line(etcd: Etcd, healthy: usize) -> String {
    let learners = match etcd.learners {
        0 => String::new(),
        learners => format!(" {learners} learner etcd member,"),
    };
    let subject = match healthy {
        0 => "There are no healthy etcd member".to_owned(),
        1 => format!("1 of {} etcd members is healthy", etcd.total),
        many => format!("{many} of {} etcd members are healthy", etcd.total),
    };
    format!("* {subject},{learners} at least {} healthy member required for etcd quorum", etcd.quorum)
}
