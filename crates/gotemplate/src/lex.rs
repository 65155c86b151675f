//! Cuts a template into tokens.
//!
//! Text outside of `{{` and `}}` is one token; inside, spaces are tokens too, because they separate arguments.

use std::borrow::Cow;

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// A trim marker is a dash and a space; both belong to it.
const TRIM_MARKER_LENGTH: usize = 2;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Error,
    End,
    Text,
    LeftDelimiter,
    RightDelimiter,
    Space,
    Assign,
    Declare,
    Pipe,
    Character,
    LeftParenthesis,
    RightParenthesis,
    Quoted,
    RawQuoted,
    CharacterConstant,
    Number,
    Complex,
    Identifier,
    Field,
    Variable,
    Bool,
    Dot,
    Nil,
    Keyword(Keyword),
}

/// Words with a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

/// A piece of the template.
#[derive(Debug, Clone)]
pub(crate) struct Token<'t> {
    pub(crate) kind: TokenKind,
    /// Byte at which it starts.
    pub(crate) at: usize,
    /// Line on which it starts, from 1.
    pub(crate) line: usize,
    /// The piece itself; for [`TokenKind::Error`], what is wrong.
    pub(crate) text: Cow<'t, str>,
}

impl Token<'_> {
    /// The token as an error message names it.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            TokenKind::End => "EOF".to_owned(),
            TokenKind::Error => self.text.to_string(),
            TokenKind::Keyword(_) | TokenKind::Dot | TokenKind::Nil => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                let short: String = self.text.chars().take(10).collect();
                format!("{}...", crate::quote::quote(short.as_bytes()))
            }
            _ => crate::quote::quote(self.text.as_bytes()),
        }
    }
}

