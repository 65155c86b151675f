use serde_json::Value;

use super::*;
use crate::dev::cloud::Delays;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn id() -> ClusterId {
    ClusterId::new("n", "c")
}

fn machine(control_plane: bool, secret: Option<&str>) -> Arc<Machine> {
    let mut machine = json!({
        "metadata": {"name": "m", "namespace": "n", "labels": {}},
        "spec": {
            "clusterName": "c", "version": "v1.35.0", "failureDomain": "a", "bootstrap": {},
            "infrastructureRef": {"kind": "DevMachine", "name": "m", "apiGroup": "infrastructure.cluster.x-k8s.io"},
        },
    });
    if control_plane {
        machine["metadata"]["labels"][labels::CONTROL_PLANE] = json!("");
    }
    if let Some(secret) = secret {
        machine["spec"]["bootstrap"]["dataSecretName"] = json!(secret);
    }
    Arc::new(serde_json::from_value(machine).unwrap())
}

fn cluster(provisioned: bool, initialized: bool) -> Arc<Cluster> {
    let status = if initialized { "True" } else { "False" };
    let cluster = json!({
        "metadata": {"name": "c", "namespace": "n"},
        "status": {
            "initialization": {"infrastructureProvisioned": provisioned},
            "conditions": [{"type": "ControlPlaneInitialized", "status": status, "reason": "r", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        },
    });
    Arc::new(serde_json::from_value(cluster).unwrap())
}

fn seen(control_plane: bool) -> Observed {
    let dev_machine = json!({
        "metadata": {"name": "m", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 1},
        "spec": {"backend": {"inMemory": {}}},
    });
    Observed {
        dev_machine: Arc::new(serde_json::from_value(dev_machine).unwrap()),
        machine: Some(machine(control_plane, Some("s"))),
        cluster: Some(cluster(true, true)),
        id: Some(id()),
        has_cluster: true,
        record: None,
        now: NOW,
    }
}

fn change(seen: &mut Observed, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::to_value(&*seen.dev_machine).unwrap();
    change(&mut value);
    seen.dev_machine = Arc::new(serde_json::from_value(value).unwrap());
}

fn record(control_plane: bool, delays: Delays, bootstrap: Bootstrap) -> MachineRecord {
    MachineRecord {
        name: "m".into(),
        control_plane,
        version: "v1.35.0".into(),
        address: "172.18.0.2".into(),
        created: NOW,
        delays,
        bootstrap,
        etcd_started: false,
        api_server_port: 6443,
        api_server_started: false,
    }
}

fn done(at: Timestamp) -> Bootstrap {
    Bootstrap::Done { at, node: "m".into() }
}

/// Status and reason of a condition, as `True Provisioned`.
fn condition(plan: &Decided, type_: &str) -> String {
    let list = &plan.status.as_ref().unwrap().conditions;
    rules::get(list, type_).map(|found| format!("{} {}", found.status, found.reason)).unwrap_or_default()
}

fn patch(plan: &Decided) -> Value {
    let [Step::Write(action)] = plan.actions.as_slice() else { panic!("{:?}", plan.actions) };
    match &**action {
        Action::Write { write: decide::plan::Write::Patch { patch, .. }, .. } => patch.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn guards_come_in_order_and_say_so() {
    let orphan = Observed { machine: None, ..seen(true) };
    assert_eq!(decide(&orphan).waiting, [Waiting::Owner]);
    let table = [
        (
            Observed { cluster: Some(cluster(false, false)), ..seen(true) },
            "WaitingForClusterInfrastructureReady",
        ),
        (Observed { has_cluster: false, ..seen(true) }, "WaitingForClusterInfrastructureReady"),
        (
            Observed {
                machine: Some(machine(false, None)),
                cluster: Some(cluster(true, false)),
                ..seen(false)
            },
            "WaitingForControlPlaneInitialized",
        ),
        (
            Observed {
                machine: Some(machine(true, None)),
                cluster: Some(cluster(true, false)),
                ..seen(true)
            },
            "WaitingForBootstrapData",
        ),
        (Observed { machine: Some(machine(false, None)), ..seen(false) }, "WaitingForBootstrapData"),
    ];
    for (seen, reason) in table {
        let plan = decide(&seen);
        assert!(plan.actions.is_empty());
        assert_eq!(condition(&plan, "VMProvisioned"), format!("False {reason}"));
        assert_eq!(condition(&plan, "NodeProvisioned"), "False WaitingForVMProvisioned");
        assert_eq!(condition(&plan, "Ready"), "False NotReady");
        let control_plane = is_control_plane(seen.machine.as_ref().unwrap());
        assert_eq!(condition(&plan, "EtcdProvisioned").is_empty(), !control_plane);
    }
}

#[test]
fn without_delays_one_step_follows_another() {
    let mut seen = seen(true);
    let Step::Do(Deed::Create { control_plane: true, version, .. }) = &decide(&seen).actions[0] else {
        panic!()
    };
    assert_eq!(version, "v1.35.0");
    seen.record = Some(record(true, Delays::default(), Bootstrap::Pending));
    assert_eq!(decide(&seen).actions, [Step::Do(Deed::Boot { id: id(), secret: "s".into() })]);
    let mut up = record(true, Delays::default(), done(NOW));
    seen.record = Some(up.clone());
    assert_eq!(decide(&seen).actions, [Step::Do(Deed::StartEtcd { id: id() })]);
    up.etcd_started = true;
    seen.record = Some(up.clone());
    assert_eq!(decide(&seen).actions, [Step::Do(Deed::StartApiServer { id: id() })]);
    up.api_server_started = true;
    seen.record = Some(up);
    let written = patch(&decide(&seen));
    assert_eq!(written["spec"]["providerID"], "in-memory://m");
    assert_eq!(written["metadata"]["finalizers"], json!([labels::DEV_MACHINE_FINALIZER]));
    change(&mut seen, |object| {
        object["spec"]["providerID"] = json!("in-memory://m");
        object["metadata"]["finalizers"] = json!([labels::DEV_MACHINE_FINALIZER]);
    });
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), plan.next), (0, Next::OnChange));
    for type_ in ["VMProvisioned", "NodeProvisioned", "EtcdProvisioned", "APIServerProvisioned"] {
        assert_eq!(condition(&plan, type_), "True Provisioned", "{type_}");
    }
    assert_eq!(condition(&plan, "Ready"), "True Ready");
    let status = plan.status.unwrap();
    assert_eq!(
        (status.initialization.provisioned, status.failure_domain.as_deref()),
        (Some(true), Some("a"))
    );
    assert_eq!(status.addresses.len(), 2);
}

#[test]
fn delays_are_waited_for_one_after_another() {
    let ten = Duration::from_secs(10);
    let delays = Delays { vm: ten, node: ten, etcd: ten, api_server: ten * 2 };
    let mut seen = seen(true);
    seen.record = Some(record(true, delays, Bootstrap::Pending));
    let plan = decide(&seen);
    assert_eq!(patch(&plan).get("spec"), None, "the provider ID comes once the machine is up");
    assert_eq!(plan.next, Next::At(later(NOW, ten)));
    assert_eq!(condition(&plan, "VMProvisioned"), "False WaitingForStartupTimeout");
    seen.now = later(NOW, ten);
    let plan = decide(&seen);
    assert_eq!(plan.next, Next::At(later(NOW, ten * 2)));
    assert_eq!(condition(&plan, "NodeProvisioned"), "False WaitingForStartupTimeout");
    assert_eq!(condition(&plan, "EtcdProvisioned"), "False WaitingForNodeProvisioned");
    seen.now = later(NOW, ten * 2);
    assert_eq!(decide(&seen).actions, [Step::Do(Deed::Boot { id: id(), secret: "s".into() })]);
    seen.record = Some(record(true, delays, done(seen.now)));
    let plan = decide(&seen);
    assert_eq!(plan.next, Next::At(later(NOW, ten * 3)));
    assert_eq!(condition(&plan, "APIServerProvisioned"), "False WaitingForStartupTimeout");
}

#[test]
fn kubeadm_tries_again_and_gives_up_visibly() {
    let mut seen = seen(false);
    let trying = Bootstrap::Trying { since: NOW, last: NOW, reason: "no token".into() };
    seen.record = Some(record(false, Delays::default(), trying));
    let plan = decide(&seen);
    assert_eq!(plan.next, Next::At(later(NOW, RETRY)));
    assert_eq!(condition(&plan, "NodeProvisioned"), "False NotCompleted");
    assert_eq!(plan.waiting, [Waiting::Trying("no token".into())]);
    seen.now = later(NOW, RETRY);
    assert!(matches!(decide(&seen).actions[0], Step::Do(Deed::Boot { .. })));
    seen.record = Some(record(false, Delays::default(), Bootstrap::Failed { reason: "wrong CA".into() }));
    let plan = decide(&seen);
    assert_eq!((condition(&plan, "NodeProvisioned").as_str(), plan.next), ("False Failed", Next::OnChange));
    let list = &plan.status.unwrap().conditions;
    assert_eq!(rules::message(list, "NodeProvisioned"), "wrong CA");
}

#[test]
fn a_specification_that_cannot_be_followed_is_named() {
    let mut seen = seen(false);
    change(&mut seen, |object| {
        object["spec"]["backend"]["inMemory"] =
            json!({"vm": {"provisioning": {"startupDuration": "1s", "startupJitter": "x"}}});
    });
    let plan = decide(&seen);
    assert_eq!(condition(&plan, "VMProvisioned"), "False InternalError");
    change(&mut seen, |object| object["spec"]["backend"] = json!({"docker": {}}));
    assert_eq!(decide(&seen).waiting, [Waiting::Backend]);
}

#[test]
fn deletion_destroys_then_lets_go() {
    let mut seen = seen(false);
    change(&mut seen, |object| {
        object["metadata"]["deletionTimestamp"] = json!("2027-01-01T00:00:00Z");
        object["metadata"]["finalizers"] = json!([labels::DEV_MACHINE_FINALIZER]);
    });
    seen.machine = None;
    seen.record = Some(record(false, Delays::default(), done(NOW)));
    assert_eq!(decide(&seen).actions, [Step::Do(Deed::Delete { id: id() })]);
    seen.record = None;
    assert_eq!(patch(&decide(&seen))["metadata"]["finalizers"], json!([]));
}

#[test]
fn pausing_writes_one_condition() {
    let mut seen = seen(false);
    change(&mut seen, |object| object["metadata"]["annotations"] = json!({labels::PAUSED: ""}));
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), plan.status.as_ref().unwrap().conditions.len()), (0, 1));
    assert_eq!(condition(&plan, "Paused"), "True Paused");
}
