//! `metadata.managedFields`: one entry per manager, way of writing, version and subresource.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::fieldset::FieldSet;
use crate::time;

/// How an object was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

impl Operation {
    /// As written in `managedFields`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What one manager owns.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedFieldsEntry {
    /// Field manager.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// Version that the fields are named in.
    pub api_version: String,
    /// `status`, `scale`, or empty.
    pub subresource: String,
    /// When the manager last changed something, as written; empty where it never did.
    pub time: String,
    /// The fields.
    pub fields: FieldSet,
}

/// Who writes: tells entries apart. Appliers have one entry whatever the version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) manager: &'a str,
    pub(super) operation: Operation,
    pub(super) api_version: &'a str,
    pub(super) subresource: &'a str,
}

impl ManagedFieldsEntry {
    pub(super) fn new(identity: Identity<'_>, fields: FieldSet) -> Self {
        Self {
            manager: identity.manager.to_owned(),
            operation: identity.operation,
            api_version: identity.api_version.to_owned(),
            subresource: identity.subresource.to_owned(),
            time: String::new(),
            fields,
        }
    }

    pub(super) fn is(&self, identity: Identity<'_>) -> bool {
        self.manager == identity.manager
            && self.operation == identity.operation
            && self.subresource == identity.subresource
            && (self.operation == Operation::Apply || self.api_version == identity.api_version)
    }

    /// The manager as messages about conflicts show it.
    pub(super) fn shown(&self) -> String {
        let mut shown = crate::status::quote(&self.manager);
        if !self.subresource.is_empty() {
            shown.push_str(&format!(" with subresource {}", crate::status::quote(&self.subresource)));
        }
        if self.operation == Operation::Update {
            shown.push_str(" using ");
            shown.push_str(&self.api_version);
        }
        shown
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.time = time::format_seconds(now);
    }

    /// Takes an entry of this module's own making apart.
    fn from_own(entry: Value) -> Option<Self> {
        let Value::Object(mut members) = entry else { return None };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let operation = match text("operation").as_str() {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        let (manager, api_version) = (text("manager"), text("apiVersion"));
        let (subresource, time) = (text("subresource"), text("time"));
        let fields = match members.remove("fieldsV1") {
            Some(Value::Object(fields)) => FieldSet::from_fields_v1(fields),
            _ => FieldSet::new(),
        };
        Some(Self { manager, operation, api_version, subresource, time, fields })
    }

    /// Reads an entry that a client has sent.
    fn from_foreign(entry: &Value, index: usize) -> Result<Self, String> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        if text("apiVersion").is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match text("fieldsType") {
            "FieldsV1" => {}
            "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
            other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {index}")),
        }
        Ok(Self {
            manager: text("manager").to_owned(),
            operation,
            api_version: text("apiVersion").to_owned(),
            subresource: text("subresource").to_owned(),
            time: text("time").to_owned(),
            fields: FieldSet::from_foreign(entry.get("fieldsV1").unwrap_or(&Value::Null))?,
        })
    }

    fn into_json(self) -> Value {
        let mut members = Map::new();
        let mut text = |name: &str, value: String| {
            if !value.is_empty() {
                members.insert(name.to_owned(), Value::String(value));
            }
        };
        text("manager", self.manager);
        text("operation", self.operation.name().to_owned());
        text("apiVersion", self.api_version);
        text("time", self.time);
        text("fieldsType", "FieldsV1".to_owned());
        text("subresource", self.subresource);
        members.insert("fieldsV1".to_owned(), Value::Object(self.fields.into_fields_v1()));
        Value::Object(members)
    }
}

/// All entries of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Managed {
    pub(super) entries: Vec<ManagedFieldsEntry>,
}

impl Managed {
    /// Takes `managedFields` that were stored, which this module has written.
    pub(super) fn from_own(managed_fields: Option<Value>) -> Self {
        let Some(Value::Array(entries)) = managed_fields else { return Self::default() };
        Self { entries: entries.into_iter().filter_map(ManagedFieldsEntry::from_own).collect() }
    }

    /// Reads `managedFields` that a client has sent; nothing where an entry cannot be read.
    pub(super) fn from_foreign(entries: &[Value]) -> Option<Self> {
        let mut managed = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let entry = ManagedFieldsEntry::from_foreign(entry, index).ok()?;
            managed.entries.push(entry);
        }
        Some(managed)
    }

    pub(super) fn position(&self, identity: Identity<'_>) -> Option<usize> {
        self.entries.iter().position(|entry| entry.is(identity))
    }

    /// Takes an entry out.
    pub(super) fn take(&mut self, identity: Identity<'_>) -> Option<ManagedFieldsEntry> {
        self.position(identity).map(|position| self.entries.swap_remove(position))
    }

    /// The `managedFields` form, sorted as Kubernetes sorts it; nothing where nobody owns anything.
    pub(super) fn into_json(mut self) -> Option<Value> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries.sort_by(|a, b| {
            (a.operation, &a.time, &a.manager, &a.api_version, &a.subresource).cmp(&(
                b.operation,
                &b.time,
                &b.manager,
                &b.api_version,
                &b.subresource,
            ))
        });
        Some(Value::Array(self.entries.into_iter().map(ManagedFieldsEntry::into_json).collect()))
    }
}

/// Takes `metadata.managedFields` out of an object.
pub(super) fn take_managed_fields(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove("managedFields")
}

/// `metadata.managedFields` of an object.
pub(super) fn managed_fields(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

/// Puts `metadata.managedFields` into an object.
pub(super) fn put_managed_fields(object: &mut Value, managed_fields: Option<Value>) {
    let Some(managed_fields) = managed_fields else { return };
    let Value::Object(members) = object else { return };
    let metadata = members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(metadata) = metadata {
        metadata.insert("managedFields".to_owned(), managed_fields);
    }
}
