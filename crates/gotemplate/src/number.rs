//! The value of a number in a template: whatever kinds of number it can be.

use std::fmt;

use crate::quote::{quote, unquote_character};

/// A constant. Which of its values counts depends on where it is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    /// Real and imaginary part, only if the constant was written as a complex one.
    pub(crate) complex: Option<(f64, f64)>,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Number {
    /// Reads `'a'`.
    pub(crate) fn character(text: &str) -> Result<Self, String> {
        let code = unquote_character(text).map_err(|_| "invalid syntax".to_owned())?;
        let code = code.ok_or_else(|| format!("malformed character constant: {text}"))?;
        Ok(Self {
            text: text.to_owned(),
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            complex: None,
        })
    }

    /// Reads `1+2i`.
    pub(crate) fn complex(text: &str) -> Result<Self, String> {
        let illegal = || format!("illegal number syntax: {}", quote(text.as_bytes()));
        let middle = text.rfind(['+', '-']).filter(|at| *at > 0).ok_or_else(illegal)?;
        let (real, imaginary) = text.split_at(middle);
        let real = parse_float(real).ok_or_else(illegal)?;
        let imaginary = imaginary.strip_suffix('i').and_then(parse_float).ok_or_else(illegal)?;
        Ok(Self::of_complex(text, real, imaginary))
    }

    /// Reads every other number.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Self::of_complex(text, 0.0, imaginary));
        }
        let int = parse_int(text);
        let uint = if int == Some(0) { Some(0) } else { parse_uint(text) };
        let mut number = Self { text: text.to_owned(), int, uint, float: None, complex: None };
        if let Some(int) = int {
            number.float = Some(int as f64);
        } else if let Some(uint) = uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text.as_bytes())));
            }
            number.set_float(float);
        } else {
            return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
        }
        Ok(number)
    }

    fn of_complex(text: &str, real: f64, imaginary: f64) -> Self {
        let mut number = Self {
            text: text.to_owned(),
            int: None,
            uint: None,
            float: None,
            complex: Some((real, imaginary)),
        };
        if imaginary == 0.0 {
            number.set_float(real);
        }
        number
    }

    /// Takes a float, and the integers that it is equal to.
    fn set_float(&mut self, float: f64) {
        self.float = Some(float);
        self.int = Some(float as i64).filter(|int| *int as f64 == float);
        self.uint = Some(float as u64).filter(|uint| *uint as f64 == float);
    }

    /// Whether the constant is written as one with a fraction or exponent.
    pub(crate) fn is_written_as_float(&self) -> bool {
        let text = self.text.as_str();
        let character = text.starts_with('\'');
        let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
        let hexadecimal_integer = text.len() > 2 && hexadecimal && !text.contains(['p', 'P']);
        !character && !hexadecimal_integer && text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = parse_uint(digits)?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads an integer without sign: `0x`, `0o`, `0b` or a leading zero tell the base.
fn parse_uint(text: &str) -> Option<u64> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !underscores_are_well_placed(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase().replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok();
        }
    }
    match lower.strip_prefix('0') {
        Some("") => Some(0),
        Some(octal) => u64::from_str_radix(octal, 8).ok(),
        None => lower.parse().ok(),
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !underscores_are_well_placed(unsigned) {
        return None;
    }
    let plain = unsigned.to_ascii_lowercase().replace('_', "");
    let magnitude = match plain.strip_prefix("0x") {
        Some(hexadecimal) => parse_hexadecimal_float(hexadecimal)?,
        None if plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') => plain.parse::<f64>().ok()?,
        None => return None,
    };
    if magnitude.is_infinite() {
        return None;
    }
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Reads `1.8p1` (the prefix is gone already). The exponent is not optional.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(value * 2.0_f64.powi(shift))
}

/// An underscore may stand only between digits, or between the prefix of a base and a digit.
fn underscores_are_well_placed(text: &str) -> bool {
    if !text.contains('_') {
        return true;
    }
    let bytes = text.as_bytes();
    let prefixed =
        bytes.len() > 1 && bytes.first() == Some(&b'0') && bytes.get(1).is_some_and(u8::is_ascii_alphabetic);
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).is_some_and(|at| is_digit(at) || (prefixed && at == 1));
        before && is_digit(at + 1)
    })
}
