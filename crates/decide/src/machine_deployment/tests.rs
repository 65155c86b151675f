#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeploymentStatus;
use serde_json::{Value, json};

use super::testing::{acts, deployment, object, observed, overlay, stored, well};
use super::{Observed, SeenMachineSet, decide};
use crate::plan::{Next, Waiting as _};
use crate::referenced::Referenced;

const OLD: &str = "2026-01-01T00:00:00Z";
const NEW: &str = "2026-01-01T00:30:00Z";

fn message(status: &MachineDeploymentStatus, type_: &str) -> (String, String, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

/// A MachineSet as it is made for the MachineDeployment that is seen, named otherwise.
fn made(seen: &Observed, name: &str, created: &str, changes: Value) -> SeenMachineSet {
    let empty = Observed { machine_sets: Vec::new(), ..seen.clone() };
    let plan = decide(&empty);
    let mut object = object(plan.actions.last().unwrap()).clone();
    object["metadata"]["name"] = json!(name);
    stored(&object, created, changes)
}

fn at_rest() -> Observed {
    let mut seen = observed();
    seen.machine_sets = vec![made(&seen, "d-a", OLD, well(3))];
    seen
}

/// The template asks for another version, and the MachineSet of the old one is well.
fn upgrading(new: Value) -> Observed {
    let mut seen = at_rest();
    let version = json!({"spec": {"template": {"spec": {"version": "v1.36.0"}}}});
    seen.deployment = deployment(version);
    let mut metadata = new;
    overlay(
        &mut metadata,
        json!({"metadata": {"annotations": {"machinedeployment.clusters.x-k8s.io/revision": "2"}}}),
    );
    seen.machine_sets.push(made(
        &Observed { machine_sets: Vec::new(), ..seen.clone() },
        "d-b",
        NEW,
        metadata,
    ));
    revision(&mut seen, "2");
    seen
}

fn revision(seen: &mut Observed, revision: &str) {
    let mut changed = (*seen.deployment).clone();
    let annotations = changed.metadata.annotations.get_or_insert_default();
    annotations.insert("machinedeployment.clusters.x-k8s.io/revision".to_owned(), revision.to_owned());
    seen.deployment = Arc::new(changed);
}

#[test]
fn the_first_machine_set_is_made_with_all_that_it_should_be() {
    let plan = decide(&observed());
    assert_eq!(plan.actions.len(), 1);
    let set = object(&plan.actions[0]);
    let (metadata, spec) = (&set["metadata"], &set["spec"]);
    let name = metadata["name"].as_str().unwrap();
    let suffix = name.strip_prefix("d-").unwrap();
    assert_eq!(suffix.len(), 5);
    let hash = metadata["labels"]["machine-template-hash"].as_str().unwrap();
    assert!(hash.ends_with(&format!("-{suffix}")), "{hash}");
    assert_eq!(spec["selector"]["matchLabels"]["machine-template-hash"], hash);
    assert_eq!(spec["template"]["metadata"]["labels"]["machine-template-hash"], hash);
    assert_eq!(spec["template"]["metadata"]["labels"].get("cluster.x-k8s.io/deployment-name"), None);
    assert_eq!(metadata["labels"]["cluster.x-k8s.io/deployment-name"], "d");
    assert_eq!(metadata["finalizers"], json!(["cluster.x-k8s.io/machineset"]));
    assert_eq!(metadata["ownerReferences"][0]["controller"], true);
    let annotations = json!({
        "cluster.x-k8s.io/disable-machine-create": "false",
        "machinedeployment.clusters.x-k8s.io/desired-replicas": "3",
        "machinedeployment.clusters.x-k8s.io/max-replicas": "4",
        "machinedeployment.clusters.x-k8s.io/revision": "1",
        "note": "x",
    });
    assert_eq!(metadata["annotations"], annotations);
    assert_eq!(spec["replicas"], 3);
    assert_eq!(plan.actions, decide(&observed()).actions);
}

#[test]
fn a_machine_deployment_at_rest_does_nothing() {
    let plan = decide(&at_rest());
    assert_eq!((acts(&plan), plan.next), (vec![], Next::OnChange));
    let status = plan.status.unwrap();
    assert_eq!(
        (status.replicas, status.available_replicas, status.observed_generation),
        (Some(3), Some(3), Some(3))
    );
    assert_eq!(status.phase.as_deref(), Some("Running"));
    for (type_, expected) in [
        ("Available", ("True", "Available")),
        ("RollingOut", ("False", "NotRollingOut")),
        ("ScalingUp", ("False", "NotScalingUp")),
        ("ScalingDown", ("False", "NotScalingDown")),
        ("MachinesReady", ("True", "NoReplicas")),
        ("Deleting", ("False", "NotDeleting")),
    ] {
        let (is, reason, text) = message(&status, type_);
        assert_eq!((is.as_str(), reason.as_str(), text.as_str()), (expected.0, expected.1, ""), "{type_}");
    }
}

#[test]
fn what_it_lacks_itself_comes_in_one_patch_first() {
    let mut seen = observed();
    seen.deployment =
        deployment(json!({"metadata": {"labels": null, "finalizers": null, "ownerReferences": null,
        "annotations": {"machinedeployment.clusters.x-k8s.io/revision": null}}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch MachineDeployment n/d"]);
    let patch = &object(&plan.actions[0])["metadata"];
    assert_eq!(patch["finalizers"], json!(["cluster.x-k8s.io/machinedeployment"]));
    assert_eq!(patch["annotations"]["machinedeployment.clusters.x-k8s.io/revision"], "1");
    assert_eq!(patch["ownerReferences"][0]["uid"], "cluster-uid");
    assert_eq!(patch["resourceVersion"], "20");
}

#[test]
fn nothing_is_told_before_the_first_machine_set_was_looked_at() {
    let mut seen = observed();
    let unseen = json!({"status": {"observedGeneration": null}});
    seen.machine_sets = vec![made(&seen, "d-a", NEW, unseen.clone())];
    assert!(decide(&seen).status.is_none());
    let told = json!({"status": {"conditions": [{"type": "Paused", "status": "False", "reason": "NotPaused",
        "message": "", "lastTransitionTime": OLD}]}});
    seen.deployment = deployment(told);
    assert!(decide(&seen).status.is_some());
}

#[test]
fn a_new_version_makes_a_new_machine_set_with_the_next_revision() {
    let mut seen = at_rest();
    seen.deployment = deployment(json!({"spec": {"template": {"spec": {"version": "v1.36.0"}}}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch MachineDeployment n/d"]);
    revision(&mut seen, "2");
    let plan = decide(&seen);
    assert_eq!(plan.actions.len(), 1);
    let set = object(&plan.actions[0]);
    assert_eq!(
        (&set["spec"]["replicas"], &set["spec"]["template"]["spec"]["version"]),
        (&json!(1), &json!("v1.36.0"))
    );
    assert_eq!(set["metadata"]["annotations"]["machinedeployment.clusters.x-k8s.io/revision"], "2");
    assert!(plan.actions[0].why().contains("spec.version v1.35.0, v1.36.0 required"));
}

/// Whoever sets the template back makes an older MachineSet the current one again.
#[test]
fn a_machine_set_that_becomes_current_again_gets_the_highest_revision_and_remembers_its_own() {
    const REVISION: &str = "machinedeployment.clusters.x-k8s.io/revision";
    const HISTORY: &str = "machinedeployment.clusters.x-k8s.io/revision-history";
    let again = |annotations: Value| {
        let mut changes = well(3);
        overlay(&mut changes, json!({"metadata": {"annotations": annotations}}));
        let mut seen = upgrading(changes);
        let mut annotate = |at: usize, key: &str, value: &str| {
            let mut set = (*seen.machine_sets[at].machine_set).clone();
            set.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
            seen.machine_sets[at].machine_set = Arc::new(set);
        };
        annotate(0, REVISION, "4");
        annotate(1, REVISION, annotations[REVISION].as_str().unwrap());
        revision(&mut seen, "5");
        let plan = decide(&seen);
        let set = plan.actions.iter().map(object).find(|set| set["metadata"]["name"] == "d-b")?;
        let annotations = &set["metadata"]["annotations"];
        Some((annotations[REVISION].clone(), annotations[HISTORY].clone()))
    };
    assert_eq!(again(json!({REVISION: "1"})), Some((json!("5"), json!("1"))));
    assert_eq!(again(json!({REVISION: "3", HISTORY: "1"})), Some((json!("5"), json!("1,3"))));
    assert_eq!(again(json!({REVISION: "5", HISTORY: "1,3"})), None, "nothing changes");
}

#[test]
fn old_machine_sets_shrink_as_the_new_one_becomes_available_and_go_at_the_end() {
    let mut seen = upgrading(well(1));
    assert_eq!(acts(&decide(&seen)), ["apply MachineSet n/d-a 2"]);
    seen = upgrading(well(3));
    seen.machine_sets[0] = made_old(&seen, well(0));
    assert_eq!(acts(&decide(&seen)), ["delete MachineSet n/d-a"]);
    // Its status is older than its specification: there may still be Machines.
    let mut behind = well(0);
    behind["metadata"]["generation"] = json!(2);
    seen.machine_sets[0] = made_old(&seen, behind);
    assert!(acts(&decide(&seen)).is_empty());
}

/// The old MachineSet of [`upgrading`], with other counters.
fn made_old(seen: &Observed, changes: Value) -> SeenMachineSet {
    let old = Observed { deployment: deployment(json!({})), machine_sets: Vec::new(), ..seen.clone() };
    made(&old, "d-a", OLD, changes)
}

#[test]
fn what_needs_no_new_machines_reaches_all_machine_sets_in_place() {
    let mut seen = upgrading(well(1));
    let mut changed = (*seen.deployment).clone();
    changed.spec.template.metadata.labels.insert("rack".to_owned(), "r1".to_owned());
    changed.spec.template.spec.min_ready_seconds = Some(30);
    changed.spec.deletion.order = Some("Oldest".to_owned());
    seen.deployment = Arc::new(changed);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["apply MachineSet n/d-b 1", "apply MachineSet n/d-a 2"]);
    for action in &plan.actions {
        let spec = &object(action)["spec"];
        assert_eq!(spec["template"]["metadata"]["labels"]["rack"], "r1");
        assert_eq!(spec["template"]["spec"]["minReadySeconds"], 30);
        assert_eq!(spec["deletion"]["order"], "Oldest");
    }
    let old = object(&plan.actions[1]);
    assert_eq!(old["spec"]["template"]["spec"]["version"], "v1.35.0");
    assert_eq!(old["metadata"]["annotations"]["machinedeployment.clusters.x-k8s.io/revision"], "1");
    assert_eq!(old["metadata"]["uid"], "d-a-uid");
}

#[test]
fn scaling_a_machine_deployment_scales_its_machine_set() {
    let mut seen = at_rest();
    seen.deployment = deployment(json!({"spec": {"replicas": 5}}));
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["apply MachineSet n/d-a 5"]);
    let annotations = &object(&plan.actions[0])["metadata"]["annotations"];
    assert_eq!(annotations["machinedeployment.clusters.x-k8s.io/desired-replicas"], "5");
    let status = plan.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("ScalingUp"));
    assert_eq!(message(&status, "ScalingUp").2, "Scaling up from 3 to 5 replicas");
    assert_eq!(
        message(&status, "Available").2,
        "3 available replicas, at least 5 required (spec.strategy.rollout.maxUnavailable is 0, spec.replicas is 5)"
    );
}

#[test]
fn users_replace_machines_themselves_on_delete() {
    let mut seen = upgrading(well(0));
    let mut changed = (*seen.deployment).clone();
    changed.spec.rollout.strategy.get_or_insert_default().r#type = "OnDelete".to_owned();
    seen.deployment = Arc::new(changed);
    let plan = decide(&seen);
    let disabled = |index: usize| &object(&plan.actions[index])["metadata"]["annotations"]["cluster.x-k8s.io/disable-machine-create"];
    assert_eq!(acts(&plan), ["apply MachineSet n/d-b 0", "apply MachineSet n/d-a 3"]);
    assert_eq!((disabled(0), disabled(1)), (&json!("false"), &json!("true")));
}

#[test]
fn a_paused_rollout_spreads_replicas_and_makes_no_machine_set() {
    let mut seen = upgrading(well(2));
    seen.machine_sets[0] = made_old(&seen, well(4));
    let mut changed = (*seen.deployment).clone();
    changed.spec.paused = Some(true);
    changed.spec.replicas = Some(11);
    seen.deployment = Arc::new(changed);
    // Six of at most four before, twelve of at most twelve now: each keeps its share, the largest gets the rest.
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["apply MachineSet n/d-b 2", "apply MachineSet n/d-a 10"]);
    seen.machine_sets.truncate(1);
    let plan = decide(&seen);
    assert_eq!(
        (acts(&plan), plan.waiting[0].reason()),
        (vec!["apply MachineSet n/d-a 11".to_owned()], "RolloutPaused")
    );
}

#[test]
fn without_templates_no_machine_set_is_made() {
    let mut seen = observed();
    seen.infrastructure_template = Referenced::Missing;
    let plan = decide(&seen);
    assert_eq!((acts(&plan), plan.waiting[0].reason()), (vec![], "WaitingForTemplates"));
    let status = plan.status.unwrap();
    assert_eq!(
        message(&status, "ScalingUp").2,
        "Scaling up from 0 to 3 replicas is blocked because DevMachineTemplate does not exist"
    );
    assert_eq!(message(&status, "Available").1, "WaitingForAvailableReplicasSet");
}

#[test]
fn an_orphaned_machine_set_is_adopted_and_then_applied_to() {
    let mut seen = observed();
    let orphan = json!({"metadata": {"ownerReferences": null}});
    seen.machine_sets = vec![made(&seen, "d-a", OLD, orphan)];
    assert_eq!(acts(&decide(&seen)), ["patch MachineSet n/d-a"]);
    seen.machine_sets = vec![SeenMachineSet { applied: None, ..made(&seen, "d-a", OLD, well(3)) }];
    assert_eq!(acts(&decide(&seen)), ["apply MachineSet n/d-a 3"]);
}

#[test]
fn an_owner_of_an_older_version_is_applied_anew() {
    let mut seen = observed();
    seen.machine_sets = vec![made(&seen, "d-a", OLD, well(3))];
    assert_eq!(acts(&decide(&seen)), Vec::<String>::new());
    let set = Arc::make_mut(&mut seen.machine_sets[0].machine_set);
    set.metadata.owner_references.as_mut().unwrap()[0].api_version = "cluster.x-k8s.io/v1alpha1".to_owned();
    assert_eq!(acts(&decide(&seen)), ["apply MachineSet n/d-a 3"]);
}

#[test]
fn deletion_takes_machine_sets_first_and_then_the_finalizer() {
    let mut seen = upgrading(well(1));
    let mut changed = (*seen.deployment).clone();
    changed.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:59:00Z")).unwrap());
    seen.deployment = Arc::new(changed);
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["delete MachineSet n/d-a", "delete MachineSet n/d-b"]);
    let status = plan.status.unwrap();
    assert_eq!(message(&status, "Deleting").2, "Deleting 2 MachineSets");
    assert_eq!(status.phase.as_deref(), Some("ScalingDown"));
    seen.machine_sets.clear();
    let plan = decide(&seen);
    assert_eq!(acts(&plan), ["patch MachineDeployment n/d"]);
    assert!(plan.status.is_none());
}

#[test]
fn rollout_after_is_waited_for_and_then_makes_a_machine_set() {
    let mut seen = at_rest();
    seen.deployment = deployment(json!({"spec": {"rollout": {"after": "2026-01-01T02:00:00Z"}}}));
    assert_eq!(decide(&seen).next, Next::At("2026-01-01T02:00:00Z".parse().unwrap()));
    seen.now = "2026-01-01T02:00:00Z".parse().unwrap();
    revision(&mut seen, "2");
    let plan = decide(&seen);
    assert_eq!(plan.actions.len(), 1);
    let name = object(&plan.actions[0])["metadata"]["name"].as_str().unwrap();
    assert_ne!(name, "d-a");
}

#[test]
fn differences_of_machines_are_told_version_first() {
    let mut seen = at_rest();
    let machine = |name: &str, text: &str| -> Arc<Machine> {
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": name}, "status": {"conditions": [
                {"type": "UpToDate", "status": "False", "reason": "NotUpToDate", "message": text,
                    "lastTransitionTime": OLD}]}}))
            .unwrap(),
        )
    };
    seen.machines =
        vec![machine("a", "* Failure domain x, y required\n* Version 1, 2 required"), machine("b", "* A")];
    assert_eq!(
        message(&decide(&seen).status.unwrap(), "RollingOut"),
        (
            "True".to_owned(),
            "RollingOut".to_owned(),
            "Rolling out 2 not up-to-date replicas\n* Version 1, 2 required\n* A\n* Failure domain x, y required".to_owned()
        )
    );
}
