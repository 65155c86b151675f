//! Printing values as Go's fmt does: `print`, `println` and `printf`.

use std::fmt::Write as _;

use crate::float::{FloatStyle, format_float};
use crate::quote::{fits_back_quotes, quote, quote_ascii, quote_character};
use crate::value::{List, Map, Value};

/// What a missing value prints as.
pub(crate) const NO_VALUE: &str = "<no value>";
/// What a null prints as.
const NIL: &str = "<nil>";
/// Widths and precisions above this are refused by Go, too.
const MAXIMUM_WIDTH: usize = 1_000_000;
/// Most bytes that padding may come to: a template must not fill memory by a width.
const MAXIMUM_PADDING: usize = 65_536;

/// The arguments one after the other; a space between two that are no strings.
pub(crate) fn print(arguments: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut string_before = true;
    for (number, argument) in arguments.iter().enumerate() {
        let string = matches!(argument, Value::String(_));
        if number > 0 && !string && !string_before {
            out.push(b' ');
        }
        write_value(&mut out, argument);
        string_before = string;
    }
    out
}

/// The arguments with spaces between them and a newline at the end.
pub(crate) fn println(arguments: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, argument) in arguments.iter().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        write_value(&mut out, argument);
    }
    out.push(b'\n');
    out
}

/// Writes a value as `%v` does.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text),
        other => Printer { out, flags: Flags::default() }.value(other, 'v', 0),
    }
}

/// What stands between the percent sign and the verb.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`: Go syntax.
    go_syntax: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The arguments as the format tells. A mistake in the format is written into the text, as Go does.
pub(crate) fn printf(format: &[u8], arguments: &[Value]) -> Result<Vec<u8>, String> {
    let mut run = Run { arguments, next: 0, reordered: false, good_index: true, out: Vec::new() };
    let mut rest = format;
    while let Some(percent) = rest.iter().position(|byte| *byte == b'%') {
        let (text, after) = rest.split_at(percent);
        run.out.extend_from_slice(text);
        rest = run.directive(after.get(1..).unwrap_or_default())?;
    }
    run.out.extend_from_slice(rest);
    if !run.reordered && run.next < arguments.len() {
        run.extra();
    }
    Ok(run.out)
}

/// One run over a format.
struct Run<'a> {
    arguments: &'a [Value],
    next: usize,
    /// An index was used: then no complaint about arguments left over.
    reordered: bool,
    good_index: bool,
    out: Vec<u8>,
}

