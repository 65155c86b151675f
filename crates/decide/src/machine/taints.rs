//! The taints of a Node, as far as its Machine decides about them.
//!
//! A taint is one of key and effect. Those that the Machine keeps up (`Always`) are recorded in an annotation of the Node,
//! so that they go when the Machine no longer has them; those set once (`OnInitialization`) are set while there is no such
//! annotation yet. All others are left alone.

use std::collections::BTreeSet;

use api::core::common::MachineTaint;
use k8s_openapi::api::core::v1::Taint;

/// Set by the bootstrap provider until the Node has its labels.
const UNINITIALIZED: (&str, &str) = ("node.cluster.x-k8s.io/uninitialized", "NoSchedule");
/// Set on Nodes whose Machines are about to be replaced, so that Pods rather move to newer ones.
const OUTDATED_REVISION: (&str, &str) = ("node.cluster.x-k8s.io/outdated-revision", "PreferNoSchedule");

/// The taints a Node should have, and what to record about them.
#[derive(Debug, PartialEq)]
pub struct Taints {
    /// All taints.
    pub taints: Vec<Taint>,
    /// The value of the annotation.
    pub record: String,
}

/// Computes them from those the Node has and the record on it, if there is one.
pub fn wanted(
    current: &[Taint],
    record: Option<&str>,
    of_machine: &[MachineTaint],
    is_outdated: bool,
) -> Taints {
    let mut taints = current.to_vec();
    remove(&mut taints, UNINITIALIZED);
    let named = |propagation: &str| -> BTreeSet<String> {
        of_machine.iter().filter(|taint| taint.propagation == propagation).map(name).collect()
    };
    let (kept, once) = (named("Always"), named("OnInitialization"));
    for taint in of_machine {
        if taint.propagation == "Always" || record.is_none() {
            put(&mut taints, taint);
        }
    }
    for gone in
        record.unwrap_or_default().split(',').filter(|name| !kept.contains(*name) && !once.contains(*name))
    {
        if let Some((key, effect)) = gone.split_once(':') {
            remove(&mut taints, (key, effect));
        }
    }
    if !is_outdated {
        remove(&mut taints, OUTDATED_REVISION);
    } else if !taints.iter().any(|taint| is(taint, OUTDATED_REVISION)) {
        let (key, effect) = OUTDATED_REVISION;
        taints.push(Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() });
    }
    Taints { taints, record: kept.into_iter().collect::<Vec<_>>().join(",") }
}

fn name(taint: &MachineTaint) -> String {
    format!("{}:{}", taint.key, taint.effect)
}

fn is(taint: &Taint, (key, effect): (&str, &str)) -> bool {
    taint.key == key && taint.effect == effect
}

fn remove(taints: &mut Vec<Taint>, which: (&str, &str)) {
    taints.retain(|taint| !is(taint, which));
}

fn put(taints: &mut Vec<Taint>, wanted: &MachineTaint) {
    let value = wanted.value.clone().filter(|value| !value.is_empty());
    let new = Taint { key: wanted.key.clone(), effect: wanted.effect.clone(), value, ..Taint::default() };
    match taints.iter_mut().find(|taint| is(taint, (&wanted.key, &wanted.effect))) {
        Some(known)
            if known.value.as_deref().unwrap_or_default() == new.value.as_deref().unwrap_or_default() => {}
        Some(known) => *known = new,
        None => taints.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_node(key: &str, effect: &str, value: &str) -> Taint {
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        Taint { key: key.to_owned(), effect: effect.to_owned(), value, ..Taint::default() }
    }

    fn of_machine(key: &str, value: &str, propagation: &str) -> MachineTaint {
        MachineTaint {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            effect: "NoSchedule".to_owned(),
            propagation: propagation.to_owned(),
        }
    }

    #[test]
    fn the_first_time_all_are_set_and_the_node_becomes_usable() {
        let current = [on_node(UNINITIALIZED.0, UNINITIALIZED.1, ""), on_node("other", "NoExecute", "x")];
        let machine = [of_machine("a", "1", "Always"), of_machine("b", "2", "OnInitialization")];
        let wanted = wanted(&current, None, &machine, false);
        let expected = [
            on_node("other", "NoExecute", "x"),
            on_node("a", "NoSchedule", "1"),
            on_node("b", "NoSchedule", "2"),
        ];
        assert_eq!((&wanted.taints[..], wanted.record.as_str()), (&expected[..], "a:NoSchedule"));
    }

    #[test]
    fn later_only_those_kept_up_are_put_back_corrected_and_removed() {
        let current = [on_node("a", "NoSchedule", "old"), on_node("gone", "NoSchedule", "")];
        let machine = [of_machine("a", "new", "Always"), of_machine("b", "2", "OnInitialization")];
        let wanted = wanted(&current, Some("a:NoSchedule,gone:NoSchedule"), &machine, false);
        assert_eq!(wanted.taints, [on_node("a", "NoSchedule", "new")]);
    }

    #[test]
    fn a_taint_that_is_no_longer_kept_up_but_set_once_stays() {
        let current = [on_node("a", "NoSchedule", "1")];
        let machine = [of_machine("a", "1", "OnInitialization")];
        let wanted = wanted(&current, Some("a:NoSchedule"), &machine, false);
        assert_eq!((wanted.taints.len(), wanted.record.as_str()), (1, ""));
    }

    #[test]
    fn an_outdated_revision_is_told_once_and_taken_back() {
        let outdated = wanted(&[], Some(""), &[], true);
        assert_eq!(outdated.taints, [on_node(OUTDATED_REVISION.0, OUTDATED_REVISION.1, "")]);
        assert_eq!(wanted(&outdated.taints, Some(""), &[], true).taints, outdated.taints);
        assert!(wanted(&outdated.taints, Some(""), &[], false).taints.is_empty());
    }
}
