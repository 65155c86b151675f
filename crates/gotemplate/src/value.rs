//! The values a template works with: Go's, as far as data and functions can bring them about.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

/// A value. Copies are cheap: what is large is shared.
///
/// Go tells its number types apart, and so does a template: `eq .count 3` is an error where `.count` came from JSON, as
/// JSON numbers are floats there.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// No value at all: a key that a map does not have. Prints `<no value>`; a field of it is missing too.
    #[default]
    Missing,
    /// A null: a key that is there and has no value. A field of it is an error.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(IntType, i64),
    /// An unsigned integer.
    Uint(UintType, u64),
    /// A float64.
    Float(f64),
    /// A complex128: real and imaginary part.
    Complex(f64, f64),
    /// A string, which in Go may hold any bytes.
    String(Arc<[u8]>),
    /// A slice.
    List(Arc<List>),
    /// A map whose keys are strings.
    Map(Arc<Map>),
    /// A value with methods.
    Object(Arc<dyn Object>),
}

/// Go's signed integer types that occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntType {
    /// `int`.
    Int,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
}

/// Go's unsigned integer types that occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UintType {
    /// `uint8`.
    Uint8,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
}

/// The type of what a slice or map holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`: anything.
    Any,
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `uint8`.
    Byte,
}

/// A slice.
#[derive(Debug, Clone)]
pub struct List {
    /// Type of the items.
    pub element: Element,
    /// The items.
    pub items: Vec<Value>,
}

/// A map whose keys are strings, in the order of their bytes.
#[derive(Debug, Clone)]
pub struct Map {
    /// Type of the values.
    pub element: Element,
    /// The entries.
    pub entries: BTreeMap<String, Value>,
}

/// A value with methods, that a function gives.
pub trait Object: fmt::Debug + Send + Sync {
    /// Name of its Go type, as `*semver.Version`.
    fn type_name(&self) -> &str;

    /// How it prints.
    fn print(&self) -> String;

    /// The value of a field, or of a method called with these arguments; nothing if there is no such name.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>>;
}

impl Value {
    /// A string.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(text.as_ref().as_bytes().into())
    }

    /// An `int`.
    pub fn int(value: i64) -> Self {
        Self::Int(IntType::Int, value)
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List { element: Element::Any, items }))
    }

    /// A `map[string]interface {}`.
    pub fn map(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Map(Arc::new(Map { element: Element::Any, entries: entries.into_iter().collect() }))
    }

    /// Whether `if` takes it for true: not zero, not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(_, value) => *value != 0,
            Self::Uint(_, value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// Whether it is missing or null.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// Name of its Go type.
    pub fn type_name(&self) -> String {
        match self {
            Self::Missing | Self::Nil => "nil".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(IntType::Int, _) => "int".to_owned(),
            Self::Int(IntType::Int32, _) => "int32".to_owned(),
            Self::Int(IntType::Int64, _) => "int64".to_owned(),
            Self::Uint(UintType::Uint8, _) => "uint8".to_owned(),
            Self::Uint(UintType::Uint32, _) => "uint32".to_owned(),
            Self::Uint(UintType::Uint64, _) => "uint64".to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::Complex(..) => "complex128".to_owned(),
            Self::String(_) => "string".to_owned(),
            Self::List(list) => format!("[]{}", list.element.name()),
            Self::Map(map) => format!("map[string]{}", map.element.name()),
            Self::Object(object) => object.type_name().to_owned(),
        }
    }

    /// A null inside of a variable or pipe is not remembered as one: it becomes a missing value.
    pub(crate) fn out_of_interface(self) -> Self {
        if let Self::Nil = self { Self::Missing } else { self }
    }
}

impl Element {
    /// Name of the Go type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Byte => "uint8",
        }
    }

    /// What a map of such values gives for a key that it does not have.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::String => Value::string(""),
            Self::Int => Value::int(0),
            Self::Byte => Value::Uint(UintType::Uint8, 0),
        }
    }
}

/// As Go decodes JSON where it is told no type: every number becomes a float.
impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::string(text),
            Json::Array(items) => Self::list(items.iter().map(Self::from).collect()),
            Json::Object(entries) => {
                Self::map(entries.iter().map(|(key, value)| (key.clone(), Self::from(value))))
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
