//! YAML as Kubernetes' tools write it (`sigs.k8s.io/yaml`, that is yaml.v2 behind JSON), equal to the byte.
//!
//! Keys are sorted with their numbers by value, lists in maps are not indented, texts are quoted where they would be
//! read as something else by YAML 1.1, and long ones are folded at blanks.
//!
//! Deliberately absent: flow style, comments, anchors; the refusal of control characters.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// Column after which a text is folded at the next blank.
const BEST_WIDTH: usize = 80;
/// Longest key, in bytes, that stands before its colon on one line.
const SIMPLE_KEY_MAXIMUM_BYTES: usize = 128;
/// How much deeper each level is.
const STEP: usize = 2;

/// Writes a value as a document, with a newline at its end.
pub fn to_string(value: &Value) -> String {
    let mut emitter = Emitter { out: String::with_capacity(1024), column: 0 };
    match value {
        Value::Object(entries) if !entries.is_empty() => emitter.mapping(entries, 0),
        Value::Array(items) if !items.is_empty() => emitter.sequence(items, 0),
        scalar => {
            emitter.scalar(scalar, 0);
            emitter.line_break();
        }
    }
    emitter.out
}

struct Emitter {
    out: String,
    /// Characters on the current line.
    column: usize,
}

impl Emitter {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_text(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column += indent;
    }

    /// Writes a line break of a text; one that isn't a newline stays as it is, and ends the line all the same.
    fn text_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    /// Starts a new line within a folded text.
    fn fold(&mut self, indent: usize) {
        self.line_break();
        self.indent(indent);
    }

    /// Writes a mapping; its first key goes where the emitter is, which must be at `indent`.
    fn mapping(&mut self, entries: &Map<String, Value>, indent: usize) {
        for (number, key) in in_order(entries).into_iter().enumerate() {
            if number > 0 {
                self.indent(indent);
            }
            let value = entries.get(key).unwrap_or(&Value::Null);
            if !is_simple_key(key) {
                self.complex_entry(key, value, indent);
                continue;
            }
            self.simple_key(key);
            self.put(':');
            match value {
                Value::Object(inner) if !inner.is_empty() => {
                    self.fold(indent + STEP);
                    self.mapping(inner, indent + STEP);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.fold(indent);
                    self.sequence(items, indent);
                }
                scalar => {
                    self.put(' ');
                    self.scalar(scalar, indent + STEP);
                    self.end_scalar();
                }
            }
        }
    }

