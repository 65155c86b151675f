//! What the Machines of a control plane, and the objects they are made of, should look like.

use std::collections::BTreeMap;

use api::bootstrap::{InitConfiguration, JoinConfiguration, KubeadmConfig, KubeadmConfigSpec};
use api::conditions::{
    API_SERVER_POD_HEALTHY, CONTROLLER_MANAGER_POD_HEALTHY, ETCD_MEMBER_HEALTHY, ETCD_POD_HEALTHY,
    NODE_KUBEADM_LABELS_AND_TAINTS_SET, SCHEDULER_POD_HEALTHY,
};
use api::contract::names::kind_of_template;
use api::controlplane::KubeadmControlPlane;
use api::core::Machine;
use api::core::common::{
    ContractVersionedObjectReference, MachineDeletionSpec, MachineReadinessGate, Metadata,
};
use api::core::machine::{MachineBootstrap, MachineSpec};
use api::{Kind, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::selector::label_value_or_hash;
use machinery::version::Version;
use serde_json::{Value, json};

use super::observed::{Observed, SeenMachine};
use crate::owners;

/// How long to try to delete a Node where nobody says, in seconds: what admission fills in.
const NODE_DELETION_TIMEOUT_SECONDS: i32 = 10;
/// The feature gate that lets kubelets of the control plane talk to their own API server only.
const KUBELET_LOCAL_MODE: &str = "ControlPlaneKubeletLocalMode";

/// Labels and annotations of Machines and of the objects they are made of.
pub fn metadata(seen: &Observed, cluster_name: &str) -> Metadata {
    let mut metadata = seen.control_plane.spec.machine_template.metadata.clone();
    let mut label = |key: &str, value: String| metadata.labels.insert(key.to_owned(), value);
    label(labels::CLUSTER_NAME, cluster_name.to_owned());
    label(labels::CONTROL_PLANE, String::new());
    label(labels::CONTROL_PLANE_NAME, label_value_or_hash(seen.name()));
    metadata
}

/// A Machine that is yet to be made. What it is made of gets its name, and does not exist before it does.
pub fn new_machine(
    seen: &Observed,
    cluster_name: &str,
    name: &str,
    failure_domain: Option<String>,
) -> Machine {
    let template = &seen.control_plane.spec.machine_template.spec;
    let config = ContractVersionedObjectReference {
        kind: KubeadmConfig::KIND.to_owned(),
        name: name.to_owned(),
        api_group: KubeadmConfig::GROUP.to_owned(),
    };
    let infrastructure = ContractVersionedObjectReference {
        kind: kind_of_template(&template.infrastructure_ref.kind).to_owned(),
        name: name.to_owned(),
        api_group: template.infrastructure_ref.api_group.clone(),
    };
    let mut metadata = machine_metadata(seen, cluster_name, name);
    if let Some(remediation) = seen.annotation(labels::REMEDIATION_IN_PROGRESS) {
        annotate(&mut metadata, labels::REMEDIATION_FOR, remediation);
    }
    let spec = MachineSpec {
        cluster_name: cluster_name.to_owned(),
        bootstrap: MachineBootstrap { config_ref: Some(config), data_secret_name: None },
        infrastructure_ref: infrastructure,
        version: Some(seen.control_plane.spec.version.clone()),
        failure_domain,
        ..changes_in_place(seen)
    };
    Machine { metadata, spec, ..Machine::default() }
}

/// An existing Machine, with what can be changed without replacing it.
pub fn existing_machine(seen: &Observed, cluster_name: &str, machine: &SeenMachine) -> Machine {
    let live = &machine.machine;
    let mut metadata = machine_metadata(seen, cluster_name, machine.name());
    if let Some(remediation) = machine.annotation(labels::REMEDIATION_FOR) {
        annotate(&mut metadata, labels::REMEDIATION_FOR, remediation);
    }
    // Should the Machine be gone by then, an apply must not bring it back.
    metadata.uid = live.metadata.uid.clone();
    let spec = MachineSpec {
        cluster_name: cluster_name.to_owned(),
        bootstrap: MachineBootstrap {
            config_ref: live.spec.bootstrap.config_ref.clone(),
            data_secret_name: None,
        },
        infrastructure_ref: live.spec.infrastructure_ref.clone(),
        version: live.spec.version.clone(),
        failure_domain: live.spec.failure_domain.clone(),
        ..changes_in_place(seen)
    };
    Machine { metadata, spec, ..Machine::default() }
}

fn annotate(metadata: &mut ObjectMeta, key: &str, value: &str) {
    metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
}

fn machine_metadata(seen: &Observed, cluster_name: &str, name: &str) -> ObjectMeta {
    let Metadata { labels, mut annotations } = metadata(seen, cluster_name);
    // Before its server goes, a Machine waits for its etcd member to leave.
    annotations.insert(labels::KUBEADM_PRE_TERMINATE_HOOK.to_owned(), String::new());
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: seen.control_plane.metadata.namespace.clone(),
        labels: Some(labels),
        annotations: Some(annotations),
        finalizers: Some(vec![labels::MACHINE_FINALIZER.to_owned()]),
        owner_references: Some(vec![owners::controller(&*seen.control_plane)]),
        ..ObjectMeta::default()
    }
}

