//! A cluster as a tree of lines: what it consists of, how each part is, and what it waits for.
//!
//! Pure: objects in, lines out. Both `describe` and the live view of `demo` print it.

use jiff::{Timestamp, Unit};
use serde_json::Value;

/// The objects that make up one cluster, as read from the API.
#[derive(Debug, Default, Clone)]
pub struct Parts {
    /// The Cluster.
    pub cluster: Value,
    /// The object its infrastructureRef names.
    pub infrastructure: Option<Value>,
    /// The object its controlPlaneRef names.
    pub control_plane: Option<Value>,
    /// Its MachineDeployments.
    pub machine_deployments: Vec<Value>,
    /// Its MachineSets.
    pub machine_sets: Vec<Value>,
    /// Its Machines.
    pub machines: Vec<Value>,
}

/// How a line should be taken by who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Good,
    /// Under way, or waiting for something.
    Waiting,
    /// Needs somebody.
    Bad,
}

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Tree drawing and name.
    pub name: String,
    /// Replicas or phase.
    pub state: String,
    /// The version, where there is one.
    pub version: String,
    /// How long it has been so, in words (`12s`).
    pub since: String,
    /// What it waits for; empty when it is as it should be.
    pub message: String,
    /// How to take it.
    pub mood: Mood,
}

/// A node of the tree before it is drawn.
struct Node {
    line: Line,
    children: Vec<Node>,
}

/// The whole tree, the Cluster first.
pub fn lines(parts: &Parts, now: Timestamp) -> Vec<Line> {
    let mut drawn = Vec::new();
    draw(cluster(parts, now), String::new(), String::new(), &mut drawn);
    drawn
}

/// Aligned text, one line each, with a header.
pub fn table(lines: &[Line]) -> Vec<String> {
    let header = ["NAME", "STATE", "VERSION", "SINCE", "WAITS FOR"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(header)
        .chain(lines.iter().map(|line| {
            [
                line.name.clone(),
                line.state.clone(),
                line.version.clone(),
                line.since.clone(),
                line.message.clone(),
            ]
        }))
        .collect();
    // The last column is as wide as it likes.
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| aligned(row, &widths)).collect()
}

fn aligned(row: &[String; 5], widths: &[usize; 4]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths.iter().copied().chain([0])) {
        let padding = width.saturating_sub(cell.chars().count()) + 2;
        text.push_str(cell);
        text.push_str(&" ".repeat(padding));
    }
    text.trim_end().to_owned()
}

fn draw(node: Node, prefix: String, children_prefix: String, drawn: &mut Vec<Line>) {
    let mut line = node.line;
    line.name = format!("{prefix}{}", line.name);
    drawn.push(line);
    let count = node.children.len();
    for (index, child) in node.children.into_iter().enumerate() {
        let last = index + 1 == count;
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw(child, format!("{children_prefix}{branch}"), format!("{children_prefix}{below}"), drawn);
    }
}

fn cluster(parts: &Parts, now: Timestamp) -> Node {
    let mut children = Vec::new();
    if let Some(infrastructure) = &parts.infrastructure {
        let state = if initialized(infrastructure, "provisioned") { "Provisioned" } else { "Provisioning" };
        children.push(Node { line: line(infrastructure, state.into(), "Ready", now), children: Vec::new() });
    }
    let mut machines = Unclaimed::new(&parts.machines);
    if let Some(control_plane) = &parts.control_plane {
        let own = machines.claim(is_control_plane).map(|machine| machine_node(machine, now)).collect();
        children.push(Node {
            line: line(control_plane, replicas(control_plane), "Available", now),
            children: own,
        });
    }
    let mut sets = Unclaimed::new(&parts.machine_sets);
    for deployment in &parts.machine_deployments {
        // Its MachineSets come and go with every rollout; what they hold is what it consists of.
        let own: Vec<&Value> = sets.claim(|set| is_owned_by(set, deployment)).collect();
        let machines = machines.claim(|machine| own.iter().any(|set| is_owned_by(machine, set)));
        let machines = machines.map(|machine| machine_node(machine, now)).collect();
        children.push(Node {
            line: line(deployment, replicas(deployment), "Available", now),
            children: machines,
        });
    }
    for set in sets.claim(|_| true) {
        let machines = machines.claim(|machine| is_owned_by(machine, set));
        let machines = machines.map(|machine| machine_node(machine, now)).collect();
        children.push(Node { line: line(set, replicas(set), "MachinesReady", now), children: machines });
    }
    children.extend(machines.claim(|_| true).map(|machine| machine_node(machine, now)));
    let phase = text(&parts.cluster["status"]["phase"]).unwrap_or("Pending").to_owned();
    Node { line: line(&parts.cluster, phase, "Available", now), children }
}

