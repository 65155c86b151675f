//! Where the next Machine is put, and which Machine goes next.

use api::labels;

use super::conditions::vital;
use super::view::{Own, View};
use crate::failure_domains::{Spread, choose};

/// The failure domain for a new Machine: the one with the fewest Machines that will stay; none where there are none.
pub fn failure_domain(view: &View<'_>) -> Option<String> {
    let domains = domains(view);
    if domains.is_empty() {
        return None;
    }
    let staying = view.machines.iter().filter(|own| own.is_up_to_date() && !own.seen.is_deleting());
    let spread = Spread {
        domains,
        all: view.machines.iter().map(domain).collect(),
        preferred: staying.map(domain).collect(),
    };
    choose(&spread.fewest(), lot(view.seen.uid())).map(str::to_owned)
}

/// Different for different control planes, the same for the same one.
fn lot(uid: &str) -> u64 {
    uid.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// The Machine that goes next. Those that users marked come first, then those that are outdated and broken, then
/// outdated ones; among equals one in the failure domain with most Machines, the oldest.
pub fn to_remove<'v, 'a>(view: &'v View<'a>, outdated: &[&'v Own<'a>]) -> Option<&'v Own<'a>> {
    let all: Vec<&Own<'a>> = view.machines.iter().collect();
    let marked = |machines: &[&'v Own<'a>]| -> Vec<&'v Own<'a>> {
        machines.iter().copied().filter(|own| own.seen.is_annotated(labels::DELETE_MACHINE)).collect()
    };
    let types = vital(view.seen.is_etcd_managed());
    let broken =
        outdated.iter().copied().filter(|own| types.iter().any(|condition| own.lacks(condition))).collect();
    let choices = [marked(outdated), marked(&all), broken, outdated.to_vec(), all.clone()];
    let eligible = choices.into_iter().find(|machines| !machines.is_empty())?;
    in_fullest_domain(view, &eligible)
}

/// Machines in domains that are not offered any more go first.
fn in_fullest_domain<'v, 'a>(view: &View<'a>, eligible: &[&'v Own<'a>]) -> Option<&'v Own<'a>> {
    let domains = domains(view);
    let misplaced = eligible.iter().copied().filter(|own| !domains.contains(&domain(own)));
    let chosen = match oldest(misplaced) {
        Some(own) => domain(own),
        None => {
            let spread = Spread {
                all: view.machines.iter().map(domain).collect(),
                preferred: eligible.iter().map(|own| domain(own)).collect(),
                domains: domains.clone(),
            };
            choose(&spread.most(), lot(view.seen.uid()))?
        }
    };
    oldest(eligible.iter().copied().filter(|own| domain(own) == chosen))
}

fn oldest<'v, 'a>(machines: impl Iterator<Item = &'v Own<'a>>) -> Option<&'v Own<'a>>
where
    'a: 'v,
{
    machines.min_by_key(|own| (own.seen.created(), own.name().to_owned()))
}

fn domain<'v>(own: &'v Own<'_>) -> &'v str {
    own.seen.machine.spec.failure_domain.as_deref().unwrap_or_default()
}

/// The failure domains that the infrastructure offers to the control plane.
fn domains<'v>(view: &'v View<'_>) -> Vec<&'v str> {
    let offered =
        view.cluster.status.failure_domains.iter().filter(|domain| domain.control_plane == Some(true));
    offered.map(|domain| domain.name.as_str()).collect()
}
