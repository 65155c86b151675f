//! What patches may say about versions and fields, and what they are told.

use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::frame::{define_things, send, server};

const JSON: &str = "application/json";
const JSON_PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const MAP: &str = "/api/v1/namespaces/default/configmaps/a";
const THING: &str = "/apis/example.com/v1/namespaces/default/things/a";

/// A server with a map, which may be updated whatever its version, and a thing, which may not.
async fn server_with_both() -> ApiServer {
    let server = server().await;
    define_things(&server).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    let thing =
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"n": 1}});
    for (path, object) in [(MAP, map), (THING, thing)] {
        assert_eq!(send(&server, "POST", path.trim_end_matches("/a"), JSON, object).await.0, 201);
    }
    server
}

#[tokio::test]
async fn a_patch_that_takes_the_version_away_is_met_as_an_update_without_one() {
    let server = server_with_both().await;
    let version = |value: Value| (MERGE, json!({"metadata": {"resourceVersion": value}}));
    let removed = json!([{"op": "remove", "path": "/metadata/resourceVersion"}]);
    let patches = [version(Value::Null), version(json!("")), version(json!("0")), (JSON_PATCH, removed)];
    for (media_type, patch) in patches {
        assert_eq!(send(&server, "PATCH", MAP, media_type, patch.clone()).await.0, 200, "{patch}");
        let (code, status) = send(&server, "PATCH", THING, media_type, patch.clone()).await;
        let cause = json!([{
            "reason": "FieldValueInvalid", "field": "metadata.resourceVersion",
            "message": "Invalid value: 0: must be specified for an update",
        }]);
        assert_eq!((code, &status["details"]["causes"]), (422, &cause), "{patch}");
    }
    let (media_type, patch) = version(json!("abc"));
    for path in [MAP, THING] {
        assert_eq!(send(&server, "PATCH", path, media_type, patch.clone()).await.0, 500);
    }
}
