//! Which objects a list or a watch means.

use machinery::selector::{FieldSelector, LabelSelector};
use machinery::status::Status;
use serde_json::Value;

use crate::Refused;
use crate::kinds::{Resolved, Selectable};
use crate::object::{self, Head};
use crate::request::Query;

/// A label selector and a field selector that must both match.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: LabelSelector,
    fields: FieldSelector,
    /// The selectable fields that the selector names, besides name and namespace.
    looked_at: Vec<Selectable>,
}

impl Selector {
    /// Reads both selectors from a query; 400 where they cannot be read or name a field the kind has not.
    pub fn parse(query: &Query, resource: &Resolved) -> Result<Self, Refused> {
        let labels = match query.text("labelSelector") {
            None => LabelSelector::everything(),
            Some(text) => {
                LabelSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))?
            }
        };
        let fields = match query.text("fieldSelector") {
            None => FieldSelector::default(),
            Some(text) => {
                FieldSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))?
            }
        };
        let mut looked_at = Vec::new();
        for requirement in fields.requirements() {
            let field = requirement.field.as_str();
            if matches!(field, "metadata.name") || field == "metadata.namespace" && resource.kind.namespaced {
                continue;
            }
            match resource.version().selectable.iter().find(|selectable| selectable.field == field) {
                Some(selectable) => looked_at.push(selectable.clone()),
                None => return Err(unknown_field(field, resource)),
            }
        }
        Ok(Self { labels, fields, looked_at })
    }

    /// Selects the object of this name.
    pub fn named(name: &str) -> Self {
        let escaped: String = name
            .chars()
            .flat_map(|part| matches!(part, ',' | '=' | '\\').then_some('\\').into_iter().chain([part]))
            .collect();
        let fields = FieldSelector::parse(&format!("metadata.name={escaped}")).unwrap_or_default();
        Self { labels: LabelSelector::everything(), fields, looked_at: Vec::new() }
    }

    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// Whether an object is meant. Reads no more of it than it has to.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        if self.is_everything() {
            return true;
        }
        if self.labels.is_nothing() {
            return false;
        }
        let head = Head::read(bytes);
        if !self.labels.matches(&head.metadata.labels) {
            return false;
        }
        if self.fields.is_everything() {
            return true;
        }
        let values: Vec<(String, String)> = if self.looked_at.is_empty() {
            Vec::new()
        } else {
            let object = object::parse(bytes);
            self.looked_at.iter().map(|field| (field.field.clone(), field.value(&object))).collect()
        };
        self.fields.matches(|field| match field {
            "metadata.name" => Some(head.metadata.name.as_str()),
            "metadata.namespace" => Some(head.metadata.namespace.as_str()),
            other => values.iter().find(|(name, _)| name == other).map(|(_, value)| value.as_str()),
        })
    }
}

fn unknown_field(field: &str, resource: &Resolved) -> Refused {
    let kind = &resource.kind;
    if kind.custom() || resource.version().selectable.is_empty() {
        let mut known = vec!["\"metadata.name\"".to_owned()];
        if kind.namespaced {
            known.push("\"metadata.namespace\"".to_owned());
        }
        if kind.custom() {
            return Status::bad_request(format!("field label not supported: {field}")).into();
        }
        let known = known.join(", ");
        return Status::bad_request(format!("\"{field}\" is not a known field selector: only {known}"))
            .into();
    }
    Status::bad_request(format!("field label not supported: {field}")).into()
}

/// A LabelSelector in the form that queries use.
pub fn text_of(selector: &Value) -> String {
    let mut terms = Vec::new();
    for (name, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        terms.push(format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        let values: Vec<&str> = expression
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let values = values.join(",");
        terms.push(match expression.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}