    /// Writes a list; its first dash goes where the emitter is, which must be at `indent`.
    fn sequence(&mut self, items: &[Value], indent: usize) {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.indent(indent);
            }
            self.put_text("- ");
            self.nested(item, indent + STEP);
        }
    }

    /// Writes a value behind a dash, or behind one of the marks of a complex entry.
    fn nested(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(inner) if !inner.is_empty() => self.mapping(inner, indent),
            Value::Array(inner) if !inner.is_empty() => self.sequence(inner, indent),
            scalar => {
                self.scalar(scalar, indent);
                self.end_scalar();
            }
        }
    }

    /// Writes an entry whose key is too long for a line, or has several: behind `?`, with the value behind `:`.
    fn complex_entry(&mut self, key: &str, value: &Value, indent: usize) {
        self.put_text("? ");
        self.text(key, indent + STEP);
        self.end_scalar();
        self.indent(indent);
        self.put_text(": ");
        self.nested(value, indent + STEP);
    }

    /// Ends the line of a scalar. A literal that ends with a line break has ended it already.
    fn end_scalar(&mut self) {
        if self.column > 0 {
            self.line_break();
        }
    }

    fn simple_key(&mut self, key: &str) {
        match style_of(key) {
            Style::Plain => self.put_text(key),
            Style::SingleQuoted => self.single_quoted(key, None),
            Style::DoubleQuoted | Style::Literal => self.double_quoted(key, None),
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.put_text("null"),
            Value::Bool(value) => self.put_text(if *value { "true" } else { "false" }),
            Value::Number(number) => {
                let text = number.to_string();
                self.put_text(&text);
            }
            Value::String(text) => self.text(text, indent),
            Value::Array(_) => self.put_text("[]"),
            Value::Object(_) => self.put_text("{}"),
        }
    }

    fn text(&mut self, text: &str, indent: usize) {
        match style_of(text) {
            Style::Plain => self.plain(text, indent),
            Style::SingleQuoted => self.single_quoted(text, Some(indent)),
            Style::DoubleQuoted => self.double_quoted(text, Some(indent)),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Whether a single blank here, between other characters, is where a text is folded.
    fn folds(&self, before: Option<char>, after: Option<char>) -> bool {
        self.column > BEST_WIDTH && before.is_some_and(|c| c != ' ') && after.is_some()
    }

    fn plain(&mut self, text: &str, indent: usize) {
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let after = rest.peek().copied();
            if c == ' ' && self.folds(before, after) && after != Some(' ') {
                self.fold(indent);
            } else {
                self.put(c);
            }
            before = Some(c);
        }
    }

    fn single_quoted(&mut self, text: &str, indent: Option<usize>) {
        self.put('\'');
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let after = rest.peek().copied();
            match indent {
                Some(indent) if c == ' ' && self.folds(before, after) && after != Some(' ') => {
                    self.fold(indent)
                }
                _ if is_break(c) => self.text_break(c),
                _ => {
                    if before.is_some_and(is_break) {
                        self.indent(indent.unwrap_or_default());
                    }
                    if c == '\'' {
                        self.put('\'');
                    }
                    self.put(c);
                }
            }
            before = Some(c);
        }
        self.put('\'');
    }

    fn double_quoted(&mut self, text: &str, indent: Option<usize>) {
        self.put('"');
        // yaml.v2 looks for the mark at the start of the text, whichever character it is about to write.
        let all_escaped = text.starts_with('\u{feff}');
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let after = rest.peek().copied();
            match indent {
                _ if all_escaped => self.escaped(c, false),
                Some(indent) if c == ' ' && self.folds(before, after) => {
                    self.fold(indent);
                    if after == Some(' ') {
                        self.put('\\');
                    }
                }
                _ => self.escaped(c, true),
            }
            before = Some(c);
        }
        self.put('"');
    }

    /// Writes a character of a double-quoted text; as it is only where that is possible and allowed.
    fn escaped(&mut self, c: char, as_it_is: bool) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ if as_it_is && is_printable(c) => return self.put(c),
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return self.put_text(&text);
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.put_text(&STEP.to_string());
        }
        let mut backwards = text.chars().rev();
        match (backwards.next(), backwards.next()) {
            (Some(last), before) if is_break(last) => {
                if before.is_none_or(is_break) {
                    self.put('+');
                }
            }
            _ => self.put('-'),
        }
        self.line_break();
        let mut starts_line = true;
        for c in text.chars() {
            if is_break(c) {
                self.text_break(c);
                starts_line = true;
                continue;
            }
            if starts_line {
                self.indent(indent);
                starts_line = false;
            }
            self.put(c);
        }
    }
}

/// Whether a key stands before its colon on one line.
fn is_simple_key(key: &str) -> bool {
    key.len() <= SIMPLE_KEY_MAXIMUM_BYTES && !key.contains(is_break)
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// The style that keeps a text what it is, with as few marks as possible.
fn style_of(text: &str) -> Style {
    let traits = Traits::of(text);
    if text.contains('\n') {
        return if traits.literal { Style::Literal } else { Style::DoubleQuoted };
    }
    if is_read_as_something_else(text) {
        return Style::DoubleQuoted;
    }
    if traits.plain {
        Style::Plain
    } else if traits.single_quoted {
        Style::SingleQuoted
    } else {
        Style::DoubleQuoted
    }
}

/// The styles that the characters of a text allow.
struct Traits {
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let mut seen =
            Seen { indicators: text.starts_with("---") || text.starts_with("..."), ..Seen::default() };
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            seen.character(before, c, rest.peek().copied());
            before = Some(c);
        }
        let edges =
            text.starts_with(|c| c == ' ' || is_break(c)) || text.ends_with(|c| c == ' ' || is_break(c));
        let odd = seen.special || seen.space_before_break;
        Self {
            plain: !edges && !seen.breaks && !seen.indicators && !odd,
            single_quoted: !seen.space_after_break && !odd,
            literal: !text.ends_with(' ') && !odd,
        }
    }
}