/// Objects that no line shows yet: nothing that belongs to a cluster goes missing from its tree, or stands there twice.
struct Unclaimed<'a> {
    left: Vec<&'a Value>,
}

impl<'a> Unclaimed<'a> {
    fn new(objects: &'a [Value]) -> Self {
        Self { left: objects.iter().collect() }
    }

    /// Takes out those that `belongs` accepts, in their order.
    fn claim(&mut self, belongs: impl Fn(&Value) -> bool) -> std::vec::IntoIter<&'a Value> {
        let (claimed, left) = std::mem::take(&mut self.left).into_iter().partition(|object| belongs(object));
        self.left = left;
        let claimed: Vec<&'a Value> = claimed;
        claimed.into_iter()
    }
}

fn is_owned_by(object: &Value, owner: &Value) -> bool {
    let uid = text(&owner["metadata"]["uid"]);
    uid.is_some() && owner_uids(object).any(|owner| Some(owner) == uid)
}

fn machine_node(machine: &Value, now: Timestamp) -> Node {
    let phase = text(&machine["status"]["phase"]).unwrap_or("Pending").to_owned();
    Node { line: line(machine, phase, "Available", now), children: Vec::new() }
}

/// Whether a Cluster says that it is Available.
pub fn is_available(cluster: &Value) -> bool {
    condition(cluster, "Available").is_some_and(|condition| condition["status"] == "True")
}

/// Whether everything that was asked for is there and as it should be.
pub fn is_complete(parts: &Parts, lines: &[Line]) -> bool {
    let owners = || parts.control_plane.iter().chain(&parts.machine_deployments);
    let wanted = |owner: &Value| owner["spec"]["replicas"].as_i64().unwrap_or_default();
    let counted = owners().all(|owner| owner["status"]["readyReplicas"].as_i64() == Some(wanted(owner)));
    let there = i64::try_from(parts.machines.len()).unwrap_or(i64::MAX) == owners().map(wanted).sum::<i64>();
    is_available(&parts.cluster) && counted && there && lines.iter().all(|line| line.mood == Mood::Good)
}

/// What stands in the way, in the words of the first line that waits for something.
pub fn first_obstacle(lines: &[Line]) -> String {
    let waiting = lines.iter().find(|line| line.mood != Mood::Good && !line.message.is_empty());
    waiting.map_or_else(
        || "no reason is reported".to_owned(),
        |line| format!("{}: {}", line.name.trim_start_matches(['├', '└', '─', '│', ' ']), line.message),
    )
}

/// A line whose mood, age and message come from the object's main condition and from what stands in its way.
fn line(object: &Value, state: String, main: &str, now: Timestamp) -> Line {
    let deleting = !object["metadata"]["deletionTimestamp"].is_null();
    let main = condition(object, if deleting { "Deleting" } else { main });
    // Infrastructure need not report conditions; that it is provisioned it must say.
    let good = match main {
        Some(main) => !deleting && main["status"] == "True",
        None => !deleting && initialized(object, "provisioned"),
    };
    let reason = main.and_then(|main| text(&main["reason"])).unwrap_or_default();
    let message = if good { String::new() } else { waits_for(object, main, deleting) };
    let since = main
        .and_then(|main| text(&main["lastTransitionTime"]))
        .map(|time| age(time, now))
        .unwrap_or_default();
    let bad = reason == "InternalError" || reason == "ObjectDeleted";
    Line {
        name: format!(
            "{}/{}",
            text(&object["kind"]).unwrap_or("?"),
            text(&object["metadata"]["name"]).unwrap_or("?")
        ),
        state,
        version: version(object),
        since,
        message,
        mood: if good {
            Mood::Good
        } else if bad {
            Mood::Bad
        } else {
            Mood::Waiting
        },
    }
}

