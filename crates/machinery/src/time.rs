//! Times as Kubernetes writes them: RFC 3339 in UTC, to the second (`metav1.Time`) or with exactly six decimals
//! (`metav1.MicroTime`, in Leases and Events).

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parsing time {0:?}: must be {1}")]
pub struct InvalidTime(pub String, pub &'static str);

/// `2024-05-01T10:00:00Z`. What is below a second is cut off.
pub fn format_seconds(time: Timestamp) -> String {
    let civil = TimeZone::UTC.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// `2024-05-01T10:00:00.000000Z`.
pub fn format_micros(time: Timestamp) -> String {
    let micros = time.subsec_nanosecond().rem_euclid(1_000_000_000) / 1000;
    let seconds = format_seconds(time);
    let seconds = seconds.strip_suffix('Z').unwrap_or(&seconds);
    format!("{seconds}.{micros:06}Z")
}

/// Reads RFC 3339, with or without a fraction, in any offset.
pub fn parse(text: &str) -> Result<Timestamp, InvalidTime> {
    let invalid = || InvalidTime(text.to_owned(), "an RFC 3339 time such as 2006-01-02T15:04:05Z");
    // jiff reads more than RFC 3339 (blanks for the T, bracketed zones): those are not Kubernetes times.
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20 && bytes.get(10) == Some(&b'T') && !text.contains('[');
    if !shaped {
        return Err(invalid());
    }
    text.parse().map_err(|_| invalid())
}

/// Reads a `MicroTime`: exactly six decimals.
pub fn parse_micros(text: &str) -> Result<Timestamp, InvalidTime> {
    let invalid = || {
        InvalidTime(text.to_owned(), "an RFC 3339 time with six decimals such as 2006-01-02T15:04:05.000000Z")
    };
    let fraction = text.split_once('.').map(|(_, rest)| rest).ok_or_else(invalid)?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 6 {
        return Err(invalid());
    }
    parse(text).map_err(|_| invalid())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_written_and_read() {
        let time: Timestamp = "2024-05-01T10:00:00.5Z".parse().unwrap();
        assert_eq!(format_seconds(time), "2024-05-01T10:00:00Z");
        assert_eq!(format_micros(time), "2024-05-01T10:00:00.500000Z");
        assert_eq!(parse("2024-05-01T12:00:00.5+02:00").unwrap(), time);
        assert_eq!(parse_micros("2024-05-01T10:00:00.500000Z").unwrap(), time);
        assert!(parse_micros("2024-05-01T10:00:00Z").is_err());
        assert!(parse_micros("2024-05-01T10:00:00.5Z").is_err());
        assert!(parse("2024-05-01").is_err());
        assert!(parse("2024-05-01 10:00:00Z").is_err());
        let before_epoch: Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
        assert_eq!(format_micros(before_epoch), "1969-12-31T23:59:59.250000Z");
    }
}
