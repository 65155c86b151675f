//! Scaling without rolling out: what is added or taken is spread over all MachineSets by their size.
//!
//! This happens while the rollout is paused. A template that may be broken must not win or lose Machines just because
//! somebody scales.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::labels;

use super::{Observed, SeenMachineSet, sets::Sets};
use crate::scaling::resolve_fenceposts;

/// The replicas of MachineSets that have to change, by name. `wanted` is `spec.replicas`.
pub(super) fn scale(seen: &Observed, sets: &Sets<'_>, wanted: i32) -> BTreeMap<String, i32> {
    let all: Vec<&SeenMachineSet> = sets.old.iter().copied().chain(sets.current).collect();
    let active: Vec<&SeenMachineSet> = all.iter().copied().filter(|set| set.replicas() > 0).collect();
    match active.as_slice() {
        [] => latest(sets).map(|set| (set.name().to_owned(), wanted)).into_iter().collect(),
        [one] => BTreeMap::from([(one.name().to_owned(), wanted)]),
        _ if is_saturated(sets, wanted) => {
            let old =
                active.iter().filter(|set| sets.current.is_none_or(|current| current.name() != set.name()));
            old.map(|set| (set.name().to_owned(), 0)).collect()
        }
        _ if seen.is_rolling_update() => {
            spread(active, wanted, wanted_with_surge(seen, wanted), counted(seen))
        }
        // Without a rolling update, users decide which Machines go.
        _ => BTreeMap::new(),
    }
}

/// `spec.replicas`, and as many as there may be too many during a rollout.
pub(super) fn wanted_with_surge(seen: &Observed, wanted: i32) -> i32 {
    let Some(limits) = seen.limits().filter(|_| seen.is_rolling_update()) else { return wanted };
    let fenceposts = resolve_fenceposts(limits.max_surge.as_ref(), limits.max_unavailable.as_ref(), wanted);
    wanted.saturating_add(fenceposts.unwrap_or_default().surge)
}

/// The current MachineSet, or else the youngest.
fn latest<'a>(sets: &Sets<'a>) -> Option<&'a SeenMachineSet> {
    sets.current.or_else(|| sets.old.iter().copied().max_by_key(|set| (set.created(), set.name())))
}

/// Whether the current MachineSet alone is all that is wanted.
fn is_saturated(sets: &Sets<'_>, wanted: i32) -> bool {
    sets.current.is_some_and(|current| {
        let available = current.machine_set.status.available_replicas.unwrap_or_default();
        current.replicas() == wanted && available == wanted
    })
}

fn counted(seen: &Observed) -> i32 {
    seen.deployment.status.replicas.unwrap_or_default()
}

/// Spreads what is missing or too many, the largest MachineSet first; that also gets what is left over. Among MachineSets
/// of one size the youngest grows first and the oldest shrinks first.
fn spread(
    mut active: Vec<&SeenMachineSet>,
    wanted: i32,
    ceiling: i32,
    counted: i32,
) -> BTreeMap<String, i32> {
    let total: i64 = active.iter().map(|set| i64::from(set.replicas())).sum();
    let ceiling = if wanted > 0 { i64::from(ceiling) } else { 0 };
    let change = ceiling - total;
    if change == 0 {
        return BTreeMap::new();
    }
    if change > 0 {
        active.sort_by_key(|set| (Reverse(set.replicas()), Reverse(set.created()), set.name()));
    } else {
        active.sort_by_key(|set| (Reverse(set.replicas()), set.created(), set.name()));
    }
    let mut left = change;
    let mut sizes: Vec<(&SeenMachineSet, i64)> = Vec::with_capacity(active.len());
    for set in active {
        let share = share(set, wanted, ceiling, counted);
        let share = if change > 0 { share.min(left).max(0) } else { share.max(left).min(0) };
        left -= share;
        sizes.push((set, i64::from(set.replicas()) + share));
    }
    if let Some((_, largest)) = sizes.first_mut() {
        *largest += left;
    }
    let narrow = |size: i64| i32::try_from(size.max(0)).unwrap_or(i32::MAX);
    sizes.into_iter().map(|(set, size)| (set.name().to_owned(), narrow(size))).collect()
}

/// By how much a MachineSet would grow (or shrink) if it kept its share of the whole.
fn share(set: &SeenMachineSet, wanted: i32, ceiling: i64, counted: i32) -> i64 {
    let replicas = i64::from(set.replicas());
    if wanted == 0 {
        return -replicas;
    }
    // The ceiling when the MachineSet was scaled last; where it is not known, as many as there are now.
    let before = set.annotation(labels::MAX_REPLICAS).and_then(|text| text.parse::<i64>().ok());
    let before = before.unwrap_or_else(|| i64::from(counted)).max(1);
    // Rounded to the nearest whole number, halves up.
    (2 * replicas * ceiling + before) / (2 * before) - replicas
}