/// What the main condition says; where that has no words of its own, what Ready says, and the bare reason at last.
fn waits_for(object: &Value, main: Option<&Value>, deleting: bool) -> String {
    let ready = condition(object, "Ready").filter(|ready| ready["status"] != "True" && !deleting);
    let said = [main, ready].into_iter().flatten().find_map(first_line);
    let reason = main.or(ready).and_then(|condition| text(&condition["reason"]));
    let otherwise = if deleting { "Deleting" } else { "Not yet reported" };
    said.or(reason).unwrap_or(otherwise).to_owned()
}

/// The first line of a condition's message that says something: headings end with a colon, and items have a bullet.
fn first_line(condition: &Value) -> Option<&str> {
    let lines = || text(&condition["message"]).unwrap_or_default().lines();
    let line = lines().find(|line| !line.trim_end().ends_with(':')).or_else(|| lines().next())?;
    Some(line.trim().trim_start_matches("* ")).filter(|line| !line.is_empty())
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn initialized(object: &Value, field: &str) -> bool {
    object["status"]["initialization"][field] == true
}

fn is_control_plane(machine: &Value) -> bool {
    !machine["metadata"]["labels"]["cluster.x-k8s.io/control-plane"].is_null()
}

fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owner| text(&owner["uid"]))
}

fn replicas(object: &Value) -> String {
    let ready = object["status"]["readyReplicas"].as_i64().unwrap_or_default();
    match object["spec"]["replicas"].as_i64() {
        Some(wanted) => format!("{ready}/{wanted} ready"),
        None => format!("{ready} ready"),
    }
}

fn version(object: &Value) -> String {
    let own = text(&object["spec"]["version"]);
    own.or_else(|| text(&object["spec"]["template"]["spec"]["version"])).unwrap_or_default().to_owned()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// The time since `time`, in the two largest units that matter (`5m10s`); empty for what is no time.
fn age(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return String::new() };
    let seconds = now.since((Unit::Second, time)).map(|span| span.get_seconds()).unwrap_or_default().max(0);
    elapsed(seconds)
}

