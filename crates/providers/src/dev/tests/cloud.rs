//! The cloud through the doors its clients use: TLS, the API, tunnels, etcd. All over pipes, under one seed and a paused
//! clock.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use runtime::key::Key;
use runtime::kind::Kind;
use serde_json::{Value, json};

use super::world::{
    DAY, TOKEN, World, boot, bootstrap, config_maps, create, get, id, node, node_names, nodes, pods,
};
use crate::dev::cloud::{Bootstrap, ClusterId};

#[tokio::test(start_paused = true)]
async fn a_control_plane_comes_up_and_answers() {
    let world = World::new();
    let cloud = world.open().await;
    cloud.create_cluster(&id(), "dc", None, None).await.unwrap();
    let client = world.admin(&cloud);
    assert!(nodes(&client).await.is_err(), "nobody answers yet");
    world.control_plane(&cloud, 1).await;
    let client = world.admin(&cloud);
    let node = node(&client, "cp1").await;
    let spec = node.spec.unwrap();
    assert_eq!(spec.provider_id.as_deref(), Some("in-memory://cp1"));
    assert_eq!(spec.taints.unwrap()[0].key, "node-role.kubernetes.io/control-plane");
    let status = node.status.unwrap();
    assert_eq!(status.node_info.unwrap().kubelet_version, "v1.35.0");
    assert!(
        status
            .conditions
            .unwrap()
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    );
    let pods = pods(&client).await;
    assert_eq!(pods.len(), 4);
    assert!(pods.iter().all(|pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Running")));
    let key = Key::new("kube-system", "kubeadm-config");
    let config: ConfigMap = get(&client, &Kind::of::<ConfigMap>(), &key).await;
    assert!(config.data.unwrap()["ClusterConfiguration"].contains("kubernetesVersion: v1.35.0"));
    let version: Value = serde_json::from_slice(&client.read("/version").await.unwrap()).unwrap();
    assert_eq!(version["gitVersion"], "v1.35.0");
}

#[tokio::test(start_paused = true)]
async fn strangers_are_kept_out() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    let error = nodes(&world.client_of(&cloud, &["others"])).await.unwrap_err();
    assert_eq!(error.code(), Some(403), "{error}");
    let impostor = World { authority: world.etcd_authority.clone(), ..World::new() };
    let stranger = World { network: world.network.clone(), ..impostor };
    assert!(nodes(&stranger.admin(&cloud)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn each_api_server_is_reached_through_its_pod() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 2).await;
    let client = world.admin(&cloud);
    let certificate = world.shown_by(&client, "kube-apiserver-cp2", 6443).await.unwrap();
    assert_eq!(certificate.common_name, "kube-apiserver");
    for (pod, port) in
        [("kube-apiserver-cp2", 6444), ("kube-apiserver-cp3", 6443), ("kube-scheduler-cp2", 6443)]
    {
        world.shown_by(&client, pod, port).await.unwrap_err();
    }
    cloud.delete_machine(&id(), "cp2").await.unwrap();
    world.shown_by(&client, "kube-apiserver-cp2", 6443).await.unwrap_err();
    world.shown_by(&client, "kube-apiserver-cp1", 6443).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn etcd_is_reached_through_its_pod() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 3).await;
    let client = world.admin(&cloud);
    assert_eq!(node_names(&client).await, ["cp1", "cp2", "cp3"]);
    let mut etcd = world.etcd(&client, "cp2").await.unwrap();
    let members = etcd.member_list().await.unwrap().members;
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["cp1", "cp2", "cp3"]);
    let status = etcd.status().await.unwrap();
    assert_eq!((status.leader, status.header.unwrap().member_id), (members[0].id, members[1].id));
    assert!(etcd.alarms().await.unwrap().alarms.is_empty());
    let mut leader = world.etcd(&client, "cp1").await.unwrap();
    leader.move_leader(members[1].id).await.unwrap();
    etcd.member_remove(members[0].id).await.unwrap();
    assert_eq!(etcd.member_list().await.unwrap().members.len(), 2);
    assert!(leader.member_list().await.is_err(), "a member that was removed has stopped");
    cloud.delete_machine(&id(), "cp1").await.unwrap();
    assert_eq!(node_names(&client).await, ["cp2", "cp3"]);
    assert!(world.etcd(&client, "cp1").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn without_quorum_nothing_is_written() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 3).await;
    cloud.delete_machine(&id(), "cp1").await.unwrap();
    let client = world.admin(&cloud);
    let mut etcd = world.etcd(&client, "cp3").await.unwrap();
    let members = etcd.member_list().await.unwrap().members;
    assert_eq!(members.len(), 3, "a member that died stays in the list");
    assert_eq!(etcd.status().await.unwrap().leader, members[1].id);
    cloud.delete_machine(&id(), "cp2").await.unwrap();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let error = create(&client, &Kind::of::<ConfigMap>(), "default", &config).await.unwrap_err();
    assert!(error.to_string().contains("etcdserver"), "{error}");
    assert!(etcd.member_remove(members[0].id).await.unwrap_err().to_string().contains("no leader"));
    cloud.delete_machine(&id(), "cp3").await.unwrap();
    assert!(config_maps(&client).await.is_err(), "the last API server is gone");
}

