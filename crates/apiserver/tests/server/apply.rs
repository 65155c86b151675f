//! What an apply is asked, in which order, and what it is told.

use std::sync::atomic::{AtomicI64, Ordering};

use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::frame::{define_things, send, send_text, server, server_with_clock};

const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A server with one map, whose `k` belongs to somebody.
async fn server_with_map() -> ApiServer {
    let server = server().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    let path = format!("{MAPS}?fieldManager=owner");
    assert_eq!(send(&server, "POST", &path, JSON, map).await.0, 201);
    server
}

/// Applies a map with these members to the map of this name.
async fn apply(server: &ApiServer, name: &str, members: Value) -> (u16, Value) {
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    map.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    send(server, "PATCH", &format!("{MAPS}/{name}?fieldManager=m"), APPLY, map).await
}

#[tokio::test]
async fn an_apply_to_what_exists_need_not_name_it() {
    let server = server_with_map().await;
    for members in [json!({"data": {"l": "w"}}), json!({"metadata": {}, "data": {"l": "w"}})] {
        let (code, answer) = apply(&server, "a", members).await;
        assert_eq!((code, &answer["data"]), (200, &json!({"k": "v", "l": "w"})));
        assert_eq!(answer["metadata"]["name"], "a");
    }
    let (code, status) = apply(&server, "b", json!({"data": {"l": "w"}})).await;
    let wanted = "the name of the object (b based on URL) was undeterminable: name must be provided";
    assert_eq!((code, &status["message"]), (400, &json!(wanted)));
}

#[tokio::test]
async fn metadata_of_a_wrong_type_does_not_fit_the_schema() {
    let server = server_with_map().await;
    let cases = [
        (
            json!({"labels": {"x": 1}}),
            ".metadata.labels.x: expected string, got &value.valueUnstructured{Value:1}",
        ),
        (
            json!({"annotations": {"x": true}}),
            ".metadata.annotations.x: expected string, got &value.valueUnstructured{Value:true}",
        ),
        (json!({"finalizers": "x"}), ".metadata.finalizers: expected list, got &{x}"),
        (json!({"labels": []}), ".metadata.labels: expected map, got &{[]}"),
    ];
    for (mut metadata, problem) in cases {
        for name in ["a", "new"] {
            metadata["name"] = json!(name);
            let (code, status) = apply(&server, name, json!({"metadata": metadata})).await;
            let wanted =
                format!("failed to create typed patch object (/{name}; /v1, Kind=ConfigMap): {problem}");
            assert_eq!((code, status.get("reason"), &status["message"]), (500, None, &json!(wanted)));
        }
    }
}

#[tokio::test]
async fn metadata_that_no_client_could_read_is_not_stored() {
    let server = server_with_map().await;
    for metadata in [
        json!({"creationTimestamp": 5}),
        json!({"deletionTimestamp": "soon"}),
        json!({"generation": 1.5}),
        json!({"deletionGracePeriodSeconds": 0.5}),
    ] {
        let (code, status) = apply(&server, "a", json!({"metadata": metadata})).await;
        let message = status["message"].as_str().unwrap();
        assert_eq!((code, status.get("reason")), (500, None), "{message}");
        assert!(message.starts_with("failed to convert new object (/; /v1, Kind=ConfigMap)"), "{message}");
    }
    for whole in [Value::Null, json!("x"), json!([])] {
        let code = apply(&server, "a", json!({"metadata": whole})).await.0;
        assert_eq!(code, if whole.is_null() { 200 } else { 500 }, "{whole}");
    }
}

