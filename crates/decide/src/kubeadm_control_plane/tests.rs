use api::conditions::{
    AVAILABLE, CERTIFICATES_AVAILABLE, CONTROL_PLANE_COMPONENTS_HEALTHY, DELETING, ETCD_CLUSTER_HEALTHY,
    INITIALIZED, OWNER_REMEDIATED, REMEDIATING, ROLLING_OUT, SCALING_DOWN, SCALING_UP,
};
use api::labels;
use serde_json::{Value, json};

use super::observed::{Connection, EtcdMember, Looked, Need};
use super::testing::{
    add_machine, break_pods, control_plane, delete, drained, edit, edit_machine, give_up, members, now,
    running, say, unprovisioned,
};
use super::*;
use crate::conditions as rules;
use crate::plan::{EtcdChange, Part, Write};
use crate::referenced::Referenced;

/// The actions, one short line each.
fn lines(plan: &KubeadmControlPlanePlan) -> Vec<String> {
    plan.actions.iter().map(line).collect()
}

fn line(action: &Action) -> String {
    match action {
        Action::Write { write, .. } | Action::Workload { write, .. } => write.to_string(),
        Action::Etcd { change: EtcdChange::MoveLeader { to }, .. } => {
            format!("lead {}", to.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
        }
        Action::Etcd { change: EtcdChange::RemoveMember { id }, .. } => format!("remove {id}"),
    }
}

fn condition(plan: &KubeadmControlPlanePlan, name: &str) -> (String, String, String) {
    let found = rules::get(&plan.status.as_ref().unwrap().conditions, name).unwrap();
    (found.status.clone(), found.reason.clone(), found.message.clone())
}

fn said(status: &str, reason: &str, message: &str) -> (String, String, String) {
    (status.to_owned(), reason.to_owned(), message.to_owned())
}

/// The object of the one apply or creation in a plan that this kind is named in.
fn object<'a>(plan: &'a KubeadmControlPlanePlan, kind: &str) -> &'a Value {
    let of = |action: &'a Action| match action {
        Action::Write {
            write: Write::Apply { object, part: Part::Main, .. } | Write::Create { object },
            ..
        } => Some(object),
        _ => None,
    };
    plan.actions.iter().filter_map(of).find(|object| object["kind"] == kind).unwrap()
}

/// What is applied to the status of a Machine.
fn on_machine(plan: &KubeadmControlPlanePlan, machine: &str, condition: &str) -> Value {
    let of = |action: &Action| match action {
        Action::Write { write: Write::Apply { object, part: Part::Status, .. }, .. } => Some(object.clone()),
        _ => None,
    };
    let object =
        plan.actions.iter().filter_map(of).find(|object| object["metadata"]["name"] == machine).unwrap();
    let list = object["status"]["conditions"].as_array().unwrap();
    list.iter().find(|found| found["type"] == condition).unwrap().clone()
}

#[test]
fn a_control_plane_that_is_as_it_should_be_asks_nothing_and_does_nothing() {
    let plan = decide(&running(3));
    assert_eq!(lines(&plan), Vec::<String>::new());
    assert!(plan.waiting.is_empty(), "{:?}", plan.waiting);
    assert!(matches!(plan.next, Next::At(time) if time > now()), "{:?}", plan.next);
    assert_eq!(condition(&plan, AVAILABLE), said("True", "Available", ""));
    assert_eq!(condition(&plan, INITIALIZED), said("True", "Initialized", ""));
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY), said("True", "Healthy", ""));
    assert_eq!(condition(&plan, CONTROL_PLANE_COMPONENTS_HEALTHY), said("True", "Healthy", ""));
    assert_eq!(condition(&plan, CERTIFICATES_AVAILABLE), said("True", "Available", ""));
    assert_eq!(condition(&plan, ROLLING_OUT), said("False", "NotRollingOut", ""));
    assert_eq!(condition(&plan, SCALING_UP), said("False", "NotScalingUp", ""));
    let status = plan.status.unwrap();
    assert_eq!(
        status.selector.as_deref(),
        Some("cluster.x-k8s.io/cluster-name=c,cluster.x-k8s.io/control-plane")
    );
    assert_eq!((status.replicas, status.up_to_date_replicas), (Some(3), Some(3)));
    assert_eq!(status.version.as_deref(), Some("v1.34.0"));
}

#[test]
fn nothing_happens_without_cluster_or_while_paused() {
    let mut seen = control_plane(1);
    edit(&mut seen, |kcp| {
        kcp.metadata.annotations = Some([(labels::PAUSED.to_owned(), String::new())].into())
    });
    let plan = decide(&seen);
    assert_eq!((lines(&plan).len(), plan.status.unwrap().conditions.len()), (0, 1));
    seen.cluster = None;
    assert_eq!(decide(&seen).status, None);
}

