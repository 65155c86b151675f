//! Schemas of Kubernetes' own types that occur in a kubeadm configuration.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// An amount, as `100m` or `1Gi`.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Environment variables of a container.
pub(super) fn env_vars(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "object",
            "description": "An environment variable of a container, as in a Pod.",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "description": "Name of the variable; any printable ASCII character but `=`." },
                "value": { "type": "string", "description": "Its value. References of the form $(NAME) are resolved, and $$ stands for a dollar sign." },
                "valueFrom": value_from(),
            },
        },
    })
}

/// Where the value of an environment variable comes from.
fn value_from() -> Value {
    json!({
        "type": "object",
        "description": "Where the value comes from instead. Not together with a value.",
        "properties": {
            "configMapKeyRef": key_of("ConfigMap"),
            "secretKeyRef": key_of("Secret"),
            "fieldRef": source("A field of the pod.", &["fieldPath"], json!({
                "apiVersion": { "type": "string", "description": "Version of the schema the path is written for; v1 when unset." },
                "fieldPath": { "type": "string", "description": "Path of the field." },
            })),
            "fileKeyRef": source("A variable in a file of a volume.", &["key", "path", "volumeName"], json!({
                "key": { "type": "string", "description": "Name of the variable in the file." },
                "optional": { "type": "boolean", "default": false, "description": "Start the container even if file or key are missing; the variable is then not set." },
                "path": { "type": "string", "description": "Path of the file within the volume, relative and without `..`." },
                "volumeName": { "type": "string", "description": "Name of the volume." },
            })),
            "resourceFieldRef": source("A resource of the container.", &["resource"], json!({
                "containerName": { "type": "string", "description": "Name of the container." },
                "divisor": {
                    "anyOf": [{ "type": "integer" }, { "type": "string" }],
                    "pattern": QUANTITY,
                    "x-kubernetes-int-or-string": true,
                    "description": "Unit to count in; 1 when unset.",
                },
                "resource": { "type": "string", "description": "Name of the resource, as limits.cpu." },
            })),
        },
    })
}

fn source(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "x-kubernetes-map-type": "atomic",
        "required": required,
        "properties": properties,
    })
}

fn key_of(kind: &str) -> Value {
    source(
        &format!("A key of a {kind}."),
        &["key"],
        json!({
            "key": { "type": "string", "description": format!("Key in the {kind}.") },
            "name": { "type": "string", "default": "", "description": format!("Name of the {kind}.") },
            "optional": { "type": "boolean", "description": format!("Do without, if {kind} or key are missing.") },
        }),
    )
}

/// Taints of a node. An empty list is allowed, and is not the same as none.
pub(super) fn taints(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 0,
        "maxItems": 100,
        "items": {
            "type": "object",
            "description": "Keeps pods that do not tolerate it off the node.",
            "required": ["effect", "key"],
            "properties": {
                "effect": { "type": "string", "description": "What happens to such pods: NoSchedule, PreferNoSchedule or NoExecute." },
                "key": { "type": "string", "description": "Key of the taint." },
                "timeAdded": { "type": "string", "format": "date-time", "description": "When the taint was added." },
                "value": { "type": "string", "description": "Value of the taint." },
            },
        },
    })
}
