//! The CustomResourceDefinitions, generated from the types.
//!
//! What the schema cannot say (short names, printer columns, the scale subresource) stands in [`definitions`], one
//! [`Definition`] per kind. The version list is open: a kind served in several versions has several [`Version`]s.

mod definitions;

use serde_json::{Map, Value, json};

pub use definitions::definitions;

/// One kind as a CustomResourceDefinition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// API group.
    pub group: &'static str,
    /// Kind in upper camel case.
    pub kind: &'static str,
    /// Plural name.
    pub plural: &'static str,
    /// Short names for command lines.
    pub short_names: &'static [&'static str],
    /// Contract versions and the versions of the kind that fulfil each, the oldest first: `("v1beta2", &["v1beta2"])`.
    pub contracts: &'static [(&'static str, &'static [&'static str])],
    /// The versions of the kind, the oldest first.
    pub versions: Vec<Version>,
}

/// One version of a kind.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its name, for example `v1beta2`.
    pub name: &'static str,
    /// Whether objects are stored in this version; exactly one is.
    pub stored: bool,
    /// Whether clients are warned that this version is going away.
    pub deprecated: bool,
    /// The schema of the whole object.
    pub schema: Value,
    /// Whether the status is a subresource.
    pub status: bool,
    /// Whether the scale subresource exists, over `.spec.replicas`, `.status.replicas` and `.status.selector`.
    pub scale: bool,
    /// Printer columns, in order.
    pub columns: &'static [Column],
}

/// One printer column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub kind: &'static str,
    /// Path of the value.
    pub path: &'static str,
    /// What the column shows; empty where the heading says it.
    pub description: &'static str,
    /// 0: always shown. Above: only in wide output.
    pub priority: i32,
}

/// All our CustomResourceDefinitions, ordered by name.
pub fn crds() -> Vec<Value> {
    let mut all: Vec<Value> = definitions().iter().map(Definition::to_crd).collect();
    all.sort_by(|a, b| a["metadata"]["name"].as_str().cmp(&b["metadata"]["name"].as_str()));
    all
}

impl Definition {
    /// The name of the CustomResourceDefinition.
    pub fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// The CustomResourceDefinition as an object to apply.
    pub fn to_crd(&self) -> Value {
        let mut metadata = json!({ "name": self.name() });
        if !self.contracts.is_empty() {
            metadata["labels"] = self.labels();
        }
        let mut names = json!({
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": self.kind.to_lowercase(),
            "categories": ["cluster-api"],
        });
        if !self.short_names.is_empty() {
            names["shortNames"] = json!(self.short_names);
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {
                "group": self.group,
                "names": names,
                "scope": "Namespaced",
                "versions": self.versions.iter().map(Version::to_value).collect::<Vec<_>>(),
            },
        })
    }

    /// Contract labels: which versions of the kind fulfil which contract.
    fn labels(&self) -> Value {
        let labels: Map<String, Value> = self
            .contracts
            .iter()
            .map(|(contract, versions)| {
                (format!("{}/{contract}", crate::labels::CONTRACT_PREFIX), Value::String(versions.join("_")))
            })
            .collect();
        Value::Object(labels)
    }
}

impl Version {
    fn to_value(&self) -> Value {
        let mut version = json!({
            "name": self.name,
            "served": true,
            "storage": self.stored,
            "schema": { "openAPIV3Schema": self.schema },
        });
        if self.deprecated {
            version["deprecated"] = json!(true);
        }
        let mut subresources = json!({});
        if self.status {
            subresources["status"] = json!({});
        }
        if self.scale {
            subresources["scale"] = json!({
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            });
        }
        version["subresources"] = subresources;
        if !self.columns.is_empty() {
            version["additionalPrinterColumns"] =
                self.columns.iter().copied().map(Column::to_value).collect();
        }
        version
    }
}

impl Column {
    fn to_value(self) -> Value {
        let mut column = json!({ "name": self.name, "type": self.kind, "jsonPath": self.path });
        if !self.description.is_empty() {
            column["description"] = json!(self.description);
        }
        if self.priority != 0 {
            column["priority"] = json!(self.priority);
        }
        column
    }
}
