//! The controllers at work, and a user beside them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::core::machine::Machine;
use api::core::machine_deployment::MachineDeployment;
use api::core::machine_set::MachineSet;
use apiserver::admission::{Matcher, Operation, Plugin};
use apiserver::{ApiServer, Identifiers};
use controllers::etcd_identity::EtcdIdentities;
use controllers::machine_deployment::{self, MachineDeployments};
use controllers::machine_set::{self, MachineSets};
use controllers::{Context, table, workload};
use jiff::Timestamp;
use machinery::gvk::GroupVersionKind;
use machinery::status::Status;
use runtime::cache::Cache;
use runtime::client::{Call, Client, Verb};
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::network;
use runtime::queue::Groups;
use runtime::shutdown::Shutdown;
use runtime::workload::{Settings, Workloads};
use runtime::writer::Writer;
use serde_json::{Value, json};

pub const NAMESPACE: &str = "default";
pub const CORE: &str = "cluster.x-k8s.io/v1beta2";
pub const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io/v1beta2";
pub const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io/v1beta2";

struct Names(Entropy);

impl Identifiers for Names {
    fn uid(&self) -> String {
        self.0.stream("uid", "").uid()
    }

    fn suffix(&self) -> String {
        self.0.stream("suffix", "").suffix()
    }
}

/// The controllers at work, and a user beside them.
pub struct Bench {
    pub clock: Clock,
    pub cx: Context,
    controllers: Client,
    user: Client,
    counted: BTreeMap<String, u64>,
}

impl Bench {
    pub async fn new() -> Self {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let entropy = Entropy::seeded(3);
        let time = clock.clone();
        let server = ApiServer::builder(store::Database::in_memory().store("test").unwrap())
            .clock(move || time.now())
            .identifiers(Names(entropy.clone()))
            .admission(vec![defaults()])
            .build()
            .await
            .unwrap();
        let user = Client::new(server.clone(), clock.clone());
        define_kinds(&user).await;
        let controllers = Client::new(server, clock.clone());
        let cache = table::declare(Cache::builder(controllers.clone(), clock.clone(), entropy.clone()))
            .watch_time(None)
            .start(&Shutdown::new());
        cache.synced().await;
        let cx = context(&cache, &clock, &entropy);
        let (groups, shutdown) = (Groups::new(), Shutdown::new());
        table::run::<MachineSets>(&cx, &groups, machine_set::group_of, &shutdown).unwrap();
        table::run::<MachineDeployments>(&cx, &groups, machine_deployment::group_of, &shutdown).unwrap();
        Self { clock, cx, controllers, user, counted: BTreeMap::new() }
    }

    /// Applies an object as a user.
    pub async fn apply(&self, object: Value) {
        self.write(Verb::Apply, "", &object).await;
    }

