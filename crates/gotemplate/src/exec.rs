//! Carries a template out.
//!
//! `$` and declared variables live on a stack; each control structure drops what was declared inside of it.

use std::fmt;

use crate::call;
use crate::error::Error;
use crate::format;
use crate::functions::Functions;
use crate::node::{Branch, Command, List, Node, Operand, OperandKind, Pipe, display_template};
use crate::number::Number;
use crate::parse::Trees;
use crate::value::{IntType, UintType, Value};
use crate::{Limits, MissingKey};

/// The template that is carried out, and all that it is carried out with.
pub(crate) struct Context<'t> {
    pub(crate) name: &'t str,
    pub(crate) source: &'t str,
    pub(crate) trees: &'t Trees,
    pub(crate) functions: &'t Functions,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
}

/// Carries out the main template.
pub(crate) fn run(context: &Context<'_>, data: &Value) -> Result<Vec<u8>, Error> {
    let mut state = State {
        context,
        template: context.name,
        variables: vec![("$", data.clone())],
        out: Vec::with_capacity(context.source.len()),
        steps: 0,
        depth: 0,
        place: Place::Start,
    };
    if let Some(list) = context.trees.get(context.name) {
        state.list(data, list)?;
        state.count_step()?;
    }
    Ok(state.out)
}

