//! Calls of functions: counts arguments, gives each the declared type, and calls.

use std::sync::Arc;

use crate::error::Error;
use crate::exec::{Place, State};
use crate::functions::{Body, Function, Parameter};
use crate::node::{Command, Operand, OperandKind};
use crate::value::{Element, IntType, List, Map, Value};

/// Calls the function that a command begins with. `last` is the value that came through the pipe.
pub(crate) fn function<'t>(
    state: &mut State<'t>,
    dot: &Value,
    name: &str,
    command: &'t Command,
    last: Option<Value>,
) -> Result<Value, Error> {
    let function = find(state, name)?;
    check_count(state, name, &function, command.arguments.len(), last.is_some())?;
    let stop_at = match function.body {
        Body::And => Some(false),
        Body::Or => Some(true),
        Body::Plain(_) => None,
    };
    let mut values = Vec::with_capacity(command.arguments.len() + 1);
    for (position, operand) in command.arguments.iter().enumerate() {
        let value = argument(state, dot, function.parameter(position), operand)?;
        if stop_at == Some(value.is_true()) {
            return Ok(value);
        }
        values.push(value);
    }
    if let Some(last) = last {
        let value = fit(state, last, function.parameter(values.len()))?;
        values.push(value);
    }
    state.place = Place::Command(command);
    carry_out(state, name, &function, values)
}

/// Calls a function that stands alone, as an argument of another.
pub(crate) fn function_alone<'t>(
    state: &mut State<'t>,
    name: &str,
    operand: &'t Operand,
) -> Result<Value, Error> {
    let function = find(state, name)?;
    check_count(state, name, &function, 0, false)?;
    state.place = Place::Operand(operand);
    carry_out(state, name, &function, Vec::new())
}

fn find(state: &State<'_>, name: &str) -> Result<Function, Error> {
    let missing =
        || state.error(format!("{} is not a defined function", crate::quote::quote(name.as_bytes())));
    state.context.functions.get(name).copied().ok_or_else(missing)
}

fn check_count(
    state: &State<'_>,
    name: &str,
    function: &Function,
    written: usize,
    piped: bool,
) -> Result<(), Error> {
    let given = written + usize::from(piped);
    let wanted = function.parameters.len();
    if function.variadic.is_some() {
        if given < wanted {
            return Err(
                state.error(format!("wrong number of args for {name}: want at least {wanted} got {written}"))
            );
        }
    } else if given != wanted {
        return Err(state.error(format!("wrong number of args for {name}: want {wanted} got {given}")));
    }
    Ok(())
}

fn carry_out(
    state: &State<'_>,
    name: &str,
    function: &Function,
    mut values: Vec<Value>,
) -> Result<Value, Error> {
    match function.body {
        // All but the last were looked at already, and did not stop it.
        Body::And | Body::Or => Ok(values.pop().unwrap_or_default()),
        Body::Plain(body) => {
            body(&values).map_err(|message| state.error(format!("error calling {name}: {message}")))
        }
    }
}

/// The value of an argument, of the type that the function declares. A constant takes on that type.
fn argument<'t>(
    state: &mut State<'t>,
    dot: &Value,
    wanted: Parameter,
    operand: &'t Operand,
) -> Result<Value, Error> {
    state.place = Place::Operand(operand);
    let expected =
        |state: &State<'_>, what: &str| Err(state.error(format!("expected {what}; found {operand}")));
    match (&operand.kind, wanted) {
        (OperandKind::Nil, _) => match nil_of(wanted) {
            Some(value) => Ok(value),
            None => Err(state.error(format!("cannot assign nil to {}", wanted.name()))),
        },
        (
            OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::String { .. },
            Parameter::Any | Parameter::Reflected,
        )
        | (OperandKind::Bool(_), Parameter::Bool)
        | (OperandKind::String { .. }, Parameter::String) => state.operand(dot, operand),
        (OperandKind::Number(number), Parameter::Int | Parameter::Int64) => match number.int {
            Some(int) if wanted == Parameter::Int => Ok(Value::Int(IntType::Int, int)),
            Some(int) => Ok(Value::Int(IntType::Int64, int)),
            None => expected(state, "integer"),
        },
        (OperandKind::Number(number), Parameter::Float) => match number.float {
            Some(float) => Ok(Value::Float(float)),
            None => expected(state, "float"),
        },
        (OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::String { .. }, _) => match wanted {
            Parameter::String => expected(state, "string"),
            Parameter::Bool => expected(state, "bool"),
            Parameter::Int | Parameter::Int64 => expected(state, "integer"),
            Parameter::Float => expected(state, "float"),
            _ => Err(state.error(format!("can't handle {operand} for arg of type {}", wanted.name()))),
        },
        _ => {
            let value = state.operand(dot, operand)?;
            fit(state, value, wanted)
        }
    }
}

/// The nil of a type, where it has one.
fn nil_of(wanted: Parameter) -> Option<Value> {
    match wanted {
        Parameter::Reflected => Some(Value::Missing),
        Parameter::Any => Some(Value::Nil),
        Parameter::List => Some(Value::list(Vec::new())),
        Parameter::StringList => {
            Some(Value::List(Arc::new(List { element: Element::String, items: Vec::new() })))
        }
        Parameter::Map => Some(Value::map([])),
        Parameter::String | Parameter::Bool | Parameter::Int | Parameter::Int64 | Parameter::Float => None,
    }
}

/// The value, if it has the type that the function declares.
fn fit(state: &State<'_>, value: Value, wanted: Parameter) -> Result<Value, Error> {
    if let Value::Missing = value {
        return nil_of(wanted)
            .ok_or_else(|| state.error(format!("invalid value; expected {}", wanted.name())));
    }
    let fits = match (&value, wanted) {
        (_, Parameter::Any | Parameter::Reflected)
        | (Value::String(_), Parameter::String)
        | (Value::Bool(_), Parameter::Bool)
        | (Value::Int(IntType::Int, _), Parameter::Int)
        | (Value::Int(IntType::Int64, _), Parameter::Int64)
        | (Value::Float(_), Parameter::Float) => true,
        (Value::List(list), Parameter::List) => is_element(list, Element::Any),
        (Value::List(list), Parameter::StringList) => is_element(list, Element::String),
        (Value::Map(map), Parameter::Map) => is_map_of_any(map),
        _ => false,
    };
    if fits {
        return Ok(value);
    }
    let found = if let Value::Nil = value { "interface {}".to_owned() } else { value.type_name() };
    Err(state.error(format!("wrong type for value; expected {}; got {found}", wanted.name())))
}

fn is_element(list: &List, element: Element) -> bool {
    list.element == element
}

fn is_map_of_any(map: &Map) -> bool {
    map.element == Element::Any
}
