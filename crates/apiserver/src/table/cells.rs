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
        ("Endpoints", "Endpoints") => Value::from(endpoints(object)),
        ("RoleBinding" | "ClusterRoleBinding", "Role") => {
            Value::from(format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name")))
        }
        (_, "Users") => Value::from(subjects(object, "User")),
        (_, "Groups") => Value::from(subjects(object, "Group")),
        (_, "ServiceAccounts") => Value::from(subjects(object, "ServiceAccount")),
        ("PodDisruptionBudget", "Min Available") => or_none(object.pointer("/spec/minAvailable")),
        ("PodDisruptionBudget", "Max Unavailable") => or_none(object.pointer("/spec/maxUnavailable")),
        ("Event", "Source") => Value::from(event_source(object)),
        ("Node", "Internal-IP") => Value::from(node_address(object, "InternalIP")),
        ("Node", "External-IP") => Value::from(node_address(object, "ExternalIP")),
        ("Node", "OS-Image") => Value::from(or(text(object, "/status/nodeInfo/osImage"), UNKNOWN)),
        ("Node", "Kernel-Version") => {
            Value::from(or(text(object, "/status/nodeInfo/kernelVersion"), UNKNOWN))
        }
        ("Node", "Container-Runtime") => {
            Value::from(or(text(object, "/status/nodeInfo/containerRuntimeVersion"), UNKNOWN))
        }
        ("Pod", "IP") => Value::from(or(text(object, "/status/podIP"), NONE)),
        ("Pod", "Node") => Value::from(or(text(object, "/spec/nodeName"), NONE)),
        ("Pod", "Nominated Node") => Value::from(or(text(object, "/status/nominatedNodeName"), NONE)),
        ("Pod", "Readiness Gates") => Value::from(readiness_gates(object)),
        ("Service", "Cluster-IP") => Value::from(or(text(object, "/spec/clusterIP"), NONE)),
        ("Service", "External-IP") => Value::from(external_ip(object)),
        ("Service", "Port(s)") => Value::from(ports(object)),
        ("Service", "Selector") => Value::from(labels(object.pointer("/spec/selector"))),
        ("EndpointSlice", "Ports") => Value::from(slice_ports(object)),
        ("EndpointSlice", "Endpoints") => Value::from(slice_endpoints(object)),
        ("Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet", name) => workload(kind, name, object),
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
    few(&found, NONE)
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

/// Cells of what runs Pods from a template.
fn workload(kind: &str, name: &str, object: &Value) -> Value {
    let status = |member: &str| number(object, &format!("/status/{member}"));
    let of_template = |member: &str| {
        let containers = list(object, "/spec/template/spec/containers");
        Value::from(containers.map(|container| text(container, member)).collect::<Vec<_>>().join(","))
    };
    match (kind, name) {
        ("Deployment" | "StatefulSet", "Ready") => {
            Value::from(format!("{}/{}", status("readyReplicas"), number(object, "/spec/replicas")))
        }
        ("Deployment", "Up-to-date") => Value::from(status("updatedReplicas").to_string()),
        ("Deployment", "Available") => Value::from(status("availableReplicas").to_string()),
        ("ReplicaSet", "Desired") => Value::from(number(object, "/spec/replicas")),
        ("ReplicaSet", "Current") => Value::from(status("replicas")),
        ("ReplicaSet", "Ready") => Value::from(status("readyReplicas")),
        ("DaemonSet", "Desired") => Value::from(status("desiredNumberScheduled")),
        ("DaemonSet", "Current") => Value::from(status("currentNumberScheduled")),
        ("DaemonSet", "Ready") => Value::from(status("numberReady")),
        ("DaemonSet", "Up-to-date") => Value::from(status("updatedNumberScheduled")),
        ("DaemonSet", "Available") => Value::from(status("numberAvailable")),
        ("DaemonSet", "Node Selector") => {
            Value::from(labels(object.pointer("/spec/template/spec/nodeSelector")))
        }
        (_, "Containers") => of_template("/name"),
        (_, "Images") => of_template("/image"),
        (_, "Selector") => Value::from(or(&selector_text(object.pointer("/spec/selector")), NONE)),
        _ => Value::Null,
    }
}

fn selector_text(selector: Option<&Value>) -> String {
    selector.map(crate::select::text_of).unwrap_or_default()
}

/// What stands where there is nothing.
const NONE: &str = "<none>";

/// What stands where something is not known.
const UNKNOWN: &str = "<unknown>";

fn or(text: &str, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text.to_owned() }
}