/// What occurs in a text.
#[derive(Default)]
struct Seen {
    indicators: bool,
    special: bool,
    breaks: bool,
    space_before_break: bool,
    space_after_break: bool,
}

impl Seen {
    fn character(&mut self, before: Option<char>, c: char, after: Option<char>) {
        let blank_follows = after.is_none_or(is_blank_or_break);
        self.indicators |= match (before, c) {
            (
                None,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                | '`',
            ) => true,
            (None, '?' | '-') | (_, ':') => blank_follows,
            (Some(before), '#') => is_blank_or_break(before),
            _ => false,
        };
        self.special |= !is_printable(c);
        self.breaks |= is_break(c);
        self.space_after_break |= c == ' ' && before.is_some_and(is_break);
        self.space_before_break |= is_break(c) && before == Some(' ');
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_break(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\0') || is_break(c)
}

/// Whether a character may stand as it is. Tabs and everything beyond the basic plane may not: yaml.v2's rule.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether YAML 1.1 takes a plain text for a null, boolean, number or time.
fn is_read_as_something_else(text: &str) -> bool {
    match text.as_bytes() {
        [] => true,
        [b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~', ..] => is_word(text),
        [b'.', ..] => {
            is_infinite_or_nan(text) || (underscores_part_digits(text) && is_float(&text.replace('_', "")))
        }
        [b'+' | b'-' | b'0'..=b'9', ..] => is_number(text),
        _ => false,
    }
}

fn is_word(text: &str) -> bool {
    const LOWER: [&str; 9] = ["y", "n", "yes", "no", "true", "false", "on", "off", "null"];
    let lower = text.to_ascii_lowercase();
    let rest = text.get(1..).unwrap_or_default();
    // As written, with a capital, or all in capitals; no other mixture counts.
    let evenly = rest.bytes().all(|b| b.is_ascii_lowercase())
        || (text.starts_with(|c: char| c.is_ascii_uppercase())
            && rest.bytes().all(|b| b.is_ascii_uppercase()));
    text == "~" || (LOWER.contains(&lower.as_str()) && evenly)
}

fn is_infinite_or_nan(text: &str) -> bool {
    matches!(text.strip_prefix(['+', '-']).unwrap_or(text), ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Whether every underscore has a digit on both sides. What begins with a point is held to that; other numbers are not.
fn underscores_part_digits(text: &str) -> bool {
    let ends_with_digit = |part: &str| part.ends_with(|c: char| c.is_ascii_digit());
    let starts_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    text.match_indices('_').all(|(at, _)| {
        text.get(..at).is_some_and(ends_with_digit) && text.get(at + 1..).is_some_and(starts_with_digit)
    })
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    is_infinite_or_nan(text)
        || is_integer(&plain)
        || is_float(&plain)
        || is_sexagesimal(text)
        || is_time(text)
}

/// An integer that fits 64 bits, in any of the bases that Go reads. With a sign, also a plus, one bit is the sign's.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (digits.get(2..).unwrap_or_default(), 16),
        Some("0o") => (digits.get(2..).unwrap_or_default(), 8),
        Some("0b") => (digits.get(2..).unwrap_or_default(), 2),
        _ if digits.starts_with('0') && digits.len() > 1 => (digits.get(1..).unwrap_or_default(), 8),
        _ => (digits.as_str(), 10),
    };
    let limit = match text.as_bytes() {
        [b'-', ..] => i64::MIN.unsigned_abs(),
        [b'+', ..] => i64::MAX.unsigned_abs(),
        _ => u64::MAX,
    };
    digits.bytes().all(|b| b.is_ascii_alphanumeric())
        && u64::from_str_radix(digits, radix).is_ok_and(|magnitude| magnitude <= limit)
}

/// Digits with a point or an exponent, or both.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_is_good
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `1:30:00`: numbers to the base 60, long gone, but quoted still.
fn is_sexagesimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (numbers, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = numbers.split(':');
    let first = parts.next().unwrap_or_default();
    let digits_or_underscores = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let sixty = |part: &str| match part.as_bytes() {
        [units] => units.is_ascii_digit(),
        [tens, units] => (b'0'..=b'5').contains(tens) && units.is_ascii_digit(),
        _ => false,
    };
    numbers.contains(':')
        && first.starts_with(|c: char| c.is_ascii_digit())
        && digits_or_underscores(first)
        && parts.all(sixty)
        && digits_or_underscores(fraction)
}

/// A date, alone or with a time of day.
fn is_time(text: &str) -> bool {
    let day_end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (day, time) = text.split_at(day_end);
    let mut fields = day.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let good = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        good.then(|| text.parse::<i16>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) =
        (number(year, 4..=4), number(month, 1..=2), number(day, 1..=2))
    else {
        return false;
    };
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else {
        return false;
    };
    jiff::civil::Date::new(year, month, day).is_ok() && (time.is_empty() || is_time_of_day(time))
}

/// `T1:02:03.5Z`, with a zone; or ` 1:02:03`, without.
fn is_time_of_day(text: &str) -> bool {
    let zoned = !text.starts_with(' ');
    let text = text.get(1..).unwrap_or_default();
    let clock = if zoned {
        match text.strip_suffix('Z') {
            Some(clock) => clock,
            None => {
                let Some(at) = text.rfind(['+', '-']) else { return false };
                let (clock, zone) = text.split_at(at);
                let zone_is_good = zone.len() == 6
                    && zone.bytes().enumerate().all(|(at, b)| match at {
                        0 => true,
                        3 => b == b':',
                        _ => b.is_ascii_digit(),
                    });
                if !zone_is_good {
                    return false;
                }
                clock
            }
        }
    } else {
        text
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let fields: Vec<Option<u8>> = clock
        .split(':')
        .map(|field| {
            field.parse().ok().filter(|_| field.len() <= 2 && field.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect();
    let fraction_is_good = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    fraction_is_good && matches!(fields.as_slice(), [Some(0..24), Some(0..60), Some(0..60)])
}

/// The keys of a mapping as they are written. Each finds its place among those before it, for [`compare_keys`] is no
/// order that a sort could count on: `a9`, `a10` and `a1b` each come before the next, in a circle.
fn in_order(entries: &Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = Vec::with_capacity(entries.len());
    for key in entries.keys() {
        let at = keys.partition_point(|earlier| compare_keys(earlier, key).is_le());
        keys.insert(at, key);
    }
    keys
}

/// The order of keys: letters after everything else, numbers by their value.
fn compare_keys(first: &str, second: &str) -> Ordering {
    let first: Vec<char> = first.chars().collect();
    let second: Vec<char> = second.chars().collect();
    let differing = first.iter().zip(&second).enumerate().find(|(_, (a, b))| a != b);
    let Some((at, (a, b))) = differing else {
        return first.len().cmp(&second.len());
    };
    match (a.is_alphabetic(), b.is_alphabetic()) {
        (true, true) => a.cmp(b),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => compare_numbers(&first, &second, at),
    }
}

/// Compares from where two keys first differ, by the numbers there.
fn compare_numbers(first: &[char], second: &[char], at: usize) -> Ordering {
    let run = |key: &[char]| -> Vec<i64> {
        key.iter().skip(at).map_while(|c| c.to_digit(10)).map(i64::from).collect()
    };
    let (a, b) = (run(first), run(second));
    let zero = first.get(at) == Some(&'0') || second.get(at) == Some(&'0');
    // A zero inside of a number is a digit of it, not the beginning of another.
    let before = first.get(..at).unwrap_or_default();
    let inside = zero && before.iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    // Numbers that are too large wrap around, as Go's do.
    let value = |digits: &[i64]| {
        digits.iter().fold(i64::from(inside), |value, digit| value.wrapping_mul(10).wrapping_add(*digit))
    };
    value(&a)
        .cmp(&value(&b))
        .then_with(|| a.len().cmp(&b.len()))
        .then_with(|| first.get(at).cmp(&second.get(at)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_with_their_numbers() {
        let text = to_string(&json!({ "a10": 1, "a2": 2, "A": 3, "_": 4, "a": {} }));
        assert_eq!(text, "_: 4\nA: 3\na: {}\na2: 2\na10: 1\n");
        assert_eq!(to_string(&json!({ "a1b": 1, "a10": 2 })), "a10: 2\na1b: 1\n");
        let circle: Map<String, Value> = (0..60)
            .flat_map(|n| [format!("a{n}"), format!("a{n}b"), format!("a1{n}c")])
            .map(|key| (key, Value::Null))
            .collect();
        assert_eq!(to_string(&Value::Object(circle.clone())).lines().count(), circle.len());
    }

    #[test]
    fn a_key_that_does_not_fit_a_line_has_marks() {
        let entry = |key: &str, value: Value| to_string(&json!({ "k": { key: value } }));
        let fits = "x".repeat(128);
        assert_eq!(entry(&fits, json!(1)), format!("k:\n  {fits}: 1\n"));
        let long = "x".repeat(129);
        assert_eq!(entry(&long, json!({ "a": [1] })), format!("k:\n  ? {long}\n  : a:\n    - 1\n"));
        assert_eq!(entry("a\nb\n", json!(true)), "k:\n  ? |\n    a\n    b\n  : true\n");
    }

    #[test]
    fn other_line_breaks_and_the_mark_at_the_start() {
        let written = |text: &str| to_string(&json!({ "k": text }));
        assert_eq!(written("a\u{2028}b"), "k: 'a\u{2028}  b'\n");
        assert_eq!(written("a\n\u{2028}b\u{2028}\n"), "k: |+\n  a\n\u{2028}  b\u{2028}\n");
        assert_eq!(written("\u{feff}a b"), "k: \"\\uFEFF\\x61\\x20\\x62\"\n");
        assert_eq!(written("a\u{feff}b"), "k: \"a\\uFEFFb\"\n");
    }

    #[test]
    fn texts_keep_their_type() {
        let written = |text: &str| to_string(&json!(text));
        for plain in ["a", "a:b", "Nope", "yEs", "0x", "1.2.3", "2020-13-01", "-x", "<<", "é"] {
            assert_eq!(written(plain), format!("{plain}\n"));
        }
        for quoted in
            ["", "y", "No", "NULL", "~", "08", "0o7", "1_0", ".5", "-.inf", "1:30", "2020-1-2", "1e3"]
        {
            assert_eq!(written(quoted), format!("\"{quoted}\"\n"));
        }
        assert_eq!(written("it's: so"), "'it''s: so'\n");
        assert_eq!(written("a\tb😀"), "\"a\\tb\\U0001F600\"\n");
    }

    #[test]
    fn numbers_after_a_point_may_have_underscores_between_digits() {
        let written = |text: &str| to_string(&json!(text));
        for quoted in [".5_0", ".5_0e1_0", ".1_2_3"] {
            assert_eq!(written(quoted), format!("\"{quoted}\"\n"));
        }
        for plain in ["._5", ".5_", ".5__0", ".5_e1", ".5e_1"] {
            assert_eq!(written(plain), format!("{plain}\n"));
        }
    }

    #[test]
    fn integers_with_a_sign_have_the_limits_of_64_bits_with_a_sign() {
        let written = |text: &str| to_string(&json!(text));
        for quoted in [
            "0xFFFFFFFFFFFFFFFF",
            "0x7FFF_FFFF_FFFF_FFFF",
            "+0x7FFFFFFFFFFFFFFF",
            "-0x8000000000000000",
            "-0o777",
            "-0b101",
            "18446744073709551615",
            "-18446744073709551615",
        ] {
            assert_eq!(written(quoted), format!("\"{quoted}\"\n"));
        }
        for plain in [
            "-0xFFFFFFFFFFFFFFFF",
            "+0xFFFFFFFFFFFFFFFF",
            "+0x8000000000000000",
            "-0x8000000000000001",
            "0x10000000000000000",
            "-0x",
            "-0b2",
        ] {
            assert_eq!(written(plain), format!("{plain}\n"));
        }
    }

    #[test]
    fn literals_say_how_they_end() {
        let written = |text: &str| to_string(&json!({ "k": text }));
        assert_eq!(written("a\nb\n"), "k: |\n  a\n  b\n");
        assert_eq!(written("a\n\nb"), "k: |-\n  a\n\n  b\n");
        assert_eq!(written(" a\n\n"), "k: |2+\n   a\n\n");
    }
}
