//! Amounts of resources: `500m`, `1Gi`, `2e3`.
//!
//! A quantity is an exact decimal number with a resolution of one billionth, and remembers in which style it was written.

use std::cmp::Ordering;
use std::fmt;

/// Resolution: units of one billionth.
const NANO: i128 = 1_000_000_000;

/// Longest run of digits that is read; more would be absurd.
const MAXIMUM_DIGITS: usize = 28;

/// The style a quantity is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySi,
    /// `12M`.
    DecimalSi,
}

/// An amount.
#[derive(Debug, Clone)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    /// The text it was read from, where that is canonical already.
    text: Option<String>,
}

/// A text that is no quantity. Messages are those of k8s.io/apimachinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// Not of the right shape.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number cannot be read.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

const DECIMAL_SUFFIXES: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY_SUFFIXES: [(&str, u32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// A suffix: what it multiplies by.
enum Factor {
    Ten(i32),
    Two(u32),
}

fn interpret(suffix: &str) -> Option<(Factor, Format)> {
    if let Some((_, exponent)) = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some((Factor::Ten(*exponent), Format::DecimalSi));
    }
    if let Some((_, exponent)) = BINARY_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some((Factor::Two(*exponent), Format::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Factor::Ten(exponent), Format::DecimalExponent))
}

/// The parts of a quantity: sign, digits before and after the point, suffix.
fn split(text: &str) -> Result<(bool, &str, &str, &str), InvalidQuantity> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits_end = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = unsigned.split_at(digits_end(unsigned));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits_end(rest)),
        None => ("", rest),
    };
    let letters = suffix.find(|c: char| !"eEinumkKMGTP".contains(c)).unwrap_or(suffix.len());
    let (_, exponent) = suffix.split_at(letters);
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if text.is_empty() || !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidQuantity::Format);
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(if rest.starts_with('.') { InvalidQuantity::Number } else { InvalidQuantity::Format });
    }
    Ok((negative, whole, fraction, suffix))
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// `digits * 10^exponent` in billionths; what is smaller than one is rounded away from zero.
fn scale_ten(digits: i128, exponent: i32) -> Option<i128> {
    let exponent = exponent + 9;
    if exponent >= 0 {
        return digits.checked_mul(power_of_ten(exponent.unsigned_abs())?);
    }
    match power_of_ten(exponent.unsigned_abs()) {
        Some(divisor) => Some(digits.div_euclid(divisor) + i128::from(digits.rem_euclid(divisor) != 0)),
        None => Some(i128::from(digits != 0)),
    }
}

impl Quantity {
    /// Reads a quantity. Blanks are not taken; JSON decoding cuts them off before.
    pub fn parse(text: &str) -> Result<Self, InvalidQuantity> {
        let (negative, whole, fraction, suffix) = split(text)?;
        let (factor, mut format) = interpret(suffix).ok_or(InvalidQuantity::Suffix)?;
        let number = format!("{}{fraction}", whole.trim_start_matches('0'));
        if number.len() > MAXIMUM_DIGITS {
            return Err(InvalidQuantity::Number);
        }
        let digits: i128 =
            if number.is_empty() { 0 } else { number.parse().map_err(|_| InvalidQuantity::Number)? };
        let places = i32::try_from(fraction.len()).map_err(|_| InvalidQuantity::Number)?;
        let magnitude = match factor {
            Factor::Ten(exponent) => scale_ten(digits, exponent.saturating_sub(places)),
            Factor::Two(exponent) => {
                let scaled =
                    digits.checked_mul(1_i128 << exponent).and_then(|scaled| scale_ten(scaled, -places));
                Some(scaled.unwrap_or(i128::MAX).min(i128::from(i64::MAX) * NANO))
            }
        };
        let magnitude = magnitude.ok_or(InvalidQuantity::Number)?;
        if format == Format::BinarySi && magnitude > 0 && magnitude < NANO {
            format = Format::DecimalSi;
        }
        let nanos = if negative { -magnitude } else { magnitude };
        let canonical = is_canonical(&number, digits, places, &factor, magnitude);
        Ok(Self { nanos, format, text: canonical.then(|| text.to_owned()) })
    }

