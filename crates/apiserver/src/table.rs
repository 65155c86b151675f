//! Objects as rows of a table, for command lines.

use bytes::Bytes;
use machinery::status::{FieldError, Status};
use machinery::table::{ColumnType, IncludeObject, row_of};
use serde_json::{Value, json};

use crate::Refused;
use crate::exchange::Exchange;
use crate::kinds::Column;

/// What the list around the rows says.
#[derive(Clone, Copy, Debug, Default)]
pub struct List<'a> {
    /// Its resource version.
    pub version: &'a str,
    /// Token of the next page.
    pub next: Option<&'a str>,
    /// How many objects follow.
    pub remaining: Option<usize>,
}

/// Objects as an encoded table. `with_columns`: later tables of a watch leave the columns out.
pub fn bytes(
    exchange: &Exchange,
    objects: &[Value],
    list: List<'_>,
    beta: bool,
    with_columns: bool,
) -> Result<Bytes, Refused> {
    let include = include(exchange)?;
    let version = exchange.resource.version();
    let now = exchange.server.now();
    let name = Column { printed: machinery::table::Column::name(), made: false };
    let columns: Vec<&Column> = std::iter::once(&name).chain(&version.columns).collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells = columns.iter().map(|column| cells::cell(column, object, now)).collect();
            row_of(cells, object, include)
        })
        .collect();
    let mut metadata = json!({"resourceVersion": list.version});
    if let Some(next) = list.next {
        metadata["continue"] = json!(next);
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = json!(remaining);
    }
    let mut table = machinery::table::table(&[], with_columns, rows, metadata);
    if with_columns {
        let custom = exchange.resource.kind.custom();
        table["columnDefinitions"] = columns.iter().map(|column| heading(column, custom)).collect();
    }
    if beta {
        table["apiVersion"] = json!("meta.k8s.io/v1beta1");
    }
    Ok(Bytes::from(serde_json::to_vec(&table).unwrap_or_default()))
}

/// A column's heading. Ages of built-in kinds are texts; those of custom ones stay dates.
fn heading(column: &Column, custom: bool) -> Value {
    let mut heading = column.printed.definition();
    if column.printed.name == "Created At" {
        heading["type"] = json!("date");
    }
    if !custom && column.printed.column_type == ColumnType::Date {
        heading["type"] = json!("string");
    }
    heading
}

fn include(exchange: &Exchange) -> Result<IncludeObject, Refused> {
    let given = exchange.query.get("includeObject").unwrap_or_default();
    if given.is_empty() {
        return Ok(IncludeObject::Metadata);
    }
    IncludeObject::parse(given).ok_or_else(|| {
        let error =
            FieldError::invalid("includeObject", given, "must be 'Metadata', 'Object', 'None', or empty");
        let error = format!("{}: {}", error.path, error.body());
        Status::bad_request(format!("Unable to convert to Table as requested: {error}")).into()
    })
}

mod cells {
    //! The text in one cell.

    use jiff::Timestamp;
    use serde_json::Value;

    use crate::kinds::Column;