/// The piece of template at work, for error messages.
#[derive(Clone, Copy)]
pub(crate) enum Place<'t> {
    Start,
    Operand(&'t Operand),
    Command(&'t Command),
    Pipe(&'t Pipe),
    Template { at: usize, name: &'t str, pipe: Option<&'t Pipe> },
}

impl Place<'_> {
    fn at(&self) -> usize {
        match self {
            Self::Start => 0,
            Self::Operand(operand) => operand.at,
            Self::Command(command) => command.at,
            Self::Pipe(pipe) => pipe.at,
            Self::Template { at, .. } => *at,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Operand(operand) => write!(f, "{operand}"),
            Self::Command(command) => write!(f, "{command}"),
            Self::Pipe(pipe) => write!(f, "{pipe}"),
            Self::Template { name, pipe, .. } => f.write_str(&display_template(name, *pipe)),
        }
    }
}

/// Whether to go on with the next node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// One run.
pub(crate) struct State<'t> {
    pub(crate) context: &'t Context<'t>,
    template: &'t str,
    variables: Vec<(&'t str, Value)>,
    out: Vec<u8>,
    steps: usize,
    depth: usize,
    pub(crate) place: Place<'t>,
}

impl<'t> State<'t> {
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        let before = self.context.source.get(..self.place.at()).unwrap_or_default();
        Error::Execute {
            name: self.context.name.to_owned(),
            line: 1 + before.matches('\n').count(),
            column: before.len() - before.rfind('\n').map_or(0, |newline| newline + 1),
            template: self.template.to_owned(),
            place: self.place.to_string(),
            message: message.into(),
        }
    }

    fn list(&mut self, dot: &Value, list: &'t List) -> Result<Flow, Error> {
        for node in list {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Result<Flow, Error> {
        self.count_step()?;
        match node {
            Node::Text(text) => self.out.extend_from_slice(text.as_bytes()),
            Node::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.print(&value);
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template { at, name, pipe } => self.call_template(dot, *at, name, pipe.as_ref())?,
        }
        Ok(Flow::Next)
    }

    /// Counts work and output against the limits.
    fn count_step(&mut self) -> Result<(), Error> {
        let limits = self.context.limits;
        self.steps += 1;
        if self.steps > limits.steps {
            return Err(self.error(format!("more than {} steps", limits.steps)));
        }
        if self.out.len() > limits.output_bytes {
            return Err(self.error(format!("more than {} bytes of output", limits.output_bytes)));
        }
        Ok(())
    }

    fn print(&mut self, value: &Value) {
        match value {
            Value::Missing => self.out.extend_from_slice(format::NO_VALUE.as_bytes()),
            other => format::write_value(&mut self.out, other),
        }
    }

    fn branch(&mut self, dot: &Value, branch: &'t Branch, sets_dot: bool) -> Result<Flow, Error> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            self.list(if sets_dot { &value } else { dot }, &branch.list)
        } else {
            branch.otherwise.as_ref().map_or(Ok(Flow::Next), |list| self.list(dot, list))
        };
        self.variables.truncate(mark);
        flow
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow, Error> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let ran = match &value {
            Value::List(list) => {
                let indexed = (0_i64..).zip(&list.items).map(|(at, item)| (Value::int(at), item.clone()));
                self.iterate(branch, indexed)?
            }
            Value::Map(map) => {
                let entries = map.entries.iter().map(|(key, item)| (Value::string(key), item.clone()));
                self.iterate(branch, entries)?
            }
            Value::Int(kind, count) => self.count_up(branch, *count, |at| Value::Int(*kind, at))?,
            Value::Uint(kind, count) => {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                self.count_up(branch, count, |at| Value::Uint(*kind, at.unsigned_abs()))?
            }
            Value::Missing | Value::Nil => false,
            other => return Err(self.error(format!("range can't iterate over a {}", other.type_name()))),
        };
        let flow = match &branch.otherwise {
            Some(list) if !ran => self.list(dot, list),
            _ => Ok(Flow::Next),
        };
        self.variables.truncate(mark);
        flow
    }

    fn count_up(&mut self, branch: &'t Branch, count: i64, at: impl Fn(i64) -> Value) -> Result<bool, Error> {
        if branch.pipe.variables.len() > 1 {
            return Err(self.error(format!("can't use {count} to iterate over more than one variable")));
        }
        self.iterate(branch, (0..count).map(|number| (Value::Missing, at(number))))
    }

    /// Carries out the body once per item. False if there was none.
    fn iterate(
        &mut self,
        branch: &'t Branch,
        items: impl Iterator<Item = (Value, Value)>,
    ) -> Result<bool, Error> {
        let mark = self.variables.len();
        let mut ran = false;
        for (index, item) in items {
            ran = true;
            self.count_step()?;
            self.set_range_variables(&branch.pipe, index, &item)?;
            let flow = self.list(&item, &branch.list)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    /// One variable is the item; of two, the first is the index.
    fn set_range_variables(&mut self, pipe: &'t Pipe, index: Value, item: &Value) -> Result<(), Error> {
        let values = match pipe.variables.as_slice() {
            [] => return Ok(()),
            [_] => vec![item.clone()],
            _ => vec![index, item.clone()],
        };
        if pipe.assigns {
            return pipe
                .variables
                .iter()
                .zip(values)
                .try_for_each(|(name, value)| self.set_variable(name, value));
        }
        // The pipe has declared them: they are the topmost ones.
        let top = self.variables.len() - values.len();
        for ((_, variable), value) in self.variables.iter_mut().skip(top).zip(values) {
            *variable = value;
        }
        Ok(())
    }

    fn set_variable(&mut self, name: &str, value: Value) -> Result<(), Error> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, variable)) => {
                *variable = value;
                Ok(())
            }
            None => Err(self.error(format!("undefined variable: {name}"))),
        }
    }

    fn variable(&self, name: &str) -> Result<Value, Error> {
        let found = self.variables.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| self.error(format!("undefined variable: {name}")))
    }

    fn call_template(
        &mut self,
        dot: &Value,
        at: usize,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Result<(), Error> {
        self.place = Place::Template { at, name, pipe };
        let Some(list) = self.context.trees.get(name) else {
            return Err(self.error(format!("template {} not defined", crate::quote::quote(name.as_bytes()))));
        };
        if self.depth >= self.context.limits.template_depth {
            return Err(self.error(format!("templates call each other more than {} deep", self.depth)));
        }
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Missing,
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let template = std::mem::replace(&mut self.template, name);
        self.depth += 1;
        self.list(&dot, list)?;
        self.depth -= 1;
        self.template = template;
        self.variables = variables;
        Ok(())
    }

    /// The value of a pipe. Variables that it declares are left on the stack.
    pub(crate) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value, Error> {
        self.place = Place::Pipe(pipe);
        let mut value: Option<Value> = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.out_of_interface());
        }
        let value = value.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                self.set_variable(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Result<Value, Error> {
        let first = &command.first;
        self.place = Place::Operand(first);
        match &first.kind {
            OperandKind::Function(name) => call::function(self, dot, name, command, last),
            OperandKind::Field(fields) => self.fields(dot, dot.clone(), fields, command, last),
            OperandKind::Variable { name, fields } if !fields.is_empty() => {
                let receiver = self.variable(name)?;
                self.fields(dot, receiver, fields, command, last)
            }
            OperandKind::Chain { of, fields } => {
                if matches!(of.kind, OperandKind::Nil) {
                    return Err(self.error("indirection through explicit nil"));
                }
                let receiver = self.operand(dot, of)?.out_of_interface();
                self.place = Place::Operand(first);
                self.fields(dot, receiver, fields, command, last)
            }
            _ if last.is_some() || !command.arguments.is_empty() => {
                Err(self.error(format!("can't give argument to non-function {first}")))
            }
            OperandKind::Nil => Err(self.error("nil is not a command")),
            _ => self.operand(dot, first),
        }
    }

    /// Follows fields; the last one, if it is a method, gets the arguments of the command.
    fn fields(
        &mut self,
        dot: &Value,
        receiver: Value,
        fields: &'t [String],
        command: &'t Command,
        last: Option<Value>,
    ) -> Result<Value, Error> {
        let Some((name, before)) = fields.split_last() else {
            return Ok(receiver);
        };
        let receiver = self.plain_fields(receiver, before)?;
        if let Value::Object(object) = &receiver {
            let object = object.clone();
            let mut arguments = Vec::with_capacity(command.arguments.len() + 1);
            for argument in &command.arguments {
                arguments.push(self.operand(dot, argument)?);
            }
            arguments.extend(last);
            self.place = Place::Operand(&command.first);
            return match object.call(name, &arguments) {
                Some(result) => {
                    result.map_err(|message| self.error(format!("error calling {name}: {message}")))
                }
                None => {
                    Err(self.error(format!("can't evaluate field {name} in type {}", object.type_name())))
                }
            };
        }
        if matches!(receiver, Value::Map(_)) && (last.is_some() || !command.arguments.is_empty()) {
            return Err(self.error(format!("{name} is not a method but has arguments")));
        }
        self.field(&receiver, name)
    }

    /// Follows fields that get no arguments.
    fn plain_fields(&self, receiver: Value, fields: &[String]) -> Result<Value, Error> {
        fields.iter().try_fold(receiver, |receiver, name| self.field(&receiver, name))
    }

    fn field(&self, receiver: &Value, name: &str) -> Result<Value, Error> {
        match receiver {
            Value::Missing if self.context.missing_key == MissingKey::Error => {
                Err(self
                    .error(format!("nil data; no entry for key {}", crate::quote::quote(name.as_bytes()))))
            }
            Value::Missing => Ok(Value::Missing),
            Value::Nil => Err(self.error(format!("nil pointer evaluating interface {{}}.{name}"))),
            Value::Map(map) => {
                match (map.entries.get(name), self.context.missing_key) {
                    (Some(value), _) => Ok(value.clone()),
                    (None, MissingKey::Default) => Ok(Value::Missing),
                    (None, MissingKey::Error) => Err(self
                        .error(format!("map has no entry for key {}", crate::quote::quote(name.as_bytes())))),
                }
            }
            Value::Object(object) => match object.call(name, &[]) {
                Some(result) => {
                    result.map_err(|message| self.error(format!("error calling {name}: {message}")))
                }
                None => {
                    Err(self.error(format!("can't evaluate field {name} in type {}", object.type_name())))
                }
            },
            other => Err(self.error(format!("can't evaluate field {name} in type {}", other.type_name()))),
        }
    }

    /// The value of an operand without arguments.
    pub(crate) fn operand(&mut self, dot: &Value, operand: &'t Operand) -> Result<Value, Error> {
        self.place = Place::Operand(operand);
        match &operand.kind {
            OperandKind::Function(name) => call::function_alone(self, name, operand),
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Bool(value) => Ok(Value::Bool(*value)),
            OperandKind::Number(number) => self.constant(number),
            OperandKind::String { text, .. } => Ok(Value::String(text.clone())),
            OperandKind::Field(fields) => self.plain_fields(dot.clone(), fields),
            OperandKind::Variable { name, fields } => {
                let receiver = self.variable(name)?;
                self.plain_fields(receiver, fields)
            }
            OperandKind::Chain { of, fields } => {
                if matches!(of.kind, OperandKind::Nil) {
                    return Err(self.error("indirection through explicit nil"));
                }
                let receiver = self.operand(dot, of)?.out_of_interface();
                self.place = Place::Operand(operand);
                self.plain_fields(receiver, fields)
            }
            OperandKind::Pipe(pipe) => self.pipeline(dot, pipe),
        }
    }

    /// A constant where nothing tells its type but the way it is written.
    fn constant(&self, number: &Number) -> Result<Value, Error> {
        if let Some((real, imaginary)) = number.complex {
            return Ok(Value::Complex(real, imaginary));
        }
        if let Some(float) = number.float.filter(|_| number.is_written_as_float()) {
            return Ok(Value::Float(float));
        }
        match (number.int, number.uint) {
            (Some(int), _) => Ok(Value::Int(IntType::Int, int)),
            (None, Some(_)) => Err(self.error(format!("{number} overflows int"))),
            (None, None) => {
                Ok(number.uint.map_or(Value::Missing, |uint| Value::Uint(UintType::Uint64, uint)))
            }
        }
    }
}
