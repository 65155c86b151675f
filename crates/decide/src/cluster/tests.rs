use std::sync::Arc;

use api::contract::Contract;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kubeadm::certificates::KeyPair;
use serde_json::{Value, json};

use super::*;
use crate::conditions::get;
use crate::machine::Connection;
use crate::plan::{Action, Waiting as _, Write};
use crate::referenced::Referenced;

const NOW: &str = "2026-01-01T00:10:00Z";

fn object(kind: &str, more: Value) -> Referenced {
    let mut object = json!({
        "apiVersion": "x.io/v1", "kind": kind,
        "metadata": {
            "name": "o", "namespace": "ns", "uid": format!("uid-{kind}"), "resourceVersion": "3",
            "labels": {"cluster.x-k8s.io/cluster-name": "c"},
            "ownerReferences": [
                {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "uid-c"}],
        },
    });
    for (member, value) in more.as_object().unwrap() {
        object[member] = value.clone();
    }
    Referenced::Found(Arc::new(object), Contract::V1Beta2)
}

fn ready(type_: &str, status: &str) -> Value {
    json!({"type": type_, "status": status, "reason": type_, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn infra() -> Referenced {
    object(
        "Infra",
        json!({"spec": {"controlPlaneEndpoint": {"host": "h", "port": 6443}},
        "status": {"initialization": {"provisioned": true}, "conditions": [ready("Ready", "True")]}}),
    )
}

fn plane() -> Referenced {
    object(
        "Plane",
        json!({"spec": {"replicas": 1},
        "status": {"initialization": {"controlPlaneInitialized": true}, "replicas": 1, "readyReplicas": 1,
            "availableReplicas": 1, "upToDateReplicas": 1, "versions": [{"version": "v1.35.0", "replicas": 1}],
            "conditions": [ready("Available", "True"), ready("RollingOut", "False")]}}),
    )
}

fn seen() -> Observed {
    let cluster: Cluster = serde_json::from_value(json!({
        "metadata": {"name": "c", "namespace": "ns", "uid": "uid-c", "resourceVersion": "7", "generation": 1,
            "finalizers": ["cluster.cluster.x-k8s.io"]},
        "spec": {
            "infrastructureRef": {"apiGroup": "x.io", "kind": "Infra", "name": "o"},
            "controlPlaneRef": {"apiGroup": "x.io", "kind": "Plane", "name": "o"},
        },
    }))
    .unwrap();
    Observed {
        now: NOW.parse().unwrap(),
        cluster: Arc::new(cluster),
        infrastructure: infra(),
        control_plane: plane(),
        machine_deployments: Vec::new(),
        machine_sets: Vec::new(),
        machines: Vec::new(),
        connection: Connection {
            is_connected: true,
            is_healthy: true,
            last_success: Some(NOW.parse().unwrap()),
            consecutive_failures: 0,
        },
        has_kubeconfig: true,
        authority: None,
        has_looked_for_secrets: false,
        new_kubeconfig: None,
    }
}

fn complete() -> Observed {
    let mut seen = seen();
    let endpoint = ApiEndpoint { host: Some("h".to_owned()), port: Some(6443) };
    change(&mut seen).spec.control_plane_endpoint = endpoint;
    seen
}

fn change(seen: &mut Observed) -> &mut Cluster {
    Arc::make_mut(&mut seen.cluster)
}

fn delete(seen: &mut Observed) {
    change(seen).metadata.deletion_timestamp = serde_json::from_value(json!(NOW)).unwrap();
}

fn described(plan: &ClusterPlan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

fn patched(action: &Action) -> &Value {
    match action {
        Action::Write { write: Write::Patch { patch, .. }, .. } => patch,
        other => panic!("not a patch: {other}"),
    }
}

fn told<'a>(plan: &'a ClusterPlan, type_: &str) -> (&'a str, &'a str, &'a str) {
    let condition: &Condition = get(&plan.status.as_ref().unwrap().conditions, type_).unwrap();
    (&condition.status, &condition.reason, &condition.message)
}

fn machine(name: &str, more: Value) -> Arc<api::core::Machine> {
    let mut machine =
        json!({"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": {"clusterName": "c"}});
    for (member, value) in more.as_object().unwrap() {
        for (inner, value) in value.as_object().unwrap() {
            machine[member][inner] = value.clone();
        }
    }
    Arc::new(serde_json::from_value(machine).unwrap())
}

#[test]
fn finalizer_and_endpoint_are_one_patch_and_references_become_the_clusters() {
    let mut seen = seen();
    change(&mut seen).metadata.finalizers = None;
    seen.control_plane =
        object("Plane", json!({"metadata": {"name": "o", "namespace": "ns", "resourceVersion": "4"}}));
    let plan = decide(&seen);
    let why =
        ["patch Cluster ns/c: where its API server answers", "patch Plane ns/o: it belongs to its Cluster"];
    assert_eq!(described(&plan), why);
    assert_eq!(
        *patched(&plan.actions[0]),
        json!({"metadata": {"resourceVersion": "7", "finalizers": ["cluster.cluster.x-k8s.io"]},
            "spec": {"controlPlaneEndpoint": {"host": "h", "port": 6443}}})
    );
    assert_eq!(
        *patched(&plan.actions[1]),
        json!({"metadata": {"resourceVersion": "4", "labels": {"cluster.x-k8s.io/cluster-name": "c"},
            "ownerReferences": [
                {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "uid-c"}]}})
    );
}

#[test]
fn a_complete_cluster_is_available_and_says_so_once() {
    let mut seen = complete();
    let plan = decide(&seen);
    assert_eq!(described(&plan).len(), 0);
    assert_eq!(told(&plan, "Available"), ("True", "Available", ""));
    assert_eq!(told(&plan, "WorkersAvailable"), ("True", "NoWorkers", ""));
    assert_eq!(told(&plan, "RollingOut"), ("False", "NotRollingOut", ""));
    let status = plan.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Provisioned"));
    assert_eq!(status.conditions.len(), OWN_CONDITIONS.len());
    assert_eq!(status.initialization.control_plane_initialized, Some(true));
    let control_plane = status.control_plane.clone().unwrap();
    assert_eq!((control_plane.desired_replicas, control_plane.versions[0].replicas), (Some(1), Some(1)));
    assert_eq!(status.workers, None);
    change(&mut seen).status = status.clone();
    assert_eq!((decide(&seen).status, decide(&seen).next), (Some(status), Next::OnChange));
}

#[test]
fn what_is_missing_is_told_in_the_words_of_conditions() {
    let mut seen = seen();
    (seen.infrastructure, seen.control_plane) = (object("Infra", json!({})), Referenced::Missing);
    seen.connection = Connection::default();
    let plan = decide(&seen);
    assert_eq!(
        told(&plan, "InfrastructureReady"),
        ("False", "NotReady", "Infra status.initialization.provisioned is false")
    );
    assert_eq!(
        told(&plan, "ControlPlaneInitialized"),
        ("Unknown", "ObjectDoesNotExist", "Plane does not exist")
    );
    assert_eq!(told(&plan, "ControlPlaneAvailable"), ("False", "ObjectDoesNotExist", "Plane does not exist"));
    assert_eq!(
        told(&plan, "Available").2,
        "* RemoteConnectionProbe: Remote connection not established yet\n\
         * InfrastructureReady: Infra status.initialization.provisioned is false\n\
         * ControlPlaneAvailable: Plane does not exist"
    );
    assert_eq!(plan.status.unwrap().phase.as_deref(), Some("Provisioning"));
}

#[test]
fn a_silent_api_server_is_told_of_after_fifty_seconds() {
    let mut seen = complete();
    change(&mut seen).status = decide(&seen).status.unwrap();
    seen.connection = Connection { is_healthy: false, consecutive_failures: 1, ..seen.connection };
    let plan = decide(&seen);
    assert_eq!(told(&plan, "RemoteConnectionProbe").0, "True");
    assert_eq!(plan.next, Next::At("2026-01-01T00:10:51Z".parse().unwrap()));
    seen.now = "2026-01-01T00:10:51Z".parse().unwrap();
    let message = "Remote connection probe failed, probe last succeeded at 2026-01-01T00:10:00Z";
    let plan = decide(&seen);
    assert_eq!(told(&plan, "RemoteConnectionProbe"), ("False", "ProbeFailed", message));
    // It may recover without a word; one that was given up is told of when it comes back.
    assert_eq!(plan.next, Next::At("2026-01-01T00:11:01Z".parse().unwrap()));
    seen.connection.is_connected = false;
    assert_eq!(decide(&seen).next, Next::OnChange);
}

#[test]
fn a_paused_cluster_changes_only_in_saying_so() {
    let mut seen = seen();
    change(&mut seen).spec.paused = Some(true);
    change(&mut seen).metadata.finalizers = None;
    let plan = decide(&seen);
    assert_eq!(described(&plan).len(), 0);
    assert_eq!(told(&plan, "Paused"), ("True", "Paused", "Cluster spec.paused is set to true"));
    assert_eq!(plan.status.unwrap().conditions.len(), 1);
}

#[test]
fn machines_that_stand_alone_are_a_control_plane_and_get_a_kubeconfig() {
    let mut seen = complete();
    let spec = &mut change(&mut seen).spec;
    (spec.control_plane_ref, spec.infrastructure_ref) = (None, None);
    (seen.control_plane, seen.infrastructure, seen.has_kubeconfig) =
        (Referenced::Unset, Referenced::Unset, false);
    let owner =
        json!([{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c", "uid": "uid-c"}]);
    let more = json!({"metadata": {"labels": {"cluster.x-k8s.io/control-plane": ""}, "ownerReferences": owner},
        "spec": {"version": "v1.35.0"}, "status": {"nodeRef": {"name": "n"}, "conditions": [ready("Ready", "True")]}});
    seen.machines = vec![machine("m", more)];
    assert_eq!(decide(&seen).next, Next::Look(Need::Secrets));
    seen.has_looked_for_secrets = true;
    let plan = decide(&seen);
    assert_eq!(plan.waiting, [Waiting::Authority]);
    assert_eq!(plan.next, Next::Retry);
    assert_eq!(told(&plan, "ControlPlaneInitialized").0, "True");
    assert_eq!(told(&plan, "Available").0, "True");
    let counts = plan.status.unwrap().control_plane.unwrap();
    assert_eq!(
        (counts.desired_replicas, counts.ready_replicas, counts.available_replicas),
        (Some(1), Some(1), None)
    );
    seen.authority = Some(KeyPair { certificate: "crt".to_owned(), key: "key".to_owned() });
    assert_eq!(decide(&seen).next, Next::Look(Need::Kubeconfig { server: "h:6443".to_owned() }));
    seen.new_kubeconfig = Some(NewKubeconfig::Made("text".to_owned()));
    assert_eq!(described(&decide(&seen)), ["create Secret ns/c-kubeconfig: nobody else makes a kubeconfig"]);
}

#[test]
fn workers_go_first_then_control_plane_then_infrastructure() {
    let mut seen = complete();
    change(&mut seen).status = decide(&seen).status.unwrap();
    delete(&mut seen);
    let controller =
        json!([{"apiVersion": "x/v1", "kind": "K", "name": "k", "uid": "u", "controller": true}]);
    seen.machines = vec![
        machine("alone", json!({})),
        machine("of-set", json!({"metadata": {"ownerReferences": controller}})),
        machine("plane", json!({"metadata": {"labels": {"cluster.x-k8s.io/control-plane": ""}}})),
    ];
    let deployment = json!({"metadata": {"name": "d", "namespace": "ns"}, "spec": {"clusterName": "c"}});
    seen.machine_deployments = vec![Arc::new(serde_json::from_value(deployment).unwrap())];
    let plan = decide(&seen);
    assert_eq!(
        described(&plan),
        [
            "delete MachineDeployment ns/d: its Cluster is deleted",
            "delete Machine ns/alone: its Cluster is deleted"
        ]
    );
    let lines = "* MachineDeployments: d\n* Worker Machines: alone, of-set";
    assert_eq!(told(&plan, "Deleting"), ("True", "WaitingForWorkersDeletion", lines));
    (seen.machines, seen.machine_deployments) = (Vec::new(), Vec::new());
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["delete Plane ns/o: its Cluster is deleted"]);
    assert_eq!(told(&plan, "Deleting").2, "Waiting for Plane to be deleted");
    seen.control_plane = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["delete Infra ns/o: its Cluster is deleted"]);
    assert_eq!(told(&plan, "ControlPlaneAvailable"), ("False", "ObjectDeleted", "Plane has been deleted"));
    seen.infrastructure = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["patch Cluster ns/c: nothing of it is left"]);
    assert_eq!(plan.status, None);
}

#[test]
fn a_cluster_whose_parts_were_never_there_goes_at_once() {
    let mut seen = seen();
    delete(&mut seen);
    (seen.control_plane, seen.infrastructure) = (Referenced::Missing, Referenced::Missing);
    assert_eq!(described(&decide(&seen)), ["patch Cluster ns/c: nothing of it is left"]);
}

#[test]
fn a_definition_that_is_gone_takes_nothing_with_it_that_a_cluster_still_owns() {
    let mut seen = complete();
    delete(&mut seen);
    for (control_plane, infrastructure, kind) in
        [(Referenced::UnknownKind, infra(), "Plane"), (Referenced::Missing, Referenced::UnknownKind, "Infra")]
    {
        (seen.control_plane, seen.infrastructure) = (control_plane, infrastructure);
        let plan = decide(&seen);
        assert_eq!(described(&plan), Vec::<String>::new());
        assert_eq!(
            told(&plan, "Deleting"),
            ("True", "InternalError", "Please check controller logs for errors")
        );
        assert_eq!(plan.waiting, [Waiting::Unreadable(kind.to_owned())]);
        assert!(plan.waiting[0].detail().starts_with(&format!("{kind} is not defined")));
    }
}

#[test]
fn what_was_never_the_clusters_becomes_its_own_even_when_it_goes() {
    let mut seen = complete();
    delete(&mut seen);
    seen.control_plane = object("Plane", json!({"metadata": {"name": "o", "namespace": "ns"}}));
    assert_eq!(
        described(&decide(&seen)),
        ["patch Plane ns/o: it belongs to its Cluster", "delete Plane ns/o: its Cluster is deleted"]
    );
}

#[test]
fn machines_are_told_of_together_and_new_silent_ones_do_not_count_yet() {
    let mut seen = complete();
    let sick = json!({"type": "HealthCheckSucceeded", "status": "False", "reason": "R", "message": "",
        "lastTransitionTime": NOW});
    let created = json!({"creationTimestamp": "2026-01-01T00:09:55Z"});
    seen.machines = vec![
        machine("a", json!({"metadata": created, "status": {"conditions": [ready("Ready", "False")]}})),
        machine("b", json!({"metadata": created, "status": {"conditions": [ready("Ready", "True"), sick]}})),
    ];
    let plan = decide(&seen);
    assert_eq!(told(&plan, "WorkerMachinesReady"), ("False", "NotReady", "* Machine a: "));
    assert_eq!(told(&plan, "WorkerMachinesUpToDate"), ("True", "NoReplicas", ""));
    let message = "Machine b is not healthy (not to be remediated)";
    assert_eq!(told(&plan, "Remediating"), ("False", "NotRemediating", message));
    assert_eq!(plan.next, Next::At("2026-01-01T00:10:06Z".parse().unwrap()));
}
