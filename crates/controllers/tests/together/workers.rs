//! MachineDeployments and MachineSets. Nobody provisions anything here: the tests say what becomes of Machines.

use std::collections::BTreeMap;
use std::time::Duration;

use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use runtime::key::Key;
use serde_json::{Value, json};

use crate::bench::{BOOTSTRAP, Bench, CORE, INFRASTRUCTURE, NAMESPACE};

/// A Cluster without control plane, templates and a MachineDeployment of three, settled and up.
async fn three_workers() -> Bench {
    let mut bench = Bench::new().await;
    bench
        .apply(json!({"apiVersion": CORE, "kind": "Cluster", "metadata": {"name": "c"},
        "spec": {"clusterNetwork": {"serviceDomain": "cluster.local"}}}))
        .await;
    bench
        .apply(json!({"apiVersion": INFRASTRUCTURE, "kind": "DevMachineTemplate", "metadata": {"name": "it"},
            "spec": {"template": {"spec": {"backend": {"inMemory": {}}}}}}))
        .await;
    bench
        .apply(json!({"apiVersion": BOOTSTRAP, "kind": "KubeadmConfigTemplate", "metadata": {"name": "bt"},
            "spec": {"template": {"spec": {"format": "cloud-config"}}}}))
        .await;
    bench.apply(deployment(3, json!({"metadata": {"labels": {"pool": "a"}}}))).await;
    bench.settle().await;
    let expected = [
        // Templates become the Cluster's, the MachineDeployment gets its finalizer and its owner.
        ("patch kubeadmconfigtemplates.bootstrap.cluster.x-k8s.io", 1),
        ("patch devmachinetemplates.infrastructure.cluster.x-k8s.io", 1),
        ("patch machinedeployments.cluster.x-k8s.io", 1),
        ("apply machinesets.cluster.x-k8s.io", 1),
        ("apply machinesets.cluster.x-k8s.io/status", 1),
        ("apply machines.cluster.x-k8s.io", 3),
        ("create kubeadmconfigs.bootstrap.cluster.x-k8s.io", 3),
        ("create devmachines.infrastructure.cluster.x-k8s.io", 3),
        ("apply machinedeployments.cluster.x-k8s.io/status", 1),
    ];
    assert_eq!(bench.writes(), expected.map(|(what, count)| (what.to_owned(), count)).into());
    bench.provision().await;
    bench
}

fn deployment(replicas: i32, template: Value) -> Value {
    let mut object = json!({"apiVersion": CORE, "kind": "MachineDeployment", "metadata": {"name": "d"}, "spec": {
        "clusterName": "c",
        "replicas": replicas,
        "selector": {},
        "template": {"spec": {
            "clusterName": "c",
            "version": "v1.35.0",
            "bootstrap": {"configRef": {"apiGroup": "bootstrap.cluster.x-k8s.io", "kind": "KubeadmConfigTemplate",
                "name": "bt"}},
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevMachineTemplate",
                "name": "it"},
        }},
    }});
    machinery::patch::merge::apply(&mut object["spec"]["template"], &template);
    object
}

