//! Go's quoted strings: writing them, and reading them as template literals.

use std::fmt::Write as _;

/// A string in double quotes, with Go's escapes; what is printable stays as it is.
pub fn quote(text: &[u8]) -> String {
    quote_with(text, '"', false)
}

/// The same, with everything but ASCII escaped.
pub fn quote_ascii(text: &[u8]) -> String {
    quote_with(text, '"', true)
}

/// A character in single quotes. A number that is no character gives U+FFFD.
pub fn quote_character(code: u64, ascii: bool) -> String {
    let character = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    quote_with(character.encode_utf8(&mut [0; 4]).as_bytes(), '\'', ascii)
}

/// Whether a text can stand in back quotes as it is.
pub(crate) fn fits_back_quotes(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|c| c != '`' && c != '\u{7f}' && c != '\u{feff}' && (c == '\t' || c >= ' '))
    })
}

fn quote_with(text: &[u8], quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_escaped(&mut out, c, quote, ascii));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(quote);
    out
}

fn push_escaped(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        _ if c == quote => {
            out.push('\\');
            out.push(c);
        }
        ' '..='~' => out.push(c),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        _ if !ascii && is_printable(c) => out.push(c),
        _ if c < ' ' || c == '\u{7f}' => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        _ if u32::from(c) < 0x1_0000 => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        _ => {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
    }
}

/// Whether a character has a shape of its own. Of the spaces only the plain one counts.
pub fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        _ if c.is_ascii() => false,
        _ => {
            // The standard library escapes what is not printable; a leading letter keeps it from escaping combining
            // marks, which would be escaped only where they have nothing to combine with.
            let mut text = String::with_capacity(5);
            text.push('a');
            text.push(c);
            text.escape_debug().nth(1) == Some(c)
        }
    }
}

/// A literal that is not well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidLiteral;

/// The bytes of a string literal, double or back quotes included.
pub(crate) fn unquote(literal: &str) -> Result<Vec<u8>, InvalidLiteral> {
    if let Some(raw) = literal.strip_prefix('`') {
        let raw = raw.strip_suffix('`').ok_or(InvalidLiteral)?;
        return Ok(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(InvalidLiteral)?;
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, after) = unquote_unit(rest, '"')?;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Character(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after;
    }
    Ok(out)
}

/// The code of a character literal, single quotes included; nothing if more than one character is in it.
pub(crate) fn unquote_character(literal: &str) -> Result<Option<u32>, InvalidLiteral> {
    let rest = literal.strip_prefix('\'').ok_or(InvalidLiteral)?;
    let (unit, after) = unquote_unit(rest, '\'')?;
    let code = match unit {
        Unit::Byte(byte) => u32::from(byte),
        Unit::Character(c) => u32::from(c),
    };
    Ok((after == "'").then_some(code))
}

enum Unit {
    Byte(u8),
    Character(char),
}

/// The first character or escape of a literal's inside, and the rest.
fn unquote_unit(text: &str, quote: char) -> Result<(Unit, &str), InvalidLiteral> {
    let mut characters = text.chars();
    let first = characters.next().ok_or(InvalidLiteral)?;
    if first == quote {
        return Err(InvalidLiteral);
    }
    if first != '\\' {
        return Ok((Unit::Character(first), characters.as_str()));
    }
    let kind = characters.next().ok_or(InvalidLiteral)?;
    let rest = characters.as_str();
    let simple = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        '\'' | '"' if kind == quote => kind,
        'x' => return numeric(rest, 2, 16).map(|(code, rest)| (Unit::Byte(code as u8), rest)),
        'u' | 'U' => {
            let (code, rest) = numeric(rest, if kind == 'u' { 4 } else { 8 }, 16)?;
            return Ok((Unit::Character(char::from_u32(code).ok_or(InvalidLiteral)?), rest));
        }
        '0'..='7' => {
            let octal = text.get(1..).ok_or(InvalidLiteral)?;
            let (code, rest) = numeric(octal, 3, 8)?;
            return Ok((Unit::Byte(u8::try_from(code).map_err(|_| InvalidLiteral)?), rest));
        }
        _ => return Err(InvalidLiteral),
    };
    Ok((Unit::Character(simple), rest))
}

fn numeric(text: &str, digits: usize, radix: u32) -> Result<(u32, &str), InvalidLiteral> {
    let number = text.get(..digits).ok_or(InvalidLiteral)?;
    if !number.chars().all(|c| c.is_digit(radix)) {
        return Err(InvalidLiteral);
    }
    let code = u32::from_str_radix(number, radix).map_err(|_| InvalidLiteral)?;
    Ok((code, text.get(digits..).unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quoting_keeps_what_is_printable() {
        assert_eq!(quote("é\u{301}\"\n\u{1}\u{a0}".as_bytes()), "\"é\u{301}\\\"\\n\\x01\\u00a0\"");
        assert_eq!(quote(b"\xff"), "\"\\xff\"");
        assert_eq!(quote_ascii("é😀".as_bytes()), "\"\\u00e9\\U0001f600\"");
    }

    #[test]
    fn literals_are_read_back() {
        assert_eq!(unquote(r#""\x41\102é\u00e9\n""#).unwrap(), "ABéé\n".as_bytes());
        assert_eq!(unquote("`a\\n`").unwrap(), b"a\\n");
        assert_eq!(unquote(r#""\q""#), Err(InvalidLiteral));
        assert_eq!(unquote_character("'ab'").unwrap(), None);
        assert_eq!(unquote_character(r"'\x41'").unwrap(), Some(65));
    }
}
