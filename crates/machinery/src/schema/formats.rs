//! String and number formats that kube-apiserver checks in custom resources. Any other format is ignored.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::tree::{Schema, SchemaType};

/// The formats of strings, without dashes.
const SUPPORTED: [&str; 26] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "datetime",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8slongname",
    "k8sshortname",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];

/// The format of a schema, if it is one that counts for its type.
pub(super) fn effective(schema: &Schema) -> Option<&str> {
    let format = schema.format.as_deref()?;
    let counts = match schema.schema_type {
        None | Some(SchemaType::String) if !schema.int_or_string => {
            SUPPORTED.contains(&normalised(format).as_str())
        }
        Some(SchemaType::Integer) => matches!(format, "int32" | "int64"),
        Some(SchemaType::Number) => matches!(format, "float" | "double"),
        _ => false,
    };
    counts.then_some(format)
}

fn normalised(format: &str) -> String {
    format.replace('-', "")
}

macro_rules! pattern {
    ($name:ident, $pattern:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
    };
}

pattern!(TIME, r"^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$");
pattern!(UUID, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID3, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID4, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(UUID5, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(HEX_COLOUR, "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$");
pattern!(
    RGB_COLOUR,
    r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$"
);
pattern!(SSN, r"^\d{3}[- ]?\d{2}[- ]?\d{4}$");
pattern!(
    MAC,
    r"^([0-9a-fA-F]{2}[:-]){5}([0-9a-fA-F]{2}[:-]){0,2}[0-9a-fA-F]{2}$|^([0-9a-fA-F]{4}\.){2,3}[0-9a-fA-F]{4}$"
);
pattern!(
    HOSTNAME,
    r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$"
);
pattern!(EMAIL, r#"^([^<>"\s@,;:]+@[^<>"\s@,;:]+|[^<>@,;:]*<[^<>"\s@,;:]+@[^<>"\s@,;:]+>)$"#);
pattern!(BSON, "^[0-9a-fA-F]{24}$");
pattern!(
    CREDIT_CARD,
    r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$"
);
pattern!(GO_DURATION, r"^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$");
pattern!(WORD_DURATION, r"(\d+)\s*([A-Za-zµ]+)");

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Whether a text has a format. Formats that are not known hold for every text.
pub(super) fn is_valid(format: &str, text: &str) -> bool {
    match normalised(format).as_str() {
        "datetime" => is_date_time(text),
        "date" => is_date(text),
        "duration" => is_duration(text),
        "byte" => !text.is_empty() && STANDARD.decode(text).is_ok(),
        "ipv4" => text.contains('.') && (parse_ipv4(text).is_some() || text.parse::<Ipv6Addr>().is_ok()),
        "ipv6" => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => matches(&MAC, text),
        "uuid" => matches(&UUID, text),
        "uuid3" => matches(&UUID3, text),
        "uuid4" => matches(&UUID4, text),
        "uuid5" => matches(&UUID5, text),
        "hexcolor" => matches(&HEX_COLOUR, text),
        "rgbcolor" => matches(&RGB_COLOUR, text),
        "ssn" => matches(&SSN, text),
        "email" => matches(&EMAIL, text),
        "bsonobjectid" => matches(&BSON, text),
        "uri" => is_request_uri(text),
        "hostname" => {
            text.len() <= 255 && text.split('.').all(|label| label.len() <= 63) && matches(&HOSTNAME, text)
        }
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_credit_card(text),
        "k8sshortname" => crate::names::dns_label_problems(text).is_empty(),
        "k8slongname" => crate::names::dns_subdomain_problems(text).is_empty(),
        _ => true,
    }
}

/// `full-date` of RFC 3339.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shaped && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let Some((date, time)) = lower.split_once('t') else { return false };
    // A second `t` ends the time, as it does where this is checked in Go.
    let time = time.split('t').next().unwrap_or_default();
    let Some(parts) = TIME.as_ref().and_then(|pattern| pattern.captures(time)) else { return false };
    let part = |index: usize| parts.get(index).map(|part| part.as_str()).unwrap_or_default();
    is_date(date) && part(1) <= "23" && part(2) <= "59" && part(3) <= "59"
}

/// Go's durations, and those of Scala ("2 days").
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 16] =
        ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk", "nano", "micro", "milli", "sec", "min"];
    const LONG: [&str; 8] = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
    if matches(&GO_DURATION, text) {
        return true;
    }
    let Some(pattern) = WORD_DURATION.as_ref() else { return false };
    pattern.captures_iter(text).any(|found| {
        let unit = found.get(2).map(|unit| unit.as_str().to_lowercase()).unwrap_or_default();
        UNITS.contains(&unit.as_str()) || LONG.iter().any(|long| unit.starts_with(long))
    })
}

