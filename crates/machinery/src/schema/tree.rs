//! The tree itself.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use regex::Regex;
use serde_json::Value;

/// JSON type a schema asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaType {
    /// `type: object`.
    Object,
    /// `type: array`.
    Array,
    /// `type: string`.
    String,
    /// `type: integer`.
    Integer,
    /// `type: number`.
    Number,
    /// `type: boolean`.
    Boolean,
}

impl SchemaType {
    /// As written in schemas.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListType {
    /// Owned and replaced as a whole.
    #[default]
    Atomic,
    /// Items are unique scalars, owned one by one.
    Set,
    /// Items are objects told apart by `list_map_keys`.
    Map,
}

/// `x-kubernetes-map-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapType {
    /// Members are owned one by one.
    #[default]
    Granular,
    /// Owned and replaced as a whole.
    Atomic,
}

/// `additionalProperties`.
#[derive(Debug, Clone)]
pub enum Additional {
    /// `additionalProperties: true` (or false, which structural schemas don't allow).
    Any(bool),
    /// Every member has this schema.
    Schema(Arc<Schema>),
}

/// `allOf`, `anyOf`, `oneOf`, `not`: value rules only, never structure.
#[derive(Debug, Clone, Default)]
pub struct Combinators {
    /// All must hold.
    pub all_of: Vec<Schema>,
    /// At least one must hold.
    pub any_of: Vec<Schema>,
    /// Exactly one must hold.
    pub one_of: Vec<Schema>,
    /// Must not hold.
    pub not: Option<Schema>,
}

/// One node. Rare parts are boxed, so that a node stays small.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Absent where `preserve_unknown_fields` or `int_or_string` stand for it, and inside combinators.
    pub schema_type: Option<SchemaType>,
    /// `format`.
    pub format: Option<Box<str>>,
    /// `description`.
    pub description: Option<Box<str>>,
    /// `title`.
    pub title: Option<Box<str>>,
    /// Members by name.
    pub properties: BTreeMap<Box<str>, Arc<Schema>>,
    /// Schema of the other members.
    pub additional: Option<Additional>,
    /// Schema of list items.
    pub items: Option<Arc<Schema>>,
    /// Members that must be there.
    pub required: Vec<Box<str>>,
    /// `nullable`.
    pub nullable: bool,
    /// `default`.
    pub default: Option<Box<Value>>,
    /// Whether this node or one below has a default: lets defaulting skip whole subtrees.
    pub has_defaults: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown_fields: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded_resource: bool,
    /// `x-kubernetes-list-type`; [`ListType::Atomic`] unless said.
    pub list_type: ListType,
    /// `x-kubernetes-list-map-keys`.
    pub list_map_keys: Vec<Box<str>>,
    /// `x-kubernetes-map-type`.
    pub map_type: MapType,
    /// `x-kubernetes-validations`, as data: `rule`, `message`, `messageExpression`, `reason`, `fieldPath`, `optionalOldSelf`.
    pub validations: Vec<Value>,
    /// Value rules; absent where there are none.
    pub rules: Option<Box<ValueRules>>,
    /// Combinators; absent where there are none.
    pub combinators: Option<Box<Combinators>>,
}

/// Bounds and the like.
#[derive(Debug, Clone, Default)]
pub struct ValueRules {
    /// `enum`.
    pub allowed: Option<Vec<Value>>,
    /// `pattern`, compiled when first used.
    pub pattern: Option<Pattern>,
    /// `minimum`.
    pub minimum: Option<serde_json::Number>,
    /// `exclusiveMinimum`.
    pub exclusive_minimum: bool,
    /// `maximum`.
    pub maximum: Option<serde_json::Number>,
    /// `exclusiveMaximum`.
    pub exclusive_maximum: bool,
    /// `multipleOf`.
    pub multiple_of: Option<f64>,
    /// `minLength`, in characters.
    pub min_length: Option<u64>,
    /// `maxLength`, in characters.
    pub max_length: Option<u64>,
    /// `minItems`.
    pub min_items: Option<u64>,
    /// `maxItems`.
    pub max_items: Option<u64>,
    /// `uniqueItems`.
    pub unique_items: bool,
    /// `minProperties`.
    pub min_properties: Option<u64>,
    /// `maxProperties`.
    pub max_properties: Option<u64>,
}

/// A regular expression that is compiled when first asked.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The expression as written (RE2).
    pub text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Keeps the text.
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), compiled: OnceLock::new() }
    }

    /// The compiled expression; `None` where it is not valid.
    pub fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }
}

impl Schema {
    /// Whether any node of the tree carries `x-kubernetes-validations`.
    pub fn has_validations(&self) -> bool {
        !self.validations.is_empty()
            || self.properties.values().any(|schema| schema.has_validations())
            || self.items.as_ref().is_some_and(|schema| schema.has_validations())
            || matches!(&self.additional, Some(Additional::Schema(schema)) if schema.has_validations())
    }

    /// The schema of a member: a property, or what all other members share.
    pub fn member(&self, name: &str) -> Option<&Schema> {
        if let Some(schema) = self.properties.get(name) {
            return Some(schema);
        }
        match &self.additional {
            Some(Additional::Schema(schema)) => Some(schema),
            _ => None,
        }
    }
}