#[test]
fn the_finalizer_comes_first() {
    let mut seen = control_plane(1);
    edit(&mut seen, |kcp| kcp.metadata.finalizers = None);
    assert_eq!(lines(&decide(&seen)), ["patch KubeadmControlPlane ns/cp"]);
}

#[test]
fn a_process_that_has_just_begun_does_not_say_that_a_control_plane_is_down() {
    let mut seen = running(3);
    let published = decide(&seen).status.unwrap().conditions;
    edit(&mut seen, |control_plane| control_plane.status.conditions = published);
    seen.connection = Connection::default();
    (seen.etcd, seen.nodes, seen.pods) = (None, None, None);
    assert_eq!(condition(&decide(&seen), AVAILABLE), said("True", "Available", ""));
    // Tries that keep failing are another matter.
    seen.connection.failures = 5;
    assert_ne!(condition(&decide(&seen), AVAILABLE).0, "True");
}

#[test]
fn before_the_infrastructure_is_there_nothing_is_made() {
    let mut seen = control_plane(1);
    let mut cluster = (**seen.cluster.as_ref().unwrap()).clone();
    cluster.status.initialization.infrastructure_provisioned = None;
    seen.cluster = Some(cluster.into());
    let plan = decide(&seen);
    assert_eq!(plan.waiting, [Waiting::Infrastructure]);
    let message = "Waiting for Cluster status.infrastructureReady to be true";
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY), said("Unknown", "InspectionFailed", message));
    assert_eq!(
        condition(&plan, AVAILABLE),
        said("False", "NotAvailable", "Control plane not yet initialized")
    );
}

#[test]
fn missing_keys_are_made_before_anything_else_and_never_afterwards() {
    let mut seen = control_plane(1);
    let secrets = std::mem::take(&mut seen.secrets);
    // A user may have brought them without the label that would have them cached.
    let Next::Look(Need::Secrets(purposes)) = decide(&seen).next else { panic!() };
    assert_eq!(purposes.len(), 4);
    seen.has_looked_for_secrets = true;
    seen.secrets = secrets;
    assert!(!matches!(decide(&seen).next, Next::Look(Need::KeyPairs(_))));
    seen.secrets.clear();
    let Next::Look(Need::KeyPairs(wanted)) = decide(&seen).next else { panic!() };
    assert_eq!(wanted.len(), 4);
    let pair = kubeadm::certificates::KeyPair { certificate: "c".into(), key: "k".into() };
    seen.made_key_pairs =
        Some(wanted.iter().map(|certificate| (certificate.purpose, pair.clone())).collect());
    let mut made = lines(&decide(&seen));
    made.sort();
    assert_eq!(
        made,
        [
            "create Secret ns/c-ca",
            "create Secret ns/c-etcd",
            "create Secret ns/c-proxy",
            "create Secret ns/c-sa"
        ]
    );

    let mut seen = running(1);
    seen.secrets.retain(|secret| secret.metadata.name.as_deref() != Some("c-sa"));
    assert_eq!(
        decide(&seen).next,
        Next::Look(Need::Secrets(vec![kubeadm::certificates::Purpose::ServiceAccount]))
    );
    seen.has_looked_for_secrets = true;
    let plan = decide(&seen);
    let message = "Cluster certificate for sa is not available, please check cluster certificate secrets";
    assert_eq!(condition(&plan, CERTIFICATES_AVAILABLE), said("False", "NotAvailable", message));
    assert!(lines(&plan).is_empty());
}

#[test]
fn secrets_that_users_have_to_bring_are_looked_for_again_and_again() {
    let mut seen = control_plane(1);
    let mut control_plane = (*seen.control_plane).clone();
    let external = &mut control_plane.spec.kubeadm_config_spec.cluster_configuration.etcd.external;
    external.endpoints = vec!["https://e:2379".to_owned()];
    seen.control_plane = std::sync::Arc::new(control_plane);
    seen.has_looked_for_secrets = true;
    let plan = decide(&seen);
    assert_eq!(plan.next, Next::Retry);
    assert!(matches!(plan.waiting[..], [Waiting::Certificates(_)]), "{:?}", plan.waiting);
}

#[test]
fn the_kubeconfig_is_made_and_renewed_at_half_of_its_life() {
    let mut seen = control_plane(1);
    seen.secrets.retain(|secret| secret.metadata.name.as_deref() != Some("c-kubeconfig"));
    assert_eq!(decide(&seen).next, Next::Look(Need::Kubeconfig { server: "h:6443".to_owned() }));
    seen.made_kubeconfig = Some(MadeKubeconfig(Ok("kubeconfig".to_owned())));
    assert_eq!(lines(&decide(&seen)), ["create Secret ns/c-kubeconfig"]);
    let mut seen = running(1);
    seen.kubeconfig_expires = now().checked_add(SignedDuration::from_hours(24 * 100)).ok();
    assert!(matches!(decide(&seen).next, Next::Look(Need::Kubeconfig { .. })));
}