fn labels(labels: Option<&Value>) -> String {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<String> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    or(&labels.join(","), NONE)
}

fn node_address(object: &Value, kind: &str) -> String {
    let mut addresses = list(object, "/status/addresses");
    let found = addresses.find(|address| text(address, "/type") == kind);
    or(found.map_or("", |address| text(address, "/address")), NONE)
}

/// How many of the gates a Pod must pass it has passed.
fn readiness_gates(object: &Value) -> String {
    let gates: Vec<&str> =
        list(object, "/spec/readinessGates").map(|gate| text(gate, "/conditionType")).collect();
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let passed = |gate: &&&str| {
        list(object, "/status/conditions")
            .any(|condition| text(condition, "/type") == **gate && text(condition, "/status") == "True")
    };
    format!("{}/{}", gates.iter().filter(passed).count(), gates.len())
}

fn event_source(object: &Value) -> String {
    let component = or(text(object, "/source/component"), text(object, "/reportingComponent"));
    match text(object, "/source/host") {
        "" => component,
        host => format!("{component}, {host}"),
    }
}

/// Where a Service is reached from outside.
fn external_ip(object: &Value) -> String {
    let given: Vec<&str> = list(object, "/spec/externalIPs").filter_map(Value::as_str).collect();
    match text(object, "/spec/type") {
        "ExternalName" => or(text(object, "/spec/externalName"), NONE),
        "LoadBalancer" => {
            let ingress = list(object, "/status/loadBalancer/ingress");
            let ingress = ingress.map(|ingress| match text(ingress, "/ip") {
                "" => text(ingress, "/hostname"),
                address => address,
            });
            let all: Vec<&str> = ingress.chain(given).collect();
            or(&all.join(","), "<pending>")
        }
        _ => or(&given.join(","), NONE),
    }
}

fn slice_ports(object: &Value) -> String {
    let ports: Vec<String> = list(object, "/ports")
        .map(|port| port.get("port").and_then(Value::as_i64).map_or("*".to_owned(), |port| port.to_string()))
        .collect();
    few(&ports, "<unset>")
}

fn slice_endpoints(object: &Value) -> String {
    let addresses: Vec<String> = list(object, "/endpoints")
        .flat_map(|endpoint| list(endpoint, "/addresses"))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    few(&addresses, "<unset>")
}

/// The first three, and how many more there are.
fn few(all: &[String], nothing: &str) -> String {
    let shown = all.get(..3).unwrap_or(all).join(",");
    match all.len() {
        0 => nothing.to_owned(),
        1..=3 => shown,
        count => format!("{shown} + {} more...", count - 3),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wide_output_of_nodes_and_pods_shows_what_is_not_there() {
        let node =
            json!({"kind": "Node", "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}});
        assert_eq!(made("Internal-IP", &node), "10.0.0.1");
        assert_eq!(made("External-IP", &node), NONE);
        assert_eq!(made("OS-Image", &node), UNKNOWN);
        let pod = json!({
            "kind": "Pod",
            "spec": {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            "status": {"conditions": [{"type": "a", "status": "True"}, {"type": "b", "status": "False"}]},
        });
        assert_eq!(made("Readiness Gates", &pod), "1/2");
        assert_eq!(made("Nominated Node", &pod), NONE);
    }

    #[test]
    fn long_lists_are_cut() {
        let all: Vec<String> = (0..5).map(|number| number.to_string()).collect();
        assert_eq!(few(&all, NONE), "0,1,2 + 2 more...");
        assert_eq!(few(all.get(..3).unwrap_or_default(), NONE), "0,1,2");
        assert_eq!(few(&[], NONE), NONE);
    }

    #[test]
    fn a_service_is_reached_by_its_type() {
        let service = |spec: Value, status: Value| json!({"kind": "Service", "spec": spec, "status": status});
        let balanced = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "lb"}]}});
        assert_eq!(external_ip(&service(json!({"type": "LoadBalancer"}), balanced)), "1.2.3.4,lb");
        assert_eq!(external_ip(&service(json!({"type": "LoadBalancer"}), json!({}))), "<pending>");
        assert_eq!(external_ip(&service(json!({"type": "ClusterIP"}), json!({}))), NONE);
    }
}
