//! The namespace that an object says it is in, against the one that the path names.

use serde_json::{Value, json};

use crate::frame::{send, server};

const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const MAP: &str = "/api/v1/namespaces/default/configmaps/a";
const TEAM: &str = "/api/v1/namespaces/team";

fn team(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

#[tokio::test]
async fn a_kind_without_namespaces_drops_the_one_that_it_is_given() {
    let server = server().await;
    assert_eq!(send(&server, "POST", "/api/v1/namespaces", JSON, team(json!({"name": "team"}))).await.0, 201);
    let stray = || json!({"name": "team", "namespace": "default"});
    let applied = format!("{TEAM}?fieldManager=m");
    let writes = [
        ("PUT", TEAM, JSON, team(stray())),
        ("PATCH", TEAM, MERGE, json!({"metadata": stray()})),
        ("PATCH", &applied, APPLY, team(stray())),
    ];
    for (method, path, media_type, body) in writes {
        let (code, answer) = send(&server, method, path, media_type, body).await;
        assert_eq!((code, answer["metadata"].get("namespace")), (200, None), "{method} {media_type}");
    }
}

#[tokio::test]
async fn a_patch_that_takes_the_namespace_away_gets_it_back() {
    let server = server().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    send(&server, "POST", "/api/v1/namespaces/default/configmaps", JSON, map).await;
    for namespace in [Value::Null, json!("")] {
        let patch = json!({"metadata": {"namespace": namespace}});
        let (code, answer) = send(&server, "PATCH", MAP, MERGE, patch).await;
        assert_eq!((code, &answer["metadata"]["namespace"]), (200, &json!("default")));
    }
    let elsewhere = json!({"metadata": {"namespace": "team"}});
    assert_eq!(send(&server, "PATCH", MAP, MERGE, elsewhere).await.0, 400);
}