#[test]
fn the_first_machine_comes_alone_and_is_told_to_make_the_cluster() {
    let mut seen = control_plane(3);
    let plan = decide(&seen);
    let machine = object(&plan, "Machine");
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(machine["spec"]["bootstrap"]["configRef"]["name"], machine["metadata"]["name"]);
    assert_eq!(machine["metadata"]["finalizers"], json!([labels::MACHINE_FINALIZER]));
    assert_eq!(machine["metadata"]["annotations"][labels::KUBEADM_PRE_TERMINATE_HOOK], "");
    assert_eq!(machine["spec"]["readinessGates"].as_array().unwrap().len(), 6);
    // Deciding again gives the same name: doing it twice collides.
    assert_eq!(plan.actions, decide(&seen).actions);

    let mut machine: api::core::Machine = serde_json::from_value(machine.clone()).unwrap();
    machine.metadata.uid = Some("m".to_owned());
    seen.machines.push(SeenMachine {
        machine: machine.into(),
        applied: Some(Default::default()),
        config: None,
        infrastructure: Referenced::Missing,
    });
    let plan = decide(&seen);
    let config = object(&plan, "KubeadmConfig");
    assert_eq!(config["spec"]["joinConfiguration"]["controlPlane"], Value::Null);
    assert_eq!(config["metadata"]["ownerReferences"][0]["controller"], true);
    let infrastructure = object(&plan, "DevMachine");
    assert_eq!(infrastructure["metadata"]["annotations"][labels::CLONED_FROM_NAME], "template");
    assert_eq!(plan.actions.len(), 3, "{:?}", lines(&plan));
    let blocked = "Scaling up from 1 to 3 replicas is blocked because:\n\
                   * waiting for control plane components to become healthy\n\
                   * waiting for etcd cluster to become healthy";
    assert_eq!(condition(&plan, SCALING_UP), said("True", "ScalingUp", blocked));
}

#[test]
fn it_is_up_when_kubeadm_left_its_configuration_unless_the_only_machine_is_going() {
    let mut seen = running(1);
    edit(&mut seen, |kcp| kcp.status = Default::default());
    assert_eq!(decide(&seen).next, Next::Look(Need::KubeadmConfig));
    seen.kubeadm_config = Some(Looked::Found(Default::default()));
    let status = decide(&seen).status.unwrap();
    assert_eq!(status.initialization.control_plane_initialized, Some(true));
    delete(&mut seen, 1);
    let status = decide(&seen).status.unwrap();
    assert_eq!(status.initialization.control_plane_initialized, None);
}

#[test]
fn machines_join_one_at_a_time_when_all_is_well() {
    let mut seen = running(1);
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(3));
    assert_eq!(lines(&decide(&seen)).len(), 1);
    assert_eq!(object(&decide(&seen), "Machine")["kind"], "Machine");
    for spoil in [
        |seen: &mut Observed| break_pods(seen, 1),
        |seen: &mut Observed| members(seen).members.iter_mut().for_each(|member| member.is_learner = true),
        |seen: &mut Observed| {
            members(seen).members.iter_mut().for_each(|member| member.alarms = vec!["NOSPACE".into()])
        },
        |seen: &mut Observed| unprovisioned(seen, 1),
        |seen: &mut Observed| delete(seen, 1),
        |seen: &mut Observed| {
            seen.secrets.retain(|secret| secret.metadata.name.as_deref() != Some("c-sa"));
            seen.has_looked_for_secrets = true;
        },
    ] {
        let mut seen = seen.clone();
        spoil(&mut seen);
        let plan = decide(&seen);
        assert!(
            !lines(&plan).iter().any(|line| line.starts_with("apply Machine") && !line.ends_with("status")),
            "{plan:?}"
        );
        assert!(matches!(plan.waiting.first(), Some(Waiting::Preflight(_))), "{:?}", plan.waiting);
    }
}

#[test]
fn the_leader_hands_over_before_its_machine_goes() {
    let mut seen = running(3);
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(1));
    // The oldest goes, the youngest healthy one is the heir.
    let plan = decide(&seen);
    assert_eq!(lines(&plan), ["lead 3 2", "delete Machine ns/cp-1"]);
    assert_eq!(
        condition(&plan, SCALING_DOWN),
        said("True", "ScalingDown", "Scaling down from 3 to 1 replicas")
    );
    members(&mut seen).leader = 2;
    assert_eq!(lines(&decide(&seen)), ["delete Machine ns/cp-1"]);
}