    /// The cell of a column.
    pub fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
        if column.made { made(&column.printed.name, object) } else { column.printed.cell(object, now) }
    }

    fn number(object: &Value, pointer: &str) -> i64 {
        object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
    }

    fn count(object: &Value, names: &[&str]) -> usize {
        names.iter().filter_map(|name| object.get(*name)?.as_object()).map(serde_json::Map::len).sum()
    }

    fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Cells that no path can express, by the name of their column.
    fn made(name: &str, object: &Value) -> Value {
        let kind = text(object, "/kind");
        match (kind, name) {
            ("Secret" | "ConfigMap", "Data") => Value::from(count(object, &["data", "binaryData"])),
            ("Event", "Object") => {
                let kind = text(object, "/involvedObject/kind").to_lowercase();
                Value::from(format!("{kind}/{}", text(object, "/involvedObject/name")))
            }
            ("Node", "Status") => Value::from(node_status(object)),
            ("Node", "Roles") => Value::from(node_roles(object)),
            ("Pod", "Ready") => Value::from(containers_ready(object)),
            ("Pod", "Status") => Value::from(pod_status(object)),
            ("Pod", "Restarts") => Value::from(restarts(object).to_string()),
            ("Deployment" | "StatefulSet", "Ready") => {
                let wanted = number(object, "/spec/replicas");
                Value::from(format!("{}/{wanted}", number(object, "/status/readyReplicas")))
            }
            ("Endpoints", "Endpoints") => Value::from(endpoints(object)),
            ("RoleBinding" | "ClusterRoleBinding", "Role") => {
                Value::from(format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name")))
            }
            (_, "Users") => Value::from(subjects(object, "User")),
            (_, "Groups") => Value::from(subjects(object, "Group")),
            (_, "ServiceAccounts") => Value::from(subjects(object, "ServiceAccount")),
            ("PodDisruptionBudget", "Min Available") => or_none(object.pointer("/spec/minAvailable")),
            ("PodDisruptionBudget", "Max Unavailable") => or_none(object.pointer("/spec/maxUnavailable")),
            ("Service", "External-IP") => Value::from("<none>"),
            ("Service", "Port(s)") => Value::from(ports(object)),
            ("Service", "Selector") => Value::from(selector(object)),
            _ => Value::Null,
        }
    }

    fn or_none(value: Option<&Value>) -> Value {
        match value {
            None | Some(Value::Null) => Value::from("N/A"),
            Some(Value::String(text)) => Value::from(text.as_str()),
            Some(other) => Value::from(other.to_string()),
        }
    }

    fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
        object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
    }

    fn node_status(object: &Value) -> String {
        let ready = list(object, "/status/conditions").find(|condition| text(condition, "/type") == "Ready");
        let status = match ready.map(|condition| text(condition, "/status")) {
            Some("True") => "Ready",
            Some(_) => "NotReady",
            None => "Unknown",
        };
        let cordoned = object.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
        if cordoned { format!("{status},SchedulingDisabled") } else { status.to_owned() }
    }

    fn node_roles(object: &Value) -> String {
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        let roles: Vec<&str> = labels
            .filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/"))
            .filter(|role| !role.is_empty())
            .collect();
        if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
    }

    fn containers_ready(object: &Value) -> String {
        let ready = list(object, "/status/containerStatuses")
            .filter(|status| status.get("ready").and_then(Value::as_bool) == Some(true))
            .count();
        format!("{ready}/{}", list(object, "/spec/containers").count())
    }

    fn pod_status(object: &Value) -> String {
        if !text(object, "/metadata/deletionTimestamp").is_empty() {
            return "Terminating".to_owned();
        }
        let reason = text(object, "/status/reason");
        let phase = text(object, "/status/phase");
        if !reason.is_empty() { reason.to_owned() } else { phase.to_owned() }
    }

    fn restarts(object: &Value) -> i64 {
        list(object, "/status/containerStatuses").map(|status| number(status, "/restartCount")).sum()
    }

    /// Subjects of a binding that are of one kind; accounts with their namespace.
    fn subjects(object: &Value, kind: &str) -> String {
        let subjects = list(object, "/subjects").filter(|subject| text(subject, "/kind") == kind);
        let names: Vec<String> = subjects
            .map(|subject| match text(subject, "/namespace") {
                "" => text(subject, "/name").to_owned(),
                namespace => format!("{namespace}/{}", text(subject, "/name")),
            })
            .collect();
        names.join(", ")
    }

    fn endpoints(object: &Value) -> String {
        let mut found = Vec::new();
        for subset in list(object, "/subsets") {
            for port in list(subset, "/ports") {
                for address in list(subset, "/addresses") {
                    found.push(format!("{}:{}", text(address, "/ip"), number(port, "/port")));
                }
            }
        }
        let more = found.len().saturating_sub(3);
        found.truncate(3);
        match (found.is_empty(), more) {
            (true, _) => "<none>".to_owned(),
            (false, 0) => found.join(","),
            (false, more) => format!("{} + {more} more...", found.join(",")),
        }
    }

    fn ports(object: &Value) -> String {
        let ports: Vec<String> = list(object, "/spec/ports")
            .map(|port| match (number(port, "/port"), number(port, "/nodePort")) {
                (port_number, 0) => format!("{port_number}/{}", text(port, "/protocol")),
                (port_number, node_port) => format!("{port_number}:{node_port}/{}", text(port, "/protocol")),
            })
            .collect();
        if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }
    }

    fn selector(object: &Value) -> String {
        let labels = object.pointer("/spec/selector").and_then(Value::as_object).into_iter().flatten();
        let labels: Vec<String> =
            labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
        if labels.is_empty() { "<none>".to_owned() } else { labels.join(",") }
    }
}