/// Cuts a template into tokens, one at a time.
pub(crate) struct Lexer<'t> {
    input: &'t str,
    position: usize,
    start: usize,
    line: usize,
    start_line: usize,
    inside_action: bool,
    parenthesis_depth: usize,
    failed: Option<Token<'t>>,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(input: &'t str) -> Self {
        Self {
            input,
            position: 0,
            start: 0,
            line: 1,
            start_line: 1,
            inside_action: false,
            parenthesis_depth: 0,
            failed: None,
        }
    }

    /// The next token. After the end it is the end again, after an error that error.
    pub(crate) fn next_token(&mut self) -> Token<'t> {
        if let Some(failed) = &self.failed {
            return failed.clone();
        }
        if self.inside_action { self.inside() } else { self.outside() }
    }

    fn rest(&self) -> &'t str {
        self.input.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn accept(&mut self, allowed: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(allowed);
        if found {
            self.bump();
        }
        found
    }

    fn accept_run(&mut self, allowed: impl Fn(char) -> bool) {
        while self.accept(&allowed) {}
    }

    fn pending(&self) -> &'t str {
        self.input.get(self.start..self.position).unwrap_or_default()
    }

    fn emit(&mut self, kind: TokenKind) -> Token<'t> {
        let token =
            Token { kind, at: self.start, line: self.start_line, text: Cow::Borrowed(self.pending()) };
        self.start = self.position;
        self.start_line = self.line;
        token
    }

    /// Skips to a position further on without a token.
    fn skip_to(&mut self, position: usize) {
        let skipped = self.input.get(self.position..position).unwrap_or_default();
        self.line += count_lines(skipped);
        self.position = position;
        self.start = position;
        self.start_line = self.line;
    }

    fn fail(&mut self, message: impl Into<String>) -> Token<'t> {
        let token = Token {
            kind: TokenKind::Error,
            at: self.start,
            line: self.start_line,
            text: Cow::Owned(message.into()),
        };
        self.failed = Some(token.clone());
        token
    }

    /// Scans text up to the next action, and over comments.
    fn outside(&mut self) -> Token<'t> {
        loop {
            let rest = self.rest();
            let Some(distance) = rest.find(LEFT) else {
                self.line += count_lines(rest);
                self.position = self.input.len();
                return if rest.is_empty() { self.emit(TokenKind::End) } else { self.emit(TokenKind::Text) };
            };
            let text = &rest[..distance];
            let delimiter = self.position + distance;
            let kept = if has_left_trim(&rest[distance + LEFT.len()..]) {
                text.trim_end_matches(is_space)
            } else {
                text
            };
            if !kept.is_empty() {
                self.line += count_lines(kept);
                self.position += kept.len();
                let token = self.emit(TokenKind::Text);
                self.skip_to(delimiter);
                return token;
            }
            self.skip_to(delimiter);
            if let Some(token) = self.left_delimiter() {
                return token;
            }
        }
    }

    /// Scans `{{`. Nothing is returned for a comment, which is skipped as a whole.
    fn left_delimiter(&mut self) -> Option<Token<'t>> {
        let after = self.position + LEFT.len();
        let rest = self.input.get(after..).unwrap_or_default();
        let marker = if has_left_trim(rest) { TRIM_MARKER_LENGTH } else { 0 };
        if rest.get(marker..).is_some_and(|text| text.starts_with(LEFT_COMMENT)) {
            self.skip_to(after + marker);
            return self.comment();
        }
        self.position = after;
        let token = self.emit(TokenKind::LeftDelimiter);
        self.inside_action = true;
        self.parenthesis_depth = 0;
        self.skip_to(after + marker);
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'t>> {
        let Some(length) = self.rest().get(LEFT_COMMENT.len()..).and_then(|text| text.find(RIGHT_COMMENT))
        else {
            return Some(self.fail("unclosed comment"));
        };
        let mut end = self.position + LEFT_COMMENT.len() + length + RIGHT_COMMENT.len();
        let after = self.input.get(end..).unwrap_or_default();
        let Some(trims) = right_delimiter_at(after) else {
            return Some(self.fail("comment ends before closing delimiter"));
        };
        end += RIGHT.len() + if trims { TRIM_MARKER_LENGTH } else { 0 };
        if trims {
            end += leading_space(self.input.get(end..).unwrap_or_default());
        }
        self.skip_to(end);
        None
    }

    fn right_delimiter(&mut self, trims: bool) -> Token<'t> {
        if trims {
            self.skip_to(self.position + TRIM_MARKER_LENGTH);
        }
        self.position += RIGHT.len();
        let token = self.emit(TokenKind::RightDelimiter);
        if trims {
            self.skip_to(self.position + leading_space(self.rest()));
        }
        self.inside_action = false;
        token
    }

    fn inside(&mut self) -> Token<'t> {
        if let Some(trims) = right_delimiter_at(self.rest()) {
            if self.parenthesis_depth == 0 {
                return self.right_delimiter(trims);
            }
            return self.fail("unclosed left paren");
        }
        let Some(next) = self.peek() else {
            return self.fail("unclosed action");
        };
        match next {
            _ if is_space(next) => return self.space(),
            '+' | '-' | '0'..='9' => return self.number(),
            _ if is_alphanumeric(next) => return self.identifier(),
            _ => {}
        }
        self.bump();
        match next {
            '=' => self.emit(TokenKind::Assign),
            ':' if self.accept(|c| c == '=') => self.emit(TokenKind::Declare),
            ':' => self.fail("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.quoted('"', TokenKind::Quoted, "unterminated quoted string"),
            '\'' => self.quoted('\'', TokenKind::CharacterConstant, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(TokenKind::Variable),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.position -= 1;
                self.number()
            }
            '.' => self.field_or_variable(TokenKind::Field),
            '(' => {
                self.parenthesis_depth += 1;
                self.emit(TokenKind::LeftParenthesis)
            }
            ')' => match self.parenthesis_depth.checked_sub(1) {
                Some(depth) => {
                    self.parenthesis_depth = depth;
                    self.emit(TokenKind::RightParenthesis)
                }
                None => self.fail("unexpected right paren"),
            },
            ' '..='~' => self.emit(TokenKind::Character),
            other => self.fail(format!("unrecognized character in action: {}", name_character(other))),
        }
    }

    /// Scans a run of spaces, but leaves the last one alone if it begins the marker of a trimming delimiter.
    fn space(&mut self) -> Token<'t> {
        let run = leading_space(self.rest());
        let last = self.position + run - 1;
        let tail = self.input.get(last..).unwrap_or_default();
        if right_delimiter_at(tail) == Some(true) {
            if run == 1 {
                return self.right_delimiter(true);
            }
            self.line += count_lines(self.input.get(self.position..last).unwrap_or_default());
            self.position = last;
        } else {
            self.line += count_lines(self.input.get(self.position..last + 1).unwrap_or_default());
            self.position = last + 1;
        }
        self.emit(TokenKind::Space)
    }

    fn identifier(&mut self) -> Token<'t> {
        self.accept_run(is_alphanumeric);
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match self.pending() {
            "block" => TokenKind::Keyword(Keyword::Block),
            "break" => TokenKind::Keyword(Keyword::Break),
            "continue" => TokenKind::Keyword(Keyword::Continue),
            "define" => TokenKind::Keyword(Keyword::Define),
            "else" => TokenKind::Keyword(Keyword::Else),
            "end" => TokenKind::Keyword(Keyword::End),
            "if" => TokenKind::Keyword(Keyword::If),
            "range" => TokenKind::Keyword(Keyword::Range),
            "template" => TokenKind::Keyword(Keyword::Template),
            "with" => TokenKind::Keyword(Keyword::With),
            "nil" => TokenKind::Nil,
            "true" | "false" => TokenKind::Bool,
            _ => TokenKind::Identifier,
        };
        self.emit(kind)
    }

    /// Scans what follows a dot or a dollar sign.
    fn field_or_variable(&mut self, kind: TokenKind) -> Token<'t> {
        if self.at_terminator() {
            return self.emit(if kind == TokenKind::Variable { kind } else { TokenKind::Dot });
        }
        self.accept_run(is_alphanumeric);
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn bad_character(&mut self) -> Token<'t> {
        let name = self.peek().map_or_else(|| "EOF".to_owned(), name_character);
        self.fail(format!("bad character {name}"))
    }

    /// Whether a word may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(next) => is_space(next) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, quote: char, kind: TokenKind, unterminated: &str) -> Token<'t> {
        loop {
            match self.bump() {
                Some('\\') => {
                    if matches!(self.bump(), None | Some('\n')) {
                        return self.fail(unterminated);
                    }
                }
                None | Some('\n') => return self.fail(unterminated),
                Some(next) if next == quote => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Token<'t> {
        loop {
            match self.bump() {
                None => return self.fail("unterminated raw quoted string"),
                Some('`') => return self.emit(TokenKind::RawQuoted),
                Some(_) => {}
            }
        }
    }

    /// Scans a number. What slips through is found wrong when its value is taken.
    fn number(&mut self) -> Token<'t> {
        let mut kind = TokenKind::Number;
        let mut good = self.scan_number();
        if good && matches!(self.peek(), Some('+' | '-')) {
            kind = TokenKind::Complex;
            good = self.scan_number() && self.pending().ends_with('i');
        }
        if !good {
            let message = format!("bad number syntax: {}", crate::quote::quote(self.pending().as_bytes()));
            return self.fail(message);
        }
        self.emit(kind)
    }

    /// Scans the parts of a number; false, one character further on, if a letter or digit follows.
    fn scan_number(&mut self) -> bool {
        self.accept(|c| c == '+' || c == '-');
        let mut radix = 10;
        if self.accept(|c| c == '0') {
            if self.accept(|c| c == 'x' || c == 'X') {
                radix = 16;
            } else if self.accept(|c| c == 'o' || c == 'O') {
                radix = 8;
            } else if self.accept(|c| c == 'b' || c == 'B') {
                radix = 2;
            }
        }
        let digit = |c: char| c == '_' || c.is_digit(radix);
        self.accept_run(digit);
        if self.accept(|c| c == '.') {
            self.accept_run(digit);
        }
        let exponent = match radix {
            10 => self.accept(|c| c == 'e' || c == 'E'),
            16 => self.accept(|c| c == 'p' || c == 'P'),
            _ => false,
        };
        if exponent {
            self.accept(|c| c == '+' || c == '-');
            self.accept_run(|c| c == '_' || c.is_ascii_digit());
        }
        self.accept(|c| c == 'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

fn has_left_trim(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('-') && characters.next().is_some_and(is_space)
}

/// Whether a right delimiter is here, and whether it trims.
fn right_delimiter_at(text: &str) -> Option<bool> {
    if text.starts_with(RIGHT) {
        return Some(false);
    }
    let after_space = text.strip_prefix(is_space)?;
    after_space.strip_prefix('-')?.starts_with(RIGHT).then_some(true)
}

fn name_character(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}