#[test]
fn members_change_only_after_a_fresh_look() {
    let mut seen = running(3);
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(1));
    seen.etcd.as_mut().unwrap().taken = now().checked_sub(SignedDuration::from_secs(60)).unwrap();
    assert!(matches!(decide(&seen).next, Next::Look(Need::Etcd { .. })));
}

#[test]
fn a_drained_machine_goes_after_its_member_left() {
    let mut seen = running(3);
    drained(&mut seen, 1);
    let plan = decide(&seen);
    let actions: Vec<String> = lines(&plan).into_iter().filter(|line| !line.ends_with("status")).collect();
    assert_eq!(actions, ["lead 3 2", "remove 1", "patch Machine ns/cp-1"]);
    let Some(Action::Etcd { nodes, .. }) = plan.actions.iter().rev().nth(1) else { panic!("{plan:?}") };
    assert_eq!(nodes, &["cp-2", "cp-3"]);
}

#[test]
fn a_member_does_not_leave_where_that_would_cost_the_quorum() {
    let mut seen = running(3);
    drained(&mut seen, 1);
    members(&mut seen).members[1].alarms = vec!["CORRUPT".to_owned()];
    let plan = decide(&seen);
    assert!(lines(&plan).iter().all(|line| line.ends_with("status")), "{:?}", lines(&plan));
    assert!(matches!(plan.waiting.first(), Some(Waiting::Deletion(_))), "{:?}", plan.waiting);
}

#[test]
fn the_hook_waits_for_other_hooks_for_its_turn_and_for_the_one_before() {
    let mut seen = running(3);
    drained(&mut seen, 1);
    let is_let_go =
        |seen: &Observed| lines(&decide(seen)).iter().any(|line| line.starts_with("patch Machine"));
    assert!(is_let_go(&seen));
    let mut other = seen.clone();
    let hook = format!("{}/other", labels::PRE_TERMINATE_HOOK_PREFIX);
    edit_machine(&mut other, 1, |machine| {
        machine.metadata.annotations.get_or_insert_default().insert(hook, String::new());
    });
    assert!(!is_let_go(&other));
    let mut early = seen.clone();
    say(&mut early, 1, DELETING, true, "DrainingNode");
    assert!(!is_let_go(&early));
    drained(&mut seen, 2);
    edit_machine(&mut seen, 2, |machine| {
        machine.metadata.annotations.as_mut().unwrap().remove(labels::KUBEADM_PRE_TERMINATE_HOOK);
    });
    assert!(!is_let_go(&seen));
}

#[test]
fn members_without_a_machine_leave_unless_a_machine_may_be_theirs() {
    let mut seen = running(3);
    members(&mut seen).members.push(EtcdMember { id: 9, name: "gone".into(), ..EtcdMember::default() });
    let plan = decide(&seen);
    assert_eq!(lines(&plan), ["remove 9"]);
    assert!(matches!(plan.next, Next::At(_)));
    let message = "* Etcd member gone does not have a corresponding Machine";
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY), said("False", "NotHealthy", message));
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(4));
    add_machine(&mut seen, 4);
    unprovisioned(&mut seen, 4);
    assert!(!lines(&decide(&seen)).contains(&"remove 9".to_owned()));
}

#[test]
fn another_version_replaces_machines_surging_by_one() {
    let mut seen = running(3);
    edit(&mut seen, |kcp| kcp.spec.version = "v1.35.0".to_owned());
    assert_eq!(decide(&seen).next, Next::Look(Need::KubeadmConfig));
    let config =
        kubeadm::kubeadm_config_map::config_map(&Default::default(), &Default::default(), "v1.34.0").unwrap();
    seen.kubeadm_config = Some(Looked::Found(config.into()));
    seen.kubelet_binding = Some(Looked::Absent);
    let plan = decide(&seen);
    let actions: Vec<String> = lines(&plan).into_iter().filter(|line| !line.ends_with("status")).collect();
    assert_eq!(
        actions,
        [
            "create ClusterRoleBinding /kubeadm:apiserver-kubelet-client",
            "patch ConfigMap kube-system/kubeadm-config"
        ]
    );
    let message = on_machine(&plan, "cp-1", "UpToDate")["message"].clone();
    assert_eq!(message, "* Version v1.34.0, v1.35.0 required");
    let rolling = "Rolling out 3 not up-to-date replicas\n* Version v1.34.0, v1.35.0 required";
    assert_eq!(condition(&plan, ROLLING_OUT), said("True", "RollingOut", rolling));

    seen.kubelet_binding = Some(Looked::Found(Default::default()));
    let Action::Workload { write: Write::Patch { patch, .. }, .. } = plan.actions.last().unwrap() else {
        panic!()
    };
    let mut config =
        kubeadm::kubeadm_config_map::config_map(&Default::default(), &Default::default(), "v1.35.0").unwrap();
    config.data = serde_json::from_value(patch["data"].clone()).unwrap();
    seen.kubeadm_config = Some(Looked::Found(config.into()));
    let plan = decide(&seen);
    assert_eq!(object(&plan, "Machine")["spec"]["version"], "v1.35.0");

    // With one more there, the oldest outdated one goes.
    add_machine(&mut seen, 4);
    let deleted: Vec<String> =
        lines(&decide(&seen)).into_iter().filter(|line| line.starts_with("delete")).collect();
    assert_eq!(deleted, ["delete Machine ns/cp-1"]);
}

