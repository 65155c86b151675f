//! Templates: kinds from which other objects are made.

use serde_json::Value;

use super::Field;
use crate::core::common::Metadata;

/// What each object made from the template starts as: its `metadata` and `spec`.
pub const TEMPLATE: Field<Value> = Field::at(&["spec", "template"]);
/// Labels and annotations of each object made from the template.
pub const METADATA: Field<Metadata> = Field::at(&["spec", "template", "metadata"]);
/// Labels and annotations of the machines of each control plane made from a control plane template.
pub const MACHINE_METADATA: Field<Metadata> =
    Field::at(&["spec", "template", "spec", "machineTemplate", "metadata"]);