impl Run<'_> {
    /// Carries out one directive, the percent sign already read, and returns what follows it.
    fn directive<'f>(&mut self, format: &'f [u8]) -> Result<&'f [u8], String> {
        let mut flags = Flags::default();
        let mut rest = read_flags(format, &mut flags);
        self.good_index = true;
        self.reordered = false;
        let (after, mut indexed) = self.index(rest);
        rest = after;
        if let Some(after) = rest.strip_prefix(b"*") {
            rest = after;
            self.star_width(&mut flags);
            indexed = false;
        } else {
            let (number, after) = read_number(rest);
            flags.width = number;
            if number.is_some() && indexed {
                self.good_index = false;
            }
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(b".") {
            rest = after;
            if indexed {
                self.good_index = false;
            }
            let (after, found) = self.index(rest);
            rest = after;
            indexed = found;
            if let Some(after) = rest.strip_prefix(b"*") {
                rest = after;
                self.star_precision(&mut flags);
                indexed = false;
            } else {
                let (number, after) = read_number(rest);
                flags.precision = Some(number.unwrap_or(0));
                rest = after;
            }
        }
        if !indexed {
            rest = self.index(rest).0;
        }
        let (verb, after) = read_character(rest);
        let padding = flags.width.unwrap_or(0).max(flags.precision.unwrap_or(0));
        if padding > MAXIMUM_PADDING {
            return Err(format!("width or precision {padding} is more than {MAXIMUM_PADDING}"));
        }
        self.carry_out(verb, flags);
        Ok(after)
    }

    fn carry_out(&mut self, verb: Option<char>, mut flags: Flags) {
        let Some(verb) = verb else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        if verb == '%' {
            self.out.push(b'%');
            return;
        }
        if !self.good_index {
            self.complain(verb, "(BADINDEX)");
            return;
        }
        let Some(argument) = self.arguments.get(self.next) else {
            self.complain(verb, "(MISSING)");
            return;
        };
        self.next += 1;
        if verb == 'v' {
            flags.go_syntax = std::mem::take(&mut flags.sharp);
            // `%+v` asks for the field names of structs, of which there are none here, and not for signs.
            flags.plus = false;
        }
        Printer { out: &mut self.out, flags }.argument(argument, verb);
    }

    fn complain(&mut self, verb: char, what: &str) {
        let mut buffer = [0; 4];
        self.out.extend_from_slice(b"%!");
        self.out.extend_from_slice(verb.encode_utf8(&mut buffer).as_bytes());
        self.out.extend_from_slice(what.as_bytes());
    }

    /// Reads `[3]`: the number of the argument to use next.
    fn index<'f>(&mut self, format: &'f [u8]) -> (&'f [u8], bool) {
        let Some(inside) = format.strip_prefix(b"[") else {
            return (format, false);
        };
        self.reordered = true;
        let Some(close) = inside.iter().position(|byte| *byte == b']') else {
            self.good_index = false;
            return (inside, false);
        };
        let (digits, after) = inside.split_at(close);
        let (number, left) = read_number(digits);
        let after = after.get(1..).unwrap_or_default();
        match number {
            Some(number) if left.is_empty() && (1..=self.arguments.len()).contains(&number) => {
                self.next = number - 1;
                (after, true)
            }
            _ => {
                self.good_index = false;
                (after, true)
            }
        }
    }

    /// The next argument as a width or precision.
    fn star(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next);
        if argument.is_some() {
            self.next += 1;
        }
        let number = match argument {
            Some(Value::Int(_, number)) => Some(*number),
            Some(Value::Uint(_, number)) => i64::try_from(*number).ok(),
            _ => None,
        };
        number.filter(|number| number.unsigned_abs() <= MAXIMUM_WIDTH as u64)
    }

    fn star_width(&mut self, flags: &mut Flags) {
        let Some(width) = self.star() else {
            self.out.extend_from_slice(b"%!(BADWIDTH)");
            return;
        };
        if width < 0 {
            flags.minus = true;
            flags.zero = false;
        }
        flags.width = usize::try_from(width.unsigned_abs()).ok();
    }

    fn star_precision(&mut self, flags: &mut Flags) {
        match self.star() {
            Some(precision) => flags.precision = usize::try_from(precision).ok(),
            None => self.out.extend_from_slice(b"%!(BADPREC)"),
        }
    }

    /// Names the arguments that no directive used.
    fn extra(&mut self) {
        self.out.extend_from_slice(b"%!(EXTRA ");
        for (number, argument) in self.arguments.iter().enumerate().skip(self.next) {
            if number > self.next {
                self.out.extend_from_slice(b", ");
            }
            if argument.is_nil() {
                self.out.extend_from_slice(NIL.as_bytes());
            } else {
                self.out.extend_from_slice(argument.type_name().as_bytes());
                self.out.push(b'=');
                Printer { out: &mut self.out, flags: Flags::default() }.value(argument, 'v', 0);
            }
        }
        self.out.push(b')');
    }
}

fn read_flags<'f>(format: &'f [u8], flags: &mut Flags) -> &'f [u8] {
    let mut rest = format;
    while let [first, after @ ..] = rest {
        match first {
            b'#' => flags.sharp = true,
            b'0' => flags.zero = true,
            b'+' => flags.plus = true,
            b'-' => flags.minus = true,
            b' ' => flags.space = true,
            _ => break,
        }
        rest = after;
    }
    rest
}

/// Reads digits; nothing if there are none or the number is too large.
fn read_number(format: &[u8]) -> (Option<usize>, &[u8]) {
    let length = format.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = format.split_at(length);
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    (number.filter(|number| *number <= MAXIMUM_WIDTH), rest)
}

fn read_character(format: &[u8]) -> (Option<char>, &[u8]) {
    let Some(chunk) = format.utf8_chunks().next() else {
        return (None, format);
    };
    match chunk.valid().chars().next() {
        Some(c) => (Some(c), format.get(c.len_utf8()..).unwrap_or_default()),
        None => (Some(char::REPLACEMENT_CHARACTER), format.get(1..).unwrap_or_default()),
    }
}

/// Writes values by one directive.
struct Printer<'a> {
    out: &'a mut Vec<u8>,
    flags: Flags,
}