#[test]
fn labels_reach_machines_without_replacing_them() {
    let mut seen = running(1);
    edit(&mut seen, |kcp| {
        kcp.spec.machine_template.metadata.labels.insert("team".to_owned(), "a".to_owned());
    });
    let mut actions = lines(&decide(&seen));
    actions.sort();
    assert_eq!(actions, ["apply DevMachine ns/cp-1", "apply KubeadmConfig ns/cp-1", "apply Machine ns/cp-1"]);
}

#[test]
fn an_owner_of_an_older_version_is_applied_anew() {
    let mut seen = running(1);
    edit_machine(&mut seen, 1, |machine| {
        machine.metadata.owner_references.as_mut().unwrap()[0].api_version =
            "controlplane.cluster.x-k8s.io/v1alpha1".to_owned();
    });
    assert_eq!(lines(&decide(&seen)), ["apply Machine ns/cp-1"]);
}

#[test]
fn an_unhealthy_machine_is_replaced_and_the_replacement_knows_it() {
    let mut seen = running(3);
    give_up(&mut seen, 2);
    break_pods(&mut seen, 2);
    let plan = decide(&seen);
    let actions: Vec<String> = lines(&plan).into_iter().filter(|line| !line.ends_with("status")).collect();
    assert_eq!(actions, ["patch KubeadmControlPlane ns/cp", "delete Machine ns/cp-2"]);
    let told = on_machine(&plan, "cp-2", OWNER_REMEDIATED);
    assert_eq!(
        (&told["reason"], &told["message"]),
        (&json!("MachineDeleting"), &json!("Machine is deleting"))
    );

    let Action::Write { write: Write::Patch { patch, .. }, .. } = &plan.actions[1] else {
        panic!("{plan:?}")
    };
    let note = patch["metadata"]["annotations"][labels::REMEDIATION_IN_PROGRESS].as_str().unwrap().to_owned();
    assert_eq!(note, r#"{"machine":"cp-2","timestamp":"2030-01-01T00:00:00Z","retryCount":0}"#);
    let mut seen = running(2);
    edit(&mut seen, |kcp| {
        kcp.spec.replicas = Some(3);
        kcp.metadata.annotations = Some([(labels::REMEDIATION_IN_PROGRESS.to_owned(), note.clone())].into());
    });
    let plan = decide(&seen);
    assert_eq!(object(&plan, "Machine")["metadata"]["annotations"][labels::REMEDIATION_FOR], note.as_str());
    assert_eq!(plan.status.unwrap().last_remediation.unwrap().machine, "cp-2");
    add_machine(&mut seen, 3);
    assert_eq!(lines(&decide(&seen)), ["patch KubeadmControlPlane ns/cp"]);
}

#[test]
fn an_unhealthy_machine_stays_where_replacing_it_would_do_harm() {
    let reason = |seen: &Observed, machine: &str| {
        on_machine(&decide(seen), machine, OWNER_REMEDIATED)["message"].clone()
    };
    let mut alone = running(1);
    give_up(&mut alone, 1);
    assert_eq!(
        reason(&alone, "cp-1"),
        "KubeadmControlPlane can't remediate if current replicas are less or equal to 1"
    );
    let mut coming = running(3);
    give_up(&mut coming, 1);
    unprovisioned(&mut coming, 3);
    assert_eq!(
        reason(&coming, "cp-1"),
        "KubeadmControlPlane waiting for control plane Machine provisioning to complete before triggering remediation"
    );
    let mut two_broken = running(3);
    give_up(&mut two_broken, 1);
    members(&mut two_broken).members[1].alarms = vec!["CORRUPT".to_owned()];
    assert_eq!(
        reason(&two_broken, "cp-1"),
        "KubeadmControlPlane can't remediate this Machine because this could result in loosing Kubernetes control plane components or in etcd quorum loss"
    );
    let plan = decide(&two_broken);
    assert!(lines(&plan).iter().all(|line| line.ends_with("status")));
    assert_eq!(condition(&plan, REMEDIATING).0, "True");
}

#[test]
fn a_replacement_that_fails_too_is_a_retry() {
    let mut seen = running(3);
    give_up(&mut seen, 3);
    let note = r#"{"machine":"old","timestamp":"2029-12-31T23:50:00Z","retryCount":1}"#;
    edit_machine(&mut seen, 3, |machine| {
        machine
            .metadata
            .annotations
            .as_mut()
            .unwrap()
            .insert(labels::REMEDIATION_FOR.to_owned(), note.to_owned());
    });
    let note = |plan: &KubeadmControlPlanePlan| {
        plan.actions.iter().find_map(|action| match action {
            Action::Write { write: Write::Patch { patch, .. }, .. } => {
                patch["metadata"]["annotations"][labels::REMEDIATION_IN_PROGRESS].as_str().map(str::to_owned)
            }
            _ => None,
        })
    };
    assert!(note(&decide(&seen)).unwrap().contains(r#""retryCount":2"#));
    edit(&mut seen, |kcp| kcp.spec.remediation.max_retry = Some(1));
    let plan = decide(&seen);
    assert_eq!(note(&plan), None);
    assert_eq!(
        on_machine(&plan, "cp-3", OWNER_REMEDIATED)["message"],
        "KubeadmControlPlane can't remediate this machine because the operation already failed 1 times (MaxRetry)"
    );
    edit(&mut seen, |kcp| kcp.spec.remediation.retry_period_seconds = Some(3600));
    let plan = decide(&seen);
    assert_eq!(
        on_machine(&plan, "cp-3", OWNER_REMEDIATED)["message"],
        "KubeadmControlPlane can't remediate this machine because the operation already failed in the latest 1h0m0s (RetryPeriodSeconds)"
    );
    // Other work goes on, and the period ends by itself.
    assert!(matches!(plan.next, Next::At(_)));
}

#[test]
fn a_lost_connection_changes_nothing_until_the_grace_period_ends() {
    let mut seen = running(3);
    let plan = decide(&seen);
    edit(&mut seen, |kcp| kcp.status = plan.status.unwrap());
    seen.connection.is_up = false;
    (seen.nodes, seen.pods) = (None, None);
    let plan = decide(&seen);
    assert!(lines(&plan).is_empty(), "{:?}", lines(&plan));
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY).0, "True");
    seen.now = now().checked_add(SignedDuration::from_mins(6)).unwrap();
    let plan = decide(&seen);
    let message = "Last successful probe at 2030-01-01T00:00:00Z";
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY), said("Unknown", "ConnectionDown", message));
    assert_eq!(on_machine(&plan, "cp-1", "APIServerPodHealthy")["message"], message);
}

