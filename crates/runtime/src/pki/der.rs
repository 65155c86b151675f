//! Just enough of ASN.1's distinguished encoding rules to write a certificate.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Universal tags, with the constructed bit where the type has parts.
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// One element: tag, length, content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 6);
    bytes.push(tag);
    let length = content.len();
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let wide = length.to_be_bytes();
        let digits = wide.iter().skip_while(|byte| **byte == 0);
        let count = digits.clone().count();
        bytes.push(0x80 | count as u8);
        bytes.extend(digits);
    }
    bytes.extend_from_slice(content);
    bytes
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

pub(super) fn set(part: &[u8]) -> Vec<u8> {
    element(SET, part)
}

/// A context tag around a whole element.
pub(super) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

/// A context tag in place of the element's own, for types without parts.
pub(super) fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0x80 | number, content)
}

pub(super) fn boolean_true() -> Vec<u8> {
    element(BOOLEAN, &[0xff])
}

/// A number of zero or more, given by its big-endian bytes.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = bytes.get(start..).unwrap_or_default();
    let mut content = Vec::with_capacity(digits.len() + 1);
    // A leading bit would make it negative, and nothing at all is not a number.
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    element(INTEGER, &content)
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, content)
}

/// A bit string of whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    padded_bits(0, content)
}

/// A bit string whose last byte has `unused` bits too many.
pub(super) fn padded_bits(unused: u8, content: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[unused], content].concat())
}

/// An object identifier, given by its encoded content.
pub(super) fn oid(content: &[u8]) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, content)
}

pub(super) fn text(value: &str) -> Vec<u8> {
    element(UTF8_STRING, value.as_bytes())
}

/// A time to the second; RFC 5280 wants the short form up to 2049 and the long form after it.
pub(super) fn time(at: Timestamp) -> Vec<u8> {
    let civil = at.to_zoned(TimeZone::UTC);
    if (1950..2050).contains(&civil.year()) {
        element(UTC_TIME, civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        element(GENERALIZED_TIME, civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}
