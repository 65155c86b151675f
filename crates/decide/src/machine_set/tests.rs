#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use api::core::machine_set::MachineSetStatus;
use serde_json::{Value, json};

use super::testing::{acts, cluster, condition, deployment, found, made, observed, overlay, set, up};
use super::{Observed, SeenMachine, Waiting, decide};
use crate::plan::{Action, Next, Plan, Waiting as _, Write};
use crate::referenced::Referenced;

fn message(status: &MachineSetStatus, type_: &str) -> (String, String, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

fn object(action: &Action) -> &Value {
    match action {
        Action::Write { write: Write::Apply { object, .. } | Write::Create { object }, .. } => object,
        Action::Write { write: Write::Patch { patch, .. }, .. } => patch,
        other => panic!("{other} has no object"),
    }
}

fn machines(seen: &mut Observed, all: Vec<SeenMachine>) {
    seen.taken_names = all.iter().map(|machine| machine.name().to_owned()).collect();
    seen.machines = all;
}

fn with_two(seen: Observed) -> Observed {
    let all = vec![up(&seen, "a"), up(&seen, "b")];
    let mut seen = seen;
    machines(&mut seen, all);
    seen
}

#[test]
fn missing_machines_are_made_all_at_once_and_a_second_try_makes_the_same_ones() {
    let plan = decide(&observed());
    assert_eq!(plan.actions.len(), 2);
    let machine = object(&plan.actions[0]);
    assert_eq!(machine["metadata"]["finalizers"], json!(["machine.cluster.x-k8s.io"]));
    assert_eq!(machine["metadata"]["labels"]["cluster.x-k8s.io/set-name"], "s");
    assert_eq!(machine["metadata"]["labels"]["cluster.x-k8s.io/deployment-name"], "d");
    assert_eq!(machine["metadata"]["ownerReferences"][0]["controller"], true);
    let name = machine["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("s-"), "{name}");
    assert_eq!(machine["spec"]["infrastructureRef"]["kind"], "DevMachine");
    assert_eq!(machine["spec"]["infrastructureRef"]["name"], name);
    assert_eq!(machine["spec"]["bootstrap"]["configRef"]["name"], name);
    assert_eq!(plan.actions, decide(&observed()).actions);
}

#[test]
fn names_in_use_are_skipped() {
    let taken = object(&decide(&observed()).actions[0])["metadata"]["name"].as_str().unwrap().to_owned();
    let mut seen = observed();
    seen.taken_names.insert(taken.clone());
    let plan = decide(&seen);
    assert!(plan.actions.iter().all(|action| object(action)["metadata"]["name"] != taken.as_str()));
}

#[test]
fn a_naming_template_without_a_random_part_makes_nothing() {
    let mut seen = observed();
    seen.machine_set = set(json!({"spec": {"machineNaming": {"template": "{{ .machineSet.name }}"}}}));
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), plan.waiting[0].reason()), (0, "InvalidMachineNaming"));
    seen.machine_set =
        set(json!({"spec": {"machineNaming": {"template": "{{ .cluster.name }}-x-{{ .random }}"}}}));
    let name = object(&decide(&seen).actions[0])["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("c-x-"), "{name}");
}

#[test]
fn a_naming_template_that_makes_no_use_of_its_random_part_makes_one_machine_and_then_says_so() {
    let mut seen = observed();
    let template = "{{ .machineSet.name }}{{ if false }}{{ .random }}{{ end }}-x";
    seen.machine_set = set(json!({"spec": {"machineNaming": {"template": template}}}));
    let plan = decide(&seen);
    let names: Vec<_> =
        plan.actions.iter().map(|action| object(action)["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["s-x"]);
    seen.taken_names.insert("s-x".to_owned());
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), plan.waiting[0].reason()), (0, "InvalidMachineNaming"));
}

