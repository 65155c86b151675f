//! Checkers that never complain prove nothing: each is shown what it is there for.

use bytes::Bytes;
use providers::dev::ClusterId;
use providers::dev::cloud::etcd::{Member, Membership};
use providers::dev::cloud::records::ClusterRecord;
use providers::dev::cloud::{CLUSTER_RECORDS, RECORDS};
use serde_json::{Value, json};
use store::{Change, Options, Precondition};

use super::{Violation, leftovers, rest};
use crate::Rehearsal;
use crate::faults::FaultRates;
use crate::scenario::Life;
use crate::scenario::objects::objects;
use crate::world::World;

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "sim-control-plane";

/// A world with the objects of a cluster, and nobody who looks after them.
async fn world(control_plane: i64, workers: i64) -> World {
    let rehearsal = Rehearsal::new(1, Life::SMALL, FaultRates::NONE);
    let mut world = World::without_controllers(&rehearsal).await.unwrap();
    for object in objects(control_plane, workers, "v1.35.0", &json!({})) {
        world.apply(&object).await.unwrap();
    }
    world.checkers.check().unwrap();
    world
}

fn uid(world: &World, plural: &str, name: &str) -> Value {
    world.object(plural, name).unwrap()["metadata"]["uid"].clone()
}

async fn machine(world: &mut World, name: &str, owner: (&str, &str, &str, &str)) -> Result<(), Violation> {
    let (version, kind, plural, owner) = owner;
    let reference = json!({"apiVersion": version, "kind": kind, "name": owner, "uid": uid(world, plural, owner),
        "controller": true});
    let machine = json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine",
        "metadata": {"name": name, "namespace": "default", "ownerReferences": [reference],
            "labels": {"cluster.x-k8s.io/cluster-name": "sim"}, "finalizers": ["test.io/stay"]},
        "spec": {"clusterName": "sim", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef":
            {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevMachine", "name": name}}});
    world.apply(&machine).await.unwrap();
    world.checkers.check()
}

const OF_CONTROL_PLANE: (&str, &str, &str, &str) =
    ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", "kubeadmcontrolplanes", CONTROL_PLANE);
const OF_SET: (&str, &str, &str, &str) = ("cluster.x-k8s.io/v1beta2", "MachineSet", "machinesets", "set");

async fn machine_set(world: &mut World, replicas: i64) {
    let deployment = world.object("machinedeployments", "sim-workers").unwrap().clone();
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"] = json!({"set": "set"});
    let set = json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineSet",
        "metadata": {"name": "set", "namespace": "default", "ownerReferences": [{
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "name": "sim-workers",
            "uid": deployment["metadata"]["uid"], "controller": true}]},
        "spec": {"clusterName": "sim", "replicas": replicas,
            "selector": {"matchLabels": {"set": "set"}}, "template": template}});
    world.apply(&set).await.unwrap();
    world.checkers.check().unwrap();
}

