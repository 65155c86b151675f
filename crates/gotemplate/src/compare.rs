//! `eq`, `lt` and their kin. Only values of the same kind can be compared; an integer's sign does not matter.

use std::cmp::Ordering;

use crate::value::Value;

const BAD_TYPE: &str = "invalid type for comparison";

fn incompatible(first: &Value, second: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", first.type_name(), second.type_name())
}

/// Whether the first argument equals any of the others. Stops at the first that does.
pub(crate) fn eq(arguments: &[Value]) -> Result<Value, String> {
    let [first, others @ ..] = arguments else {
        return Err("missing argument for comparison".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(first: &Value, second: &Value) -> Result<bool, String> {
    if first.is_nil() || second.is_nil() {
        return Ok(first.is_nil() && second.is_nil());
    }
    match (first, second) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Complex(a, b), Value::Complex(c, d)) => Ok(a == c && b == d),
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
            Err(format!("non-comparable type {}", second.type_name()))
        }
        (Value::List(_) | Value::Map(_), Value::List(_) | Value::Map(_)) => {
            Err(format!("non-comparable types {} and {}", first.type_name(), second.type_name()))
        }
        (Value::Object(a), Value::Object(b)) => Ok(std::sync::Arc::ptr_eq(a, b)),
        _ => order(first, second).map(|order| order == Some(Ordering::Equal)),
    }
}

/// The order of two numbers or strings; none if one of them is not a number.
fn order(first: &Value, second: &Value) -> Result<Option<Ordering>, String> {
    Ok(match (first, second) {
        (Value::Int(_, a), Value::Int(_, b)) => Some(a.cmp(b)),
        (Value::Uint(_, a), Value::Uint(_, b)) => Some(a.cmp(b)),
        (Value::Int(_, a), Value::Uint(_, b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(_, a), Value::Int(_, b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => return Err(incompatible(first, second)),
    })
}

/// The two arguments, if their types have an order.
fn pair(arguments: &[Value]) -> Result<(&Value, &Value), String> {
    let [first, second] = arguments else {
        return Err("missing argument for comparison".to_owned());
    };
    let basic = |value: &Value| {
        !value.is_nil() && !matches!(value, Value::List(_) | Value::Map(_) | Value::Object(_))
    };
    if !basic(first) || !basic(second) {
        return Err(BAD_TYPE.to_owned());
    }
    match (first, second) {
        (Value::Bool(_), Value::Bool(_)) | (Value::Complex(..), Value::Complex(..)) => {
            Err(BAD_TYPE.to_owned())
        }
        _ => Ok((first, second)),
    }
}

fn less(arguments: &[Value]) -> Result<bool, String> {
    let (first, second) = pair(arguments)?;
    order(first, second).map(|order| order == Some(Ordering::Less))
}

fn less_or_equal(arguments: &[Value]) -> Result<bool, String> {
    let (first, second) = pair(arguments)?;
    order(first, second).map(|order| matches!(order, Some(Ordering::Less | Ordering::Equal)))
}

/// Whether the arguments differ.
pub(crate) fn ne(arguments: &[Value]) -> Result<Value, String> {
    let Value::Bool(same) = eq(arguments)? else {
        return Err(BAD_TYPE.to_owned());
    };
    Ok(Value::Bool(!same))
}

/// Whether the first is less than the second.
pub(crate) fn lt(arguments: &[Value]) -> Result<Value, String> {
    less(arguments).map(Value::Bool)
}

/// Whether the first is at most the second.
pub(crate) fn le(arguments: &[Value]) -> Result<Value, String> {
    less_or_equal(arguments).map(Value::Bool)
}

/// Whether the first is not at most the second. A float that is no number is greater than everything: Go's rule.
pub(crate) fn gt(arguments: &[Value]) -> Result<Value, String> {
    less_or_equal(arguments).map(|is| Value::Bool(!is))
}

/// Whether the first is not less than the second.
pub(crate) fn ge(arguments: &[Value]) -> Result<Value, String> {
    less(arguments).map(|is| Value::Bool(!is))
}
