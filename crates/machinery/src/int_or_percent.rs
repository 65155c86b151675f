//! Values that are a number or a share of a total: `3` or `"25%"`.

use serde::{Deserialize, Serialize};

use crate::status::quote;

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// So many.
    Int(i32),
    /// A percentage, if it is well written.
    Text(String),
}

/// Which way a share that is no whole number goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the next larger number.
    Up,
    /// To the next smaller number.
    Down,
}

/// A text that is no percentage, or no value at all. Messages are those of k8s.io/apimachinery `intstr`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShare {
    /// There is no value.
    #[error("nil value for IntOrString")]
    Missing,
    /// The text does not end in `%`.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotAPercentage,
    /// What stands before `%` is no integer.
    #[error("invalid value for IntOrString: invalid value {}: strconv.Atoi: parsing {}: invalid syntax", quote(.text), quote(.number))]
    NotANumber {
        /// The value.
        text: String,
        /// What should have been a number.
        number: String,
    },
}

impl IntOrPercent {
    /// The number, or the share of `total`.
    pub fn scaled(&self, total: i64, rounding: Rounding) -> Result<i64, InvalidShare> {
        let text = match self {
            Self::Int(number) => return Ok(i64::from(*number)),
            Self::Text(text) => text,
        };
        let number = text.strip_suffix('%').ok_or(InvalidShare::NotAPercentage)?;
        let percent = parse_int(number)
            .ok_or_else(|| InvalidShare::NotANumber { text: text.clone(), number: number.to_owned() })?;
        let product = i128::from(percent) * i128::from(total);
        let share = match rounding {
            Rounding::Down => product.div_euclid(100),
            Rounding::Up => -(-product).div_euclid(100),
        };
        // Only absurd percentages leave the range.
        Ok(i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// As [`IntOrPercent::scaled`], where the value may be missing.
pub fn scaled(value: Option<&IntOrPercent>, total: i64, rounding: Rounding) -> Result<i64, InvalidShare> {
    value.ok_or(InvalidShare::Missing)?.scaled(total, rounding)
}

/// Surge and unavailable of a rolling update of so many replicas. The surge rounds up, the unavailable round down; where
/// both come out as 0, one may be unavailable, for otherwise nothing could ever be replaced.
pub fn fenceposts(
    max_surge: Option<&IntOrPercent>,
    max_unavailable: Option<&IntOrPercent>,
    desired: i64,
) -> Result<(i64, i64), InvalidShare> {
    let surge = scaled(max_surge, desired, Rounding::Up)?;
    let unavailable = scaled(max_unavailable, desired, Rounding::Down)?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

/// Go's `Atoi`: digits with an optional sign.
fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if shaped { text.parse().ok() } else { None }
}