#[tokio::test(start_paused = true)]
async fn workers_join_with_the_right_token_and_pin_only() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    let pin = world.authority.certificate().public_key_hash();
    boot(&cloud, "w1", false, &world.join(&cloud, false, "aaaaaa.0123456789abcdef", &pin)).await;
    let Bootstrap::Trying { reason, .. } = bootstrap(&cloud, "w1") else { panic!() };
    assert!(reason.contains("bootstrap-token-aaaaaa"), "{reason}");
    boot(&cloud, "w2", false, &world.join(&cloud, false, TOKEN, "sha256:00")).await;
    assert!(
        matches!(bootstrap(&cloud, "w2"), Bootstrap::Failed { reason } if reason.contains("caCertHashes"))
    );
    boot(&cloud, "w3", false, &world.good_join(&cloud, true)).await;
    assert!(matches!(bootstrap(&cloud, "w3"), Bootstrap::Failed { .. }), "a worker that was told to be more");
    boot(&cloud, "w4", false, &world.good_join(&cloud, false)).await;
    assert!(matches!(bootstrap(&cloud, "w4"), Bootstrap::Done { .. }));
    let client = world.admin(&cloud);
    assert_eq!(node_names(&client).await, ["cp1", "w4"]);
    let node = node(&client, "w4").await;
    assert_eq!(node.spec.unwrap().taints.unwrap()[0].key, "node.cluster.x-k8s.io/uninitialized");
    world.clock.sleep(2 * DAY).await;
    boot(&cloud, "w5", false, &world.good_join(&cloud, false)).await;
    assert!(
        matches!(bootstrap(&cloud, "w5"), Bootstrap::Trying { reason, .. } if reason.contains("expired"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_addresses_and_objects() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    boot(&cloud, "w1", false, &world.good_join(&cloud, false)).await;
    let (endpoint, machine) = (cloud.endpoint(&id()), cloud.machine(&id(), "w1"));
    cloud.close().await;
    let cloud = world.open().await;
    assert_eq!((cloud.endpoint(&id()), cloud.machine(&id(), "w1")), (endpoint, machine));
    let client = world.admin(&cloud);
    assert_eq!(node_names(&client).await, ["cp1", "w1"]);
    assert_eq!(world.etcd(&client, "cp1").await.unwrap().member_list().await.unwrap().members.len(), 1);
    cloud.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_whose_address_is_taken_waits_for_it_and_keeps_nobody_else_waiting() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    cloud.close().await;
    let taken = world.network.listen("127.0.0.1:20000").await.unwrap();
    let cloud = world.open().await;
    let client = world.admin(&cloud);
    cloud.create_cluster(&ClusterId::new("default", "c2"), "other", None, None).await.unwrap();
    assert!(world.network.listen("127.0.0.1:20000").await.is_err(), "a stranger still has it");
    drop(taken);
    world.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!(node_names(&client).await, ["cp1"]);
    let error = cloud.create_cluster(&ClusterId::new("default", "c3"), "third", None, Some(20000)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:20000") && error.contains("default/c3"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn deletion_frees_everything() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    let (host, port) = cloud.endpoint(&id()).unwrap();
    cloud.delete_cluster(&id()).await.unwrap();
    assert!(world.network.dial(&format!("{host}:{port}")).await.is_err());
    assert_eq!((cloud.endpoint(&id()), cloud.machine(&id(), "cp1")), (None, None));
    cloud.close().await;
    let names = world.database.store_names();
    assert_eq!(names, ["dev-cloud"]);
    assert!(world.database.store("dev-cloud").unwrap().list("/").entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_machines_were_is_forgotten_with_their_cluster() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 2).await;
    let namespace = id().namespace;
    assert_eq!(cloud.clusters_with(&namespace, "cp2"), [id()]);
    let named = |name: &str| (namespace.clone(), name.to_owned());
    assert_eq!(cloud.machines(), [named("cp1"), named("cp2")]);
    assert_eq!(cloud.dev_clusters().len(), 1);
    cloud.delete_cluster(&id()).await.unwrap();
    for machine in ["cp1", "cp2"] {
        assert_eq!(cloud.clusters_with(&namespace, machine), []);
        cloud.delete_machine(&id(), machine).await.unwrap();
    }
    assert_eq!((cloud.machines().len(), cloud.dev_clusters().len()), (0, 0));
    let again = world.open().await;
    assert_eq!(again.clusters_with(&namespace, "cp2"), []);
}

#[tokio::test(start_paused = true)]
async fn one_seed_one_outcome() {
    async fn run() -> Vec<(String, Vec<u8>)> {
        let world = World::new();
        let cloud = world.open().await;
        world.control_plane(&cloud, 2).await;
        let stores =
            ["dev-cloud", "dev/default/c1"].map(|name| world.database.store(name).unwrap().list("/").entries);
        stores.into_iter().flatten().map(|entry| (entry.key.to_string(), entry.value.to_vec())).collect()
    }
    let first = run().await;
    assert!(first.len() > 30);
    assert!(first == run().await);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_is_lost_as_a_whole_is_founded_anew() {
    let world = World::new();
    let cloud = world.open().await;
    world.control_plane(&cloud, 1).await;
    boot(&cloud, "cp2", true, &world.init()).await;
    assert!(matches!(bootstrap(&cloud, "cp2"), Bootstrap::Failed { reason } if reason.contains("already")));
    cloud.delete_machine(&id(), "cp1").await.unwrap();
    boot(&cloud, "cp3", true, &world.init()).await;
    cloud.start_etcd(&id(), "cp3").await.unwrap();
    cloud.start_api_server(&id(), "cp3").await.unwrap();
    let client = world.admin(&cloud);
    assert_eq!(node_names(&client).await, ["cp3"]);
    let members = world.etcd(&client, "cp3").await.unwrap().member_list().await.unwrap().members;
    assert_eq!(members.len(), 1);
}
