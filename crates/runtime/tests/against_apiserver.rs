//! Cache, writer and queue over a real API server in the same process, under virtual time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use apiserver::{ApiServer, Identifiers};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use machinery::gvk::GroupVersionKind;
use runtime::cache::{Cache, Codec, Store};
use runtime::client::Client;
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::key::Key;
use runtime::queue::Queue;
use runtime::shutdown::Shutdown;
use runtime::writer::{DeleteOptions, Deleted, Manager, Writer};
use serde_json::{Value, json};

struct Names(Entropy);

impl Identifiers for Names {
    fn uid(&self) -> String {
        self.0.stream("uid", "").uid()
    }

    fn suffix(&self) -> String {
        self.0.stream("suffix", "").suffix()
    }
}

struct Bench {
    clock: Clock,
    entropy: Entropy,
    cache: Cache,
    writer: Writer,
    maps: Store<ConfigMap>,
}

impl Bench {
    async fn new() -> Self {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let entropy = Entropy::seeded(7);
        let time = clock.clone();
        let store = store::Database::in_memory().store("test").unwrap();
        let server = ApiServer::builder(store)
            .clock(move || time.now())
            .identifiers(Names(entropy.clone()))
            .build()
            .await
            .unwrap();
        let client = Client::new(server, clock.clone());
        let cache = Cache::builder(client, clock.clone(), entropy.clone())
            .watch_time(None)
            .kind(Codec::<ConfigMap>::of_traits(), |kind| kind)
            .kind(Codec::<Secret>::of_traits(), |kind| kind)
            .start(&Shutdown::new());
        cache.synced().await;
        let maps = cache.kind::<ConfigMap>().unwrap();
        Self { clock, entropy, writer: Writer::new(&cache), cache, maps }
    }

    /// Lets everything that can happen now happen.
    async fn settle(&self) {
        self.clock.sleep(Duration::from_millis(10)).await;
    }
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

fn intent(colour: &str) -> Value {
    json!({ "data": { "colour": colour } })
}

#[tokio::test(start_paused = true)]
async fn an_apply_is_sent_once_whoever_changes_something_else() {
    let bench = Bench::new().await;
    let (me, you) = (Manager::new("me"), Manager::new("you"));
    let apply = |manager, intent: Value| {
        let (writer, maps) = (bench.writer.clone(), bench.maps.clone());
        async move { writer.apply_if_changed(&maps, &key("a"), manager, &intent).await.unwrap().sent }
    };
    assert!(apply(me, intent("red")).await);
    assert!(!apply(me, intent("red")).await);
    bench.settle().await;
    assert!(apply(you, json!({ "metadata": { "labels": { "by": "you" } } })).await);
    // The version is another, but what the first manager means is there and its own.
    assert!(!apply(me, intent("red")).await);
    assert!(!apply(me, intent("red")).await);
    assert!(apply(you, intent("blue")).await);
    assert!(apply(me, intent("red")).await, "another manager took the field");
}

#[tokio::test(start_paused = true)]
async fn finalizers_and_deletion() {
    let bench = Bench::new().await;
    let (writer, maps) = (&bench.writer, &bench.maps);
    let object = json!({ "metadata": { "finalizers": ["example.io/x"] }, "data": { "colour": "red" } });
    writer.create(maps, &key("a"), "me", &object).await.unwrap();
    let Deleted::Going(going) = writer.delete(maps, &key("a"), DeleteOptions::default()).await.unwrap()
    else {
        panic!("a finalizer holds it");
    };
    let version = going.metadata.resource_version.as_deref().unwrap();
    let patch = runtime::finalizers::removing(&["example.io/x".to_owned()], "example.io/x", version).unwrap();
    writer.merge_patch(maps, &key("a"), "me", "", &patch).await.unwrap();
    assert!(maps.get(&key("a")).is_none(), "gone as soon as the answer says so");
    bench.settle().await;
    assert!(maps.get(&key("a")).is_none());
    assert!(matches!(writer.delete(maps, &key("a"), DeleteOptions::default()).await.unwrap(), Deleted::Gone));
    writer.create(maps, &key("a"), "me", &intent("red")).await.unwrap();
    bench.settle().await;
    assert!(maps.get(&key("a")).is_some());
    assert!(matches!(writer.delete(maps, &key("a"), DeleteOptions::default()).await.unwrap(), Deleted::Gone));
    assert!(maps.get(&key("a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_later_is_found_and_watched() {
    let bench = Bench::new().await;
    let wanted = GroupVersionKind::new("example.io", "v1", "Gadget");
    assert!(bench.cache.dynamic(&wanted).await.is_err());
    let crd = GroupVersionKind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let definitions = bench.cache.dynamic(&crd).await.unwrap();
    let definition = json!({
        "spec": {
            "group": "example.io", "scope": "Namespaced",
            "names": { "kind": "Gadget", "plural": "gadgets", "singular": "gadget", "listKind": "GadgetList" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "spec": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } } } }],
        }
    });
    let name = Key::cluster_scoped("gadgets.example.io");
    bench.writer.create(&definitions, &name, "me", &definition).await.unwrap();
    bench.settle().await;
    let gadgets = bench.cache.dynamic(&wanted).await.unwrap();
    let queue = Queue::new("test", &bench.clock, &bench.entropy);
    bench.cache.subscribe_dynamic(&queue, |_, _, new| new.map(|object| object.key()).into_iter().collect());
    bench.writer.create(&gadgets, &key("g"), "me", &json!({ "spec": { "size": 1 } })).await.unwrap();
    assert_eq!(queue.take().await, Some(key("g")));
    let sent = |status: Value| {
        let (writer, gadgets) = (bench.writer.clone(), gadgets.clone());
        async move { writer.publish_status(&gadgets, &key("g"), "me", &status).await.unwrap().sent }
    };
    assert!(sent(json!({ "ready": true })).await);
    assert!(!sent(json!({ "ready": true })).await);
    assert_eq!(gadgets.get(&key("g")).unwrap()["status"]["ready"], true);
    bench.settle().await;
    assert!(!sent(json!({ "ready": true })).await);
    assert!(sent(json!({ "ready": false })).await);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    async fn run() -> String {
        let bench = Bench::new().await;
        for round in 0..30 {
            let name = key(&format!("m{}", round % 5));
            if round % 7 == 6 {
                bench.writer.delete(&bench.maps, &name, DeleteOptions::default()).await.unwrap();
            } else {
                let intent = intent(&format!("c{round}"));
                bench.writer.apply(&bench.maps, &name, Manager::new("me"), &intent).await.unwrap();
            }
            bench.clock.sleep(Duration::from_secs(1)).await;
        }
        serde_json::to_string(&bench.maps.list("default")).unwrap()
    }
    assert_eq!(run().await, run().await);
}
