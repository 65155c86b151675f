//! What the verbs do, without sockets.

use std::sync::Arc;

use apiserver::ApiServer;
use apiserver::admission::{Matcher, Operation, Plugin};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::frame::{Counting, send};

async fn server_with(plugins: Vec<Plugin>) -> ApiServer {
    let store = store::Database::in_memory().store("test").unwrap();
    let server = ApiServer::builder(store)
        .clock(|| jiff::Timestamp::from_second(1_700_000_000).unwrap())
        .identifiers(Counting::default())
        .admission(plugins)
        .build();
    server.await.unwrap()
}

async fn server() -> ApiServer {
    server_with(Vec::new()).await
}

async fn post(server: &ApiServer, path: &str, body: Value) -> (u16, Value) {
    send(server, "POST", path, "application/json", body).await
}

async fn get(server: &ApiServer, path: &str) -> (u16, Value) {
    send(server, "GET", path, "application/json", Value::Null).await
}

async fn merge(server: &ApiServer, path: &str, body: Value) -> (u16, Value) {
    send(server, "PATCH", path, "application/merge-patch+json", body).await
}

async fn delete(server: &ApiServer, path: &str) -> (u16, Value) {
    send(server, "DELETE", path, "application/json", Value::Null).await
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"n": {"type": "integer"}, "d": {"type": "string", "default": "x"}}},
                    "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
                }}},
                "subresources": {"status": {}},
            }],
        },
    })
}

