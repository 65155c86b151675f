//! MachineDrainRules.

use machinery::selector::{InvalidSelector, LabelSelector, Labels};
use serde_json::Value;
use thiserror::Error;

use super::Behavior;

/// A MachineDrainRule that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// A selector that cannot be read.
    #[error("MachineDrainRule {rule}: {path}: {problem}")]
    Selector {
        /// Name of the rule.
        rule: String,
        /// Where the selector stands.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A behavior that does not exist.
    #[error(
        "MachineDrainRule {rule}: spec.drain.behavior is {given:?}, must be one of Drain, Skip, WaitCompleted"
    )]
    Behavior {
        /// Name of the rule.
        rule: String,
        /// What it says.
        given: String,
    },
}

/// A MachineDrainRule, read for use.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Name; the first matching rule by name decides.
    pub name: String,
    /// What happens to the Pods it applies to.
    pub behavior: Behavior,
    /// Their place in the order of eviction.
    pub order: Option<i32>,
    machines: Vec<Pair>,
    pods: Vec<Pair>,
}

/// Two selectors that both have to match; one that is absent or empty matches everything.
#[derive(Clone, Debug)]
struct Pair {
    object: Option<LabelSelector>,
    surroundings: Option<LabelSelector>,
}

impl Rule {
    /// Reads the `spec` of the rule with this name.
    pub fn parse(name: &str, spec: &Value) -> Result<Self, RuleError> {
        let drain = spec.get("drain");
        let given = drain.and_then(|drain| drain.get("behavior")).and_then(Value::as_str).unwrap_or_default();
        let order = drain.and_then(|drain| drain.get("order")).and_then(Value::as_i64);
        Ok(Self {
            name: name.to_owned(),
            behavior: Behavior::parse(given)
                .ok_or_else(|| RuleError::Behavior { rule: name.to_owned(), given: given.to_owned() })?,
            order: order.and_then(|order| i32::try_from(order).ok()),
            machines: pairs(name, spec, "machines", "clusterSelector")?,
            pods: pairs(name, spec, "pods", "namespaceSelector")?,
        })
    }

    /// Whether the rule is about this Machine; a rule that names no Machines is about all.
    pub fn applies_to_machine(&self, machine_labels: &impl Labels, cluster_labels: &impl Labels) -> bool {
        applies(&self.machines, machine_labels, cluster_labels)
    }

    /// Whether the rule is about this Pod; a rule that names no Pods is about all.
    pub fn applies_to_pod(&self, pod_labels: &impl Labels, namespace_labels: &impl Labels) -> bool {
        applies(&self.pods, pod_labels, namespace_labels)
    }
}

fn applies(pairs: &[Pair], object: &impl Labels, surroundings: &impl Labels) -> bool {
    pairs.is_empty()
        || pairs.iter().any(|pair| {
            pair.object.as_ref().is_none_or(|selector| selector.matches(object))
                && pair.surroundings.as_ref().is_none_or(|selector| selector.matches(surroundings))
        })
}

fn pairs(rule: &str, spec: &Value, list: &str, surroundings: &str) -> Result<Vec<Pair>, RuleError> {
    let entries = spec.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let read = |(index, entry): (usize, &Value)| {
        let selector = |key: &str| match entry.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let parsed = LabelSelector::from_json(value);
                parsed.map(Some).map_err(|InvalidSelector(problem)| RuleError::Selector {
                    rule: rule.to_owned(),
                    path: format!("spec.{list}[{index}].{key}"),
                    problem,
                })
            }
        };
        Ok(Pair { object: selector("selector")?, surroundings: selector(surroundings)? })
    };
    entries.iter().enumerate().map(read).collect()
}
