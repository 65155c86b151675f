use std::collections::BTreeMap;
use std::sync::Arc;

use api::conditions::{
    AVAILABLE, BOOTSTRAP_CONFIG_READY, INFRASTRUCTURE_READY, NODE_HEALTHY, NODE_READY, READY, UP_TO_DATE,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

use super::testing::{change, config, deleting, fresh, node, object, running, server};
use super::*;
use crate::conditions::get;
use crate::plan::{Action, Next, Waiting as _, Write};
use crate::referenced::Referenced;

fn described(plan: &MachinePlan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

fn patched(action: &Action) -> &Value {
    match action {
        Action::Write { write: Write::Patch { patch, .. }, .. }
        | Action::Workload { write: Write::Patch { patch, .. }, .. } => patch,
        other => panic!("not a patch: {other}"),
    }
}

fn told<'a>(plan: &'a MachinePlan, type_: &str) -> (&'a str, &'a str, &'a str) {
    let condition: &Condition = get(&plan.status.as_ref().unwrap().conditions, type_).unwrap();
    (&condition.status, &condition.reason, &condition.message)
}

#[test]
fn finalizer_label_and_what_was_reported_are_one_patch() {
    let mut seen = fresh();
    change(&mut seen).metadata.finalizers = None;
    change(&mut seen).metadata.labels = None;
    (seen.bootstrap, seen.infrastructure) = (config(), server());
    let plan = decide(&seen);
    assert_eq!(
        described(&plan),
        ["patch Machine ns/m: it belongs to its cluster; what bootstrap and infrastructure report"]
    );
    assert_eq!(
        *patched(&plan.actions[0]),
        json!({
            "metadata": {
                "resourceVersion": "7", "finalizers": ["machine.cluster.x-k8s.io"],
                "labels": {"cluster.x-k8s.io/cluster-name": "c"},
                "ownerReferences": [{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c",
                    "uid": "uid-c"}],
            },
            "spec": {"bootstrap": {"dataSecretName": "m"}, "providerID": "x://1"},
        })
    );
}

#[test]
fn a_machine_that_is_as_it_should_be_gets_no_patch() {
    let mut seen = running();
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["in ns/c: patch Node /n: what its Machine says of it"]);
    let mut node = node();
    node.metadata.annotations =
        serde_json::from_value(patched(&plan.actions[0])["metadata"]["annotations"].clone()).unwrap();
    seen.node = NodeView::Found(Arc::new(node));
    let plan = decide(&seen);
    assert_eq!((described(&plan).len(), &plan.next), (0, &Next::OnChange));
    let status = plan.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.addresses[0].address, "10.0.0.1");
    assert_eq!(told(&plan, READY), ("True", "Ready", ""));
    assert_eq!(told(&plan, AVAILABLE), ("True", "Available", ""));
    assert_eq!(get(&status.conditions, UP_TO_DATE), None);
    // What is published is what was published: nothing changes by looking again.
    let published = status.clone();
    change(&mut seen).status = published.clone();
    assert_eq!(decide(&seen).status, Some(published));
}

#[test]
fn objects_made_before_their_machine_become_its_own() {
    let mut seen = fresh();
    let set = json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineSet", "name": "s", "uid": "1",
        "controller": true});
    seen.infrastructure = object(
        "Server",
        json!({"metadata": {"name": "m", "namespace": "ns",
        "resourceVersion": "3", "ownerReferences": [set]}}),
    );
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["patch Server ns/m: it belongs to its Machine"]);
    let metadata = &patched(&plan.actions[0])["metadata"];
    assert_eq!(metadata["ownerReferences"].as_array().unwrap().len(), 1);
    assert_eq!(metadata["ownerReferences"][0]["kind"], "Machine");
    assert_eq!(metadata["labels"], json!({"cluster.x-k8s.io/cluster-name": "c"}));
}

#[test]
fn an_object_that_somebody_else_controls_is_left_alone() {
    let mut seen = fresh();
    let other = json!({"apiVersion": "x/v1", "kind": "Other", "name": "o", "uid": "1", "controller": true});
    seen.infrastructure =
        object("Server", json!({"metadata": {"name": "m", "namespace": "ns", "ownerReferences": [other]}}));
    let plan = decide(&seen);
    assert_eq!(described(&plan), Vec::<String>::new());
    assert_eq!(plan.waiting[0], Waiting::ForeignOwner("Server".to_owned()));
}

