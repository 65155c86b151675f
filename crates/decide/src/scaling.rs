//! Numbers that users give as a count or a percentage of replicas.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thiserror::Error;

/// A count or percentage that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScalingError {
    /// Neither was given.
    #[error("a number or a percentage is needed, none was given")]
    Missing,
    /// A text that is no percentage.
    #[error("{0:?} is no percentage: it must be a whole number followed by %, like \"25%\"")]
    NotAPercentage(String),
}

/// How many replicas a value stands for.
///
/// A number stands for itself, whatever `total` is; a percentage is taken of `total` and rounded up or down.
pub fn scaled_value(value: &IntOrString, total: i32, round_up: bool) -> Result<i32, ScalingError> {
    let percentage = match value {
        IntOrString::Int(count) => return Ok(*count),
        IntOrString::String(text) => text
            .strip_suffix('%')
            .and_then(|number| number.parse::<i64>().ok())
            .ok_or_else(|| ScalingError::NotAPercentage(text.clone()))?,
    };
    let hundredths = percentage.saturating_mul(i64::from(total));
    let scaled =
        if round_up { -(hundredths.saturating_neg().div_euclid(100)) } else { hundredths.div_euclid(100) };
    Ok(i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX }))
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
) -> Result<Fenceposts, ScalingError> {
    let surge = scaled_value(max_surge.ok_or(ScalingError::Missing)?, desired, true)?;
    let unavailable = scaled_value(max_unavailable.ok_or(ScalingError::Missing)?, desired, false)?;
    let stuck = surge == 0 && unavailable == 0;
    Ok(Fenceposts { surge, unavailable: if stuck { 1 } else { unavailable } })
}

/// The limits as a rolling update uses them: what cannot be resolved counts as zero, and no more Machines can be
/// unavailable than there are.
pub fn rolling_update_limits(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    replicas: i32,
) -> Fenceposts {
    let limits = resolve_fenceposts(max_surge, max_unavailable, replicas).unwrap_or_default();
    Fenceposts { unavailable: limits.unavailable.min(replicas), ..limits }
}
