//! What was seen, with everything worked out that several steps need: health and currency of each Machine.

use std::borrow::Cow;

use api::conditions::UP_TO_DATE;
use api::core::{Cluster, Machine};
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::conditions::{self as health, Assessment};
use super::observed::{Observed, SeenMachine};
use super::rollout;
use crate::conditions;
use crate::machine_template::Difference;

/// What was seen, worked out.
pub struct View<'a> {
    /// What was seen.
    pub seen: &'a Observed,
    /// The Cluster.
    pub cluster: &'a Cluster,
    /// Its own Machines, by name.
    pub machines: Vec<Own<'a>>,
    /// How the control plane as a whole is.
    pub health: Assessment,
}

/// A Machine of the control plane.
pub struct Own<'a> {
    /// What was seen of it.
    pub seen: &'a SeenMachine,
    /// The Machine with the conditions that it should have.
    pub machine: Cow<'a, Machine>,
    /// How it differs from what is wanted.
    pub difference: Difference,
}

impl<'a> View<'a> {
    /// Works out what several steps need.
    pub fn new(seen: &'a Observed, cluster: &'a Cluster) -> Self {
        let own = seen.own();
        let comparison = rollout::Comparison::new(seen);
        let assessed = health::assess(seen, cluster, &own);
        let mut machines = Vec::with_capacity(own.len());
        for (machine, news) in own.into_iter().zip(assessed.machines) {
            let difference = comparison.difference(machine);
            let up_to_date = health::up_to_date(&machine.machine, &difference);
            let news = news.into_iter().chain([up_to_date]);
            machines.push(Own { seen: machine, machine: with_conditions(seen, machine, news), difference });
        }
        let health = health::aggregate(seen, &machines, assessed.scope);
        Self { seen, cluster, machines, health }
    }

    /// The Machines as they should be.
    pub fn all(&self) -> impl Iterator<Item = &Machine> + Clone {
        self.machines.iter().map(|own| own.machine.as_ref())
    }

    /// Machines that are on their way out.
    pub fn deleting(&self) -> impl Iterator<Item = &Own<'a>> + Clone {
        self.machines.iter().filter(|own| own.seen.is_deleting())
    }

    /// Machines that are to be replaced and not on their way out yet.
    pub fn outdated(&self) -> Vec<&Own<'a>> {
        self.machines.iter().filter(|own| !own.is_up_to_date() && !own.seen.is_deleting()).collect()
    }
}

impl Own<'_> {
    /// The name.
    pub fn name(&self) -> &str {
        self.seen.name()
    }

    /// Whether it is what is wanted today.
    pub fn is_up_to_date(&self) -> bool {
        self.difference.is_none()
    }

    /// Whether a condition of it is True.
    pub fn has(&self, condition: &str) -> bool {
        conditions::is_true(&self.machine.status.conditions, condition)
    }

    /// Whether a condition of it is False.
    pub fn lacks(&self, condition: &str) -> bool {
        conditions::is_false(&self.machine.status.conditions, condition)
    }

    /// Whether it is being changed in place.
    pub fn is_updating_in_place(&self) -> bool {
        self.seen.is_annotated(labels::UPDATE_IN_PROGRESS)
    }

    /// Whether its conditions are not what they should be.
    pub fn is_changed(&self) -> bool {
        matches!(self.machine, Cow::Owned(_))
    }
}

fn is_same(known: &Condition, new: &conditions::NewCondition) -> bool {
    known.status == new.status.as_str() && known.reason == new.reason && known.message == new.message
}

/// The Machine with new conditions; the very Machine if they say what is there already.
fn with_conditions<'a>(
    seen: &Observed,
    machine: &'a SeenMachine,
    news: impl Iterator<Item = conditions::NewCondition>,
) -> Cow<'a, Machine> {
    let generation = machine.machine.metadata.generation.unwrap_or_default();
    let mut list = machine.machine.status.conditions.clone();
    let mut changed = false;
    for condition in news {
        // Until its Node is there a Machine is written to again and again, and each time says the same: that need not be
        // written again for the generation alone.
        let is_known = machine.node().is_none()
            && conditions::get(&list, &condition.type_).is_some_and(|known| is_same(known, &condition));
        changed |= !is_known && conditions::set(&mut list, condition, generation, seen.now);
    }
    debug_assert!(conditions::has(&list, UP_TO_DATE));
    if !changed {
        return Cow::Borrowed(&machine.machine);
    }
    let mut machine = Machine::clone(&machine.machine);
    machine.status.conditions = list;
    Cow::Owned(machine)
}