#[test]
fn half_made_machines_get_what_they_lack() {
    let mut seen = observed();
    let mut half = made(&seen, "a", json!({}));
    half.bootstrap = Referenced::Missing;
    half.infrastructure = Referenced::Missing;
    let other = up(&seen, "b");
    machines(&mut seen, vec![half, other]);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["create KubeadmConfig n/a", "create DevMachine n/a"]);
    let expected = json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2",
        "kind": "DevMachine",
        "metadata": {
            "name": "a", "namespace": "n",
            "labels": {"cluster.x-k8s.io/cluster-name": "c", "cluster.x-k8s.io/deployment-name": "d",
                "cluster.x-k8s.io/set-name": "s", "from-template": "yes", "pool": "a"},
            "annotations": {"cluster.x-k8s.io/cloned-from-name": "it",
                "cluster.x-k8s.io/cloned-from-groupkind": "DevMachineTemplate.infrastructure.cluster.x-k8s.io"},
            "ownerReferences": [{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "a",
                "uid": "a-uid", "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"size": "large"},
    });
    assert_eq!(*object(&plan.actions[1]), expected);
}

#[test]
fn what_a_running_machine_was_made_of_is_not_made_again() {
    let mut seen = with_two(observed());
    seen.machines[0].bootstrap = Referenced::Missing;
    seen.machines[0].infrastructure = Referenced::Missing;
    assert!(decide(&seen).actions.is_empty());
}

#[test]
fn a_machine_set_at_rest_does_nothing() {
    let plan = decide(&with_two(observed()));
    assert_eq!((plan.actions.len(), plan.waiting.len(), plan.next), (0, 0, Next::OnChange));
    let status = plan.status.unwrap();
    assert_eq!(
        (status.replicas, status.ready_replicas, status.available_replicas),
        (Some(2), Some(2), Some(2))
    );
    assert_eq!((status.up_to_date_replicas, status.observed_generation), (Some(2), Some(2)));
    assert_eq!(status.selector.as_deref(), Some("cluster.x-k8s.io/cluster-name=c,pool=a"));
    assert_eq!(status.versions.len(), 1);
    for (type_, expected) in [
        ("ScalingUp", ("False", "NotScalingUp")),
        ("ScalingDown", ("False", "NotScalingDown")),
        ("MachinesReady", ("True", "Ready")),
        ("MachinesUpToDate", ("True", "UpToDate")),
        ("Remediating", ("False", "NotRemediating")),
        ("Deleting", ("False", "NotDeleting")),
        ("Paused", ("False", "NotPaused")),
    ] {
        let (is, reason, text) = message(&status, type_);
        assert_eq!((is.as_str(), reason.as_str(), text.as_str()), (expected.0, expected.1, ""), "{type_}");
    }
}