#[test]
fn nothing_is_made_or_taken_away_on_what_was_known_before_the_connection_was_lost() {
    let mut seen = running(3);
    let plan = decide(&seen);
    edit(&mut seen, |kcp| kcp.status = plan.status.unwrap());
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(5));
    assert_eq!(lines(&decide(&seen)).len(), 1, "{:?}", lines(&decide(&seen)));
    let down = |seen: &Observed| {
        let mut seen = seen.clone();
        seen.connection.is_up = false;
        seen
    };
    let unlisted = |seen: &Observed| Observed { pods: None, ..seen.clone() };
    for seen in [down(&seen), unlisted(&seen)] {
        let plan = decide(&seen);
        assert!(lines(&plan).is_empty(), "{:?}", lines(&plan));
        assert_eq!(plan.waiting, [Waiting::Connection]);
    }
    give_up(&mut seen, 2);
    let plan = decide(&down(&seen));
    assert!(lines(&plan).is_empty(), "{:?}", lines(&plan));
}

#[test]
fn machines_are_added_only_after_a_fresh_look() {
    let mut seen = running(3);
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(5));
    seen.etcd.as_mut().unwrap().taken = now().checked_sub(SignedDuration::from_secs(60)).unwrap();
    assert!(matches!(decide(&seen).next, Next::Look(Need::Etcd { .. })));
}

#[test]
fn kubeadm_is_told_before_anything_holds_a_rollout_up() {
    let mut seen = running(3);
    break_pods(&mut seen, 1);
    edit(&mut seen, |kcp| kcp.spec.version = "v1.35.0".to_owned());
    assert_eq!(decide(&seen).next, Next::Look(Need::KubeadmConfig));
}