#[tokio::test]
async fn objects_come_change_and_go() {
    let server = server().await;
    let (code, made) = post(&server, MAPS, config_map("a")).await;
    assert_eq!((code, &made["metadata"]["namespace"]), (201, &json!("default")));
    let (code, status) = post(&server, MAPS, config_map("a")).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));
    let (_, changed) = merge(&server, &format!("{MAPS}/a"), json!({"data": {"k": "w"}})).await;
    assert_ne!(changed["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    let (_, same) = merge(&server, &format!("{MAPS}/a"), json!({"data": {"k": "w"}})).await;
    assert_eq!(
        same["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"],
        "nothing changed"
    );
    let stale =
        json!({"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"k": "z"}});
    assert_eq!(merge(&server, &format!("{MAPS}/a"), stale).await.0, 409);
    assert_eq!(delete(&server, &format!("{MAPS}/a")).await.0, 200);
    assert_eq!(get(&server, &format!("{MAPS}/a")).await.0, 404);
}

#[tokio::test]
async fn a_missing_namespace_takes_nothing() {
    let server = server().await;
    let (code, status) = post(&server, "/api/v1/namespaces/none/configmaps", config_map("a")).await;
    assert_eq!((code, &status["details"]["kind"]), (404, &json!("namespaces")));
}

#[tokio::test]
async fn a_definition_serves_its_kind_at_once() {
    let server = server().await;
    let path = "/apis/example.com/v1/namespaces/default/things";
    assert_eq!(get(&server, path).await.0, 404);
    assert_eq!(
        post(&server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await.0,
        201
    );
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"n": 1, "zzz": 2}});
    let (code, made) = post(&server, path, thing).await;
    assert_eq!((code, &made["spec"]), (201, &json!({"n": 1, "d": "x"})));
    let (_, changed) =
        merge(&server, &format!("{path}/a"), json!({"spec": {"n": 2}, "status": {"phase": "no"}})).await;
    assert_eq!((&changed["metadata"]["generation"], changed.get("status")), (&json!(2), None));
    let (_, changed) =
        merge(&server, &format!("{path}/a/status"), json!({"status": {"phase": "up"}, "spec": {"n": 9}}))
            .await;
    assert_eq!(
        (&changed["status"]["phase"], &changed["spec"]["n"], &changed["metadata"]["generation"]),
        (&json!("up"), &json!(2), &json!(2))
    );
    let (code, refused) = merge(&server, &format!("{path}/a"), json!({"spec": {"n": "text"}})).await;
    assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")));
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com";
    assert_eq!(delete(&server, definition).await.0, 200);
    assert_eq!(get(&server, definition).await.0, 404);
    assert_eq!(get(&server, path).await.0, 404);
}

#[tokio::test]
async fn apply_knows_its_owners() {
    let server = server().await;
    let apply = "application/apply-patch+yaml";
    let path = format!("{MAPS}/a?fieldManager=one");
    assert_eq!(send(&server, "PATCH", &path, apply, config_map("a")).await.0, 201);
    let mut other = config_map("a");
    other["data"]["k"] = json!("other");
    let (code, status) =
        send(&server, "PATCH", &format!("{MAPS}/a?fieldManager=two"), apply, other.clone()).await;
    assert_eq!((code, &status["details"]["causes"][0]["field"]), (409, &json!(".data.k")));
    let (code, taken) =
        send(&server, "PATCH", &format!("{MAPS}/a?fieldManager=two&force=true"), apply, other).await;
    assert_eq!((code, &taken["data"]["k"]), (200, &json!("other")));
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_happens() {
    let server = server().await;
    post(&server, MAPS, config_map("a")).await;
    let uri = format!(
        "{MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    let request = Request::builder().uri(uri).body(Full::new(Bytes::new())).unwrap();
    let mut body = server.clone().oneshot(request).await.unwrap().into_body();
    let mut lines = Vec::new();
    let mut next = async |lines: &mut Vec<Value>, wanted: usize| {
        while lines.len() < wanted {
            let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
            for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                lines.push(serde_json::from_slice(line).unwrap());
            }
        }
    };
    next(&mut lines, 2).await;
    assert_eq!((&lines[0]["type"], &lines[1]["type"]), (&json!("ADDED"), &json!("BOOKMARK")));
    assert_eq!(lines[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    merge(&server, &format!("{MAPS}/a"), json!({"data": {"k": "w"}})).await;
    delete(&server, &format!("{MAPS}/a")).await;
    next(&mut lines, 4).await;
    assert_eq!((&lines[2]["type"], &lines[3]["type"]), (&json!("MODIFIED"), &json!("DELETED")));
}

#[tokio::test]
async fn leaving_a_selector_looks_like_a_deletion() {
    let server = server().await;
    let mut labelled = config_map("a");
    labelled["metadata"]["labels"] = json!({"l": "1"});
    let (_, made) = post(&server, MAPS, labelled).await;
    let (_, left) = merge(&server, &format!("{MAPS}/a"), json!({"metadata": {"labels": {"l": "2"}}})).await;
    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    let uri = format!("{MAPS}?watch=true&labelSelector=l%3D1&resourceVersion={version}");
    let request = Request::builder().uri(uri).body(Full::new(Bytes::new())).unwrap();
    let mut body = server.clone().oneshot(request).await.unwrap().into_body();
    let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let event: Value = serde_json::from_slice(&chunk).unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["metadata"]["labels"]["l"]),
        (&json!("DELETED"), &json!("1"))
    );
    assert_eq!(event["object"]["metadata"]["resourceVersion"], left["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn pages_keep_their_snapshot() {
    let server = server().await;
    for name in ["a", "b", "c"] {
        post(&server, MAPS, config_map(name)).await;
    }
    let (_, first) = get(&server, &format!("{MAPS}?limit=2")).await;
    assert_eq!(
        (first["items"].as_array().unwrap().len(), &first["metadata"]["remainingItemCount"]),
        (2, &json!(1))
    );
    post(&server, MAPS, config_map("d")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = get(&server, &format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["items"][0]["metadata"]["name"], "c");
}

#[tokio::test]
async fn plugins_change_and_refuse() {
    let mutate = Plugin {
        name: "label".into(),
        matcher: Matcher { resources: vec!["configmaps".into()], ..Matcher::default() },
        mutate: Some(Arc::new(|request, object| {
            assert_eq!(request.operation, Operation::Create);
            object["data"]["added"] = json!("yes");
            Ok(())
        })),
        validate: Some(Arc::new(|_, object| match object["data"]["k"].as_str() {
            Some("bad") => Err(Box::new(apiserver::Status::bad_request("bad"))),
            _ => Ok(vec!["mind this".to_owned()]),
        })),
    };
    let server = server_with(vec![mutate]).await;
    let (_, made) = post(&server, MAPS, config_map("a")).await;
    assert_eq!(made["data"]["added"], "yes");
    let mut bad = config_map("b");
    bad["data"]["k"] = json!("bad");
    assert_eq!(post(&server, MAPS, bad).await.0, 400);
}

/// Lets the collector do everything it has to do.
async fn collect(server: &ApiServer) {
    let stop = Arc::new(tokio::sync::Notify::new());
    let waiter = stop.clone();
    let collector = tokio::spawn(apiserver::gc::run(server.clone(), async move { waiter.notified().await }));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    stop.notify_one();
    collector.await.unwrap();
}

fn owned(name: &str, owner: &Value, block: bool) -> Value {
    let mut object = config_map(name);
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": block,
    }]);
    object
}

#[tokio::test]
async fn dependents_go_with_their_owners() {
    let server = server().await;
    let (_, root) = post(&server, MAPS, config_map("root")).await;
    let (_, child) = post(&server, MAPS, owned("child", &root, true)).await;
    post(&server, MAPS, owned("grandchild", &child, true)).await;
    delete(&server, &format!("{MAPS}/root")).await;
    collect(&server).await;
    for name in ["child", "grandchild"] {
        assert_eq!(get(&server, &format!("{MAPS}/{name}")).await.0, 404, "{name} was left");
    }
}

#[tokio::test]
async fn foreground_deletion_waits_for_those_that_block() {
    let server = server().await;
    let (_, root) = post(&server, MAPS, config_map("root")).await;
    let mut child = owned("child", &root, true);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    post(&server, MAPS, child).await;
    delete(&server, &format!("{MAPS}/root?propagationPolicy=Foreground")).await;
    collect(&server).await;
    assert_eq!(get(&server, &format!("{MAPS}/root")).await.0, 200);
    let (_, child) = get(&server, &format!("{MAPS}/child")).await;
    assert!(child["metadata"]["deletionTimestamp"].is_string());
    merge(&server, &format!("{MAPS}/child"), json!({"metadata": {"finalizers": null}})).await;
    collect(&server).await;
    assert_eq!(get(&server, &format!("{MAPS}/root")).await.0, 404);
}

#[tokio::test]
async fn orphans_forget_their_owner() {
    let server = server().await;
    let (_, root) = post(&server, MAPS, config_map("root")).await;
    post(&server, MAPS, owned("child", &root, false)).await;
    delete(&server, &format!("{MAPS}/root?propagationPolicy=Orphan")).await;
    collect(&server).await;
    assert_eq!(get(&server, &format!("{MAPS}/root")).await.0, 404);
    let (code, child) = get(&server, &format!("{MAPS}/child")).await;
    assert_eq!((code, child["metadata"].get("ownerReferences")), (200, None));
}

#[tokio::test]
async fn an_owner_that_never_was_is_gone() {
    let server = server().await;
    let ghost = json!({"metadata": {"name": "ghost", "uid": "never"}});
    post(&server, MAPS, owned("child", &ghost, false)).await;
    collect(&server).await;
    assert_eq!(get(&server, &format!("{MAPS}/child")).await.0, 404);
}

#[tokio::test]
async fn what_is_in_no_namespace_outlives_an_owner_that_is_in_one() {
    let server = server().await;
    let reference = |kind: &str| json!({"apiVersion": "v1", "kind": kind, "name": "ghost", "uid": format!("never-{kind}")});
    let (within, without) = (reference("ConfigMap"), reference("Namespace"));
    for (name, owners, kept) in [
        ("misled", json!([within]), true),
        ("mixed", json!([without, within]), true),
        ("orphan", json!([without]), false),
    ] {
        let metadata = json!({"name": name, "ownerReferences": owners});
        let made = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        assert_eq!(post(&server, "/api/v1/namespaces", made).await.0, 201);
        collect(&server).await;
        let (code, found) = get(&server, &format!("/api/v1/namespaces/{name}")).await;
        assert_eq!(code, if kept { 200 } else { 404 }, "{name}: {found}");
        if kept {
            assert_eq!(found["metadata"]["ownerReferences"], owners, "{name}");
            assert_eq!(found["metadata"].get("deletionTimestamp"), None, "{name}");
        }
    }
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_in_it() {
    let server = server().await;
    post(
        &server,
        "/api/v1/namespaces",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}),
    )
    .await;
    post(&server, "/api/v1/namespaces/team/configmaps", config_map("a")).await;
    let (code, marked) = delete(&server, "/api/v1/namespaces/team").await;
    assert_eq!((code, &marked["status"]["phase"]), (200, &json!("Terminating")));
    assert_eq!(post(&server, "/api/v1/namespaces/team/configmaps", config_map("b")).await.0, 403);
    collect(&server).await;
    assert_eq!(get(&server, "/api/v1/namespaces/team").await.0, 404);
    assert_eq!(get(&server, "/api/v1/namespaces/team/configmaps/a").await.0, 404);
}

#[tokio::test]
async fn a_restarted_server_knows_its_definitions() {
    let database = store::Database::in_memory();
    let build = || {
        ApiServer::builder(database.store("kept").unwrap())
            .clock(|| jiff::Timestamp::UNIX_EPOCH)
            .identifiers(Counting::default())
            .build()
    };
    let first = build().await.unwrap();
    post(&first, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await;
    let second = build().await.unwrap();
    assert_eq!(get(&second, "/apis/example.com/v1/namespaces/default/things").await.0, 200);
}

#[tokio::test]
async fn a_finalizer_is_warned_about_when_it_comes_and_not_with_every_change() {
    let server = server().await;
    post(&server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()).await;
    let things = "/apis/example.com/v1/namespaces/default/things";
    let warned = async |method: &str, path: &str, media_type: &str, body: Value| {
        let request = Request::builder().method(method).uri(path).header("content-type", media_type);
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response.headers().contains_key("warning")
    };
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "a", "finalizers": ["plain"]}, "spec": {"n": 1}});
    assert!(warned("POST", things, "application/json", thing).await);
    let path = format!("{things}/a");
    let merge = "application/merge-patch+json";
    assert!(!warned("PATCH", &path, merge, json!({"spec": {"n": 2}})).await);
    assert!(warned("PATCH", &path, merge, json!({"metadata": {"finalizers": ["plain", "other"]}})).await);
}
