//! The other functions that every template has.

use std::sync::Arc;

use crate::escape;
use crate::format;
use crate::value::{List, UintType, Value};

fn missing_argument() -> String {
    "missing argument".to_owned()
}

/// Whether the argument is false or empty.
pub(crate) fn not(arguments: &[Value]) -> Result<Value, String> {
    let value = arguments.first().ok_or_else(missing_argument)?;
    Ok(Value::Bool(!value.is_true()))
}

/// Bytes of a string, items of a list, entries of a map.
pub(crate) fn len(arguments: &[Value]) -> Result<Value, String> {
    let length = match arguments.first() {
        Some(Value::String(text)) => text.len(),
        Some(Value::List(list)) => list.items.len(),
        Some(Value::Map(map)) => map.entries.len(),
        Some(Value::Nil) => return Err("len of nil pointer".to_owned()),
        Some(other) => return Err(format!("len of type {}", other.type_name())),
        None => return Err(missing_argument()),
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// The first argument indexed by the second, then by the third, and so on.
pub(crate) fn index(arguments: &[Value]) -> Result<Value, String> {
    let [item, indexes @ ..] = arguments else {
        return Err(missing_argument());
    };
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    indexes.iter().try_fold(item.clone(), |item, index| index_once(&item, index))
}

fn index_once(item: &Value, index: &Value) -> Result<Value, String> {
    match item {
        Value::String(text) => {
            let at = position(index, text.len())?;
            let byte = text.get(at).ok_or_else(|| out_of_range(at))?;
            Ok(Value::Uint(UintType::Uint8, u64::from(*byte)))
        }
        Value::List(list) => {
            let at = position(index, list.items.len())?;
            list.items.get(at).cloned().ok_or_else(|| out_of_range(at))
        }
        Value::Map(map) => match index {
            Value::String(key) => {
                let entry = std::str::from_utf8(key).ok().and_then(|key| map.entries.get(key));
                Ok(entry.cloned().unwrap_or_else(|| map.element.zero()))
            }
            Value::Missing | Value::Nil => Err("value is nil; should be of type string".to_owned()),
            other => Err(format!("value has type {}; should be string", other.type_name())),
        },
        Value::Missing | Value::Nil => Err("index of nil pointer".to_owned()),
        other => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn out_of_range(at: usize) -> String {
    format!("index out of range: {at}")
}

/// An index as a number from 0 to the given limit, both included.
fn position(index: &Value, limit: usize) -> Result<usize, String> {
    let number = match index {
        Value::Int(_, number) => i128::from(*number),
        Value::Uint(_, number) => i128::from(*number),
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    usize::try_from(number)
        .ok()
        .filter(|at| *at <= limit)
        .ok_or_else(|| format!("index out of range: {number}"))
}

/// Part of a string (by bytes) or list: from the second argument up to the third.
pub(crate) fn slice(arguments: &[Value]) -> Result<Value, String> {
    let [item, indexes @ ..] = arguments else {
        return Err(missing_argument());
    };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::String(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Value::String(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Missing => return Err("slice of untyped nil".to_owned()),
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length)?;
    }
    let [from, to, capacity] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > capacity {
        return Err(format!("invalid slice index: {to} > {capacity}"));
    }
    Ok(match item {
        Value::String(text) => Value::String(text.get(from..to).unwrap_or_default().into()),
        Value::List(list) => {
            let items = list.items.get(from..to).unwrap_or_default().to_vec();
            Value::List(Arc::new(List { element: list.element, items }))
        }
        _ => Value::Missing,
    })
}

/// Calls a function that is a value. No data holds one.
pub(crate) fn call(arguments: &[Value]) -> Result<Value, String> {
    match arguments.first() {
        None | Some(Value::Missing | Value::Nil) => Err("call of nil".to_owned()),
        Some(other) => Err(format!("non-function of type {}", other.type_name())),
    }
}

/// The arguments one after the other; a space between two that are no strings.
pub(crate) fn print(arguments: &[Value]) -> Result<Value, String> {
    Ok(Value::String(format::print(arguments).into()))
}

/// The arguments with spaces between them and a newline at the end.
pub(crate) fn println(arguments: &[Value]) -> Result<Value, String> {
    Ok(Value::String(format::println(arguments).into()))
}

/// The arguments as the first one, a format, tells.
pub(crate) fn printf(arguments: &[Value]) -> Result<Value, String> {
    let [Value::String(format), arguments @ ..] = arguments else {
        return Err(missing_argument());
    };
    format::printf(format, arguments).map(|text| Value::String(text.into()))
}

/// What the escaping functions work on: the arguments printed, a null as the words for no value.
fn text_of(arguments: &[Value]) -> Vec<u8> {
    if let [Value::String(text)] = arguments {
        return text.to_vec();
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(|argument| if argument.is_nil() { Value::string(format::NO_VALUE) } else { argument.clone() })
        .collect();
    format::print(&shown)
}

/// The arguments, safe in HTML.
pub(crate) fn html(arguments: &[Value]) -> Result<Value, String> {
    Ok(Value::String(escape::html(&text_of(arguments)).into()))
}

/// The arguments, safe in a JavaScript string.
pub(crate) fn js(arguments: &[Value]) -> Result<Value, String> {
    Ok(Value::String(escape::js(&text_of(arguments)).into()))
}

/// The arguments, safe in the query of an URL.
pub(crate) fn urlquery(arguments: &[Value]) -> Result<Value, String> {
    Ok(Value::String(escape::urlquery(&text_of(arguments)).into()))
}