/// Each body has one mistake more than the next, and is told about the first.
#[tokio::test]
async fn of_several_mistakes_the_first_is_told() {
    let server = server_with_map().await;
    let mistakes = [
        ("kind: Secret", "kind: ConfigMap", "invalid object type: /v1, Kind=Secret"),
        ("managedFields: []", "", "metadata.managedFields must be nil"),
        ("l: 1", "l: x", "failed to create typed patch object"),
        ("k: other", "k: v", "Apply failed with 1 conflict"),
        ("m: x\n  m: x", "m: x", "error strict decoding patch"),
        ("namespace: other", "", "the namespace of the provided object does not match"),
        ("name: b", "", "the name of the object (b) does not match"),
        ("resourceVersion: '1'", "", "Operation cannot be fulfilled"),
    ];
    for (first, (_, _, wanted)) in mistakes.iter().enumerate() {
        let part = |index: usize| {
            let (wrong, right, _) = mistakes[index];
            if index < first { right } else { wrong }
        };
        let [kind, managed, l, k, doubled, namespace, name, version] = std::array::from_fn(part);
        let metadata = [managed, namespace, name, version].join("\n  ");
        let body =
            format!("apiVersion: v1\n{kind}\nmetadata:\n  {metadata}\ndata:\n  {l}\n  {k}\n  {doubled}\n");
        let path = format!("{MAPS}/a?fieldManager=m&fieldValidation=Strict");
        let (_, status) = send_text(&server, "PATCH", &path, APPLY, body).await;
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with(wanted), "{message} instead of {wanted}");
    }
}

#[tokio::test]
async fn an_apply_to_an_object_in_particular_makes_no_other() {
    let server = server_with_map().await;
    let (code, status) = apply(&server, "new", json!({"metadata": {"name": "other", "uid": "x"}})).await;
    let wanted = "Operation cannot be fulfilled on configmaps \"new\": uid mismatch: the provided object specified uid x, \
                  and no existing object was found";
    assert_eq!((code, &status["message"]), (409, &json!(wanted)));
    assert_eq!(
        (&status["reason"], &status["details"]),
        (&json!("Conflict"), &json!({"kind": "configmaps", "name": "new"}))
    );
    let (code, _) = apply(&server, "new", json!({"metadata": {"name": "new", "uid": ""}})).await;
    assert_eq!(code, 201);
}

#[tokio::test]
async fn the_version_that_an_apply_names_is_that_of_the_object() {
    let server = server_with_map().await;
    let versions = [("abc", 500), ("1", 409), ("0", 200), ("", 200)];
    for (version, wanted) in versions {
        let metadata = json!({"name": "a", "resourceVersion": version});
        let (code, status) = apply(&server, "a", json!({"metadata": metadata})).await;
        assert_eq!(code, wanted, "{version:?}: {status}");
    }
    let (code, status) =
        apply(&server, "new", json!({"metadata": {"name": "new", "resourceVersion": "abc"}})).await;
    let wanted = "strconv.ParseUint: parsing \"abc\": invalid syntax";
    assert_eq!((code, &status["message"], status.get("reason")), (500, &json!(wanted), None));
}

#[tokio::test]
async fn an_apply_that_only_a_time_would_tell_of_is_none() {
    // Each look is a second later.
    let seconds = AtomicI64::new(1_700_000_000);
    let clock = move || jiff::Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap();
    let server = server_with_clock(clock).await;
    define_things(&server).await;
    let path = "/apis/example.com/v1/namespaces/default/things/a?fieldManager=m";
    let thing = |spec: Value| {
        json!({
            "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec,
            // Dropped, but only after the merge took it for a change.
            "status": {"phase": "up"},
        })
    };
    let (_, made) = send(&server, "PATCH", path, APPLY, thing(json!({"tags": ["a", "b"]}))).await;
    let (code, same) = send(&server, "PATCH", path, APPLY, thing(json!({"tags": ["a", "b"]}))).await;
    assert_eq!((code, &same), (200, &made));
    let (code, turned) = send(&server, "PATCH", path, APPLY, thing(json!({"tags": ["b", "a"]}))).await;
    assert_eq!((code, &turned["spec"]["tags"]), (200, &json!(["b", "a"])));
    let time = |thing: &Value| thing["metadata"]["managedFields"][0]["time"].clone();
    assert_ne!(time(&turned), time(&made));
}