#[test]
fn what_is_missing_is_told_in_the_words_of_conditions() {
    let mut seen = fresh();
    seen.infrastructure = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(
        told(&plan, BOOTSTRAP_CONFIG_READY),
        ("False", "NotReady", "Config status.initialization.dataSecretCreated is false")
    );
    assert_eq!(told(&plan, INFRASTRUCTURE_READY), ("False", "ObjectDoesNotExist", "Server does not exist"));
    let waiting = ("Unknown", "InspectionFailed", "Waiting for Server to report spec.providerID");
    assert_eq!((told(&plan, NODE_READY), told(&plan, NODE_HEALTHY)), (waiting, waiting));
    assert_eq!(
        told(&plan, READY),
        (
            "False",
            "NotReady",
            "* BootstrapConfigReady: Config status.initialization.dataSecretCreated is false\n\
             * InfrastructureReady: Server does not exist\n* NodeHealthy: Waiting for Server to report spec.providerID"
        )
    );
    assert_eq!(plan.status.unwrap().phase.as_deref(), Some("Pending"));
}

#[test]
fn what_was_seen_of_a_node_is_believed_for_five_minutes() {
    let mut seen = running();
    change(&mut seen).status = decide(&seen).status.unwrap();
    seen.node = NodeView::NotConnected;
    seen.connection.is_healthy = false;
    let plan = decide(&seen);
    assert_eq!(told(&plan, NODE_READY).0, "True");
    let Next::At(time) = plan.next else { panic!("{:?}", plan.next) };
    assert_eq!(time.to_string(), "2026-01-01T00:15:01Z");
    seen.now = time;
    let down = ("Unknown", "ConnectionDown", "Last successful probe at 2026-01-01T00:10:00Z");
    let plan = decide(&seen);
    assert_eq!((told(&plan, NODE_READY), told(&plan, NODE_HEALTHY)), (down, down));
    assert_eq!(plan.next, Next::OnChange);
}

#[test]
fn a_paused_machine_changes_only_in_saying_so() {
    let mut seen = running();
    change(&mut seen).status = decide(&seen).status.unwrap();
    let annotations = change(&mut seen).metadata.annotations.get_or_insert_default();
    annotations.insert("cluster.x-k8s.io/paused".to_owned(), String::new());
    let plan = decide(&seen);
    assert_eq!(described(&plan).len(), 0);
    assert_eq!(
        told(&plan, "Paused"),
        ("True", "Paused", "Machine has the cluster.x-k8s.io/paused annotation")
    );
    assert_eq!(told(&plan, READY).0, "True");
}

#[test]
fn a_ready_machine_becomes_available_in_time() {
    let mut seen = running();
    change(&mut seen).spec.min_ready_seconds = Some(30);
    let plan = decide(&seen);
    assert_eq!(told(&plan, AVAILABLE), ("False", "WaitingForMinReadySeconds", ""));
    assert_eq!(plan.next, Next::At("2026-01-01T00:10:30Z".parse().unwrap()));
}

#[test]
fn conditions_of_others_count_and_stay_theirs() {
    let mut seen = running();
    let other: Condition = serde_json::from_value(json!({"type": "HealthCheckSucceeded", "status": "False",
        "reason": "UnhealthyNode", "message": "sick", "lastTransitionTime": "2026-01-01T00:00:00Z"}))
    .unwrap();
    change(&mut seen).status.conditions.push(other);
    let plan = decide(&seen);
    assert_eq!(told(&plan, READY), ("False", "NotReady", "* HealthCheckSucceeded: sick"));
    assert_eq!(get(&plan.status.unwrap().conditions, "HealthCheckSucceeded"), None);
}

// Deletion.

fn annotate(seen: &mut Observed, key: &str) {
    change(seen).metadata.annotations.get_or_insert_default().insert(key.to_owned(), String::new());
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"namespace": "d", "name": name, "ownerReferences": [{"apiVersion": "apps/v1",
        "kind": "ReplicaSet", "name": "r", "uid": "1", "controller": true}]}})
}

fn with_pods(seen: &mut Observed, pods: &[Value]) {
    let pods = pods.iter().map(|pod| serde_json::from_value(pod.clone()).unwrap()).collect();
    let namespaces = [("d".to_owned(), BTreeMap::new())].into();
    seen.pods = Some(Looked::Known(PodsOnNode { pods, namespaces, ..PodsOnNode::default() }));
    seen.volumes = Some(Looked::Known(Volumes::default()));
}