#[tokio::test(start_paused = true)]
async fn three_workers_cost_no_more_than_they_must_and_then_nothing() {
    let mut bench = three_workers().await;
    assert_eq!(bench.machines().len(), 3);
    let status = bench.deployment().status.clone();
    assert_eq!((status.available_replicas, status.up_to_date_replicas), (Some(3), Some(3)));
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert!(
        status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Available" && condition.status == "True")
    );
    for (api_version, kind) in [(BOOTSTRAP, "KubeadmConfig"), (INFRASTRUCTURE, "DevMachine")] {
        for (object, machine) in bench.objects(api_version, kind).await.iter().zip(bench.machines()) {
            assert_eq!(object["metadata"]["name"], machine.metadata.name.as_deref().unwrap());
            assert_eq!(
                object["metadata"]["ownerReferences"][0]["uid"],
                machine.metadata.uid.as_deref().unwrap()
            );
        }
    }
    bench.writes();
    bench.clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(bench.writes(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn labels_reach_machines_and_what_they_are_made_of_and_leave_them_again() {
    let mut bench = three_workers().await;
    let name = bench.machines()[0].metadata.name.clone().unwrap();
    for (api_version, kind) in [(CORE, "Machine"), (INFRASTRUCTURE, "DevMachine")] {
        let metadata = json!({"name": name, "labels": {"user": "mine"}});
        bench.patch("", json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})).await;
    }
    let uids =
        |bench: &Bench| bench.machines().iter().map(|one| one.metadata.uid.clone()).collect::<Vec<_>>();
    let before = uids(&bench);
    for (labels, pool, rack) in [
        (json!({"pool": "a", "rack": "r1"}), Some("a"), Some("r1")),
        (json!({"pool": "a"}), Some("a"), None),
        (json!({"rack": "r2"}), None, Some("r2")),
    ] {
        bench.apply(deployment(3, json!({"metadata": {"labels": labels}}))).await;
        bench.settle().await;
        for (api_version, kind) in
            [(CORE, "Machine"), (BOOTSTRAP, "KubeadmConfig"), (INFRASTRUCTURE, "DevMachine")]
        {
            for object in bench.objects(api_version, kind).await {
                let labels = &object["metadata"]["labels"];
                assert_eq!(
                    (labels["pool"].as_str(), labels["rack"].as_str()),
                    (pool, rack),
                    "{kind} {labels}"
                );
                let users = kind != "KubeadmConfig" && object["metadata"]["name"] == name.as_str();
                assert_eq!(labels["user"] == "mine", users);
            }
        }
    }
    assert_eq!(before, uids(&bench));
    bench.writes();
    bench.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.writes(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_replaces_machines_one_by_one_and_removes_the_old_set() {
    let bench = three_workers().await;
    let template = json!({"metadata": {"labels": {"pool": "a"}}, "spec": {"version": "v1.36.0"}});
    bench.apply(deployment(3, template)).await;
    let mut most = 0;
    for _ in 0..20 {
        bench.settle().await;
        most = most.max(bench.machines().len());
        let available = bench.sets().iter().filter_map(|set| set.status.available_replicas).sum::<i32>();
        assert!(available >= 3, "{available}");
        bench.provision().await;
        bench.release().await;
    }
    assert_eq!(most, 4);
    assert_eq!(bench.sets().len(), 1);
    assert!(bench.machines().iter().all(|machine| machine.spec.version.as_deref() == Some("v1.36.0")));
    assert_eq!(bench.machines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn scaling_down_and_deletion_leave_nothing() {
    let bench = three_workers().await;
    bench.apply(deployment(1, json!({"metadata": {"labels": {"pool": "a"}}}))).await;
    bench.settle().await;
    bench.release().await;
    assert_eq!((bench.machines().len(), bench.deployment().status.replicas), (1, Some(1)));
    bench.delete(CORE, "MachineDeployment", "d").await;
    bench.settle().await;
    assert_eq!(bench.sets().len(), 1, "it waits for its Machine");
    bench.release().await;
    assert_eq!((bench.machines().len(), bench.sets().len()), (0, 0));
    assert!(bench.cx.get::<MachineDeployment>(&Key::new(NAMESPACE, "d")).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_while_a_machine_is_made_is_made_again() {
    let bench = three_workers().await;
    bench.apply(deployment(4, json!({"metadata": {"labels": {"pool": "a"}}}))).await;
    bench.settle().await;
    let fresh = bench.machines().into_iter().find(|machine| machine.status.node_ref.is_none()).unwrap();
    let name = fresh.metadata.name.clone().unwrap();
    bench.delete(INFRASTRUCTURE, "DevMachine", &name).await;
    bench.settle().await;
    let again = bench.objects(INFRASTRUCTURE, "DevMachine").await;
    assert!(again.iter().any(|object| object["metadata"]["name"] == name.as_str()));
}

/// What a health check says about a Machine.
async fn health_check(bench: &Bench, machine: &Machine, healthy: &str) {
    let condition = |type_: &str, status: &str| {
        json!({"type": type_, "status": status, "reason": "R", "message": "",
            "lastTransitionTime": "2027-01-15T08:00:00Z"})
    };
    let mut conditions: Vec<Value> =
        machine.status.conditions.iter().map(|condition| json!(condition)).collect();
    conditions.retain(|condition| condition["type"] != "HealthCheckSucceeded");
    conditions.retain(|condition| condition["type"] != "OwnerRemediated");
    conditions.push(condition("HealthCheckSucceeded", healthy));
    conditions.push(condition("OwnerRemediated", "False"));
    let metadata = json!({"name": machine.metadata.name});
    let status = json!({"conditions": conditions});
    let object = json!({"apiVersion": CORE, "kind": "Machine", "metadata": metadata, "status": status});
    bench.patch("status", object).await;
    bench.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_machine_is_replaced_and_one_that_recovers_stays() {
    let mut bench = three_workers().await;
    let [first, second, _] = bench.machines().try_into().unwrap();
    health_check(&bench, &first, "True").await;
    let reason = |bench: &Bench, machine: &Machine| {
        let now = bench.cx.get::<Machine>(&Key::of(&machine.metadata)).unwrap()?;
        let found = now.status.conditions.iter().find(|condition| condition.type_ == "OwnerRemediated")?;
        Some((found.reason.clone(), now.metadata.deletion_timestamp.is_some()))
    };
    assert_eq!(reason(&bench, &first), None);
    health_check(&bench, &second, "False").await;
    assert_eq!(reason(&bench, &second), Some(("MachineDeleting".to_owned(), true)));
    bench.release().await;
    assert_eq!(bench.machines().len(), 3);
    assert!(bench.cx.get::<Machine>(&Key::of(&second.metadata)).unwrap().is_none());
    // The replacement says nothing about being up to date, which begins to count after a while.
    bench.writes();
    bench.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(
        bench.writes().into_keys().collect::<Vec<_>>(),
        ["apply machinedeployments.cluster.x-k8s.io/status", "apply machinesets.cluster.x-k8s.io/status"]
    );
}
