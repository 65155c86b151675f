//! What one object waits for, in one line, from its conditions.
//!
//! Pure. Somebody who looks for the reason of a standstill wants the cause, not the consequence: what is paused or blocked
//! comes before what is merely not there yet.

use serde_json::Value;

/// What the line of an object says, and which of its conditions that is about.
pub struct Waits<'a> {
    /// The main condition.
    pub main: Option<&'a Value>,
    /// Whether it is as it should be.
    pub good: bool,
    /// What it waits for, or what is under way; empty where there is nothing to tell.
    pub message: String,
}

/// Reads the conditions of an object, the one that counts being `main`. What blocks `helpers` (the MachineSets of a
/// MachineDeployment) blocks the object.
pub fn of<'a>(object: &'a Value, main: &str, helpers: &[&Value]) -> Waits<'a> {
    let deleting = !object["metadata"]["deletionTimestamp"].is_null();
    let main = condition(object, if deleting { "Deleting" } else { main });
    // Infrastructure need not report conditions; that it is provisioned it must say.
    let good = match main {
        Some(main) => !deleting && main["status"] == "True",
        None => !deleting && object["status"]["initialization"]["provisioned"] == true,
    };
    let cause = || {
        paused(object).or_else(|| std::iter::once(object).chain(helpers.iter().copied()).find_map(blocked))
    };
    let message = match (deleting, good) {
        (true, _) => paused(object).unwrap_or_else(|| not_good(object, main, deleting)),
        (false, false) => cause().unwrap_or_else(|| not_good(object, main, deleting)),
        (false, true) => cause().or_else(|| rolling_out(object)).unwrap_or_default(),
    };
    Waits { main, good, message }
}

/// One condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn is_true<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    condition(object, kind).filter(|condition| condition["status"] == "True")
}

fn paused(object: &Value) -> Option<String> {
    let paused = is_true(object, "Paused")?;
    // More than one reason stands on more than one line.
    Some(format!("Paused: {}", message(paused).lines().collect::<Vec<_>>().join(", ")))
}

/// Why the number of replicas stays what it is though another one is wanted. The reasons alone: there is little room, and the
/// numbers stand beside them.
fn blocked(object: &Value) -> Option<String> {
    if object["status"]["replicas"] == object["spec"]["replicas"] {
        return None;
    }
    let scaling = ["ScalingUp", "ScalingDown"].into_iter().filter_map(|kind| is_true(object, kind));
    let why = scaling.map(message).find_map(|message| message.split_once("is blocked because"))?.1;
    Some(format!("blocked: {}", in_one_line(why.trim_start_matches(':'))))
}

fn rolling_out(object: &Value) -> Option<String> {
    let line = message(is_true(object, "RollingOut")?).lines().next()?;
    // A Cluster tells of its parts, under headings; each has a line of its own.
    Some(line.trim().to_owned()).filter(|line| !line.is_empty() && !line.ends_with(':'))
}

/// What the main condition says; where that has no words of its own, what Ready says, and the bare reason at last.
fn not_good(object: &Value, main: Option<&Value>, deleting: bool) -> String {
    let ready = condition(object, "Ready").filter(|ready| ready["status"] != "True" && !deleting);
    let said = [main, ready].into_iter().flatten().find_map(|condition| first_line(message(condition)));
    let reason = main.or(ready).and_then(|condition| condition["reason"].as_str());
    let otherwise = if deleting { "Deleting" } else { "Not yet reported" };
    said.or(reason).unwrap_or(otherwise).to_owned()
}

fn message(condition: &Value) -> &str {
    condition["message"].as_str().unwrap_or_default()
}

/// The first line of a message that says something: headings end with a colon, and items have a bullet.
fn first_line(message: &str) -> Option<&str> {
    let line =
        message.lines().find(|line| !line.trim_end().ends_with(':')).or_else(|| message.lines().next())?;
    Some(line.trim().trim_start_matches("* ")).filter(|line| !line.is_empty())
}

/// The items of a list behind each other.
fn in_one_line(list: &str) -> String {
    let items = list.lines().map(|line| line.trim().trim_start_matches("* ")).filter(|item| !item.is_empty());
    items.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(all: &[(&str, &str, &str)]) -> Value {
        let all = all
            .iter()
            .map(|(kind, status, message)| json!({"type": kind, "status": status, "message": message}));
        json!({"conditions": all.collect::<Vec<_>>()})
    }

    fn said(object: &Value) -> String {
        of(object, "Available", &[]).message
    }

    #[test]
    fn a_condition_without_words_leaves_them_to_ready() {
        let object = |ready: &str| {
            let mut status = conditions(&[("Available", "False", ""), ("Ready", "False", ready)]);
            status["conditions"][0]["reason"] = json!("NotReady");
            json!({"status": status})
        };
        assert_eq!(said(&object("* NodeHealthy:\n  * no Node yet")), "no Node yet");
        assert_eq!(said(&object("")), "NotReady");
        assert_eq!(said(&json!({})), "Not yet reported");
    }

    #[test]
    fn what_is_paused_says_so_though_all_is_well() {
        let paused = (
            "Paused",
            "True",
            "Cluster spec.paused is set to true\nMachine has the cluster.x-k8s.io/paused annotation",
        );
        let object = json!({"status": conditions(&[("Available", "True", ""), paused])});
        let expected =
            "Paused: Cluster spec.paused is set to true, Machine has the cluster.x-k8s.io/paused annotation";
        assert_eq!(said(&object), expected);
        assert!(of(&object, "Available", &[]).good);
    }

    #[test]
    fn what_blocks_comes_before_what_follows_from_it() {
        let blocked = "Scaling up from 0 to 1 replicas is blocked because:\n* DevMachineTemplate does not exist\n* it is late";
        let status =
            conditions(&[("Available", "False", "not yet initialized"), ("ScalingUp", "True", blocked)]);
        let mut object = json!({"spec": {"replicas": 1}, "status": status});
        let expected = "blocked: DevMachineTemplate does not exist; it is late";
        assert_eq!(said(&object), expected);
        // The count is written with the conditions, but the wish may have changed since.
        object["status"]["replicas"] = json!(1);
        assert_eq!(said(&object), "not yet initialized");
    }

    #[test]
    fn what_blocks_a_machine_set_blocks_its_deployment() {
        let blocked = "Scaling up from 0 to 1 replicas is blocked because:\n* too new";
        let set = json!({"spec": {"replicas": 1}, "status": conditions(&[("ScalingUp", "True", blocked)])});
        let rolling = (
            "RollingOut",
            "True",
            "Rolling out 5 not up-to-date replicas\n* Version v1.35.0, v1.36.0 required",
        );
        let deployment = json!({"status": conditions(&[("Available", "True", ""), rolling])});
        assert_eq!(said(&deployment), "Rolling out 5 not up-to-date replicas");
        let expected = "blocked: too new";
        assert_eq!(of(&deployment, "Available", &[&set]).message, expected);
    }
}
