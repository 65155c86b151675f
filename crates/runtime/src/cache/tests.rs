#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::fake::Server;
use crate::faults::EventFate;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

struct Bench {
    server: Server,
    clock: Clock,
    cache: Cache,
    maps: Store<ConfigMap>,
    shutdown: Shutdown,
}

impl Bench {
    fn over(server: Server, shape: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let client = Client::new(server.clone(), clock.clone());
        let shutdown = Shutdown::new();
        let builder = Cache::builder(client, clock.clone(), Entropy::seeded(1))
            .watch_time(None)
            .kind(Codec::<ConfigMap>::of_traits(), |kind| kind.index("colour", colour));
        let cache = shape(builder).start(&shutdown);
        let maps = cache.kind::<ConfigMap>().unwrap();
        Self { server, clock, cache, maps, shutdown }
    }

    fn new() -> Self {
        Self::over(Server::new(), |builder| builder)
    }

    /// Lets everything that can happen now happen.
    async fn settle(&self) {
        self.clock.sleep(Duration::from_millis(1)).await;
    }

    /// A write of ours was answered.
    fn answered(&self, answer: &str) {
        let header = Header::read(answer).unwrap();
        self.cache.absorb_write(&Kind::of::<ConfigMap>(), &header, answer).unwrap();
    }

    fn data(&self, name: &str) -> Option<String> {
        let map = self.maps.get(&Key::new("default", name))?;
        map.data.as_ref()?.get("colour").cloned()
    }
}

fn colour(map: &ConfigMap) -> Vec<String> {
    map.data.iter().filter_map(|data| data.get("colour").cloned()).collect()
}

fn map(colour: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": { "colour": colour } })
}

fn path(name: &str) -> String {
    format!("{MAPS}/{name}")
}

