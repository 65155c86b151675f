//! Floats as Go prints them.

/// How to write a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatStyle {
    /// `%e`: always with an exponent.
    Exponent,
    /// `%f`: never with an exponent.
    Fixed,
    /// `%g`: whichever is shorter.
    General,
}

/// Writes a float. Without a precision, as few digits as tell it apart from its neighbours.
pub fn format_float(value: f64, style: FloatStyle, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (style, precision) {
        (FloatStyle::Fixed, None) => format!("{value}"),
        (FloatStyle::Fixed, Some(precision)) => format!("{value:.precision$}"),
        (FloatStyle::Exponent, None) => two_digit_exponent(&format!("{value:e}")),
        (FloatStyle::Exponent, Some(precision)) => two_digit_exponent(&format!("{value:.precision$e}")),
        (FloatStyle::General, None) => general_shortest(value),
        (FloatStyle::General, Some(precision)) => general(value, precision.max(1)),
    }
}

/// Exponent from which the shortest form is written with one; the other limit is -4.
const SHORTEST_EXPONENT_LIMIT: i32 = 6;

fn general_shortest(value: f64) -> String {
    let scientific = format!("{value:e}");
    let exponent = exponent_of(&scientific);
    // A zero has no exponent to speak of, and is never written with one.
    if !(-4..SHORTEST_EXPONENT_LIMIT).contains(&exponent) {
        two_digit_exponent(&scientific)
    } else {
        format!("{value}")
    }
}

fn general(value: f64, precision: usize) -> String {
    let scientific = format!("{value:.*e}", precision - 1);
    let exponent = exponent_of(&scientific);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if !(-4..limit).contains(&exponent) {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return two_digit_exponent(&format!("{}e{exponent}", without_trailing_zeros(mantissa)));
    }
    let decimals = usize::try_from(limit - 1 - exponent).unwrap_or(0);
    without_trailing_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn exponent_of(scientific: &str) -> i32 {
    scientific.rsplit_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// `1e5` as `1e+05`.
fn two_digit_exponent(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_style_changes_to_exponents_early() {
        let shortest = |value| format_float(value, FloatStyle::General, None);
        assert_eq!(shortest(100_000.0), "100000");
        assert_eq!(shortest(1_000_000.0), "1e+06");
        assert_eq!(shortest(1_234_567.0), "1.234567e+06");
        assert_eq!(shortest(0.0001), "0.0001");
        assert_eq!(shortest(0.00001), "1e-05");
        assert_eq!(shortest(0.0), "0");
        assert_eq!(format_float(123_456.0, FloatStyle::General, Some(3)), "1.23e+05");
        assert_eq!(format_float(2.5, FloatStyle::Fixed, Some(0)), "2");
    }
}