#[test]
fn hooks_come_before_everything_and_their_time_is_kept() {
    let mut seen = deleting();
    annotate(&mut seen, "pre-drain.delete.hook.machine.cluster.x-k8s.io/b");
    annotate(&mut seen, "pre-drain.delete.hook.machine.cluster.x-k8s.io/a");
    let plan = decide(&seen);
    assert_eq!(
        told(&plan, "Deleting"),
        (
            "True",
            "WaitingForPreDrainHook",
            "Waiting for pre-drain hooks to succeed (hooks: pre-drain.delete.hook.machine.cluster.x-k8s.io/a,\
             pre-drain.delete.hook.machine.cluster.x-k8s.io/b)"
        )
    );
    let times = plan.status.unwrap().deletion.unwrap();
    assert!(times.wait_for_pre_drain_hook_start_time.is_some());
}

#[test]
fn a_node_is_cordoned_and_its_pods_evicted_after_it_is_known_that_they_may() {
    let mut seen = deleting();
    assert_eq!(decide(&seen).next, Next::Look(Need::Pods { node: "n".to_owned() }));
    with_pods(&mut seen, &[pod("a"), pod("b")]);
    let both = [("d".to_owned(), "a".to_owned()), ("d".to_owned(), "b".to_owned())];
    assert_eq!(decide(&seen).next, Next::Look(Need::Evictions { pods: both.to_vec() }));
    let budget = "Cannot evict pod as it would violate the pod's disruption budget. Only one.";
    seen.refused_evictions = Some(Looked::Known([("d/b".to_owned(), budget.to_owned())].into()));
    let plan = decide(&seen);
    assert_eq!(
        described(&plan),
        ["in ns/c: patch Node /n: no more Pods may come", "in ns/c: evict Pod d/a: its Node is drained",]
    );
    assert_eq!(
        told(&plan, "Deleting"),
        (
            "True",
            "DrainingNode",
            "Drain not completed yet (started at 2026-01-01T00:10:00Z):\n\
             * Pod d/b: cannot evict pod as it would violate the pod's disruption budget. Only one."
        )
    );
    assert_eq!(told(&plan, READY).2, "* Deleting: Machine deletion in progress, stage: DrainingNode");
    assert_eq!(plan.next, Next::At("2026-01-01T00:10:02Z".parse().unwrap()));
}

#[test]
fn pods_of_a_node_that_is_not_heard_of_get_a_second_and_are_not_waited_for() {
    let mut seen = deleting();
    let mut silent = node();
    silent.status.as_mut().unwrap().conditions.as_mut().unwrap()[0].status = "Unknown".to_owned();
    seen.node = NodeView::Found(Arc::new(silent));
    let mut leaving = pod("b");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:09:58Z");
    with_pods(&mut seen, &[pod("a"), leaving]);
    seen.refused_evictions = Some(Looked::Known(BTreeMap::new()));
    let graces = |seen: &Observed| -> Vec<Option<u32>> {
        let actions = decide(seen).actions.into_iter();
        let grace = |action| match action {
            Action::Workload { write: Write::Evict { grace_period_seconds, .. }, .. } => {
                Some(grace_period_seconds)
            }
            _ => None,
        };
        actions.filter_map(grace).collect()
    };
    assert_eq!(graces(&seen), [Some(1)]);
    // Nobody reports that such a Pod has ended, and volumes cannot be detached from such a Node.
    let leaving = seen.pods.as_mut().unwrap();
    let Looked::Known(pods) = leaving else { panic!("no Pods") };
    pods.pods.remove(0);
    assert!(described(&decide(&seen)).contains(&"delete Server ns/m: its Machine is deleted".to_owned()));
    seen.node = NodeView::Found(Arc::new(node()));
    with_pods(&mut seen, &[pod("a")]);
    assert_eq!(graces(&seen), [None]);
}

#[test]
fn a_drain_that_takes_too_long_is_given_up() {
    let mut seen = deleting();
    with_pods(&mut seen, &[pod("a")]);
    change(&mut seen).spec.deletion.node_drain_timeout_seconds = Some(60);
    change(&mut seen).status.deletion =
        serde_json::from_value(json!({"nodeDrainStartTime": "2026-01-01T00:09:00Z"})).unwrap();
    assert_eq!(described(&decide(&seen)), ["delete Server ns/m: its Machine is deleted"]);
}

