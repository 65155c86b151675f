//! The controllers over a management API: from objects to a cluster that answers, and back.

use std::sync::{Arc, Mutex};

use apiserver::ApiServer;
use controllers::etcd_identity::EtcdIdentities;
use controllers::{Context, table, workload};
use runtime::cache::Cache;
use runtime::client::{Call, Client, Verb};
use runtime::entropy::Stream;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::queue::Groups;
use runtime::shutdown::Shutdown;
use runtime::workload::{Settings, Workloads};
use runtime::writer::Writer;
use serde_json::{Value, json};

use super::world::{World, id};
use crate::dev::{self, Cloud};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// A management API, and somebody who writes to it as users and the core's controllers do.
struct Management {
    world: World,
    user: Client,
    /// What the provider's controllers ask.
    provider: Client,
    cloud: Cloud,
    _shutdown: Shutdown,
}

struct Names(Mutex<Stream>);

impl apiserver::Identifiers for Names {
    fn uid(&self) -> String {
        self.0.lock().unwrap().uid()
    }

    fn suffix(&self) -> String {
        self.0.lock().unwrap().suffix()
    }
}

fn kind(name: &str) -> Kind {
    let (group, version, plural) = match name {
        "Cluster" => ("cluster.x-k8s.io", "v1beta2", "clusters"),
        "Machine" => ("cluster.x-k8s.io", "v1beta2", "machines"),
        "DevCluster" => ("infrastructure.cluster.x-k8s.io", "v1beta2", "devclusters"),
        "DevMachine" => ("infrastructure.cluster.x-k8s.io", "v1beta2", "devmachines"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
        _ => ("", "v1", "secrets"),
    };
    Kind::new(group, version, name, plural)
}

impl Management {
    async fn start() -> Self {
        let world = World::new();
        let clock = world.clock.clone();
        let server = ApiServer::builder(world.database.store("management").unwrap())
            .clock(move || clock.now())
            .identifiers(Names(Mutex::new(world.entropy.stream("management", ""))))
            .build()
            .await
            .unwrap();
        let user = Client::new(server.clone(), world.clock.clone());
        let definitions = kind("CustomResourceDefinition");
        for definition in api::crd::crds() {
            let key = Key::cluster_scoped(definition["metadata"]["name"].as_str().unwrap());
            let mut call = Call::new(Verb::Create, &definitions, &key);
            call.body = definition.to_string().into();
            user.call(call).await.unwrap();
        }
        let provider = Client::new(server, world.clock.clone());
        let shutdown = Shutdown::new();
        let cloud = world.open().await;
        let cx = context(&world, &provider, &shutdown).await;
        let _running = dev::start(&cx, &cloud, &Groups::new(), &shutdown).unwrap();
        Self { world, user, provider, cloud, _shutdown: shutdown }
    }

    async fn create(&self, name: &str, mut object: Value) -> Value {
        let kind = kind(name);
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = name.into();
        object["metadata"]["namespace"] = "default".into();
        let key = Key::new("default", object["metadata"]["name"].as_str().unwrap());
        let mut call = Call::new(Verb::Create, &kind, &key);
        call.body = object.to_string().into();
        serde_json::from_slice(&self.user.call(call).await.unwrap()).unwrap()
    }

    async fn patch(&self, name: &str, object: &str, subresource: &str, patch: Value) {
        let (kind, key) = (kind(name), Key::new("default", object));
        let mut call = Call::new(Verb::Patch, &kind, &key);
        call.subresource = subresource;
        call.body = patch.to_string().into();
        self.user.call(call).await.unwrap();
    }

    async fn delete(&self, name: &str, object: &str) {
        let (kind, key) = (kind(name), Key::new("default", object));
        self.user.call(Call::new(Verb::Delete, &kind, &key)).await.unwrap();
    }

    async fn get(&self, name: &str, object: &str) -> Option<Value> {
        let bytes = self.user.get(&kind(name), &Key::new("default", object)).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Until everybody has done what there is to do.
    async fn rest(&self) {
        self.world.clock.sleep(SECOND).await;
    }

    /// A Cluster with its DevCluster, provisioned.
    async fn cluster(&self) {
        let cluster = self
            .create("Cluster", json!({"metadata": {"name": "c1"}, "spec": {"infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevCluster", "name": "d1"}}}))
            .await;
        let owner = json!([{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "name": "c1", "uid": cluster["metadata"]["uid"]}]);
        self.create("DevCluster", json!({"metadata": {"name": "d1", "ownerReferences": owner}, "spec": {"backend": {"inMemory": {}}}})).await;
        self.rest().await;
        self.patch(
            "Cluster",
            "c1",
            "status",
            json!({"status": {"initialization": {"infrastructureProvisioned": true}}}),
        )
        .await;
    }

    /// A Machine with its DevMachine; the data comes later.
    async fn machine(&self, name: &str, control_plane: bool, backend: Value) {
        let mut labels = json!({"cluster.x-k8s.io/cluster-name": "c1"});
        if control_plane {
            labels["cluster.x-k8s.io/control-plane"] = "".into();
        }
        let machine = self
            .create("Machine", json!({"metadata": {"name": name, "labels": labels}, "spec": {
                "clusterName": "c1", "version": "v1.35.0", "bootstrap": {"dataSecretName": format!("{name}-data")},
                "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevMachine", "name": name},
            }}))
            .await;
        let owner = json!([{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": name, "uid": machine["metadata"]["uid"], "controller": true}]);
        self.create("DevMachine", json!({"metadata": {"name": name, "labels": labels, "ownerReferences": owner}, "spec": {"backend": {"inMemory": backend}}})).await;
    }

    async fn data(&self, name: &str, data: &str) {
        let labels = json!({"cluster.x-k8s.io/cluster-name": "c1"});
        self.create("Secret", json!({"metadata": {"name": format!("{name}-data"), "labels": labels}, "stringData": {"value": data}})).await;
    }

    /// Writes of the provider so far.
    fn writes(&self) -> u64 {
        let reads = ["list", "watch", "get"];
        self.provider
            .metrics()
            .calls()
            .iter()
            .filter(|count| !reads.contains(&count.verb))
            .map(|count| count.calls)
            .sum()
    }
}

async fn context(world: &World, client: &Client, shutdown: &Shutdown) -> Context {
    let builder = Cache::builder(client.clone(), world.clock.clone(), world.entropy.clone());
    let cache = table::declare(builder).watch_time(None).start(shutdown);
    cache.synced().await;
    let workloads = Workloads::new(
        world.network.clone(),
        world.clock.clone(),
        world.entropy.clone(),
        workload::kubeconfigs(&cache),
        Settings::default(),
    );
    Context {
        targets: Arc::new(table::targets(&cache).unwrap()),
        writer: Writer::new(&cache),
        cache,
        workloads,
        clock: world.clock.clone(),
        entropy: world.entropy.clone(),
        etcd_identities: EtcdIdentities::default(),
        control_planes: controllers::kubeadm_control_plane::Memory::default(),
    }
}

fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let list = object["status"]["conditions"].as_array().unwrap();
    list.iter().find(|condition| condition["type"] == type_).unwrap_or(&Value::Null)
}

#[tokio::test(start_paused = true)]
async fn a_cluster_gets_an_address_in_two_writes_and_gives_it_back() {
    let plane = Management::start().await;
    let before = plane.writes();
    plane.cluster().await;
    plane.rest().await;
    let object = plane.get("DevCluster", "d1").await.unwrap();
    assert_eq!(object["spec"]["controlPlaneEndpoint"], json!({"host": "127.0.0.1", "port": 20_000}));
    assert_eq!(object["status"]["initialization"]["provisioned"], true);
    assert_eq!(object["metadata"]["finalizers"], json!(["dockercluster.infrastructure.cluster.x-k8s.io"]));
    assert_eq!(plane.writes() - before, 2);
    plane.delete("DevCluster", "d1").await;
    plane.rest().await;
    assert_eq!(plane.get("DevCluster", "d1").await, None);
    assert_eq!(plane.cloud.endpoint(&id()), None);
}

#[tokio::test(start_paused = true)]
async fn a_machine_becomes_a_node_in_two_writes_and_goes() {
    let plane = Management::start().await;
    plane.cluster().await;
    plane.data("cp1", &plane.world.init()).await;
    let before = plane.writes();
    plane.machine("cp1", true, json!({})).await;
    plane.rest().await;
    let object = plane.get("DevMachine", "cp1").await.unwrap();
    assert_eq!(object["spec"]["providerID"], "in-memory://cp1");
    for type_ in ["VMProvisioned", "NodeProvisioned", "EtcdProvisioned", "APIServerProvisioned", "Ready"] {
        assert_eq!(condition(&object, type_)["status"], "True", "{type_}");
    }
    assert_eq!(plane.writes() - before, 2);
    let client = plane.world.admin(&plane.cloud);
    assert_eq!(super::world::node_names(&client).await, ["cp1"]);
    plane.delete("DevMachine", "cp1").await;
    plane.rest().await;
    assert_eq!(plane.get("DevMachine", "cp1").await, None);
    assert_eq!(plane.cloud.machine(&id(), "cp1"), None);
}

#[tokio::test(start_paused = true)]
async fn delays_pass_and_a_failed_join_says_why() {
    let plane = Management::start().await;
    plane.cluster().await;
    plane.data("cp1", &plane.world.init()).await;
    let delay = json!({"provisioning": {"startupDuration": "10s", "startupJitter": "0.2"}});
    plane.machine("cp1", true, json!({"vm": delay, "node": delay, "etcd": delay, "apiServer": delay})).await;
    plane.rest().await;
    let object = plane.get("DevMachine", "cp1").await.unwrap();
    assert_eq!(condition(&object, "VMProvisioned")["reason"], "WaitingForStartupTimeout");
    assert_eq!(object["spec"].get("providerID"), None);
    plane.world.clock.sleep(40 * SECOND).await;
    let object = plane.get("DevMachine", "cp1").await.unwrap();
    assert_eq!(condition(&object, "Ready")["status"], "True", "{object}");
    plane.data("w1", &plane.world.join(&plane.cloud, false, "aaaaaa.0123456789abcdef", "sha256:00")).await;
    plane.machine("w1", false, json!({})).await;
    plane.rest().await;
    let object = plane.get("DevMachine", "w1").await.unwrap();
    assert_eq!(condition(&object, "NodeProvisioned")["reason"], "Failed");
    assert!(condition(&object, "NodeProvisioned")["message"].as_str().unwrap().contains("caCertHashes"));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_by_force_leaves_nothing_behind() {
    let plane = Management::start().await;
    plane.cluster().await;
    plane.rest().await;
    plane.patch("DevCluster", "d1", "", json!({"metadata": {"finalizers": null}})).await;
    plane.delete("DevCluster", "d1").await;
    plane.rest().await;
    assert_eq!(plane.cloud.endpoint(&id()), None);
}