#[test]
fn what_keeps_etcd_from_letting_an_unhealthy_machine_go_is_told_on_it() {
    let mut seen = running(3);
    give_up(&mut seen, 1);
    break_pods(&mut seen, 1);
    members(&mut seen).leader = 99;
    let plan = decide(&seen);
    let told = on_machine(&plan, "cp-1", OWNER_REMEDIATED);
    assert_eq!(
        (&told["reason"], &told["message"]),
        (
            &json!("CannotBeRemediated"),
            &json!("unable to move etcd leadership, failed to detect etcd leader")
        )
    );
}

#[test]
fn where_no_node_is_left_etcd_is_not_called_healthy() {
    let mut seen = running(1);
    let plan = decide(&seen);
    edit(&mut seen, |kcp| kcp.status = plan.status.unwrap());
    seen.nodes = Some(Default::default());
    seen.etcd = None;
    let plan = decide(&seen);
    let message = "Etcd reports the cluster is composed by [], but the etcd member hosted on Machine cp-1 (cp-1) is not included";
    assert_eq!(on_machine(&plan, "cp-1", "EtcdMemberHealthy")["message"], message);
    assert_eq!(condition(&plan, ETCD_CLUSTER_HEALTHY).0, "False");
}

#[test]
fn the_version_of_the_last_machine_stays() {
    let mut seen = running(1);
    let plan = decide(&seen);
    assert_eq!(plan.status.as_ref().unwrap().version.as_deref(), Some("v1.34.0"));
    edit(&mut seen, |kcp| kcp.status = plan.status.unwrap());
    seen.machines.clear();
    assert_eq!(decide(&seen).status.unwrap().version.as_deref(), Some("v1.34.0"));
}

#[test]
fn partial_trouble_is_told_although_the_control_plane_is_available() {
    let mut seen = running(3);
    break_pods(&mut seen, 3);
    let plan = decide(&seen);
    // It only just happened.
    assert_eq!(condition(&plan, AVAILABLE), said("True", "Available", ""));
    let lines = "* Machine cp-3:\n  * Control plane components: Pod does not exist";
    assert_eq!(condition(&plan, CONTROL_PLANE_COMPONENTS_HEALTHY), said("False", "NotHealthy", lines));
    say(&mut seen, 3, "APIServerPodHealthy", false, "DoesNotExist");
    let plan = decide(&seen);
    let message = "* 2 of 3 Machines have healthy control plane components, at least 1 required";
    assert_eq!(condition(&plan, AVAILABLE), said("True", "Available", message));
}

#[test]
fn it_is_deleted_after_the_workers_all_at_once_and_without_care_for_etcd() {
    let mut seen = running(2);
    edit(&mut seen, |kcp| {
        kcp.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()))
    });
    seen.workers = vec!["w1".to_owned(), "w2".to_owned()];
    let plan = decide(&seen);
    assert!(lines(&plan).is_empty());
    let message =
        "KubeadmControlPlane deletion blocked because following objects still exist:\n* Machines: w1, w2";
    assert_eq!(condition(&plan, DELETING), said("True", "WaitingForWorkersDeletion", message));
    seen.workers.clear();
    let plan = decide(&seen);
    let pairs = [
        "patch Machine ns/cp-1",
        "delete Machine ns/cp-1",
        "patch Machine ns/cp-2",
        "delete Machine ns/cp-2",
    ];
    assert_eq!(lines(&plan), pairs);
    assert_eq!(condition(&plan, DELETING), said("True", "WaitingForMachineDeletion", "Deleting 2 Machines"));
    seen.machines.clear();
    let plan = decide(&seen);
    assert_eq!((lines(&plan), plan.status), (vec!["patch KubeadmControlPlane ns/cp".to_owned()], None));
}

#[test]
fn machines_of_nobody_are_adopted_and_those_of_others_stop_everything() {
    let mut seen = running(1);
    edit_machine(&mut seen, 1, |machine| machine.metadata.owner_references = None);
    assert_eq!(decide(&seen).next, Next::Look(Need::Kept));
    seen.is_kept = Some(false);
    let plan = decide(&seen);
    assert!(lines(&plan).is_empty() && matches!(plan.waiting[..], [Waiting::Adoption(_)]), "{plan:?}");
    seen.is_kept = Some(true);
    assert_eq!(lines(&decide(&seen)), ["patch Machine ns/cp-1"]);
    edit_machine(&mut seen, 1, |machine| machine.spec.version = Some("v1.30.0".to_owned()));
    assert!(matches!(decide(&seen).waiting.first(), Some(Waiting::Adoption(_))));
    edit_machine(&mut seen, 1, |machine| {
        machine.metadata.owner_references =
            Some(vec![crate::owners::controller(&api::core::MachineSet::default())]);
    });
    assert!(matches!(decide(&seen).waiting.first(), Some(Waiting::ForeignMachines(_))));
}

