//! Numbers that users give as a count or a percentage of replicas, as objects hold them.
//!
//! The arithmetic is [`machinery::int_or_percent`]'s; here are the types of our kinds and the limits of a roll-out.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use machinery::int_or_percent::{IntOrPercent, Rounding, fenceposts};

pub use machinery::int_or_percent::InvalidShare;

/// How many replicas a value stands for.
///
/// A number stands for itself, whatever `total` is; a percentage is taken of `total` and rounded up or down.
pub fn scaled_value(value: &IntOrString, total: i32, round_up: bool) -> Result<i32, InvalidShare> {
    let rounding = if round_up { Rounding::Up } else { Rounding::Down };
    share(value).scaled(total.into(), rounding).map(narrow)
}

/// How far a roll-out may stray from the wanted number of replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fenceposts {
    /// How many there may be too many.
    pub surge: i32,
    /// How many may be unavailable.
    pub unavailable: i32,
}

/// Resolves both limits for `desired` replicas; surge is rounded up, unavailable down.
///
/// With both at zero nothing could ever move, so one may then be unavailable. (Surge would need room that is perhaps
/// not there.)
pub fn resolve_fenceposts(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    desired: i32,
) -> Result<Fenceposts, InvalidShare> {
    let (max_surge, max_unavailable) = (max_surge.map(share), max_unavailable.map(share));
    let (surge, unavailable) = fenceposts(max_surge.as_ref(), max_unavailable.as_ref(), desired.into())?;
    Ok(Fenceposts { surge: narrow(surge), unavailable: narrow(unavailable) })
}

/// The limits as a rolling update uses them: what cannot be resolved counts as zero, and no more Machines can be
/// unavailable than there are.
pub fn rolling_update_limits(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    replicas: i32,
) -> Fenceposts {
    let limits = resolve_fenceposts(max_surge, max_unavailable, replicas).unwrap_or_default();
    let unavailable = if replicas == 0 { 0 } else { limits.unavailable.min(replicas) };
    Fenceposts { unavailable, ..limits }
}

fn share(value: &IntOrString) -> IntOrPercent {
    match value {
        IntOrString::Int(count) => IntOrPercent::Int(*count),
        IntOrString::String(text) => IntOrPercent::Text(text.clone()),
    }
}

fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
