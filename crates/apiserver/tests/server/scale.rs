//! The scale subresource: its number, and who owns it.

use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::frame::{send, server_with_clock};

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const THING: &str = "/apis/example.com/v1/namespaces/default/things/a";
const SCALE: &str = "/apis/example.com/v1/namespaces/default/things/a/scale";

/// A server with a kind that can be scaled at a place of its own.
async fn server() -> ApiServer {
    let server = server_with_clock(|| jiff::Timestamp::from_second(1_700_000_000).unwrap()).await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "size": {"type": "object", "properties": {"count": {"type": "integer"}}}, "x": {"type": "string"},
                    }},
                    "status": {"type": "object", "properties": {"count": {"type": "integer"}}},
                }}},
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.size.count", "statusReplicasPath": ".status.count",
                }},
            }],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(send(&server, "POST", path, "application/json", definition).await.0, 201);
    server
}

async fn apply_thing(server: &ApiServer, manager: &str, spec: Value) -> (u16, Value) {
    let thing =
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec});
    send(server, "PATCH", &format!("{THING}?fieldManager={manager}"), APPLY, thing).await
}

fn scale(replicas: i64) -> Value {
    json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": replicas}})
}

async fn apply_scale(server: &ApiServer, query: &str, replicas: i64) -> (u16, Value) {
    send(server, "PATCH", &format!("{SCALE}?{query}"), APPLY, scale(replicas)).await
}

/// Manager, way of writing, subresource and fields of each owner, in the order of the object.
async fn owners(server: &ApiServer) -> Vec<(String, String, String, Value)> {
    let (_, thing) = send(server, "GET", THING, "application/json", Value::Null).await;
    let entries = thing["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let of = |entry: &Value| {
        assert_eq!(entry["apiVersion"], "example.com/v1");
        let fields = entry["fieldsV1"].clone();
        (text(entry, "manager"), text(entry, "operation"), text(entry, "subresource"), fields)
    };
    entries.iter().map(of).collect()
}

fn owner(
    manager: &str,
    operation: &str,
    subresource: &str,
    fields: Value,
) -> (String, String, String, Value) {
    (manager.to_owned(), operation.to_owned(), subresource.to_owned(), fields)
}

fn count() -> Value {
    json!({"f:spec": {"f:size": {"f:count": {}}}})
}