#[test]
fn a_missing_template_is_told_and_only_holds_back_new_machines() {
    let mut seen = running(3);
    seen.template = Referenced::Missing;
    let plan = decide(&seen);
    let message = "Scaling up would be blocked because DevMachineTemplate does not exist";
    assert_eq!(condition(&plan, SCALING_UP), said("False", "NotScalingUp", message));
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(5));
    assert_eq!(decide(&seen).waiting, [Waiting::Template("DevMachineTemplate".to_owned())]);
}

#[test]
fn sentences_alone_wait_until_machines_that_come_and_go_are_silent_for_a_moment() {
    let mut seen = running(3);
    edit(&mut seen, |kcp| kcp.spec.replicas = Some(4));
    add_machine(&mut seen, 4);
    unprovisioned(&mut seen, 4);
    edit_machine(&mut seen, 4, |machine| machine.status.conditions.clear());
    let plan = decide(&seen);
    let status = plan.status.unwrap();
    edit(&mut seen, |kcp| kcp.status = status);
    let apply = plan.actions.into_iter().find_map(|action| match action {
        Action::Write { write: Write::Apply { object, .. }, .. } => Some(object),
        _ => None,
    });
    let conditions = apply.unwrap()["status"]["conditions"].clone();
    edit_machine(&mut seen, 4, |machine| {
        machine.status.conditions = serde_json::from_value(conditions).unwrap()
    });
    let published = decide(&seen).status;
    edit(&mut seen, |kcp| kcp.status = published.unwrap_or_else(|| kcp.status.clone()));
    edit_machine(&mut seen, 4, |machine| {
        machine.metadata.generation = Some(7);
        let ready = rules::NewCondition::new("Ready", rules::ConditionStatus::Unknown, "ReadyUnknown", "one");
        rules::set(&mut machine.status.conditions, ready, 0, now());
    });
    let plan = decide(&seen);
    assert_eq!((lines(&plan), plan.status.is_none()), (Vec::new(), true));
    assert_eq!(plan.next, Next::At(now().checked_add(SignedDuration::from_secs(2)).unwrap()));
    seen.now = now().checked_add(SignedDuration::from_secs(2)).unwrap();
    seen.etcd.as_mut().unwrap().taken = seen.now;
    let message = condition(&decide(&seen), "MachinesReady").2;
    assert!(message.contains("Machine cp-4: one"), "{message}");
}

#[test]
fn kubeadm_is_told_of_another_coredns_before_it_runs() {
    let mut seen = running(1);
    edit(&mut seen, |kcp| {
        kcp.spec.kubeadm_config_spec.cluster_configuration.dns.image_tag = Some("v1.12.1".to_owned());
    });
    let image = "registry.k8s.io/coredns/coredns:v1.11.1".to_owned();
    let coredns = Some(AddonImage { container: "coredns".to_owned(), image });
    seen.addons = Some(Addons { taken: now(), coredns, ..Addons::default() });
    assert_eq!(decide(&seen).next, Next::Look(Need::KubeadmConfig));
    seen.kubeadm_config = Some(Looked::Absent);
    assert!(lines(&decide(&seen)).is_empty());
    let config =
        kubeadm::kubeadm_config_map::config_map(&Default::default(), &Default::default(), "v1.35.0").unwrap();
    seen.kubeadm_config = Some(Looked::Found(config.into()));
    let plan = decide(&seen);
    let expected = ["patch ConfigMap kube-system/kubeadm-config", "apply Deployment kube-system/coredns"];
    assert_eq!(lines(&plan), expected);
    let Action::Workload { write: Write::Patch { patch, .. }, .. } = &plan.actions[0] else { panic!() };
    assert!(patch["data"]["ClusterConfiguration"].as_str().unwrap().contains("imageTag: v1.12.1"));
}

/// As upstream has it: the member votes, so it counts, and what it is like is told by its Machine alone.
#[test]
fn a_member_that_votes_before_its_machine_has_a_node_counts_against_the_quorum() {
    let mut seen = running(2);
    unprovisioned(&mut seen, 2);
    let learner = EtcdMember { id: 2, name: "cp-2".to_owned(), is_learner: true, ..EtcdMember::default() };
    members(&mut seen).members.push(learner);
    assert_eq!(condition(&decide(&seen), AVAILABLE).0, "True");
    members(&mut seen).members[1].is_learner = false;
    let message = "* 1 of 2 etcd members is healthy, at least 2 healthy member required for etcd quorum";
    assert_eq!(condition(&decide(&seen), AVAILABLE), said("False", "NotAvailable", message));
}
