//! How many Machines may be remediated.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thiserror::Error;

use crate::scaling::{InvalidShare, scaled_value};

/// A limit that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AllowanceError {
    /// `unhealthyLessThanOrEqualTo` cannot be read.
    #[error("spec.remediation.triggerIf.unhealthyLessThanOrEqualTo: {0}")]
    Limit(#[from] InvalidShare),
    /// `unhealthyInRange` cannot be read.
    #[error(
        "spec.remediation.triggerIf.unhealthyInRange is {0:?}, must be two whole numbers like \"[1-3]\", the smaller \
         one first"
    )]
    Range(String),
}

/// Whether anything may be done, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Whether the number of unhealthy Machines is within the limits.
    pub allowed: bool,
    /// How many more Machines could become unhealthy before it is not; negative beyond that.
    pub remaining: i32,
}

/// Compares the unhealthy or missing Machines with the limits of a MachineHealthCheck.
///
/// Many Machines that fail at once point at something that replacing them does not cure, so with too many of them
/// nothing is done at all. A range takes precedence over `at_most`, which is everything where it is not given.
pub fn allowance(
    in_range: &str,
    at_most: Option<&IntOrString>,
    expected: i32,
    healthy: i32,
) -> Result<Allowance, AllowanceError> {
    let unhealthy = i64::from(expected) - i64::from(healthy);
    let (least, most) = if in_range.is_empty() {
        (i64::MIN, limit(at_most, expected)?)
    } else {
        range(in_range).ok_or_else(|| AllowanceError::Range(in_range.to_owned()))?
    };
    Ok(Allowance {
        allowed: (least..=most).contains(&unhealthy),
        remaining: i32::try_from(most - unhealthy).unwrap_or(i32::MAX),
    })
}

fn limit(at_most: Option<&IntOrString>, expected: i32) -> Result<i64, InvalidShare> {
    at_most.map_or(Ok(expected), |limit| scaled_value(limit, expected, false)).map(i64::from)
}

/// Reads `[least-most]`; anything behind a second dash is ignored.
fn range(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.strip_prefix('[')?.strip_suffix(']')?.split('-');
    let mut number = || {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits).map(i64::from)
    };
    let (least, most) = (number()?, number()?);
    (least <= most).then_some((least, most))
}