#[test]
fn surplus_machines_go_in_deletion_order_and_those_on_their_way_count() {
    let seen = observed();
    let mut all = vec![up(&seen, "a"), up(&seen, "b"), up(&seen, "c"), up(&seen, "d")];
    let marked = json!({"metadata": {"annotations": {"cluster.x-k8s.io/delete-machine": ""}}});
    all[2] = made(&seen, "c", marked);
    all[2].applied = all[0].applied.clone();
    let mut seen = seen;
    machines(&mut seen, all);
    assert_eq!(acts(&decide(&seen)), ["delete Machine n/c", "delete Machine n/a"]);
    seen.machines[1] = made(&seen, "b", json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"}}));
    assert_eq!(acts(&decide(&seen)), ["delete Machine n/c"]);
    let status = decide(&seen).status.unwrap();
    assert_eq!(message(&status, "ScalingDown").2, "Scaling down from 4 to 2 replicas");
}

#[test]
fn machines_that_are_to_move_or_have_just_moved_are_not_deleted() {
    let seen = observed();
    let moved = json!({"metadata": {"annotations": {
        "in-place-updates.internal.cluster.x-k8s.io/pending-acknowledge-move": "",
        "in-place-updates.internal.cluster.x-k8s.io/update-in-progress": ""}}});
    let all = vec![up(&seen, "a"), up(&seen, "b"), made(&seen, "c", moved)];
    let mut seen = seen;
    machines(&mut seen, all);
    seen.machine_set = set(json!({"metadata": {"annotations": {
        "in-place-updates.internal.cluster.x-k8s.io/receive-machines-from-machinesets": "old"}}}));
    assert!(decide(&seen).actions.is_empty());
    seen.machine_set = set(json!({"metadata": {"annotations": {
        "in-place-updates.internal.cluster.x-k8s.io/move-machines-to-machineset": "new"}}}));
    let plan = decide(&seen);
    assert_eq!(
        (plan.actions.len(), plan.waiting.as_slice()),
        (0, &[Waiting::Move { target: "new".into() }][..])
    );
}

#[test]
fn nothing_is_made_while_something_stands_against_it() {
    let blocked = |change: &dyn Fn(&mut Observed)| {
        let mut seen = observed();
        change(&mut seen);
        let plan = decide(&seen);
        assert!(plan.actions.is_empty(), "{:?}", acts(&plan));
        (plan.waiting[0].reason(), plan.status.map(|status| message(&status, "ScalingUp").2))
    };
    let disabled = json!({"metadata": {"annotations": {"cluster.x-k8s.io/disable-machine-create": "true"}}});
    assert_eq!(blocked(&|seen| seen.machine_set = set(disabled.clone())).0, "MachineCreationDisabled");
    let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"}});
    assert_eq!(blocked(&|seen| seen.cluster = Some(cluster(going.clone()))).0, "ClusterDeleting");
    assert_eq!(blocked(&|seen| seen.cluster = None), ("WaitingForCluster", None));
    assert_eq!(blocked(&|seen| seen.deployment = None), ("WaitingForMachineDeployment", None));
    let (reason, text) = blocked(&|seen| {
        seen.infrastructure_template = Referenced::Missing;
        seen.bootstrap_template = Referenced::Missing;
    });
    assert_eq!(reason, "WaitingForTemplates");
    assert_eq!(
        text.unwrap(),
        "Scaling up from 0 to 2 replicas is blocked because:\n\
         * KubeadmConfigTemplate and DevMachineTemplate do not exist"
    );
}

fn preflight(control_plane: Value, cluster_changes: Value) -> (Vec<String>, Plan<MachineSetStatus, Waiting>) {
    let mut seen = observed();
    let mut base = json!({
        "kind": "KubeadmControlPlane",
        "metadata": {"name": "cp"},
        "spec": {"version": "v1.35.0"},
        "status": {"versions": [{"version": "v1.35.0"}]},
    });
    overlay(&mut base, control_plane);
    seen.control_plane = found(base);
    seen.cluster = Some(cluster(cluster_changes));
    let plan = decide(&seen);
    let failures = match plan.waiting.first() {
        Some(Waiting::Preflight { failures }) => failures.clone(),
        _ => Vec::new(),
    };
    (failures, plan)
}

#[test]
fn machines_wait_for_a_stable_control_plane_of_a_fitting_version() {
    let failures = |control_plane, cluster| preflight(control_plane, cluster).0;
    assert_eq!(
        failures(json!({"status": {"versions": null}}), json!({})),
        [r#"KubeadmControlPlane n/cp is provisioning ("ControlPlaneIsStable" preflight check failed)"#]
    );
    assert_eq!(
        failures(json!({"spec": {"version": "v1.35.1"}}), json!({})),
        [r#"KubeadmControlPlane n/cp is upgrading ("ControlPlaneIsStable" preflight check failed)"#]
    );
    let older = json!({"spec": {"version": "v1.34.0"}, "status": {"versions": [{"version": "v1.34.0"}]}});
    assert_eq!(
        failures(older, json!({})),
        [
            "MachineSet version (1.35.0) and ControlPlane version (1.34.0) do not conform to the kubernetes version skew \
             policy as MachineSet version is higher than ControlPlane version (\"KubernetesVersionSkew\" preflight check \
             failed)",
            "MachineSet version (1.35.0) and ControlPlane version (1.34.0) do not conform to kubeadm version skew policy \
             as kubeadm only supports joining with the same major+minor version as the control plane \
             (\"KubeadmVersionSkew\" preflight check failed)",
        ]
    );
    let newer = json!({"spec": {"version": "v1.39.0"}, "status": {"versions": [{"version": "v1.39.0"}]}});
    let failures_of_newer = failures(newer, json!({}));
    assert!(
        failures_of_newer[0].contains("is more than 3 minor versions older than the ControlPlane version")
    );
    let topology = json!({"spec": {"topology": {"version": "v1.36.0", "classRef": {"name": "x"}}}});
    assert_eq!(
        failures(json!({}), topology),
        [
            r#"KubeadmControlPlane n/cp has a pending version upgrade to v1.36.0 ("ControlPlaneIsStable" preflight check failed)"#
        ]
    );
    let mut step = json!({"spec": {"topology": {"version": "v1.36.0", "classRef": {"name": "x"}}}});
    step["metadata"]["annotations"]["topology.internal.cluster.x-k8s.io/upgrade-step"] = json!("v1.35.0");
    assert!(failures(json!({}), step).is_empty());
    // A control plane without version cannot be checked.
    assert!(failures(json!({"spec": {"version": null}, "status": null}), json!({})).is_empty());
    // Neither can one that is not referred to.
    assert!(
        failures(json!({"status": {"versions": null}}), json!({"spec": {"controlPlaneRef": null}}))
            .is_empty()
    );
}

#[test]
fn preflight_checks_are_told_in_the_condition_and_can_be_skipped() {
    let (_, plan) = preflight(json!({"status": {"versions": null}}), json!({}));
    assert_eq!(
        message(&plan.status.unwrap(), "ScalingUp").2,
        "Scaling up from 0 to 2 replicas is blocked because:\n\
         * KubeadmControlPlane n/cp is provisioning (\"ControlPlaneIsStable\" preflight check failed)"
    );
    let mut seen = observed();
    seen.control_plane = Referenced::Missing;
    assert!(decide(&seen).actions.is_empty());
    seen.machine_set = set(json!({"metadata": {"annotations": {
        "machineset.cluster.x-k8s.io/skip-preflight-checks": "KubeadmVersionSkew, All"}}}));
    assert_eq!(decide(&seen).actions.len(), 2);
}

#[test]
fn finalizer_label_and_owner_of_a_stand_alone_set_come_in_one_patch_first() {
    let mut seen = observed();
    seen.machine_set = set(json!({"metadata": {
        "labels": {"cluster.x-k8s.io/deployment-name": null, "cluster.x-k8s.io/cluster-name": null},
        "finalizers": ["x"], "ownerReferences": null}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch MachineSet n/s"]);
    let expected = json!({"metadata": {
        "resourceVersion": "10",
        "finalizers": ["x", "cluster.x-k8s.io/machineset"],
        "labels": {"cluster.x-k8s.io/cluster-name": "c"},
        "ownerReferences": [{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c",
            "uid": "cluster-uid"}],
    }});
    assert_eq!(*object(&plan.actions[0]), expected);
}

#[test]
fn templates_become_the_clusters() {
    let mut seen = observed();
    seen.bootstrap_template = found(json!({"apiVersion": "b/v1", "kind": "KubeadmConfigTemplate",
        "metadata": {"name": "bt"}, "spec": {}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch KubeadmConfigTemplate n/bt"]);
    assert_eq!(object(&plan.actions[0])["metadata"]["resourceVersion"], "5");
    assert_eq!(object(&plan.actions[0])["metadata"]["ownerReferences"][0]["kind"], "Cluster");
}

#[test]
fn selected_machines_without_controller_are_adopted() {
    let mut seen = observed();
    let orphan = made(&seen, "a", json!({"metadata": {"ownerReferences": null}}));
    machines(&mut seen, vec![orphan]);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch Machine n/a"]);
    assert_eq!(object(&plan.actions[0])["metadata"]["ownerReferences"][0]["uid"], "set-uid");
    assert_eq!(plan.status.unwrap().replicas, Some(0));
}

#[test]
fn an_owner_of_an_older_version_is_applied_anew() {
    let mut seen = with_two(observed());
    assert_eq!(acts(&decide(&seen)), Vec::<String>::new());
    let machine = Arc::make_mut(&mut seen.machines[0].machine);
    machine.metadata.owner_references.as_mut().unwrap()[0].api_version =
        "cluster.x-k8s.io/v1alpha1".to_owned();
    assert_eq!(acts(&decide(&seen)), ["apply Machine n/a"]);
}

#[test]
fn a_changed_template_reaches_machines_in_place_parts_first() {
    let mut seen = with_two(observed());
    seen.machines.truncate(1);
    seen.machine_set = set(json!({"spec": {"replicas": 1, "template": {
        "metadata": {"labels": {"pool": null, "rack": "r1"}, "annotations": {"note": "x"}},
        "spec": {"minReadySeconds": 30, "version": "v1.36.0"}}}}));
    let plan = decide(&seen);
    assert_eq!(
        acts(&plan),
        [
            "patch KubeadmConfig n/a",
            "apply KubeadmConfig n/a",
            "patch DevMachine n/a",
            "apply DevMachine n/a",
            "apply Machine n/a"
        ]
    );
    assert_eq!(object(&plan.actions[0])["metadata"]["labels"], json!({"pool": null}));
    assert_eq!(object(&plan.actions[3])["metadata"]["labels"]["rack"], "r1");
    assert_eq!(object(&plan.actions[3])["spec"], Value::Null);
    let machine = object(&plan.actions[4]);
    assert_eq!(machine["metadata"]["uid"], "a-uid");
    assert_eq!(machine["spec"]["minReadySeconds"], 30);
    // A version needs a new Machine.
    assert_eq!(machine["spec"]["version"], "v1.35.0");
}

#[test]
fn labels_of_users_stay_and_cause_nothing() {
    let mut seen = with_two(observed());
    let labelled = made(
        &seen,
        "a",
        json!({"metadata": {"labels": {"user": "x"}}, "status": {
        "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true}}}),
    );
    seen.machines[0] = labelled;
    assert!(decide(&seen).actions.is_empty());
}

#[test]
fn a_machine_on_its_way_out_takes_only_what_decides_how_it_goes() {
    let mut seen = with_two(observed());
    let gone = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"}});
    seen.machines[0] = made(&seen, "a", gone);
    seen.machine_set = set(json!({"spec": {"template": {
        "metadata": {"labels": {"rack": "r1"}}, "spec": {"deletion": {"nodeDrainTimeoutSeconds": 60}}}}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan)[0], "patch Machine n/a");
    let patch = object(&plan.actions[0]);
    assert_eq!(patch["spec"]["deletion"]["nodeDrainTimeoutSeconds"], 60);
    assert_eq!(patch.get("metadata"), None);
}

fn unhealthy(seen: &Observed, name: &str, created: &str, changes: Value) -> SeenMachine {
    let mut all = json!({
        "metadata": {"creationTimestamp": created},
        "status": {
            "nodeRef": {"name": name},
            "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true},
            "conditions": [condition("HealthCheckSucceeded", "False"), condition("OwnerRemediated", "False")],
        },
    });
    overlay(&mut all, changes);
    made(seen, name, all)
}

fn limited(limit: Value) -> Observed {
    let mut seen = observed();
    seen.deployment = Some(deployment(json!({"spec": {"remediation": {"maxInFlight": limit}}})));
    let all = vec![
        unhealthy(&seen, "a", "2026-01-01T00:00:00Z", json!({})),
        unhealthy(&seen, "b", "2026-01-01T00:30:00Z", json!({})),
    ];
    machines(&mut seen, all);
    seen
}

#[test]
fn unhealthy_machines_are_deleted_after_they_are_told() {
    let plan = decide(&limited(json!("100%")));
    assert_eq!(
        acts(&plan),
        ["apply Machine n/b status", "apply Machine n/a status", "delete Machine n/b", "delete Machine n/a"]
    );
    let condition = &object(&plan.actions[0])["status"]["conditions"][0];
    assert_eq!(
        (&condition["reason"], &condition["message"]),
        (&json!("MachineDeleting"), &json!("Machine is deleting"))
    );
    assert_eq!(message(&plan.status.unwrap(), "Remediating").0, "True");
}

/// Nothing could be made in their place, and nobody knows which checks are to be left out.
#[test]
fn unhealthy_machines_stay_while_the_bootstrap_template_is_missing() {
    let mut seen = limited(json!("100%"));
    seen.bootstrap_template = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["apply Machine n/b status", "apply Machine n/a status"]);
    let condition = &object(&plan.actions[0])["status"]["conditions"][0];
    assert_eq!(condition["reason"], "RemediationDeferred");
    assert_eq!(
        condition["message"],
        "* failed to read machineset.cluster.x-k8s.io/skip-preflight-checks annotation: the bootstrap template is not there"
    );
}

#[test]
fn remediation_takes_the_youngest_first_and_no_more_than_allowed() {
    let plan = decide(&limited(json!(1)));
    assert_eq!(acts(&plan), ["apply Machine n/a status", "apply Machine n/b status", "delete Machine n/b"]);
    assert_eq!(
        object(&plan.actions[0])["status"]["conditions"][0]["message"],
        "Waiting because there are already too many remediations in progress (spec.strategy.remediation.maxInFlight is 1)"
    );
    // One that is on its way counts.
    let mut seen = limited(json!(1));
    let mut told = condition("OwnerRemediated", "False");
    told["reason"] = json!("MachineDeleting");
    let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"},
        "status": {"conditions": [condition("HealthCheckSucceeded", "False"), told]}});
    seen.machines[1] = unhealthy(&seen, "b", "2026-01-01T00:30:00Z", going);
    assert_eq!(acts(&decide(&seen)), ["apply Machine n/a status"]);
}

#[test]
fn remediation_waits_for_the_control_plane_and_leaves_outdated_sets_alone() {
    let mut seen = limited(json!(null));
    seen.control_plane = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["apply Machine n/b status", "apply Machine n/a status"]);
    let text = object(&plan.actions[0])["status"]["conditions"][0]["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with("* failed to perform \"Machine remediation\""), "{text}");
    let mut seen = limited(json!(null));
    let newer = json!({"metadata": {"annotations": {"machinedeployment.clusters.x-k8s.io/revision": "2"}}});
    seen.deployment = Some(deployment(newer));
    let plan = decide(&seen);
    assert_eq!(object(&plan.actions[0])["status"]["conditions"][0]["reason"], "CannotBeRemediated");
    assert_eq!(plan.actions.len(), 2);
}

#[test]
fn a_machine_that_recovered_is_no_longer_asked_for() {
    let mut seen = with_two(observed());
    let again = json!({"status": {
        "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true},
        "conditions": [condition("HealthCheckSucceeded", "True"), condition("OwnerRemediated", "False")]}});
    seen.machines[0] = made(&seen, "a", again);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch Machine n/a status"]);
    let rest = &object(&plan.actions[0])["status"]["conditions"];
    assert_eq!((rest.as_array().unwrap().len(), &rest[0]["type"]), (1, &json!("HealthCheckSucceeded")));
}

#[test]
fn deletion_takes_machines_first_and_then_the_finalizer() {
    let deleted = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"}});
    let mut seen = with_two(observed());
    seen.machine_set = set(deleted.clone());
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["delete Machine n/a", "delete Machine n/b"]);
    let status = plan.status.unwrap();
    assert_eq!(message(&status, "Deleting").2, "Deleting 2 Machines");
    assert_eq!(message(&status, "ScalingDown").2, "Scaling down from 2 to 0 replicas");
    // Neither templates nor the MachineDeployment nor the Cluster need to be there any more.
    let mut seen = observed();
    seen.machine_set = set(deleted);
    seen.deployment = None;
    seen.infrastructure_template = Referenced::Missing;
    let plan = decide(&Observed { cluster: None, ..seen.clone() });
    assert_eq!(acts(&plan), ["patch MachineSet n/s"]);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch MachineSet n/s"]);
    assert_eq!(object(&plan.actions[0])["metadata"]["finalizers"], json!([]));
    assert!(plan.status.is_none());
}

#[test]
fn a_long_deletion_is_looked_at_when_it_becomes_worth_telling() {
    let mut seen = with_two(observed());
    let gone = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:59:00Z"}});
    seen.machines[0] = made(&seen, "a", gone);
    assert_eq!(decide(&seen).next, Next::At("2026-01-01T01:14:01Z".parse().unwrap()));
}

#[test]
fn while_paused_only_the_condition_changes() {
    let mut seen = observed();
    seen.machine_set = set(json!({
        "metadata": {"annotations": {"cluster.x-k8s.io/paused": ""}},
        "status": {"replicas": 7, "conditions": [condition("ScalingUp", "True"), condition("Foreign", "True")]}}));
    let plan = decide(&seen);
    assert!(plan.actions.is_empty());
    let status = plan.status.unwrap();
    assert_eq!(status.replicas, Some(7));
    assert_eq!(message(&status, "Paused").2, "MachineSet has the cluster.x-k8s.io/paused annotation");
    let types: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(types, ["ScalingUp", "Paused"]);
}

#[test]
fn leftovers_of_interrupted_creation_are_deleted() {
    let mut seen = with_two(observed());
    let leftover = |name: &str| {
        Arc::new(json!({"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "DevMachine",
            "metadata": {"name": name, "namespace": "n", "uid": name}}))
    };
    seen.belongings = vec![leftover("a"), leftover("z")];
    assert_eq!(acts(&decide(&seen)), ["delete DevMachine n/z"]);
}