#[test]
fn server_then_bootstrap_then_node_then_the_machine() {
    let mut seen = deleting();
    with_pods(&mut seen, &[]);
    let plan = decide(&seen);
    let cordon = "in ns/c: patch Node /n: no more Pods may come";
    assert_eq!(described(&plan), [cordon, "delete Server ns/m: its Machine is deleted"]);
    assert_eq!(told(&plan, "Deleting").2, "Waiting for Server to be deleted");
    // When care for the Node began is remembered, although there may be nothing to do.
    let times = |seen: &Observed| decide(seen).status.unwrap().deletion.unwrap();
    let gone = Observed { node: NodeView::Absent, ..seen.clone() };
    assert!(times(&gone).node_drain_start_time.is_some());
    assert!(times(&gone).wait_for_node_volume_detach_start_time.is_some());
    seen.infrastructure = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(described(&plan), ["delete Config ns/m: its Machine is deleted"]);
    assert_eq!(told(&plan, INFRASTRUCTURE_READY), ("False", "ObjectDeleted", "Server has been deleted"));
    seen.bootstrap = Referenced::Missing;
    let both = ["in ns/c: delete Node /n: its Machine is gone", "patch Machine ns/m: nothing of it is left"];
    assert_eq!(described(&decide(&seen)), both);
    seen.node = NodeView::Absent;
    assert_eq!(described(&decide(&seen)), [both[1]]);
}

#[test]
fn a_node_that_cannot_be_deleted_holds_a_machine_up_only_for_so_long() {
    let mut seen = deleting();
    (seen.bootstrap, seen.infrastructure, seen.node) =
        (Referenced::Missing, Referenced::Missing, NodeView::NotConnected);
    change(&mut seen).spec.deletion.node_deletion_timeout_seconds = Some(70);
    let plan = decide(&seen);
    assert_eq!(told(&plan, "Deleting").2, "Error deleting Node, please check controller logs for errors");
    assert_eq!(plan.next, Next::At("2026-01-01T00:10:10Z".parse().unwrap()));
    change(&mut seen).status = plan.status.unwrap();
    seen.now = "2026-01-01T00:10:10Z".parse().unwrap();
    assert_eq!(described(&decide(&seen)), ["patch Machine ns/m: nothing of it is left"]);
}

#[test]
fn with_the_cluster_nodes_go_without_ceremony() {
    let mut seen = deleting();
    let cluster = Arc::make_mut(seen.cluster.as_mut().unwrap());
    cluster.metadata.deletion_timestamp = seen.machine.metadata.deletion_timestamp.clone();
    annotate(&mut seen, "pre-drain.delete.hook.machine.cluster.x-k8s.io/a");
    assert_eq!(described(&decide(&seen)), ["delete Server ns/m: its Machine is deleted"]);
    seen.surroundings.control_plane = object("Server", json!({}));
    annotate(&mut seen, "pre-terminate.delete.hook.machine.cluster.x-k8s.io/x");
    assert_eq!(told(&decide(&seen), "Deleting").1, "WaitingForPreTerminateHook");
    seen = deleting();
    seen.surroundings.active_control_plane_machines = 0;
    assert_eq!(described(&decide(&seen)), ["delete Server ns/m: its Machine is deleted"]);
}

#[test]
fn an_unknown_kind_is_not_an_object_that_is_gone() {
    let mut seen = deleting();
    with_pods(&mut seen, &[]);
    seen.infrastructure = Referenced::UnknownKind;
    let plan = decide(&seen);
    assert_eq!(described(&plan), Vec::<String>::new());
    assert_eq!(told(&plan, "Deleting"), ("True", "InternalError", "Please check controller logs for errors"));
    assert!(plan.waiting[0].detail().starts_with("Server is not defined"));
    (seen.infrastructure, seen.bootstrap) = (Referenced::Missing, Referenced::UnknownKind);
    assert_eq!(decide(&seen).waiting, [Waiting::Unreadable("Config".to_owned())]);
}

#[test]
fn a_node_is_not_left_to_itself_because_its_control_plane_cannot_be_read() {
    let mut seen = deleting();
    let cluster = Arc::make_mut(seen.cluster.as_mut().unwrap());
    cluster.spec.control_plane_ref =
        serde_json::from_value(json!({"apiGroup": "p.io", "kind": "Plane", "name": "c"})).unwrap();
    seen.surroundings =
        Surroundings { control_plane: Referenced::UnknownKind, active_control_plane_machines: 0 };
    let plan = decide(&seen);
    assert_eq!(plan.waiting, [Waiting::Unreadable("Plane".to_owned())]);
    assert_eq!(told(&plan, "Deleting"), ("True", "InternalError", "Please check controller logs for errors"));
    // A control plane that is known not to be there is not waited for, and with the whole cluster no Node matters.
    seen.surroundings.control_plane = Referenced::Missing;
    assert_eq!(described(&decide(&seen)), ["delete Server ns/m: its Machine is deleted"]);
    seen.surroundings.control_plane = Referenced::UnknownKind;
    let cluster = Arc::make_mut(seen.cluster.as_mut().unwrap());
    cluster.metadata.deletion_timestamp = seen.machine.metadata.deletion_timestamp.clone();
    assert_eq!(described(&decide(&seen)), ["delete Server ns/m: its Machine is deleted"]);
}
