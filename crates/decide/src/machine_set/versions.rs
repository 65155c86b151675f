//! Which Kubernetes versions are in use, and by how many.

use api::core::common::StatusVersion;
use api::core::machine::Machine;
use machinery::version::{CompareOptions, Comparison, Version};

/// The versions of Machines, the lowest first: what the kubelet says, or else what is wanted of it.
pub fn of_machines<'a>(machines: impl Iterator<Item = &'a Machine>) -> Vec<StatusVersion> {
    let mut machines: Vec<&Machine> = machines.collect();
    machines.sort_by_key(|machine| {
        (
            machine.metadata.creation_timestamp.as_ref().map(|created| created.0),
            machine.metadata.name.as_deref(),
        )
    });
    let one = |machine: &&Machine| {
        let kubelet = machine.status.node_info.as_ref().map(|info| &info.kubelet_version);
        let version = kubelet.filter(|version| !version.is_empty()).or(machine.spec.version.as_ref())?;
        Some(StatusVersion { version: version.clone(), replicas: Some(1) })
    };
    merged(machines.iter().filter_map(one))
}

/// Counts of equal versions added up, the lowest version first.
pub fn merged(versions: impl Iterator<Item = StatusVersion>) -> Vec<StatusVersion> {
    let mut merged: Vec<StatusVersion> = Vec::new();
    for one in versions.filter(|one| !one.version.is_empty()) {
        match merged.iter_mut().find(|known| known.version == one.version) {
            Some(known) => {
                let sum = known.replicas.unwrap_or_default() + one.replicas.unwrap_or_default();
                known.replicas = Some(sum);
            }
            None => merged.push(one),
        }
    }
    sort(&mut merged);
    merged
}

/// Builds of one version may have no order; then they stay as they were. That makes it no order that a general sort could
/// rely on, so each is moved forward past those that it is lower than.
fn sort(versions: &mut [StatusVersion]) {
    for end in 1..versions.len() {
        for at in (1..=end).rev() {
            let lower = match versions.get(at - 1..=at) {
                Some([before, this]) => is_lower(&this.version, &before.version),
                _ => false,
            };
            if !lower {
                break;
            }
            versions.swap(at - 1, at);
        }
    }
}

fn is_lower(left: &str, right: &str) -> bool {
    let options = CompareOptions { with_build_tags: true, ..CompareOptions::default() };
    match (Version::parse_tolerant(left), Version::parse_tolerant(right)) {
        (Ok(a), Ok(b)) => match a.compare(&b, options) {
            Comparison::Older => true,
            Comparison::Same => left < right,
            Comparison::Newer | Comparison::Different => false,
        },
        (Ok(_), Err(_)) => true,
        (Err(_), Ok(_)) => false,
        (Err(_), Err(_)) => left < right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: &str, replicas: i32) -> StatusVersion {
        StatusVersion { version: version.to_owned(), replicas: Some(replicas) }
    }

    #[test]
    fn equal_versions_are_added_up_and_the_lowest_comes_first() {
        let all = [version("v1.35.0", 1), version("odd", 1), version("v1.34.10", 2), version("v1.35.0", 2)];
        let expected = [version("v1.34.10", 2), version("v1.35.0", 3), version("odd", 1)];
        assert_eq!(merged(all.into_iter()), expected);
    }

    #[test]
    fn builds_without_an_order_stay_as_they_were() {
        let all = [version("v1.35.0+b", 1), version("v1.35.0+a1.x", 1), version("v1.34.0", 1)];
        let merged = merged(all.into_iter());
        assert_eq!(merged[0].version, "v1.34.0");
    }
}