/// The part of a Machine's specification that changes without replacing it.
pub fn changes_in_place(seen: &Observed) -> MachineSpec {
    let template = &seen.control_plane.spec.machine_template.spec;
    MachineSpec {
        readiness_gates: readiness_gates(seen),
        deletion: template.deletion.clone(),
        taints: template.taints.clone(),
        ..MachineSpec::default()
    }
}

/// That part of a given specification, as admission completes it.
pub fn in_place(spec: &MachineSpec) -> MachineSpec {
    let deletion = &spec.deletion;
    MachineSpec {
        readiness_gates: spec.readiness_gates.clone(),
        deletion: MachineDeletionSpec {
            node_deletion_timeout_seconds: Some(
                deletion.node_deletion_timeout_seconds.unwrap_or(NODE_DELETION_TIMEOUT_SECONDS),
            ),
            ..deletion.clone()
        },
        taints: spec.taints.clone(),
        ..MachineSpec::default()
    }
}

/// A control plane Machine is ready only with all of its components; users may add to that.
fn readiness_gates(seen: &Observed) -> Vec<MachineReadinessGate> {
    const ALWAYS: [&str; 4] = [
        NODE_KUBEADM_LABELS_AND_TAINTS_SET,
        API_SERVER_POD_HEALTHY,
        CONTROLLER_MANAGER_POD_HEALTHY,
        SCHEDULER_POD_HEALTHY,
    ];
    const WITH_ETCD: [&str; 2] = [ETCD_POD_HEALTHY, ETCD_MEMBER_HEALTHY];
    let with_etcd = WITH_ETCD.iter().filter(|_| seen.is_etcd_managed());
    let ours = ALWAYS
        .iter()
        .chain(with_etcd)
        .map(|condition| MachineReadinessGate { condition_type: (*condition).to_owned(), polarity: None });
    let theirs = seen.control_plane.spec.machine_template.spec.readiness_gates.iter().cloned();
    let mut gates: Vec<MachineReadinessGate> = Vec::new();
    for gate in ours.chain(theirs) {
        if !gates.iter().any(|known| known.condition_type == gate.condition_type) {
            gates.push(gate);
        }
    }
    gates
}

/// What a machine is told, for the first one of a cluster or for one that joins.
pub fn config_spec(control_plane: &KubeadmControlPlane, is_join: bool) -> KubeadmConfigSpec {
    let mut spec = (*control_plane.spec.kubeadm_config_spec).clone();
    if is_join {
        spec.init_configuration = InitConfiguration::default();
        // Set even if empty: it tells a machine that joins from the first one.
        spec.join_configuration.control_plane.get_or_insert_default();
    } else {
        spec.join_configuration = JoinConfiguration::default();
    }
    default_feature_gates(&mut spec.cluster_configuration.feature_gates, &control_plane.spec.version);
    spec
}

/// Between 1.31 and 1.35 kubeadm has to be asked for what it always does later.
pub fn default_feature_gates(gates: &mut BTreeMap<String, bool>, version: &str) {
    let Ok(version) = Version::parse_tolerant(version) else { return };
    if (1, 31) <= (version.major, version.minor) && (version.major, version.minor) < (1, 36) {
        gates.entry(KUBELET_LOCAL_MODE.to_owned()).or_insert(true);
    }
}

/// The bootstrap config of a Machine.
pub fn config(seen: &Observed, machine: &Machine, name: &str, is_join: bool) -> Value {
    let Metadata { labels, annotations } = metadata(seen, &machine.spec.cluster_name);
    let config = KubeadmConfig {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: machine.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations).filter(|all| !all.is_empty()),
            owner_references: Some(vec![owners::controller(machine)]),
            ..ObjectMeta::default()
        },
        spec: config_spec(&seen.control_plane, is_join),
        ..KubeadmConfig::default()
    };
    // A type of ours is always JSON.
    config.to_json()
}

/// The infrastructure object of a Machine, made from its template.
pub fn infrastructure(seen: &Observed, machine: &Machine, template: &Value) -> Value {
    let reference = &machine.spec.infrastructure_ref;
    let source = &seen.control_plane.spec.machine_template.spec.infrastructure_ref;
    let Metadata { labels: own_labels, annotations: own_annotations } =
        metadata(seen, &machine.spec.cluster_name);
    let content = &template["spec"]["template"];
    let mut object = content.as_object().cloned().unwrap_or_default();
    let mut labels = content["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let mut annotations = content["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    labels.extend(own_labels.into_iter().map(|(key, value)| (key, Value::String(value))));
    annotations.extend(own_annotations.into_iter().map(|(key, value)| (key, Value::String(value))));
    annotations.insert(labels::CLONED_FROM_NAME.to_owned(), json!(source.name));
    annotations.insert(labels::CLONED_FROM_GROUP_KIND.to_owned(), json!(group_kind(source)));
    object.insert("apiVersion".to_owned(), template["apiVersion"].clone());
    object.insert("kind".to_owned(), json!(reference.kind));
    let metadata = json!({
        "name": reference.name,
        "namespace": machine.metadata.namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owners::controller(machine)],
    });
    object.insert("metadata".to_owned(), metadata);
    Value::Object(object)
}

/// Kind and group of a reference, as the annotation of copies tells them.
pub fn group_kind(reference: &ContractVersionedObjectReference) -> String {
    format!("{}.{}", reference.kind, reference.api_group)
}
