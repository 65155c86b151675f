//! Reading the text form of a label selector, with the messages of k8s.io/apimachinery `labels.Parse`.

use super::label::{InvalidSelector, Operator, Requirement};
use crate::names::qualified_name_problems;
use crate::status::quote;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Error,
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    text: String,
}

fn keyword(text: &str) -> Option<Kind> {
    Some(match text {
        ")" => Kind::Close,
        "," => Kind::Comma,
        "!" => Kind::Not,
        "==" => Kind::DoubleEquals,
        "=" => Kind::Equals,
        ">" => Kind::Greater,
        "in" => Kind::In,
        "<" => Kind::Less,
        "!=" => Kind::NotEquals,
        "notin" => Kind::NotIn,
        "(" => Kind::Open,
        _ => return None,
    })
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_special(character: char) -> bool {
    matches!(character, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn tokens(query: &str) -> Vec<Token> {
    let mut rest = query;
    let mut tokens = Vec::new();
    loop {
        rest = rest.trim_start_matches(is_blank);
        let Some(first) = rest.chars().next() else { break };
        let token;
        (token, rest) = if is_special(first) { special(rest) } else { word(rest) };
        tokens.push(token);
    }
    tokens.push(Token { kind: Kind::End, text: String::new() });
    tokens
}

fn word(rest: &str) -> (Token, &str) {
    let end = rest.find(|c| is_special(c) || is_blank(c)).unwrap_or(rest.len());
    let (text, rest) = rest.split_at(end);
    let kind = keyword(text).unwrap_or(Kind::Identifier);
    (Token { kind, text: text.to_owned() }, rest)
}

/// The longest run of special characters that is a token.
fn special(rest: &str) -> (Token, &str) {
    let run = rest.find(|c| !is_special(c)).unwrap_or(rest.len());
    let mut found = None;
    for end in 1..=run {
        match keyword(rest.get(..end).unwrap_or_default()) {
            Some(kind) => found = Some((kind, end)),
            None if found.is_some() => break,
            None => {}
        }
    }
    match found {
        Some((kind, end)) => {
            let (text, rest) = rest.split_at(end);
            (Token { kind, text: text.to_owned() }, rest)
        }
        None => {
            let (text, rest) = rest.split_at(run);
            (Token { kind: Kind::Error, text: format!("error expected: keyword found '{text}'") }, rest)
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
}

fn fail<T>(message: String) -> Result<T, InvalidSelector> {
    Err(InvalidSelector(message))
}

pub(super) fn parse(query: &str) -> Result<Vec<Requirement>, InvalidSelector> {
    let mut parser = Parser { tokens: tokens(query), position: 0 };
    let mut requirements = Vec::new();
    loop {
        let next = parser.peek_value();
        match next.kind {
            Kind::Identifier | Kind::Not => {
                let requirement = parser.requirement();
                requirements.push(
                    requirement
                        .map_err(|error| InvalidSelector(format!("unable to parse requirement: {error}")))?,
                );
                if parser.end_of_requirement()? {
                    return Ok(requirements);
                }
            }
            Kind::End => return Ok(requirements),
            _ => return fail(format!("found '{}', expected: !, identifier, or 'end of string'", next.text)),
        }
    }
}

impl Parser {
    fn peek(&self) -> Token {
        let end = || Token { kind: Kind::End, text: String::new() };
        self.tokens.get(self.position).cloned().unwrap_or_else(end)
    }

    /// The next token where a value may stand: there `in` and `notin` are plain words.
    fn peek_value(&self) -> Token {
        let mut token = self.peek();
        if matches!(token.kind, Kind::In | Kind::NotIn) {
            token.kind = Kind::Identifier;
        }
        token
    }

    fn take_value(&mut self) -> Token {
        let token = self.peek_value();
        self.position += 1;
        token
    }

    fn end_of_requirement(&mut self) -> Result<bool, InvalidSelector> {
        let token = self.take_value();
        match token.kind {
            Kind::End => Ok(true),
            Kind::Comma => {
                let next = self.peek_value();
                if matches!(next.kind, Kind::Identifier | Kind::Not) {
                    Ok(false)
                } else {
                    fail(format!("found '{}', expected: identifier after ','", next.text))
                }
            }
            _ => fail(format!("found '{}', expected: ',' or 'end of string'", token.text)),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, InvalidSelector> {
        let mut token = self.take_value();
        let negated = token.kind == Kind::Not;
        if negated {
            token = self.take_value();
        }
        if token.kind != Kind::Identifier {
            return fail(format!("found '{}', expected: identifier", token.text));
        }
        let key = token.text;
        let problems = qualified_name_problems(&key);
        if !problems.is_empty() {
            return fail(format!("<nil>: Invalid value: {}: {}", quote(&key), problems.join("; ")));
        }
        if negated {
            return Requirement::new(&key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek_value().kind, Kind::End | Kind::Comma) {
            return Requirement::new(&key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => self.exact_value()?,
        };
        Requirement::new(&key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, InvalidSelector> {
        let token = self.peek();
        self.position += 1;
        Ok(match token.kind {
            Kind::In => Operator::In,
            Kind::NotIn => Operator::NotIn,
            Kind::Equals | Kind::DoubleEquals => Operator::Equals,
            Kind::NotEquals => Operator::NotEquals,
            Kind::Greater => Operator::GreaterThan,
            Kind::Less => Operator::LessThan,
            _ => return fail(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", token.text)),
        })
    }

    fn exact_value(&mut self) -> Result<Vec<String>, InvalidSelector> {
        if matches!(self.peek_value().kind, Kind::End | Kind::Comma) {
            return Ok(vec![String::new()]);
        }
        let token = self.take_value();
        if token.kind == Kind::Identifier {
            return Ok(vec![token.text]);
        }
        fail(format!("found '{}', expected: identifier", token.text))
    }

    fn values(&mut self) -> Result<Vec<String>, InvalidSelector> {
        let open = self.take_value();
        if open.kind != Kind::Open {
            return fail(format!("found '{}' expected: '('", open.text));
        }
        let first = self.peek_value();
        match first.kind {
            Kind::Identifier | Kind::Comma => {
                let values = self.identifiers()?;
                if self.take_value().kind != Kind::Close {
                    return fail(format!("found '{}', expected: ')'", first.text));
                }
                Ok(values)
            }
            Kind::Close => {
                self.position += 1;
                Ok(vec![String::new()])
            }
            _ => fail(format!("found '{}', expected: ',', ')' or identifier", first.text)),
        }
    }

    /// Words between commas; where a word is missing it is the empty one.
    fn identifiers(&mut self) -> Result<Vec<String>, InvalidSelector> {
        let mut values = Vec::new();
        loop {
            let token = self.take_value();
            match token.kind {
                Kind::Identifier => {
                    values.push(token.text);
                    let next = self.peek_value();
                    match next.kind {
                        Kind::Comma => {}
                        Kind::Close => return Ok(values),
                        _ => return fail(format!("found '{}', expected: ',' or ')'", next.text)),
                    }
                }
                Kind::Comma => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek_value().kind {
                        Kind::Close => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Kind::Comma => values.push(String::new()),
                        _ => {}
                    }
                }
                _ => return fail(format!("found '{}', expected: ',', or identifier", token.text)),
            }
        }
    }
}