    /// An amount of whole units.
    pub fn from_units(units: i64, format: Format) -> Self {
        Self { nanos: i128::from(units) * NANO, format, text: None }
    }

    /// Whole units, rounded up.
    pub fn units(&self) -> i64 {
        let units = self.nanos.div_euclid(NANO) + i128::from(self.nanos.rem_euclid(NANO) != 0);
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }

    /// Thousandths, rounded up.
    pub fn milli_units(&self) -> i64 {
        let milli = NANO / 1000;
        let units = self.nanos.div_euclid(milli) + i128::from(self.nanos.rem_euclid(milli) != 0);
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }

    /// The same amount rounded up to thousandths, as the resources of a Pod are.
    pub fn rounded_to_milli(&self) -> Self {
        let milli = NANO / 1000;
        if self.nanos.rem_euclid(milli) == 0 {
            return self.clone();
        }
        let nanos = (self.nanos.div_euclid(milli) + 1) * milli;
        Self { nanos, format: self.format, text: None }
    }

    /// The style.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether there is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Both amounts together, in the style of the first.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos), format: self.format, text: None }
    }
}

/// Whether the text is kept as it is: then the canonical form would be the same, or nearly (`1e3`, `+1`, `5.`).
fn is_canonical(number: &str, digits: i128, places: i32, factor: &Factor, magnitude: i128) -> bool {
    if digits == 0 || number.len() > 18 {
        return false;
    }
    match factor {
        Factor::Two(_) => places == 0 && digits & 7 != 0 && magnitude >= NANO,
        Factor::Ten(exponent) => {
            let scale = exponent - places;
            scale >= -9 && scale % 3 == 0 && !number.ends_with("000") && !number.starts_with('0')
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// The canonical form: no fraction, the largest suffix that allows it. Binary style is kept only for whole units from 1Ki on.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && self.nanos.abs() >= 1024 * NANO && self.nanos % NANO == 0 {
            return write_binary(f, self.nanos);
        }
        write_decimal(f, self.nanos, self.format == Format::DecimalExponent)
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, nanos: i128) -> fmt::Result {
    let mut number = nanos / NANO;
    let mut suffix = "";
    for (name, _) in BINARY_SUFFIXES {
        if number % 1024 != 0 {
            break;
        }
        number /= 1024;
        suffix = name;
    }
    write!(f, "{number}{suffix}")
}

fn write_decimal(f: &mut fmt::Formatter<'_>, nanos: i128, exponent_style: bool) -> fmt::Result {
    let mut number = nanos;
    let mut exponent = -9;
    while number % 1000 == 0 && (exponent < 18 || exponent_style) {
        number /= 1000;
        exponent += 3;
    }
    if exponent_style {
        return if exponent == 0 { write!(f, "{number}") } else { write!(f, "{number}e{exponent}") };
    }
    let suffix = DECIMAL_SUFFIXES.iter().find(|(_, of)| *of == exponent).map_or("", |(name, _)| name);
    write!(f, "{number}{suffix}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1000", "1k"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("12e6", "12e6"),
            ("+1", "+1"),
            ("5.", "5."),
            (".5", "500m"),
            ("0", "0"),
            ("0.1Gi", "107374182400m"),
            ("100E", "100E"),
            ("123Mi", "123Mi"),
            ("128974848", "128974848"),
            ("-1", "-1"),
            ("0.0000000001", "1n"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), canonical, "{text}");
        }
        for text in ["", "x", "1x", "1 Gi", "1.2.3", "--1", "e3", "1e"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_compare_across_styles() {
        let quantity = |text: &str| Quantity::parse(text).unwrap();
        assert_eq!(quantity("1Ki"), quantity("1024"));
        assert!(quantity("1Gi") > quantity("1G"));
        assert_eq!(quantity("1500m").units(), 2);
        assert_eq!(quantity("1.5").milli_units(), 1500);
        assert_eq!(quantity("1u").rounded_to_milli().to_string(), "1m");
        assert_eq!(quantity("1Gi").plus(&quantity("1024Mi")).to_string(), "2Gi");
    }
}
