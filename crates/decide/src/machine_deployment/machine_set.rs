//! What a MachineSet of a MachineDeployment should look like, all of it: one apply says it.

use std::collections::BTreeMap;

use api::core::machine::MachineSpec;
use api::core::machine_set::{MachineSet, MachineSetDeletionSpec, MachineSetSpec, MachineTemplateSpec};
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{Observed, SeenMachineSet, proportions};
use crate::applied::covers;
use crate::owners;
use api::core::common::Metadata;

/// Annotations of a MachineDeployment that mean only itself, or that each MachineSet has its own of.
const NOT_HANDED_DOWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    labels::REVISION,
    REVISION_HISTORY,
    labels::DESIRED_REPLICAS,
    labels::MAX_REPLICAS,
    "cluster.x-k8s.io/conversion-data",
];

/// Revisions that a MachineSet had before, the oldest first, with commas between them.
const REVISION_HISTORY: &str = "machinedeployment.clusters.x-k8s.io/revision-history";

/// How one MachineSet differs from the others.
pub(super) struct Particulars<'a> {
    /// The MachineSet, if it is there.
    pub live: Option<&'a SeenMachineSet>,
    /// Its name.
    pub name: &'a str,
    /// The value of the label that tells it apart.
    pub hash: Option<&'a str>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Its revision.
    pub revision: Option<String>,
    /// Whether it makes no Machines of its own accord.
    pub creates_none: bool,
    /// Further annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The MachineSet. `wanted` is `spec.replicas` of the MachineDeployment.
pub(super) fn desired(seen: &Observed, wanted: i32, particulars: &Particulars<'_>) -> MachineSet {
    let deployment = &seen.deployment;
    let mut own_labels = deployment.spec.template.metadata.labels.clone();
    let mut selector = deployment.spec.selector.clone();
    if let Some(hash) = particulars.hash {
        own_labels.insert(labels::MACHINE_TEMPLATE_HASH.to_owned(), hash.to_owned());
        let selected = selector.match_labels.get_or_insert_default();
        selected.insert(labels::MACHINE_TEMPLATE_HASH.to_owned(), hash.to_owned());
    }
    let template_labels = own_labels.clone();
    own_labels.insert(labels::DEPLOYMENT_NAME.to_owned(), seen.name().to_owned());
    MachineSet {
        metadata: ObjectMeta {
            name: Some(particulars.name.to_owned()),
            namespace: deployment.metadata.namespace.clone(),
            // Should the MachineSet be gone by then, an apply must not bring it back.
            uid: particulars.live.and_then(|live| live.machine_set.metadata.uid.clone()),
            labels: Some(own_labels),
            annotations: Some(annotations(seen, wanted, particulars)),
            finalizers: Some(vec![labels::MACHINE_SET_FINALIZER.to_owned()]),
            owner_references: Some(vec![owners::controller(deployment.as_ref())]),
            ..ObjectMeta::default()
        },
        spec: spec(seen, particulars, template_labels, selector),
        ..MachineSet::default()
    }
}

/// Whether applying `wanted` to the MachineSet would change nothing, as far as can be seen.
pub(super) fn is_current(live: &SeenMachineSet, wanted: &MachineSet) -> bool {
    let Some(applied) = &live.applied else { return false };
    let (there, metadata) = (&live.machine_set.metadata, &wanted.metadata);
    let (own_labels, own_annotations) =
        (metadata.labels.clone().unwrap_or_default(), metadata.annotations.clone().unwrap_or_default());
    covers(&there.labels, &own_labels)
        && covers(&there.annotations, &own_annotations)
        && applied.stale(&Metadata { labels: own_labels, annotations: own_annotations }).is_empty()
        && there.finalizers.iter().flatten().any(|finalizer| finalizer == labels::MACHINE_SET_FINALIZER)
        && owners::has_those_of(there, metadata)
        && live.machine_set.spec == wanted.spec
}

fn spec(
    seen: &Observed,
    particulars: &Particulars<'_>,
    template_labels: BTreeMap<String, String>,
    selector: LabelSelector,
) -> MachineSetSpec {
    let wanted = &seen.deployment.spec;
    let live = particulars.live.map(|live| &live.machine_set.spec.template.spec);
    let template = &wanted.template.spec;
    MachineSetSpec {
        cluster_name: wanted.cluster_name.clone(),
        replicas: Some(particulars.replicas),
        selector,
        template: MachineTemplateSpec {
            metadata: Metadata {
                labels: template_labels,
                annotations: wanted.template.metadata.annotations.clone(),
            },
            // What changes without replacing Machines reaches all MachineSets; the rest is what tells them apart.
            spec: MachineSpec {
                min_ready_seconds: template.min_ready_seconds,
                readiness_gates: template.readiness_gates.clone(),
                deletion: template.deletion.clone(),
                taints: template.taints.clone(),
                ..live.unwrap_or(template).clone()
            },
        },
        machine_naming: wanted.machine_naming.clone(),
        deletion: MachineSetDeletionSpec { order: wanted.deletion.order.clone() },
    }
}

/// The revisions that a MachineSet had, with the one that it loses now.
fn history(live: &SeenMachineSet, revision: Option<&str>) -> Option<String> {
    let lost = live.annotation(labels::REVISION).filter(|own| revision.is_some_and(|new| new != *own));
    let known = live.annotation(REVISION_HISTORY).filter(|history| !history.is_empty());
    let all: Vec<&str> = [known, lost].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(","))
}

fn annotations(seen: &Observed, wanted: i32, particulars: &Particulars<'_>) -> BTreeMap<String, String> {
    let handed_down = seen.deployment.metadata.annotations.iter().flatten();
    let mut annotations: BTreeMap<String, String> = handed_down
        .filter(|(key, _)| !NOT_HANDED_DOWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut set = |key: &str, value: String| annotations.insert(key.to_owned(), value);
    set(labels::DESIRED_REPLICAS, wanted.to_string());
    set(labels::MAX_REPLICAS, proportions::wanted_with_surge(seen, wanted).to_string());
    set(labels::DISABLE_MACHINE_CREATE, particulars.creates_none.to_string());
    if let Some(revision) = &particulars.revision {
        set(labels::REVISION, revision.clone());
    }
    if let Some(history) = particulars.live.and_then(|live| history(live, particulars.revision.as_deref())) {
        set(REVISION_HISTORY, history);
    }
    annotations.extend(particulars.annotations.clone());
    annotations
}