async fn make_available(world: &mut World, name: &str) {
    let condition = json!({"type": "Available", "status": "True", "reason": "Available", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    world.patch_status(CORE, "Machine", name, &json!({"conditions": [condition]})).await.unwrap();
    world.checkers.check().unwrap();
}

async fn delete(world: &mut World, name: &str) -> Result<(), Violation> {
    world.delete(CORE, "Machine", name).await.unwrap();
    world.checkers.check()
}

fn rule(outcome: Result<(), Violation>) -> &'static str {
    outcome.err().map(|violation| violation.rule).unwrap_or("held")
}

#[tokio::test(start_paused = true)]
async fn one_machine_too_many() {
    let mut world = world(1, 1).await;
    machine_set(&mut world, 1).await;
    assert_eq!(rule(machine(&mut world, "a", OF_CONTROL_PLANE).await), "held");
    assert_eq!(rule(machine(&mut world, "b", OF_CONTROL_PLANE).await), "held");
    assert_eq!(rule(machine(&mut world, "c", OF_CONTROL_PLANE).await), "one Machine per replica");
    assert_eq!(rule(machine(&mut world, "d", OF_SET).await), "held");
    assert_eq!(rule(machine(&mut world, "e", OF_SET).await), "one Machine per replica");
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_in_a_hurry() {
    let mut world = world(3, 1).await;
    for name in ["a", "b", "c"] {
        machine(&mut world, name, OF_CONTROL_PLANE).await.unwrap();
    }
    let rule_broken = "a control plane changes one Machine at a time";
    assert_eq!(rule(delete(&mut world, "a").await), "held", "what never worked may go");
    assert_eq!(rule(delete(&mut world, "b").await), rule_broken);
    assert_eq!(rule(machine(&mut world, "d", OF_CONTROL_PLANE).await), rule_broken);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_needed() {
    let mut world = world(1, 1).await;
    machine_set(&mut world, 1).await;
    for (name, owner) in [("a", OF_CONTROL_PLANE), ("b", OF_SET)] {
        machine(&mut world, name, owner).await.unwrap();
        make_available(&mut world, name).await;
    }
    assert_eq!(rule(delete(&mut world, "a").await), "a control plane stays available");
    assert_eq!(rule(delete(&mut world, "b").await), "a MachineDeployment stays available");
}

/// Members by number, with the one that leads; only those of `running` run.
async fn etcd(world: &mut World, members: &[u64], leader: u64, running: &[u64]) -> Result<(), Violation> {
    let member = |id: &u64| Member {
        id: *id,
        name: format!("node-{id}"),
        peer_url: String::new(),
        client_url: String::new(),
        learner: false,
        running: running.contains(id),
    };
    let members = members.iter().map(member).collect();
    let record = ClusterRecord {
        id: ClusterId::new("default", "sim"),
        dev_cluster: "sim".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 1,
        addresses: 0,
        etcd: Membership { cluster_id: 1, term: 1, leader, revision: 1, members },
        init: None,
    };
    let encoded = Bytes::from(serde_json::to_vec(&record).unwrap());
    let records = world.simulated.store_with(RECORDS, Options::small()).unwrap();
    let key = format!("{CLUSTER_RECORDS}default/sim");
    records.commit(&key, Precondition::Any, move |_| Change::Put(encoded)).await.unwrap();
    world.checkers.check()
}

#[tokio::test(start_paused = true)]
async fn etcd_is_harmed() {
    let mut world = world(3, 1).await;
    let leader_gone = "etcd's leader hands over before it goes";
    for (members, leader, running, broken) in [
        (&[1, 2, 3][..], 1, &[1, 2, 3][..], "held"),
        (&[2, 3], 2, &[2, 3], leader_gone),
        (&[2, 3], 3, &[2, 3], "held"),
        (&[3], 3, &[3], "held"),
        (&[3, 4], 3, &[3, 4], "held"),
        (&[3, 4], 4, &[3, 4], "held"),
        (&[4], 4, &[4], "held"),
        (&[4, 5, 6], 4, &[4, 5, 6], "held"),
        (&[4, 5, 6], 5, &[5, 6], leader_gone),
        (&[4, 5, 6], 6, &[6], "etcd keeps its quorum"),
    ] {
        assert_eq!(rule(etcd(&mut world, members, leader, running).await), broken, "{members:?} {running:?}");
    }
    world.delete(CORE, "Cluster", "sim").await.unwrap();
    assert_eq!(rule(etcd(&mut world, &[4, 5, 6], 6, &[]).await), "held", "a cluster that goes needs no etcd");
}

#[tokio::test(start_paused = true)]
async fn a_world_that_is_not_at_rest() {
    let mut world = world(1, 0).await;
    assert_eq!(rule(rest(&world.checkers)), "one Machine per replica");
    machine(&mut world, "a", OF_CONTROL_PLANE).await.unwrap();
    assert_eq!(rule(rest(&world.checkers)), "every Machine has its parts");
    let partner = |version: &str, kind: &str, owner: Value, spec: Value| {
        let reference = json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "a",
            "uid": owner, "controller": true});
        json!({"apiVersion": version, "kind": kind, "spec": spec,
            "metadata": {"name": "a", "namespace": "default", "ownerReferences": [reference]}})
    };
    let owner = uid(&world, "machines", "a");
    let backend = json!({"backend": {"inMemory": {}}});
    for object in [
        partner(
            "bootstrap.cluster.x-k8s.io/v1beta2",
            "KubeadmConfig",
            owner.clone(),
            json!({"preKubeadmCommands": ["true"]}),
        ),
        partner("infrastructure.cluster.x-k8s.io/v1beta2", "DevMachine", owner, backend.clone()),
    ] {
        world.apply(&object).await.unwrap();
    }
    world.checkers.check().unwrap();
    assert_eq!(rule(rest(&world.checkers)), "the cloud is what the API says");
    let orphan =
        partner("infrastructure.cluster.x-k8s.io/v1beta2", "DevMachine", json!("gone"), backend.clone());
    world.delete("infrastructure.cluster.x-k8s.io", "DevMachine", "a").await.unwrap();
    world.apply(&orphan).await.unwrap();
    world.checkers.check().unwrap();
    assert_eq!(rule(rest(&world.checkers)), "nothing outlives its owner");
}

#[tokio::test(start_paused = true)]
async fn something_is_left() {
    let world = world(1, 1).await;
    assert_eq!(rule(leftovers(&world.checkers)), "nothing is left after deletion");
}