    /// Patches an object, or its status.
    pub async fn patch(&self, subresource: &str, object: Value) {
        self.write(Verb::Patch, subresource, &object).await;
    }

    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
        self.write(Verb::Delete, "", &object).await;
    }

    async fn write(&self, verb: Verb, subresource: &str, object: &Value) {
        let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let kind = self.user.discover(&GroupVersionKind::parse(api_version, kind).unwrap()).await.unwrap();
        let key = Key::new(NAMESPACE, object["metadata"]["name"].as_str().unwrap());
        let mut call = Call::new(verb, &kind, &key);
        call.subresource = subresource;
        call.query = match verb {
            Verb::Apply => &[("fieldManager", "user"), ("force", "true")],
            Verb::Delete => &[],
            _ => &[("fieldManager", "user")],
        };
        if verb != Verb::Delete {
            call.body = object.to_string().into();
        }
        self.user.call(call).await.unwrap();
    }

    /// Lets everything that can happen now happen.
    pub async fn settle(&self) {
        // Statuses may be gathered for a moment, one after another.
        self.clock.sleep(Duration::from_millis(500)).await;
    }

    pub fn machines(&self) -> Vec<Arc<Machine>> {
        self.cx.kind::<Machine>().unwrap().list(NAMESPACE)
    }

    pub fn sets(&self) -> Vec<Arc<MachineSet>> {
        self.cx.kind::<MachineSet>().unwrap().list(NAMESPACE)
    }

    pub fn deployment(&self) -> Arc<MachineDeployment> {
        self.cx.get::<MachineDeployment>(&Key::new(NAMESPACE, "d")).unwrap().unwrap()
    }

    pub async fn objects(&self, api_version: &str, kind: &str) -> Vec<Value> {
        let kind = GroupVersionKind::parse(api_version, kind).unwrap();
        let store = self.cx.cache.dynamic(&kind).await.unwrap();
        store.list(NAMESPACE).iter().map(|object| object.value().clone()).collect()
    }

    /// What controllers sent since this was asked last, without reads and watches.
    pub fn writes(&mut self) -> BTreeMap<String, u64> {
        let mut now = BTreeMap::new();
        for count in self.controllers.metrics().calls() {
            assert_eq!(count.failures, 0, "{} {}", count.verb, count.resource);
            if !["get", "list", "watch"].contains(&count.verb) {
                now.insert(format!("{} {}", count.verb, count.resource), count.calls);
            }
        }
        let before = std::mem::replace(&mut self.counted, now.clone());
        now.retain(|what, count| {
            *count -= before.get(what).copied().unwrap_or_default();
            *count > 0
        });
        now
    }

    /// How often controllers read one object of a resource, whether it was there or not.
    pub fn reads(&self, resource: &str) -> u64 {
        let calls = self.controllers.metrics().calls();
        let reads = calls.iter().filter(|count| count.verb == "get" && count.resource == resource);
        reads.map(|count| count.calls).sum()
    }

    /// Says that all Machines are up, with the version that they should have.
    pub async fn provision(&self) {
        for machine in self.machines() {
            let condition = |type_: &str| {
                json!({"type": type_, "status": "True", "reason": type_, "message": "",
                    "lastTransitionTime": "2027-01-15T08:00:00Z"})
            };
            self.patch(
                "status",
                json!({"apiVersion": CORE, "kind": "Machine", "metadata": {"name": machine.metadata.name},
                "status": {
                    "nodeRef": {"name": machine.metadata.name},
                    "initialization": {"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true},
                    "conditions": [condition("Available"), condition("Ready"), condition("UpToDate")],
                }}),
            )
            .await;
        }
        self.settle().await;
    }

    /// Takes the finalizer from Machines that are being deleted: nothing else holds them here.
    pub async fn release(&self) {
        for machine in self.machines() {
            if machine.metadata.deletion_timestamp.is_some() {
                let metadata = json!({"name": machine.metadata.name, "finalizers": []});
                self.patch("", json!({"apiVersion": CORE, "kind": "Machine", "metadata": metadata})).await;
            }
        }
        self.settle().await;
    }
}

fn defaults() -> Plugin {
    Plugin {
        name: "defaults".to_owned(),
        matcher: Matcher {
            groups: vec![api::core::GROUP.to_owned()],
            resources: Vec::new(),
            operations: vec![Operation::Create, Operation::Update],
        },
        mutate: Some(Arc::new(|request, object| {
            let kind = &request.kind;
            api::defaults::default(&kind.group, &kind.kind, object, request.old)
                .map_err(|error| Box::new(Status::bad_request(error.to_string())))
        })),
        validate: None,
    }
}

async fn define_kinds(client: &Client) {
    let kind =
        Kind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    for definition in api::crd::crds() {
        let key = Key::cluster_scoped(definition["metadata"]["name"].as_str().unwrap());
        let mut call = Call::new(Verb::Apply, &kind, &key);
        call.query = &[("fieldManager", "test"), ("force", "true")];
        call.body = definition.to_string().into();
        client.call(call).await.unwrap();
    }
}

fn context(cache: &Cache, clock: &Clock, entropy: &Entropy) -> Context {
    let workloads = Workloads::new(
        network::pipes(),
        clock.clone(),
        entropy.clone(),
        workload::kubeconfigs(cache),
        Settings::default(),
    );
    Context {
        targets: Arc::new(table::targets(cache).unwrap()),
        cache: cache.clone(),
        writer: Writer::new(cache),
        workloads,
        clock: clock.clone(),
        entropy: entropy.clone(),
        etcd_identities: EtcdIdentities::default(),
        control_planes: controllers::kubeadm_control_plane::Memory::default(),
    }
}
