//! From Rust types to structural OpenAPI schemas.
//!
//! The types derive `schemars::JsonSchema`; this module makes of that what a CustomResourceDefinition accepts: inlined,
//! without `null` as a type, with the formats Kubernetes knows. The functions that return a [`Schema`] describe types
//! of Kubernetes itself; fields name them with `#[schemars(schema_with = "schema::...")]`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// A DNS-1123 subdomain: names of most objects, API groups.
pub const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A DNS-1123 label: names of namespaces.
pub const LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// The name of a kind.
pub const KIND: &str = r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
/// A condition type: a word, optionally behind a subdomain and a slash.
pub const CONDITION_TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
/// An `apiVersion` with a group.
pub const API_VERSION: &str =
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[a-z]([-a-z0-9]*[a-z0-9])?$";

/// The structural schema of one type.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    make_structural(&mut schema);
    schema
}

/// The schema of a whole object around those of its spec and status. Which of the two are required, and the object's
/// own description, are properties of its definition and added there.
pub fn object(spec: Value, status: Option<Value>) -> Value {
    let mut properties = json!({
        "apiVersion": {
            "type": "string",
            "description": "The version of the schema this object is written in, as group/version.",
        },
        "kind": { "type": "string", "description": "The kind of this object, in upper camel case." },
        "metadata": { "type": "object" },
        "spec": spec,
    });
    if let (Some(status), Some(properties)) = (status, properties.as_object_mut()) {
        properties.insert("status".to_owned(), status);
    }
    json!({ "type": "object", "properties": properties })
}

/// CEL rules, each with the message shown when it does not hold.
pub fn rules(rules: &[(&str, &str)]) -> Value {
    rules.iter().map(|(rule, message)| json!({ "rule": rule, "message": message })).collect()
}

/// A list of `metav1.Condition`, one per type.
pub fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the object's state.",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed from one value to another.",
                },
                "message": {
                    "type": "string",
                    "maxLength": 32768,
                    "description": "Explanation for people; may be empty.",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The metadata.generation this condition was computed from; an older one means it is out of date.",
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    "description": "Why the status is as it is, as a word for programs.",
                },
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "Whether the condition holds: True, False or Unknown.",
                },
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "pattern": CONDITION_TYPE,
                    "description": "What this condition is about, in upper camel case.",
                },
            },
        },
    })
}

/// A `metav1.LabelSelector`.
pub fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchExpressions": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "description": "Requirements on labels; all of them must hold.",
                "items": {
                    "type": "object",
                    "description": "A requirement on one label.",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": { "type": "string", "description": "The label the requirement is about." },
                        "operator": {
                            "type": "string",
                            "description": "How the label relates to the values: In, NotIn, Exists or DoesNotExist.",
                        },
                        "values": {
                            "type": "array",
                            "items": { "type": "string" },
                            "x-kubernetes-list-type": "atomic",
                            "description": "Values to compare with: at least one for In and NotIn, none for the other operators.",
                        },
                    },
                },
            },
            "matchLabels": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "description": "Labels with the exact value each must have.",
            },
        },
    })
}

/// An integer or a string, such as `1` or `"25%"`.
pub fn int_or_string(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "integer" }, { "type": "string" }],
        "x-kubernetes-int-or-string": true,
    })
}

/// A moment in RFC 3339.
pub fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// A duration as Go prints it, such as `1m30s`.
pub fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

/// Any JSON at all.
pub fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// Amounts by resource name.
pub fn resource_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
            "x-kubernetes-int-or-string": true,
        },
    })
}

/// The name of an object in the same namespace.
pub fn local_object_reference(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": { "name": { "type": "string", "default": "", "description": "The name of the object." } },
    })
}

/// What a kubelet says about its machine: a `corev1.NodeSystemInfo`.
pub fn node_system_info(_: &mut SchemaGenerator) -> Schema {
    let words = [
        ("architecture", "Processor architecture."),
        ("bootID", "Identifier of the current boot."),
        ("containerRuntimeVersion", "Container runtime and its version, such as containerd://2.1.0."),
        ("kernelVersion", "Version of the kernel."),
        ("kubeProxyVersion", "Version of kube-proxy; no longer maintained by Kubernetes."),
        ("kubeletVersion", "Version of the kubelet."),
        ("machineID", "Identifier the operating system gives the machine."),
        ("operatingSystem", "Operating system, such as linux."),
        ("osImage", "Name of the operating system image."),
        ("systemUUID", "Identifier the hardware or hypervisor gives the machine."),
    ];
    let mut properties: Map<String, Value> = words
        .iter()
        .map(|(name, description)| {
            ((*name).to_owned(), json!({ "type": "string", "description": description }))
        })
        .collect();
    properties.insert(
        "swap".to_owned(),
        json!({
            "type": "object",
            "description": "Swap space of the machine.",
            "properties": {
                "capacity": { "type": "integer", "format": "int64", "description": "Total amount, in bytes." },
            },
        }),
    );
    let required: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    json_schema!({ "type": "object", "properties": properties, "required": required })
}

/// Rewrites a generated schema, and everything below it, into the form a CustomResourceDefinition accepts.
fn make_structural(schema: &mut Value) {
    let Value::Object(object) = schema else {
        // `true` is how "anything" is generated.
        *schema = json!({ "x-kubernetes-preserve-unknown-fields": true });
        return;
    };
    for keyword in ["$schema", "$defs", "title"] {
        object.remove(keyword);
    }
    drop_null(object);
    even_description(object);
    if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        object.remove("format");
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(make_structural);
    }
    for keyword in ["items", "additionalProperties", "not"] {
        if let Some(inner @ Value::Object(_)) = object.get_mut(keyword) {
            make_structural(inner);
        }
    }
}

/// Removes `null` as a type: an absent field is absent, never null.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(branches)) = object.get("anyOf") else { return };
    let is_null = |branch: &Value| branch.get("type").is_some_and(|one| one == "null");
    if !branches.iter().any(is_null) {
        return;
    }
    let kept: Vec<Value> = branches.iter().filter(|branch| !is_null(branch)).cloned().collect();
    object.remove("anyOf");
    if let [Value::Object(only)] = kept.as_slice() {
        // What is said at the field (its description) goes before what is said at the type.
        for (keyword, value) in only {
            object.entry(keyword.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Joins the lines of a doc comment: line breaks in the source mean nothing to a reader of the schema.
fn even_description(object: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = object.get_mut("description") {
        let paragraphs: Vec<String> = description
            .split("\n\n")
            .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        *description = paragraphs.join("\n\n");
    }
}