/// An IPv4 address; leading zeros are let pass.
fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = part
            .trim_start_matches('0')
            .parse()
            .or_else(|_| if part.bytes().all(|byte| byte == b'0') { Ok(0) } else { Err(()) })
            .ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let address = match parse_ipv4(address) {
        Some(address) => Some(IpAddr::V4(address)),
        None => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    };
    let maximum = match address {
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => 128,
        None => return false,
    };
    let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    digits && bits.parse::<u32>().is_ok_and(|bits| bits <= maximum)
}

/// What Go's `url.ParseRequestURI` takes: an absolute URI or an absolute path.
fn is_request_uri(text: &str) -> bool {
    let printable = text.bytes().all(|byte| byte > 0x20 && byte != 0x7f);
    if text.is_empty() || !printable {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let first = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let shaped =
        scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    first && shaped && !rest.is_empty()
}

fn digits_of(text: &str) -> Vec<u32> {
    text.chars().filter_map(|character| character.to_digit(10)).collect()
}

fn bare(text: &str) -> String {
    text.chars().filter(|character| !matches!(character, '-' | ' ')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let text = bare(text);
    if text.len() != 10 {
        return false;
    }
    let mut sum = 0;
    for (index, character) in (1_u32..).zip(text.chars()) {
        let digit = match character.to_digit(10) {
            Some(digit) => digit,
            None if index == 10 && character.eq_ignore_ascii_case(&'x') => 10,
            None => return false,
        };
        sum += index * digit;
    }
    sum % 11 == 0
}

fn is_isbn13(text: &str) -> bool {
    let text = bare(text);
    let digits = digits_of(&text);
    let sum: u32 =
        digits.iter().enumerate().map(|(index, digit)| digit * if index % 2 == 0 { 1 } else { 3 }).sum();
    text.len() == 13 && digits.len() == 13 && sum.is_multiple_of(10)
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !matches(&CREDIT_CARD, &digits) {
        return false;
    }
    let sum: u32 = digits_of(&digits)
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match digit * if index % 2 == 0 { 1 } else { 2 } {
            doubled if doubled > 9 => doubled - 9,
            plain => plain,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_hold_and_break() {
        for (format, good, bad) in [
            ("date-time", "2024-05-01T10:00:00Z", "yesterday"),
            ("date-time", "2024-05-01t10:00:00.123+02:00", "2024-05-01 10:00:00Z"),
            ("date", "2024-02-29", "2023-02-29"),
            ("duration", "1h30m", "soon"),
            ("duration", "2 days", "2 moons"),
            ("byte", "aGk=", ""),
            ("ipv4", "10.0.0.010", "10.0.0"),
            ("ipv6", "fd00::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("cidr", "fd00::/64", "fd00::"),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
            ("hostname", "a.example.com", "-a"),
            ("mac", "00:11:22:33:44:55", "00:11"),
            ("uri", "https://example.com/x", "nothing"),
            ("email", "a@b.example", "a"),
            ("hexcolor", "#fff", "#ff"),
            ("isbn", "978-0321751041", "978-0321751042"),
            ("isbn10", "0321751043", "0321751044"),
            ("k8s-short-name", "abc", "Abc"),
        ] {
            assert!(is_valid(format, good), "{format} {good}");
            assert!(!is_valid(format, bad), "{format} {bad}");
        }
        assert!(is_valid("made-up", "anything"));
    }
}
