//! The functions a template may call, as data: a registry that others can add to.

use std::collections::BTreeMap;

use crate::value::Value;
use crate::{builtin, compare};

/// The type that a function declares for an argument. Go checks it before the call, and takes constants accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Anything, told apart from nothing: a missing value arrives as [`Value::Missing`].
    Reflected,
    /// `interface {}`: a missing value arrives as [`Value::Nil`].
    Any,
    /// `string`.
    String,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float,
    /// `[]interface {}`: a missing value arrives as an empty list.
    List,
    /// `[]string`: a missing value arrives as an empty list.
    StringList,
    /// `map[string]interface {}`: a missing value arrives as an empty map.
    Map,
}

impl Parameter {
    /// Name of the Go type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reflected => "reflect.Value",
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::List => "[]interface {}",
            Self::StringList => "[]string",
            Self::Map => "map[string]interface {}",
        }
    }
}

/// How a function is carried out.
#[derive(Clone, Copy)]
pub enum Body {
    /// `and`: stops at the first argument that is false.
    And,
    /// `or`: stops at the first argument that is true.
    Or,
    /// From its arguments, which have the declared types. The error is a message.
    Plain(fn(&[Value]) -> Result<Value, String>),
}

/// A function that a template may call.
#[derive(Clone, Copy)]
pub struct Function {
    /// Types of the arguments that must be there.
    pub parameters: &'static [Parameter],
    /// Type of any further arguments.
    pub variadic: Option<Parameter>,
    /// What it does.
    pub body: Body,
}

impl Function {
    /// A function with a fixed number of arguments.
    pub const fn fixed(
        parameters: &'static [Parameter],
        body: fn(&[Value]) -> Result<Value, String>,
    ) -> Self {
        Self { parameters, variadic: None, body: Body::Plain(body) }
    }

    /// A function with further arguments.
    pub const fn variadic(
        parameters: &'static [Parameter],
        more: Parameter,
        body: fn(&[Value]) -> Result<Value, String>,
    ) -> Self {
        Self { parameters, variadic: Some(more), body: Body::Plain(body) }
    }

    /// The type of the argument at a position. The number of arguments must have been checked.
    pub(crate) fn parameter(&self, position: usize) -> Parameter {
        self.parameters.get(position).copied().or(self.variadic).unwrap_or(Parameter::Any)
    }
}

/// Functions by name.
#[derive(Clone)]
pub struct Functions {
    by_name: BTreeMap<&'static str, Function>,
}

impl Functions {
    /// The functions that every template has.
    pub fn builtin() -> Self {
        use Parameter::{Any, Reflected, String};
        const ONE: &[Parameter] = &[Reflected];
        const TWO: &[Parameter] = &[Reflected, Reflected];
        let by_name = BTreeMap::from([
            ("and", Function { parameters: ONE, variadic: Some(Reflected), body: Body::And }),
            ("or", Function { parameters: ONE, variadic: Some(Reflected), body: Body::Or }),
            ("not", Function::fixed(ONE, builtin::not)),
            ("eq", Function::variadic(ONE, Reflected, compare::eq)),
            ("ne", Function::fixed(TWO, compare::ne)),
            ("lt", Function::fixed(TWO, compare::lt)),
            ("le", Function::fixed(TWO, compare::le)),
            ("gt", Function::fixed(TWO, compare::gt)),
            ("ge", Function::fixed(TWO, compare::ge)),
            ("len", Function::fixed(ONE, builtin::len)),
            ("index", Function::variadic(ONE, Reflected, builtin::index)),
            ("slice", Function::variadic(ONE, Reflected, builtin::slice)),
            ("call", Function::variadic(ONE, Reflected, builtin::call)),
            ("print", Function::variadic(&[], Any, builtin::print)),
            ("println", Function::variadic(&[], Any, builtin::println)),
            ("printf", Function::variadic(&[String], Any, builtin::printf)),
            ("html", Function::variadic(&[], Any, builtin::html)),
            ("js", Function::variadic(&[], Any, builtin::js)),
            ("urlquery", Function::variadic(&[], Any, builtin::urlquery)),
        ]);
        Self { by_name }
    }

    /// Adds a function, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &'static str, function: Function) -> Self {
        self.by_name.insert(name, function);
        self
    }

    /// Whether there is a function of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The function of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Function> {
        self.by_name.get(name)
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self::builtin()
    }
}
