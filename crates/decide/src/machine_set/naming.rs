//! Names of new Machines.

use std::collections::BTreeSet;

use gotemplate::names as template;

use super::Observed;
use crate::names;

const DEFAULT_TEMPLATE: &str = "{{ .machineSet.name }}-{{ .random }}";
/// What every template must contain, as admission demands: without it all Machines would have one name.
const RANDOM: &str = "{{ .random }}";

/// The names of `count` new Machines. They follow from what was seen, so that a second try gives the same ones.
///
/// # Errors
/// Why the template gives no name.
pub(super) fn names(seen: &Observed, count: usize) -> Result<Vec<String>, String> {
    let spec = &seen.machine_set.spec;
    let pattern = spec.machine_naming.template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
    if !pattern.contains(RANDOM) {
        return Err(format!("{RANDOM} is missing"));
    }
    let data = template::data(&spec.cluster_name, Some(("machineSet", "name", seen.name())));
    let name = |suffix: &str| template::generate(pattern, &data, suffix, suffix);
    // Whether the template works at all does not depend on the random part.
    name("bcdfg").map_err(|error| error.to_string())?;
    let mut chosen = BTreeSet::new();
    let is_taken = |suffix: &str| name(suffix).is_ok_and(|name| seen.taken_names.contains(&name));
    let version = seen.machine_set.metadata.resource_version.as_deref().unwrap_or_default();
    let mut result = Vec::with_capacity(count);
    for suffix in names::suffixes(seen.uid(), version, count, is_taken) {
        let name = name(&suffix).map_err(|error| error.to_string())?;
        if chosen.insert(name.clone()) {
            result.push(name);
        }
    }
    match result.is_empty() && count > 0 {
        true => Err(format!("no name that it gives is free: it has to make use of {RANDOM}")),
        false => Ok(result),
    }
}
