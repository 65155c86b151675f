//! Waiting for volumes: a server that goes while a volume is attached may take the volume with it.
//!
//! The Node lists what it has attached, and so do VolumeAttachments; either may be ahead of the other. Volumes of Pods
//! that were left on the Node stay attached and do not matter.

use std::collections::BTreeSet;

use api::labels;
use api::workload::Pod;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Node;

use super::super::observed::{Looked, Need, Volumes};
use super::super::waiting::{Waiting, shown};
use super::{Course, RETRY, Step, drain, ends, retry};
use crate::drain::Behavior;

/// How often volumes are looked at: nobody watches them for us.
const PAUSE: SignedDuration = SignedDuration::from_secs(20);
/// How many names a line shows.
const SHOWN: usize = 5;

/// The step of waiting for volumes.
pub fn detach(course: &mut Course<'_>) -> Option<Step> {
    let name = course.node.clone()?;
    let seen = course.seen;
    let timeout = seen.machine.spec.deletion.node_volume_detach_timeout_seconds;
    let started = course.times.wait_for_node_volume_detach_start_time.clone();
    if !course.may_care_for_node(labels::EXCLUDE_WAIT_FOR_NODE_VOLUME_DETACH, started.as_ref(), timeout) {
        return None;
    }
    let now = course.now();
    let started = course.times.wait_for_node_volume_detach_start_time.get_or_insert(now).0;
    let node = match &seen.node {
        super::NodeView::Absent => return None,
        view => view.found(),
    };
    if node.is_some_and(drain::is_unreachable) {
        return None;
    }
    let on_node = attached_to(node);
    let end = ends(course.times.wait_for_node_volume_detach_start_time.as_ref(), timeout);
    let failed = || Step::Wait {
        waiting: Waiting::VolumeDetachFailed,
        actions: Vec::new(),
        next: retry(seen.now, RETRY, end),
    };
    let volumes = match &seen.volumes {
        None => {
            return Some(Step::Look(Need::Volumes { node: name, node_reports_volumes: !on_node.is_empty() }));
        }
        Some(Looked::Failed) => return Some(failed()),
        Some(Looked::Known(volumes)) if !volumes.unnamed_attachments.is_empty() => return Some(failed()),
        Some(Looked::Known(volumes)) => volumes,
    };
    if on_node.is_empty() && volumes.attached.is_empty() {
        return None;
    }
    let left = match &seen.pods {
        None => return Some(Step::Look(Need::Pods { node: name })),
        Some(Looked::Failed) => return Some(failed()),
        Some(Looked::Known(pods)) => drain::judge(seen, pods),
    };
    let Some(left) = left else { return Some(failed()) };
    let left = left.iter().filter(|(_, verdict)| verdict.behavior == Behavior::Skip).map(|(pod, _)| pod);
    let ignored: BTreeSet<String> = left.flat_map(claims).collect();
    let message = message(&on_node, volumes, &ignored)?;
    let message = format!("Waiting for Node volumes to be detached (started at {}){message}", shown(started));
    Some(Step::Wait {
        waiting: Waiting::VolumeDetach(message),
        actions: Vec::new(),
        next: retry(seen.now, PAUSE, end),
    })
}

fn attached_to(node: Option<&Node>) -> BTreeSet<String> {
    let status = node.and_then(|node| node.status.as_ref());
    let attached = status.and_then(|status| status.volumes_attached.as_ref());
    attached.into_iter().flatten().map(|volume| volume.name.clone()).collect()
}

fn claims(pod: &Pod) -> Vec<String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    claims.map(|claim| format!("{namespace}/{}", claim.claim_name)).collect()
}

/// What is still attached, one line for each way in which it is known; `None` if nothing is.
fn message(on_node: &BTreeSet<String>, volumes: &Volumes, ignored: &BTreeSet<String>) -> Option<String> {
    let mut claims = BTreeSet::new();
    let mut without_claim = BTreeSet::new();
    let mut known = BTreeSet::new();
    for volume in &volumes.persistent_volumes {
        let name_on_node = volume.name_on_node.as_ref().filter(|name| on_node.contains(*name));
        if name_on_node.is_none() && !volumes.attached.contains(&volume.name) {
            continue;
        }
        known.extend(name_on_node);
        known.insert(&volume.name);
        match &volume.claim {
            Some(claim) if ignored.contains(claim) => {}
            Some(claim) => drop(claims.insert(claim)),
            None => drop(without_claim.insert(&volume.name)),
        }
    }
    let unmatched_on_node: BTreeSet<&String> = on_node.iter().filter(|name| !known.contains(name)).collect();
    let unmatched: BTreeSet<&String> = volumes.attached.iter().filter(|name| !known.contains(name)).collect();
    let lines = [
        line("PersistentVolumeClaims", &claims),
        line("PersistentVolumes without a .spec.claimRef to a PersistentVolumeClaim", &without_claim),
        line("Node with .status.volumesAttached entries not matching a PersistentVolume", &unmatched_on_node),
        line(
            "VolumeAttachment with .spec.source.persistentVolumeName not matching a PersistentVolume",
            &unmatched,
        ),
    ];
    let text: String = lines.into_iter().flatten().collect();
    (!text.is_empty()).then_some(text)
}

fn line(what: &str, names: &BTreeSet<&String>) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| (*name).clone()).collect();
    if names.len() > SHOWN {
        shown.push(format!("... ({} more)", names.len() - SHOWN));
    }
    Some(format!("\n* {what}: {}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::super::observed::PersistentVolume;
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    fn volume(name: &str, handle: &str, claim: Option<&str>) -> PersistentVolume {
        PersistentVolume {
            name: name.to_owned(),
            name_on_node: Some(format!("kubernetes.io/csi/d^{handle}")),
            claim: claim.map(str::to_owned),
        }
    }

    #[test]
    fn everything_attached_is_named_by_what_is_known_of_it() {
        let volumes = Volumes {
            attached: names(&["pv-b", "pv-lost"]),
            persistent_volumes: vec![
                volume("pv-a", "1", Some("ns/a")),
                volume("pv-b", "2", None),
                volume("pv-c", "3", Some("ns/c")),
                volume("pv-d", "4", Some("ns/skipped")),
            ],
            ..Volumes::default()
        };
        let on_node = names(&["kubernetes.io/csi/d^1", "kubernetes.io/csi/d^4", "kubernetes.io/other/x"]);
        let told = message(&on_node, &volumes, &names(&["ns/skipped"]));
        let expected = "\n* PersistentVolumeClaims: ns/a\
            \n* PersistentVolumes without a .spec.claimRef to a PersistentVolumeClaim: pv-b\
            \n* Node with .status.volumesAttached entries not matching a PersistentVolume: kubernetes.io/other/x\
            \n* VolumeAttachment with .spec.source.persistentVolumeName not matching a PersistentVolume: pv-lost";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn volumes_of_pods_that_stay_do_not_matter() {
        let volumes = Volumes {
            attached: names(&["pv-a"]),
            persistent_volumes: vec![volume("pv-a", "1", Some("ns/a"))],
            ..Volumes::default()
        };
        assert_eq!(message(&BTreeSet::new(), &volumes, &names(&["ns/a"])), None);
    }
}