/// Seconds in words: `42s`, `5m10s`, `3h2m`, `4d`.
pub fn elapsed(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=3599 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str, uid: &str, owner: Option<&str>, conditions: Value) -> Value {
        let owners: Vec<Value> = owner.iter().map(|uid| json!({"uid": uid})).collect();
        json!({
            "kind": kind,
            "metadata": {"name": name, "uid": uid, "ownerReferences": owners, "labels": {}},
            "spec": {"version": "v1.35.0"},
            "status": {"conditions": conditions, "phase": "Running"},
        })
    }

    fn parts() -> Parts {
        let time = "2026-01-01T00:00:00Z";
        let available = json!([{"type": "Available", "status": "True", "lastTransitionTime": time}]);
        let waiting = json!([{"type": "Available", "status": "False", "reason": "NotAvailable",
            "message": "* NodeHealthy:\n  * Waiting for a Node to appear", "lastTransitionTime": time}]);
        let mut control = object("Machine", "demo-control-plane-a", "3", Some("2"), available.clone());
        control["metadata"]["labels"]["cluster.x-k8s.io/control-plane"] = json!("");
        let mut deployment = object("MachineDeployment", "demo-workers", "4", None, waiting.clone());
        deployment["spec"]["replicas"] = json!(1);
        Parts {
            cluster: object("Cluster", "demo", "1", None, waiting.clone()),
            infrastructure: None,
            control_plane: Some(object("KubeadmControlPlane", "demo-control-plane", "2", None, available)),
            machine_deployments: vec![deployment],
            machine_sets: vec![object("MachineSet", "demo-workers-x", "5", Some("4"), json!([]))],
            machines: vec![control, object("Machine", "demo-workers-x-b", "6", Some("5"), waiting)],
        }
    }

    #[test]
    fn every_part_stands_below_what_owns_it_with_what_it_waits_for() {
        let lines = lines(&parts(), "2026-01-01T00:02:10Z".parse().unwrap());
        let table = table(&lines);
        let expected = [
            "NAME                                      STATE      VERSION  SINCE  WAITS FOR",
            "Cluster/demo                              Running    v1.35.0  2m10s  Waiting for a Node to appear",
            "├─ KubeadmControlPlane/demo-control-plane  0 ready    v1.35.0  2m10s",
            "│  └─ Machine/demo-control-plane-a         Running    v1.35.0  2m10s",
            "└─ MachineDeployment/demo-workers          0/1 ready  v1.35.0  2m10s  Waiting for a Node to appear",
            "   └─ Machine/demo-workers-x-b             Running    v1.35.0  2m10s  Waiting for a Node to appear",
        ];
        let squeezed = |line: &str| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("|")
        };
        let table: Vec<String> = table.iter().map(|line| squeezed(line)).collect();
        let expected: Vec<String> = expected.iter().map(|line| squeezed(line)).collect();
        assert_eq!(table, expected);
    }

    #[test]
    fn what_nothing_owns_is_shown_all_the_same() {
        let mut parts = parts();
        parts.control_plane = None;
        parts.machine_deployments.clear();
        let names: Vec<String> =
            lines(&parts, Timestamp::UNIX_EPOCH).into_iter().map(|line| line.name).collect();
        let expected = [
            "Cluster/demo",
            "├─ MachineSet/demo-workers-x",
            "│  └─ Machine/demo-workers-x-b",
            "└─ Machine/demo-control-plane-a",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_condition_without_words_leaves_them_to_ready() {
        let conditions = |message: &str| {
            json!([
                {"type": "Available", "status": "False", "reason": "NotReady", "message": ""},
                {"type": "Ready", "status": "False", "reason": "NotReady", "message": message},
            ])
        };
        let waits = |object: Value| line(&object, String::new(), "Available", Timestamp::UNIX_EPOCH).message;
        let machine = |conditions| object("Machine", "a", "1", None, conditions);
        assert_eq!(waits(machine(conditions("* NodeHealthy: no Node yet"))), "NodeHealthy: no Node yet");
        assert_eq!(waits(machine(conditions(""))), "NotReady");
        assert_eq!(waits(machine(json!([]))), "Not yet reported");
    }

    #[test]
    fn a_cluster_is_complete_when_every_replica_is_there_and_well() {
        let mut parts = parts();
        let complete = |parts: &Parts| is_complete(parts, &lines(parts, Timestamp::UNIX_EPOCH));
        assert!(!complete(&parts));
        let well = json!([{"type": "Available", "status": "True"}]);
        for part in [&mut parts.cluster, &mut parts.machine_deployments[0], &mut parts.machines[1]] {
            part["status"]["conditions"] = well.clone();
        }
        for part in parts.control_plane.iter_mut().chain(&mut parts.machine_deployments) {
            part["spec"]["replicas"] = json!(1);
            part["status"]["readyReplicas"] = json!(1);
        }
        assert!(complete(&parts));
        parts.machines.pop();
        assert!(!complete(&parts));
    }

    #[test]
    fn an_obstacle_is_named_with_its_object() {
        let lines = lines(&parts(), Timestamp::UNIX_EPOCH);
        assert_eq!(first_obstacle(&lines), "Cluster/demo: Waiting for a Node to appear");
        assert_eq!(first_obstacle(&[]), "no reason is reported");
    }

    #[test]
    fn ages_are_short_words() {
        let words: Vec<String> = [0, 119, 130, 3725, 90_000].map(elapsed).into();
        assert_eq!(words, ["0s", "119s", "2m10s", "1h2m", "1d"]);
    }
}
