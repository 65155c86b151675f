//! Kinds are data: what a resource is called, which versions it has, how its objects are structured and which few rules
//! of its own it has. Built-in kinds come from an embedded table, custom ones from CustomResourceDefinitions; both end
//! up as the same [`Kind`].

pub mod builtin;
pub mod definition;
pub mod definition_rules;
mod parsed;
pub mod registry;
pub mod shape;
pub mod strategy;

use std::sync::{Arc, OnceLock};

use machinery::schema::Schema;
use serde_json::Value;

pub use registry::{KindSet, Registry, Resolved};
pub use strategy::Strategy;

/// One resource of the API.
pub struct Kind {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Plural resource name, as in paths.
    pub plural: Arc<str>,
    /// Singular resource name.
    pub singular: Arc<str>,
    /// Kind of one object.
    pub kind: Arc<str>,
    /// Kind of a list of them.
    pub list_kind: Arc<str>,
    /// Short names for command lines.
    pub short_names: Vec<Arc<str>>,
    /// Groups of resources it belongs to, for example `all`.
    pub categories: Vec<Arc<str>>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Versions in order of preference, the preferred one first.
    pub versions: Vec<Version>,
    /// Index into `versions` of the version that is stored.
    pub storage: usize,
    /// The few rules that are this kind's own.
    pub strategy: &'static Strategy,
    /// Defined by a CustomResourceDefinition of this name.
    pub definition: Option<Arc<str>>,
    /// Objects stored up to this revision may not fit the present schema: they are pruned and defaulted when read.
    pub schema_revision: u64,
    /// Generation of the definition it was made from.
    pub generation: i64,
    /// The definition is being deleted: nothing may be created.
    pub terminating: bool,
}

impl Kind {
    /// Whether it comes from a CustomResourceDefinition.
    pub fn custom(&self) -> bool {
        self.definition.is_some()
    }

    /// `plural.group`, or the plural alone in the core group.
    pub fn qualified_name(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Key in the store under which all objects of the kind lie, with a slash at the end.
    pub fn prefix(&self) -> String {
        let group: &str = if self.group.is_empty() { "core" } else { &self.group };
        format!("/{group}/{}/", self.plural)
    }

    /// Key prefix of the objects in one namespace (or of all, without one).
    pub fn prefix_in(&self, namespace: Option<&str>) -> String {
        let mut prefix = self.prefix();
        if let (true, Some(namespace)) = (self.namespaced, namespace) {
            prefix.push_str(namespace);
            prefix.push('/');
        }
        prefix
    }

    /// Key of one object.
    pub fn key(&self, namespace: Option<&str>, name: &str) -> String {
        let mut key = self.prefix_in(namespace);
        key.push_str(name);
        key
    }

    /// The version of this name, if it is served.
    pub fn served(&self, name: &str) -> Option<usize> {
        self.versions.iter().position(|version| version.served && &*version.name == name)
    }
}

/// One version of a kind.
pub struct Version {
    /// For example `v1`.
    pub name: Arc<str>,
    /// Whether clients can ask for it.
    pub served: bool,
    /// Sent as a warning with every answer.
    pub deprecation: Option<String>,
    /// Structure of the objects.
    pub schema: SchemaSource,
    /// Whether objects hold whole objects of other kinds, whose metadata is checked as well.
    pub embeds: bool,
    /// Columns of a table; the name column is not among them.
    pub columns: Vec<Column>,
    /// Whether `/status` exists and spec and status are written apart.
    pub status: bool,
    /// Paths of the scale subresource, where there is one.
    pub scale: Option<ScalePaths>,
    /// Field selectors besides name and namespace.
    pub selectable: Vec<Selectable>,
}

impl Version {
    /// Structure of the objects.
    pub fn schema(&self) -> &Arc<Schema> {
        self.schema.get()
    }
}

/// A schema that is there, or a shape from which it is made when first used (most servers never touch most kinds).
pub enum SchemaSource {
    /// Ready.
    Ready(Arc<Schema>),
    /// Name of a shape; see [`shape`].
    Shape(Arc<str>, OnceLock<Arc<Schema>>),
}

impl SchemaSource {
    fn get(&self) -> &Arc<Schema> {
        match self {
            Self::Ready(schema) => schema,
            Self::Shape(name, made) => made.get_or_init(|| shape::schema(name)),
        }
    }
}

/// One printed column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Heading, type and path.
    pub printed: machinery::table::Column,
    /// No path leads to the cell: it is made of several values.
    pub made: bool,
}

/// Where the scale subresource finds its numbers.
#[derive(Clone, Debug)]
pub struct ScalePaths {
    /// Members to follow to the wanted number.
    pub spec_replicas: Vec<String>,
    /// Members to follow to the observed number.
    pub status_replicas: Vec<String>,
    /// Members to follow to the selector (text, or a LabelSelector for built-ins).
    pub selector: Option<Vec<String>>,
}

/// A field that a field selector may name.
#[derive(Clone, Debug)]
pub struct Selectable {
    /// As written in the selector, for example `spec.nodeName`.
    pub field: String,
    /// JSON pointer of the value.
    pub pointer: String,
    /// Text that an absent value stands for.
    pub absent: String,
}

impl Selectable {
    /// The value as the selector compares it.
    pub fn value(&self, object: &Value) -> String {
        match object.pointer(&self.pointer) {
            None | Some(Value::Null) => self.absent.clone(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// Splits a simple path (`.spec.replicas`) into its members.
pub(crate) fn members(path: &str) -> Vec<String> {
    path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