#[tokio::test]
async fn an_apply_to_the_scale_owns_the_number_in_the_object() {
    let server = server().await;
    apply_thing(&server, "one", json!({"x": "y", "size": {"count": 2}})).await;

    let (code, status) = apply_scale(&server, "fieldManager=hpa", 5).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert_eq!(
        status["details"]["causes"],
        json!([{"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".spec.replicas"}])
    );

    // The same number is shared by both.
    let (code, answer) = apply_scale(&server, "fieldManager=hpa", 2).await;
    assert_eq!((code, &answer["kind"], &answer["spec"]), (200, &json!("Scale"), &json!({"replicas": 2})));
    assert_eq!(answer["metadata"].get("managedFields"), None);
    let both = json!({"f:spec": {"f:size": {"f:count": {}}, "f:x": {}}});
    assert_eq!(
        owners(&server).await,
        [owner("hpa", "Apply", "scale", count()), owner("one", "Apply", "", both)]
    );

    let (code, _) = apply_scale(&server, "fieldManager=hpa&force=true", 5).await;
    assert_eq!(code, 200);
    let rest = json!({"f:spec": {"f:x": {}}});
    let expected = [owner("hpa", "Apply", "scale", count()), owner("one", "Apply", "", rest)];
    assert_eq!(owners(&server).await, expected);

    // The object's own applier now meets the owner through the scale.
    let (code, status) = apply_thing(&server, "one", json!({"x": "y", "size": {"count": 2}})).await;
    assert_eq!(code, 409);
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("conflict with \"hpa\" with subresource \"scale\": .spec.size.count"),
        "{message}"
    );
}

#[tokio::test]
async fn an_apply_to_the_scale_need_not_name_it() {
    let server = server().await;
    apply_thing(&server, "one", json!({"size": {"count": 2}})).await;
    let mut nameless = scale(2);
    nameless["metadata"] = json!({});
    let path = format!("{SCALE}?fieldManager=hpa");
    assert_eq!(send(&server, "PATCH", &path, APPLY, nameless).await.0, 200);
    let mut other = scale(2);
    other["metadata"]["name"] = json!("b");
    assert_eq!(send(&server, "PATCH", &path, APPLY, other).await.0, 400);
}

#[tokio::test]
async fn an_equal_apply_to_the_scale_changes_nothing() {
    let server = server().await;
    apply_thing(&server, "one", json!({"size": {"count": 2}})).await;
    apply_scale(&server, "fieldManager=hpa&force=true", 5).await;
    let (_, first) = send(&server, "GET", THING, "application/json", Value::Null).await;
    let (code, again) = apply_scale(&server, "fieldManager=hpa", 5).await;
    assert_eq!((code, &again["metadata"]["resourceVersion"]), (200, &first["metadata"]["resourceVersion"]));
}

#[tokio::test]
async fn a_patch_of_the_scale_takes_the_number_from_its_owner() {
    let server = server().await;
    apply_thing(&server, "one", json!({"size": {"count": 2}})).await;
    let patch = json!({"spec": {"replicas": 3}});
    let (code, answer) = send(&server, "PATCH", &format!("{SCALE}?fieldManager=hpa"), MERGE, patch).await;
    assert_eq!((code, &answer["spec"]["replicas"]), (200, &json!(3)));
    assert_eq!(owners(&server).await, [owner("hpa", "Update", "scale", count())]);
}

#[tokio::test]
async fn what_is_no_scale_is_refused() {
    let server = server().await;
    apply_thing(&server, "one", json!({"size": {"count": 2}})).await;
    let mut wrong = scale(1);
    wrong["kind"] = json!("Thing");
    let path = format!("{SCALE}?fieldManager=m");
    assert_eq!(send(&server, "PATCH", &path, APPLY, wrong.clone()).await.0, 400);
    assert_eq!(send(&server, "PUT", SCALE, "application/json", wrong).await.0, 400);
    let mut unknown = scale(1);
    unknown["spec"]["size"] = json!(1);
    let (code, status) = send(&server, "PATCH", &path, APPLY, unknown).await;
    assert_eq!((code, status["reason"].as_str()), (500, None));
    let strict = format!("{SCALE}?fieldValidation=Strict");
    let (code, status) = send(&server, "PATCH", &strict, MERGE, json!({"spec": {"size": 1}})).await;
    assert_eq!((code, &status["details"]["causes"][0]["field"]), (422, &json!("patch")));
    let mut other = scale(1);
    other["metadata"]["name"] = json!("b");
    assert_eq!(send(&server, "PUT", SCALE, "application/json", other).await.0, 400);
    let mut stale = scale(1);
    stale["metadata"]["resourceVersion"] = json!("1");
    assert_eq!(send(&server, "PUT", SCALE, "application/json", stale).await.0, 409);
    let (code, status) = send(&server, "PUT", SCALE, "application/json", scale(-1)).await;
    assert_eq!((code, &status["details"]["kind"]), (422, &json!("Scale")));
    assert_eq!(send(&server, "PATCH", SCALE, APPLY, scale(1)).await.0, 422, "an apply names its manager");
    assert_eq!(send(&server, "PUT", SCALE, "application/json", scale(4)).await.0, 200);
}

#[tokio::test]
async fn an_object_that_does_not_say_how_many_can_only_be_told() {
    let server = server().await;
    apply_thing(&server, "one", json!({"x": "y"})).await;
    let (code, status) = send(&server, "GET", SCALE, "application/json", Value::Null).await;
    assert_eq!((code, &status["reason"]), (500, &json!("InternalError")));
    let nothing = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(send(&server, "PATCH", SCALE, MERGE, nothing).await.0, 400);
    let (code, _) = apply_scale(&server, "fieldManager=hpa&force=true", 3).await;
    assert_eq!(code, 200);
    assert!(owners(&server).await.contains(&owner("hpa", "Apply", "scale", count())));
}