impl Printer<'_> {
    /// Writes an argument of printf.
    fn argument(&mut self, value: &Value, verb: char) {
        match verb {
            'T' => {
                let name = if value.is_nil() { NIL.to_owned() } else { value.type_name() };
                self.string(name.as_bytes(), 's');
            }
            'p' if !value.is_nil() => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    /// Writes a value; `depth` counts the lists and maps around it.
    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        match value {
            Value::Missing | Value::Nil => self.nil(value, verb, depth),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { b"true" } else { b"false" });
            }
            Value::Int(_, number) => self.integer(value, i128::from(*number), verb),
            Value::Uint(_, number) if self.flags.go_syntax && verb == 'v' => {
                self.flags.sharp = true;
                self.integer(value, i128::from(*number), 'x');
            }
            Value::Uint(_, number) => self.integer(value, i128::from(*number), verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Complex(real, imaginary) => self.complex(value, *real, *imaginary, verb),
            Value::String(text) if matches!(verb, 's' | 'v' | 'q' | 'x' | 'X') => {
                let verb = if self.flags.go_syntax && verb == 'v' { 'q' } else { verb };
                self.string(text, verb);
            }
            Value::List(list) => self.list(value, list, verb, depth),
            Value::Map(map) => self.map(value, map, verb, depth),
            Value::Object(object) if matches!(verb, 's' | 'v' | 'q' | 'x' | 'X') => {
                let text = object.print();
                self.string(text.as_bytes(), verb);
            }
            other => self.bad_verb(other, verb),
        }
    }

    fn nil(&mut self, value: &Value, verb: char, depth: usize) {
        match verb {
            'v' if depth > 0 && self.flags.go_syntax => self.out.extend_from_slice(b"interface {}(nil)"),
            'v' if depth > 0 => self.out.extend_from_slice(NIL.as_bytes()),
            'v' => self.pad(NIL.as_bytes()),
            _ => self.bad_verb(value, verb),
        }
    }

    /// Writes that a verb does not fit: `%!d(string=x)`.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        let mut buffer = [0; 4];
        self.out.extend_from_slice(b"%!");
        self.out.extend_from_slice(verb.encode_utf8(&mut buffer).as_bytes());
        self.out.push(b'(');
        if value.is_nil() {
            self.out.extend_from_slice(NIL.as_bytes());
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            self.value(value, 'v', 0);
        }
        self.out.push(b')');
    }

    fn list(&mut self, value: &Value, list: &List, verb: char, depth: usize) {
        let go_syntax = self.flags.go_syntax && verb == 'v';
        if go_syntax {
            self.out.extend_from_slice(value.type_name().as_bytes());
        }
        self.out.push(if go_syntax { b'{' } else { b'[' });
        for (number, item) in list.items.iter().enumerate() {
            if number > 0 {
                self.out.extend_from_slice(if go_syntax { b", " } else { b" " });
            }
            self.value(item, verb, depth + 1);
        }
        self.out.push(if go_syntax { b'}' } else { b']' });
    }

    fn map(&mut self, value: &Value, map: &Map, verb: char, depth: usize) {
        let go_syntax = self.flags.go_syntax && verb == 'v';
        if go_syntax {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'{');
        } else {
            self.out.extend_from_slice(b"map[");
        }
        for (number, (key, item)) in map.entries.iter().enumerate() {
            if number > 0 {
                self.out.extend_from_slice(if go_syntax { b", " } else { b" " });
            }
            self.value(&Value::string(key), verb, depth + 1);
            self.out.push(b':');
            self.value(item, verb, depth + 1);
        }
        self.out.push(if go_syntax { b'}' } else { b']' });
    }

    fn integer(&mut self, value: &Value, number: i128, verb: char) {
        let magnitude = number.unsigned_abs();
        let (digits, prefix) = match verb {
            'v' | 'd' => (format!("{magnitude}"), ""),
            'b' => (format!("{magnitude:b}"), "0b"),
            'o' => (format!("{magnitude:o}"), "0"),
            'O' => (format!("{magnitude:o}"), "0o"),
            'x' => (format!("{magnitude:x}"), "0x"),
            'X' => (format!("{magnitude:X}"), "0X"),
            'c' => return self.string(character(number).encode_utf8(&mut [0; 4]).as_bytes(), 'c'),
            'q' => {
                let quoted = quote_character(u64::from(u32::from(character(number))), self.flags.plus);
                return self.pad(quoted.as_bytes());
            }
            'U' => return self.unicode(magnitude),
            _ => return self.bad_verb(value, verb),
        };
        let prefix =
            if verb == 'O' || (self.flags.sharp && verb != 'v' && verb != 'd') { prefix } else { "" };
        self.number(number < 0, prefix, digits);
    }

    /// Writes the digits of an integer with its sign, prefix, leading zeros and padding.
    fn number(&mut self, negative: bool, prefix: &str, mut digits: String) {
        let sign = if negative {
            "-"
        } else if self.flags.plus {
            "+"
        } else if self.flags.space {
            " "
        } else {
            ""
        };
        let zeros_to = match (self.flags.precision, self.flags.width) {
            (Some(0), _) if digits == "0" => {
                digits.clear();
                return self.pad(b"");
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let text = format!("{sign}{prefix}{digits:0>zeros_to$}");
        self.pad_with(text.as_bytes(), b' ');
    }

    fn unicode(&mut self, code: u128) {
        let width = self.flags.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{code:0>width$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
        {
            let _ = write!(text, " '{c}'");
        }
        self.pad_with(text.as_bytes(), b' ');
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (style, default) = match verb {
            'v' | 'g' | 'G' => (FloatStyle::General, None),
            'e' | 'E' => (FloatStyle::Exponent, Some(6)),
            'f' | 'F' => (FloatStyle::Fixed, Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let text = format_float(number, style, self.flags.precision.or(default));
        let text = if matches!(verb, 'E' | 'G') { text.to_uppercase() } else { text };
        self.signed(&text, number.is_finite());
    }

    /// Writes a float's text with its sign in front of the padding zeros.
    fn signed(&mut self, text: &str, finite: bool) {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("+", text.strip_prefix('+').unwrap_or(text)),
        };
        let infinite = !finite && digits.ends_with("nf");
        let sign = match sign {
            "+" if self.flags.plus || infinite => "+",
            "+" if self.flags.space => " ",
            "+" => "",
            minus => minus,
        };
        let zeros = self.flags.zero && !self.flags.minus && finite;
        let width = self.flags.width.unwrap_or(0).saturating_sub(sign.len());
        let text = if zeros { format!("{sign}{digits:0>width$}") } else { format!("{sign}{digits}") };
        self.pad_with(text.as_bytes(), b' ');
    }

    fn complex(&mut self, value: &Value, real: f64, imaginary: f64, verb: char) {
        if !matches!(verb, 'v' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.out.push(b'(');
        self.float(value, real, verb);
        self.flags.plus = true;
        self.float(value, imaginary, verb);
        self.out.extend_from_slice(b"i)");
        self.flags.plus = plus;
    }

    fn string(&mut self, text: &[u8], verb: char) {
        let text = match self.flags.precision {
            Some(precision) if verb != 'c' => truncated(text, precision),
            _ => text,
        };
        match verb {
            'q' if self.flags.sharp && fits_back_quotes(text) => {
                let quoted = [b"`", text, b"`"].concat();
                self.pad(&quoted);
            }
            'q' if self.flags.plus => self.pad(quote_ascii(text).as_bytes()),
            'q' => self.pad(quote(text).as_bytes()),
            'x' | 'X' => {
                let hexadecimal = self.hexadecimal(text, verb == 'X');
                self.pad(hexadecimal.as_bytes());
            }
            _ => self.pad(text),
        }
    }

    fn hexadecimal(&self, text: &[u8], upper: bool) -> String {
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut out = String::with_capacity(text.len() * 2 + 2);
        for (number, byte) in text.iter().enumerate() {
            if number > 0 && self.flags.space {
                out.push(' ');
            }
            if number == 0 || self.flags.space {
                out.push_str(prefix);
            }
            let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
        }
        out
    }

    fn pad(&mut self, text: &[u8]) {
        self.pad_with(text, if self.flags.zero && !self.flags.minus { b'0' } else { b' ' });
    }

    fn pad_with(&mut self, text: &[u8], filler: u8) {
        let characters: usize =
            text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        let missing = self.flags.width.unwrap_or(0).saturating_sub(characters);
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.out.extend(std::iter::repeat_n(b' ', missing));
        } else {
            self.out.extend(std::iter::repeat_n(filler, missing));
            self.out.extend_from_slice(text);
        }
    }
}

fn character(number: i128) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The first characters of a string.
fn truncated(text: &[u8], characters: usize) -> &[u8] {
    let mut left = characters;
    let mut end = 0;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if left == 0 {
                return text.get(..end).unwrap_or_default();
            }
            left -= 1;
            end += c.len_utf8();
        }
        for _ in chunk.invalid() {
            if left == 0 {
                return text.get(..end).unwrap_or_default();
            }
            left -= 1;
            end += 1;
        }
    }
    text
}
