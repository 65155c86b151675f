//! What checkers must remember to tell a wrong decision from one that was right when it was made.
//!
//! Controllers see the world late, so they are judged by what was true a moment ago as well as by what is true now. And
//! nothing in a world breaks a machine: one that worked once still does, whatever a lost connection made its conditions
//! say since.

use std::collections::{BTreeMap, BTreeSet};

use api::conditions;
use jiff::Timestamp;
use serde_json::Value;

use super::mirror::Transition;

/// Virtual seconds for which controllers may still act on an old number of replicas: longer than faults delay an event.
const LATENESS_SECONDS: i64 = 60;

/// The numbers of replicas that one owner was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    now: i64,
    before: i64,
    changed: Timestamp,
}

/// The memory of the checkers.
#[derive(Debug, Default)]
pub struct Memory {
    asked: BTreeMap<String, Asked>,
    proven: BTreeSet<String>,
}

impl Memory {
    /// Notes what a write tells.
    pub fn note(&mut self, transition: &Transition, now: Timestamp) {
        match (transition.plural, transition.after.as_deref()) {
            ("machines", Some(machine)) if works(machine) => {
                self.proven.insert(uid(machine));
            }
            ("machinesets" | "machinedeployments" | "kubeadmcontrolplanes", Some(owner)) => {
                self.note_replicas(owner, now);
            }
            _ => {}
        }
    }

    fn note_replicas(&mut self, owner: &Value, now: Timestamp) {
        let replicas = replicas(owner);
        let known = self.asked.entry(uid(owner));
        let asked = known.or_insert(Asked { now: replicas, before: replicas, changed: now });
        if asked.now != replicas {
            *asked = Asked { now: replicas, before: asked.now, changed: now };
        }
    }

    /// The fewest and the most replicas that `owner` was asked for a moment ago.
    pub fn replicas(&self, owner: &Value, now: Timestamp) -> (i64, i64) {
        let current = replicas(owner);
        let Some(asked) = self.asked.get(&uid(owner)) else { return (current, current) };
        if now.as_second() - asked.changed.as_second() > LATENESS_SECONDS {
            return (current, current);
        }
        (current.min(asked.before), current.max(asked.before))
    }

    /// Whether the Machine worked once.
    pub fn is_proven(&self, machine: &Value) -> bool {
        self.proven.contains(&uid(machine))
    }
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// The replicas an object asks for: one where it does not say.
pub fn replicas(owner: &Value) -> i64 {
    owner["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// What a KubeadmControlPlane goes by: it asks for no Node that is Ready, as the network may come after it.
const COMPONENTS: [&str; 4] = [
    conditions::API_SERVER_POD_HEALTHY,
    conditions::CONTROLLER_MANAGER_POD_HEALTHY,
    conditions::SCHEDULER_POD_HEALTHY,
    conditions::ETCD_MEMBER_HEALTHY,
];

fn works(machine: &Value) -> bool {
    let holds = |kind: &str| {
        let conditions = machine["status"]["conditions"].as_array();
        let mut found = conditions.into_iter().flatten().filter(|condition| condition["type"] == kind);
        found.any(|condition| condition["status"] == "True")
    };
    holds(conditions::AVAILABLE) || COMPONENTS.into_iter().all(holds)
}
