//! What a template is made of, once parsed.

use std::fmt;

use crate::number::Number;
use crate::quote::quote;

/// A run of nodes, carried out one after the other.
pub(crate) type List = Vec<Node>;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    Break,
    Continue,
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { at: usize, name: String, pipe: Option<Pipe> },
}

/// What `if`, `with` and `range` have in common.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: List,
    pub(crate) otherwise: Option<List>,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipe {
    pub(crate) at: usize,
    /// The variables it sets: declared anew, or changed if `assigns`.
    pub(crate) variables: Vec<String>,
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// A function, field or value, and its arguments. The operands are never empty: the parser sees to that.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) at: usize,
    pub(crate) first: Operand,
    pub(crate) arguments: Vec<Operand>,
}

/// A value, or what gives one.
#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(crate) at: usize,
    pub(crate) kind: OperandKind,
}

/// The kinds of operand.
#[derive(Debug, Clone)]
pub(crate) enum OperandKind {
    Function(String),
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// The literal and what it stands for.
    String {
        literal: String,
        text: std::sync::Arc<[u8]>,
    },
    Field(Vec<String>),
    Variable {
        name: String,
        fields: Vec<String>,
    },
    Chain {
        of: Box<Operand>,
        fields: Vec<String>,
    },
    Pipe(Pipe),
}

/// Whether nothing in a list gives output, so that the template may be defined once more.
pub(crate) fn is_empty(list: &List) -> bool {
    list.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Function(name) => f.write_str(name),
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Bool(value) => write!(f, "{value}"),
            OperandKind::Number(number) => write!(f, "{number}"),
            OperandKind::String { literal, .. } => f.write_str(literal),
            OperandKind::Field(fields) => write_fields(f, fields),
            OperandKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            OperandKind::Chain { of, fields } => {
                write!(f, "{of}")?;
                write_fields(f, fields)
            }
            OperandKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(f, "{} {} ", self.variables.join(", "), if self.assigns { "=" } else { ":=" })?;
        }
        for (number, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if number == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

/// `{{template "name" pipe}}`, as an error message quotes it.
pub(crate) fn display_template(name: &str, pipe: Option<&Pipe>) -> String {
    let name = quote(name.as_bytes());
    match pipe {
        Some(pipe) => format!("{{{{template {name} {pipe}}}}}"),
        None => format!("{{{{template {name}}}}}"),
    }
}
