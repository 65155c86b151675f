//! A cluster as a tree of lines: what it consists of, how each part is, and what it waits for.
//!
//! Pure: objects in, lines out. Both `describe` and the live view of `demo` print it.

use jiff::{Timestamp, Unit};
use serde_json::Value;

use crate::waits;

/// Where a reference of a Cluster leads.
#[derive(Debug, Default, Clone)]
pub enum Referenced {
    /// There is no such reference.
    #[default]
    Unset,
    /// To a kind that the server does not know.
    UnknownKind,
    /// To an object that is not there.
    Missing,
    /// To this object.
    Found(Value),
}

impl Referenced {
    fn object(&self) -> Option<&Value> {
        match self {
            Referenced::Found(object) => Some(object),
            Referenced::Unset | Referenced::UnknownKind | Referenced::Missing => None,
        }
    }
}

/// The objects that make up one cluster, as read from the API.
#[derive(Debug, Default, Clone)]
pub struct Parts {
    /// The Cluster.
    pub cluster: Value,
    /// What its infrastructureRef names.
    pub infrastructure: Referenced,
    /// What its controlPlaneRef names.
    pub control_plane: Referenced,
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
    /// What it waits for, or what is under way; empty when there is nothing to tell.
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

/// How many columns the table has, the message among them.
const COLUMNS: usize = 5;

/// The names of the columns, the message last.
const HEADER: [&str; COLUMNS] = ["NAME", "STATE", "VERSION", "SINCE", "WAITS FOR"];

/// Aligned text, one line each, with a header.
pub fn table(lines: &[Line]) -> Vec<String> {
    let widths = widths(lines);
    cells(lines).map(|row| aligned(&row, &widths)).collect()
}

/// The table without messages, and without as many of the columns before them as it takes to fit; at last names are cut.
pub fn narrow_table(lines: &[Line], width: usize) -> Vec<String> {
    const STATE: usize = 1;
    let mut widths = widths(lines);
    let needed =
        |count: usize| widths.iter().take(count).map(|width| width + 2).sum::<usize>().saturating_sub(2);
    let count = (STATE + 1..COLUMNS).rev().find(|count| needed(*count) <= width).unwrap_or(STATE + 1);
    widths[0] = widths[0].saturating_sub(needed(count).saturating_sub(width)).max(1);
    let name_width = widths[0];
    let rows = cells(lines).map(|mut row| {
        row[0] = console::truncate_str(&row[0], name_width, "…").into_owned();
        aligned(row.get(..count).unwrap_or(&row), &widths)
    });
    rows.collect()
}

/// Where the last column begins.
pub fn message_column(lines: &[Line]) -> usize {
    widths(lines).iter().map(|width| width + 2).sum()
}

/// The tree drawing as it goes on below the line of this name.
pub fn below(name: &str) -> String {
    let drawing = name.chars().take_while(|character| "├└│─ ".contains(*character));
    drawing.map(|character| if "├│".contains(character) { '│' } else { ' ' }).collect()
}

fn cells(lines: &[Line]) -> impl Iterator<Item = [String; COLUMNS]> {
    std::iter::once(HEADER.map(str::to_owned)).chain(lines.iter().map(|line| {
        let Line { name, state, version, since, message, .. } = line;
        [name, state, version, since, message].map(Clone::clone)
    }))
}

/// How wide each column is; the last one is as wide as it likes.
fn widths(lines: &[Line]) -> [usize; COLUMNS - 1] {
    let mut widths = [0; COLUMNS - 1];
    for row in cells(lines) {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths
}

fn aligned(row: &[String], widths: &[usize]) -> String {
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
    if let Some(infrastructure) = parts.infrastructure.object() {
        let provisioned = infrastructure["status"]["initialization"]["provisioned"] == true;
        let state = if provisioned { "Provisioned" } else { "Provisioning" };
        let line = line(infrastructure, state.into(), "Ready", &[], now);
        children.push(Node { line, children: Vec::new() });
    }
    children.extend(absent(&parts.cluster, "infrastructureRef", &parts.infrastructure));
    let mut machines = Unclaimed::new(&parts.machines);
    if let Some(control_plane) = parts.control_plane.object() {
        let own = machines.claim(is_control_plane).map(|machine| machine_node(machine, now)).collect();
        children.push(Node {
            line: line(control_plane, replicas(control_plane), "Available", &[], now),
            children: own,
        });
    }
    children.extend(absent(&parts.cluster, "controlPlaneRef", &parts.control_plane));
    let mut sets = Unclaimed::new(&parts.machine_sets);
    for deployment in &parts.machine_deployments {
        // Its MachineSets come and go with every rollout; what they hold is what it consists of.
        let own: Vec<&Value> = sets.claim(|set| is_owned_by(set, deployment)).collect();
        let machines = machines.claim(|machine| own.iter().any(|set| is_owned_by(machine, set)));
        let machines = machines.map(|machine| machine_node(machine, now)).collect();
        children.push(Node {
            line: line(deployment, replicas(deployment), "Available", &own, now),
            children: machines,
        });
    }
    for set in sets.claim(|_| true) {
        let machines = machines.claim(|machine| is_owned_by(machine, set));
        let machines = machines.map(|machine| machine_node(machine, now)).collect();
        children.push(Node { line: line(set, replicas(set), "MachinesReady", &[], now), children: machines });
    }
    children.extend(machines.claim(|_| true).map(|machine| machine_node(machine, now)));
    let phase = text(&parts.cluster["status"]["phase"]).unwrap_or("Pending").to_owned();
    Node { line: line(&parts.cluster, phase, "Available", &[], now), children }
}

/// The line of something that a Cluster refers to and that is not there. While the Cluster goes, that is as it should be,
/// unless nobody can tell whether it is gone.
fn absent(cluster: &Value, field: &str, referenced: &Referenced) -> Option<Node> {
    let part = |name: &str| text(&cluster["spec"][field][name]).unwrap_or_default();
    let (kind, name) = (part("kind"), part("name"));
    let deleting = !cluster["metadata"]["deletionTimestamp"].is_null();
    let message = match referenced {
        Referenced::UnknownKind => format!(
            "no kind {kind} is served in group {}: install what defines it, or correct spec.{field} of the Cluster",
            part("apiGroup")
        ),
        Referenced::Missing if !deleting => {
            format!(
                "there is no {kind} {name} in this namespace: create it, or correct spec.{field} of the Cluster"
            )
        }
        Referenced::Missing | Referenced::Unset | Referenced::Found(_) => return None,
    };
    let line = Line {
        name: format!("{kind}/{name}"),
        state: "Missing".to_owned(),
        version: String::new(),
        since: String::new(),
        message,
        mood: Mood::Bad,
    };
    Some(Node { line, children: Vec::new() })
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
    Node { line: line(machine, phase, "Available", &[], now), children: Vec::new() }
}

/// Whether a Cluster says that it is Available.
pub fn is_available(cluster: &Value) -> bool {
    waits::condition(cluster, "Available").is_some_and(|condition| condition["status"] == "True")
}

/// Whether everything that was asked for is there and as it should be.
pub fn is_complete(parts: &Parts, lines: &[Line]) -> bool {
    let owners = || parts.control_plane.object().into_iter().chain(&parts.machine_deployments);
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
fn line(object: &Value, state: String, main: &str, helpers: &[&Value], now: Timestamp) -> Line {
    let waits = waits::of(object, main, helpers);
    let reason = waits.main.and_then(|main| text(&main["reason"])).unwrap_or_default();
    let since = waits.main.and_then(|main| text(&main["lastTransitionTime"]));
    let since = since.map(|time| age(time, now)).unwrap_or_default();
    let bad = reason == "InternalError" || reason == "ObjectDeleted";
    let kind = text(&object["kind"]).unwrap_or("?");
    Line {
        name: format!("{kind}/{}", text(&object["metadata"]["name"]).unwrap_or("?")),
        state,
        version: version(object),
        since,
        message: waits.message,
        mood: if waits.good {
            Mood::Good
        } else if bad {
            Mood::Bad
        } else {
            Mood::Waiting
        },
    }
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
            infrastructure: Referenced::Unset,
            control_plane: Referenced::Found(object(
                "KubeadmControlPlane",
                "demo-control-plane",
                "2",
                None,
                available,
            )),
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
        parts.control_plane = Referenced::Unset;
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
    fn what_is_referred_to_and_not_there_is_named_with_the_way_out() {
        let mut parts = parts();
        parts.cluster["spec"]["infrastructureRef"] =
            json!({"apiGroup": "x.example.com", "kind": "Cloud", "name": "c"});
        parts.cluster["spec"]["controlPlaneRef"] =
            json!({"apiGroup": "y.example.com", "kind": "Plane", "name": "p"});
        (parts.infrastructure, parts.control_plane) = (Referenced::UnknownKind, Referenced::Missing);
        let told = |parts: &Parts| -> Vec<String> {
            let lines =
                lines(parts, Timestamp::UNIX_EPOCH).into_iter().filter(|line| line.state == "Missing");
            lines.map(|line| format!("{}: {}", line.name, line.message)).collect()
        };
        let unknown = "├─ Cloud/c: no kind Cloud is served in group x.example.com: install what defines it, or correct \
                       spec.infrastructureRef of the Cluster";
        let missing = "├─ Plane/p: there is no Plane p in this namespace: create it, or correct spec.controlPlaneRef of the \
                       Cluster";
        assert_eq!(told(&parts), [unknown, missing]);
        parts.cluster["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(told(&parts), [unknown]);
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
        let Referenced::Found(control_plane) = &mut parts.control_plane else { panic!("there is one") };
        for part in [control_plane, &mut parts.machine_deployments[0]] {
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