#[tokio::test(start_paused = true)]
async fn lists_then_follows() {
    for server in [Server::new(), Server::new().without_streamed_lists()] {
        server.put(&path("a"), map("red"));
        let bench = Bench::over(server, |builder| builder);
        bench.cache.synced().await;
        assert_eq!(bench.data("a").as_deref(), Some("red"));
        bench.server.put(&path("b"), map("blue"));
        bench.server.put(&path("a"), map("green"));
        bench.settle().await;
        assert_eq!((bench.data("a").as_deref(), bench.data("b").as_deref()), (Some("green"), Some("blue")));
        bench.server.remove(&path("a"));
        bench.settle().await;
        assert_eq!(bench.data("a"), None);
        assert_eq!(bench.maps.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_first_list_is_woken_in_turn() {
    const WAITERS: usize = 32;
    let bench = Bench::new();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for number in 0..WAITERS {
        let (maps, woken) = (bench.maps.clone(), Arc::clone(&woken));
        tasks.spawn(async move {
            maps.synced().await;
            woken.lock().unwrap().push(number);
        });
    }
    assert!(!bench.maps.is_synced());
    tasks.join_all().await;
    assert_eq!(*woken.lock().unwrap(), (0..WAITERS).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn indexes_follow_changes() {
    let bench = Bench::new();
    for (name, colour) in [("b", "red"), ("a", "red"), ("c", "blue")] {
        bench.server.put(&path(name), map(colour));
    }
    bench.settle().await;
    let names = |colour| {
        bench.maps.keys_by_index("colour", colour).iter().map(|key| key.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("red"), ["a", "b"]);
    bench.server.put(&path("a"), map("blue"));
    bench.server.remove(&path("b"));
    bench.settle().await;
    assert_eq!((names("red"), names("blue")), (vec![], vec!["a".to_owned(), "c".to_owned()]));
    assert!(bench.maps.inner_is_tidy());
}

#[tokio::test(start_paused = true)]
async fn a_cut_watch_goes_on_and_an_expired_one_lists_again() {
    let bench = Bench::new();
    bench.server.put(&path("a"), map("red"));
    bench.server.put(&path("b"), map("red"));
    bench.settle().await;
    bench.server.cut();
    bench.server.put(&path("a"), map("green"));
    bench.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.data("a").as_deref(), Some("green"));
    let lists = |bench: &Bench| bench.server.count("GET /api/v1/configmaps");
    let before = lists(&bench);

    bench.server.hold_watches();
    bench.server.put(&path("a"), map("blue"));
    bench.server.remove(&path("b"));
    bench.server.compact();
    bench.server.cut();
    bench.server.release_watches();
    bench.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!((bench.data("a").as_deref(), bench.data("b")), (Some("blue"), None));
    assert!(lists(&bench) - before >= 2);
}

#[tokio::test(start_paused = true)]
async fn failures_are_waited_out() {
    let server = Server::new();
    for _ in 0..5 {
        server.refuse_next(500);
    }
    server.put(&path("a"), map("red"));
    let bench = Bench::over(server, |builder| builder);
    bench.cache.synced().await;
    let waited = bench.clock.since(Timestamp::constant(1_800_000_000, 0));
    assert!(waited >= Duration::from_millis(200 * 31) && waited < Duration::from_secs(12), "{waited:?}");
    assert_eq!(bench.data("a").as_deref(), Some("red"));
}

#[tokio::test(start_paused = true)]
async fn every_version_is_told_once_and_none_twice() {
    let bench = Bench::new();
    let told = Arc::new(AtomicUsize::new(0));
    bench.maps.observe({
        let told = Arc::clone(&told);
        move |_, _, _| {
            told.fetch_add(1, Relaxed);
        }
    });
    bench.settle().await;
    bench.server.hold_watches();
    for colour in ["red", "green"] {
        bench.server.put(&path("a"), map(colour));
        let answer = bench.server.objects(MAPS)[0].to_string();
        bench.answered(&answer);
        bench.answered(&answer);
        assert_eq!(bench.data("a").as_deref(), Some(colour));
    }
    assert_eq!(told.load(Relaxed), 2);
    // The watch now tells both, the older one first.
    bench.server.release_watches();
    bench.settle().await;
    assert_eq!(bench.data("a").as_deref(), Some("green"));
    assert_eq!(told.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_does_not_bring_back_what_was_deleted() {
    let bench = Bench::new();
    bench.settle().await;
    bench.server.put(&path("a"), map("red"));
    let answer = bench.server.objects(MAPS)[0].to_string();
    bench.server.remove(&path("a"));
    bench.settle().await;
    bench.answered(&answer);
    assert_eq!(bench.data("a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_late_event_does_not_bring_back_what_we_deleted() {
    let bench = Bench::new();
    bench.settle().await;
    bench.server.put(&path("a"), map("red"));
    bench.settle().await;
    bench.server.hold_watches();
    bench.server.put(&path("a"), map("green"));
    bench.server.remove(&path("a"));
    bench.cache.remove(&Kind::of::<ConfigMap>(), &Key::new("default", "a"), "uid-1");
    // Another of the same name is another object.
    bench.server.put(&path("a"), map("blue"));
    let answer = bench.server.objects(MAPS)[0].to_string();
    bench.answered(&answer);
    assert_eq!(bench.data("a").as_deref(), Some("blue"));
    bench.server.release_watches();
    bench.settle().await;
    assert_eq!(bench.data("a").as_deref(), Some("blue"));
}

#[tokio::test(start_paused = true)]
async fn kinds_by_name_are_looked_up_once_and_told_to_all_listeners() {
    let server = Server::new();
    let gadget = |label: &str| json!({ "metadata": { "managedFields": [], "ownerReferences": [{ "uid": "o" }] }, "spec": { "label": label } });
    server.put("/apis/example.io/v1/namespaces/default/gadgets/g", gadget("x"));
    let bench = Bench::over(server, |builder| builder);
    let queue = Queue::new("test", &bench.clock, &Entropy::seeded(1));
    bench.cache.subscribe_dynamic(&queue, |kind, _, new| {
        assert_eq!(kind.kind, "Gadget");
        new.map(Object::key).into_iter().collect()
    });
    let wanted = GroupVersionKind::new("example.io", "v1", "Gadget");
    let (one, two) = tokio::join!(bench.cache.dynamic(&wanted), bench.cache.dynamic(&wanted));
    assert_eq!(one.unwrap().len(), two.unwrap().len());
    assert_eq!(bench.server.count("GET /apis/example.io/v1/gadgets"), 1);
    let gadgets = bench.cache.known_dynamic(&wanted).unwrap();
    let found = gadgets.by_index("owner", "o");
    assert_eq!(
        (found[0]["kind"].as_str(), found[0]["apiVersion"].as_str()),
        (Some("Gadget"), Some("example.io/v1"))
    );
    assert!(found[0]["metadata"].get("managedFields").is_none());
    assert_eq!(queue.take().await, Some(Key::new("default", "g")));

    let unknown = GroupVersionKind::new("example.org", "v1", "Gadget");
    assert!(matches!(bench.cache.dynamic(&unknown).await, Err(Error::UnknownKind(_))));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_kind_whose_watch_has_ended() {
    let bench = Bench::new();
    bench.cache.synced().await;
    let gadgets = GroupVersionKind::new("example.io", "v1", "Gadget");
    bench.server.put("/apis/example.io/v1/namespaces/default/gadgets/g", json!({}));
    bench.shutdown.request();
    // The first begins its watch, the second finds it begun: neither list comes.
    for _ in 0..2 {
        let waited = tokio::time::timeout(Duration::from_secs(60), bench.cache.dynamic(&gadgets)).await;
        assert!(matches!(waited, Ok(Err(Error::Stopping(_)))), "{:?}", waited.map(|store| store.is_ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_may_be_held_both_ways() {
    let server = Server::new();
    server.put(&path("a"), map("red"));
    let bench = Bench::over(server, |builder| builder);
    bench.cache.synced().await;
    // Discovery of the core group is not what is tested: register the plural by hand.
    let kind = Arc::new(Kind::of::<ConfigMap>());
    let traits = Traits {
        decode: Decode::ByName(decode_object),
        encode: Some(|object: &Object| object.value().clone()),
        trim: None,
        label: None,
        managers: |_| true,
        indexes: Vec::new(),
    };
    let store = Store::new(Arc::clone(&kind), traits);
    bench.cache.feed(&kind).unwrap().join(Arc::new(store.clone()), None);
    store.synced().await;
    assert_eq!(store.len(), 1);
    bench.server.put(&path("b"), map("blue"));
    bench.settle().await;
    assert_eq!((store.len(), bench.maps.len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn labels_decide_what_is_held() {
    let server = Server::new();
    let labelled = |colour: &str| {
        let mut map = map(colour);
        map["metadata"]["labels"] = json!({ "mine": "" });
        map
    };
    server.put(&path("a"), map("red"));
    server.put(&path("b"), labelled("blue"));
    let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
    let client = Client::new(server.clone(), clock.clone());
    let cache = Cache::builder(client, clock.clone(), Entropy::seeded(1))
        .kind(Codec::<ConfigMap>::of_traits(), |kind| kind.label("mine"))
        .start(&Shutdown::new());
    cache.synced().await;
    let maps = cache.kind::<ConfigMap>().unwrap();
    assert_eq!(maps.keys(), [Key::new("default", "b")]);
    server.put(&path("a"), labelled("red"));
    server.put(&path("b"), map("blue"));
    clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(maps.keys(), [Key::new("default", "a")]);
}

/// Breaks every so many events, in turn in each of the ways that a cache must survive.
struct Breaker(AtomicUsize);

impl WatchFilter for Breaker {
    fn fate(&self, _: &Kind, _: &str) -> EventFate {
        match self.0.fetch_add(1, Relaxed) % 7 {
            1 => EventFate::Duplicate,
            3 => EventFate::Swap,
            5 => EventFate::Delay(Duration::from_millis(20)),
            6 => EventFate::Cut,
            _ => EventFate::Deliver,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn broken_watches_end_in_the_same_state_every_time() {
    async fn run() -> (Vec<(String, String)>, Duration, Vec<String>) {
        let bench =
            Bench::over(Server::new(), |builder| builder.filter(Arc::new(Breaker(AtomicUsize::new(0)))));
        for round in 0..60 {
            let name = format!("m{}", round % 7);
            if round % 5 == 4 {
                bench.server.remove(&path(&name));
            } else {
                bench.server.put(&path(&name), map(&format!("c{round}")));
            }
            bench.clock.sleep(Duration::from_millis(10)).await;
        }
        bench.clock.sleep(Duration::from_secs(60)).await;
        let there = bench.server.objects(MAPS);
        let there: Vec<_> = there
            .iter()
            .map(|map| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&map["metadata"]["name"]), text(&map["data"]["colour"]))
            })
            .collect();
        let held: Vec<_> = bench
            .maps
            .list("default")
            .iter()
            .map(|map| (map.metadata.name.clone().unwrap(), colour(map).remove(0)))
            .collect();
        assert_eq!(held, there);
        bench.shutdown.request();
        (held, bench.clock.since(Timestamp::constant(1_800_000_000, 0)), bench.server.requests())
    }
    assert_eq!(run().await, run().await);
}
