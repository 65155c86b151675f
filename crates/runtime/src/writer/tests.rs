#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

use super::*;
use crate::cache::Codec;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::fake::Server;
use crate::shutdown::Shutdown;

const MAP: &str = "/api/v1/namespaces/default/configmaps/a";

struct Bench {
    server: Server,
    clock: Clock,
    writer: Writer,
    maps: Store<ConfigMap>,
}

async fn bench() -> Bench {
    let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
    let server = Server::new();
    let client = Client::new(server.clone(), clock.clone());
    let cache = Cache::builder(client, clock.clone(), Entropy::seeded(1))
        .watch_time(None)
        .kind(Codec::<ConfigMap>::of_traits(), |kind| kind)
        .start(&Shutdown::new());
    cache.synced().await;
    let maps = cache.kind::<ConfigMap>().unwrap();
    Bench { server, clock, writer: Writer::new(&cache), maps }
}

fn key() -> Key {
    Key::new("default", "a")
}

fn intent(colour: &str) -> Value {
    json!({ "data": { "colour": colour } })
}

#[tokio::test(start_paused = true)]
async fn own_writes_are_read_at_once() {
    let Bench { server, writer, maps, .. } = bench().await;
    server.hold_watches();
    writer.create(&maps, &key(), "me", &intent("red")).await.unwrap();
    assert!(maps.get(&key()).is_some());
    let patch = json!({ "data": { "shape": "round" } });
    writer.merge_patch(&maps, &key(), "me", "", &patch).await.unwrap();
    assert_eq!(maps.get(&key()).unwrap().data.as_ref().unwrap()["shape"], "round");
    assert!(writer.create(&maps, &key(), "me", &intent("red")).await.unwrap_err().is_already_exists());
    assert!(matches!(writer.delete(&maps, &key(), DeleteOptions::default()).await, Ok(Deleted::Gone)));
    assert!(maps.get(&key()).is_none());
    assert!(matches!(writer.delete(&maps, &key(), DeleteOptions::default()).await, Ok(Deleted::Gone)));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_is_gone_is_not_read_again() {
    let Bench { server, writer, maps, .. } = bench().await;
    writer.create(&maps, &key(), "me", &intent("red")).await.unwrap();
    server.hold_watches();
    server.remove(MAP);
    assert!(maps.get(&key()).is_some(), "its event is still on its way");
    let error = writer.merge_patch(&maps, &key(), "me", "", &json!({ "data": {} })).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(maps.get(&key()).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_same_apply_is_sent_once() {
    let Bench { server, clock, writer, maps } = bench().await;
    let me = Manager::new("me");
    for expected in [true, false, false] {
        let applied = writer.apply_if_changed(&maps, &key(), me, &intent("red")).await.unwrap();
        assert_eq!(applied.sent, expected);
        clock.sleep(Duration::from_millis(1)).await;
    }
    assert!(writer.apply_if_changed(&maps, &key(), me, &intent("blue")).await.unwrap().sent);
    assert!(writer.apply_if_changed(&maps, &key(), Manager::new("you"), &intent("blue")).await.unwrap().sent);
    assert_eq!(server.count("PATCH"), 3);
    assert_eq!(writer.client().metrics().unsent_applies(), 2);

    // Another version has to be judged anew.
    let mut other = server.objects("/api/v1/configmaps").remove(0);
    other["data"]["colour"] = "green".into();
    server.put(MAP, other);
    clock.sleep(Duration::from_millis(1)).await;
    assert!(writer.apply_if_changed(&maps, &key(), me, &intent("blue")).await.unwrap().sent);
    assert_eq!(maps.get(&key()).unwrap().data.as_ref().unwrap()["colour"], "blue");
}

#[tokio::test(start_paused = true)]
async fn an_apply_on_another_version_is_judged_by_what_the_manager_owns() {
    let Bench { server, clock, writer, maps } = bench().await;
    let object = |owned: Value| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "colour": "red" }, "metadata": { "managedFields": [
            { "manager": "me", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": owned },
        ] } })
    };
    server.put(MAP, object(json!({ "f:data": { "f:colour": {} } })));
    clock.sleep(Duration::from_millis(1)).await;
    let me = Manager::new("me");
    let sent = writer.apply_if_changed(&maps, &key(), me, &intent("red")).await.unwrap().sent;
    assert!(!sent, "the value is there, and is ours");
    server.put(MAP, object(json!({ "f:data": { "f:colour": {}, "f:shape": {} } })));
    clock.sleep(Duration::from_millis(1)).await;
    let sent = writer.apply_if_changed(&maps, &key(), me, &intent("red")).await.unwrap().sent;
    assert!(sent, "a field that is no longer meant must be given up");
}

#[tokio::test(start_paused = true)]
async fn finalizers_keep_an_object_until_the_last_is_gone() {
    let Bench { server, clock, writer, maps } = bench().await;
    let object = json!({ "metadata": { "finalizers": ["x"] }, "data": { "colour": "red" } });
    writer.create(&maps, &key(), "me", &object).await.unwrap();
    let going = writer.delete(&maps, &key(), DeleteOptions::default()).await.unwrap();
    let Deleted::Going(going) = going else { panic!("it has a finalizer") };
    assert!(going.metadata.deletion_timestamp.is_some());
    server.hold_watches();
    let version = going.metadata.resource_version.clone().unwrap();
    let patch = crate::finalizers::removing(&["x".to_owned()], "x", &version).unwrap();
    writer.merge_patch(&maps, &key(), "me", "", &patch).await.unwrap();
    assert!(maps.get(&key()).is_none(), "the answer says that nothing holds it");
    server.release_watches();
    clock.sleep(Duration::from_millis(1)).await;
    assert!(maps.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_read_again_before_anybody_acts_on_it() {
    let Bench { server, writer, maps, .. } = bench().await;
    server.hold_watches();
    server.lose_next_answer();
    let error = writer.create(&maps, &key(), "me", &intent("red")).await.unwrap_err();
    assert!(error.is_uncertain(), "{error}");
    assert!(maps.get(&key()).is_some(), "it took effect");
    server.lose_next_answer();
    let error = writer.delete(&maps, &key(), DeleteOptions::default()).await.unwrap_err();
    assert!(error.is_uncertain(), "{error}");
    assert!(maps.get(&key()).is_none(), "it took effect");
    assert!(writer.settle(&maps, &key()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn preconditions_hold() {
    let Bench { writer, maps, .. } = bench().await;
    writer.create(&maps, &key(), "me", &intent("red")).await.unwrap();
    let other = DeleteOptions { uid: Some("another"), ..DeleteOptions::default() };
    assert!(writer.delete(&maps, &key(), other).await.unwrap_err().is_conflict());
    assert!(maps.get(&key()).is_some());
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_writes() {
    let Bench { server, writer, maps, .. } = bench().await;
    let (leads, leading) = watch::channel(false);
    let writer = Writer::while_leading(writer.cache(), leading);
    let refused = writer.create(&maps, &key(), "me", &intent("red")).await;
    assert!(matches!(refused, Err(Error::NotLeading { .. })));
    assert_eq!(server.count("POST"), 0);
    leads.send_replace(true);
    writer.create(&maps, &key(), "me", &intent("red")).await.unwrap();
}
