//! What patches may say about versions and fields, and what they are told.

use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::frame::{define_things, send, send_text, server};

const JSON: &str = "application/json";
const JSON_PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
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

/// The answer to a patch that is looked at strictly.
async fn strict(server: &ApiServer, path: &str, media_type: &str, patch: &str) -> (u16, Value) {
    send_text(server, "PATCH", &format!("{path}?fieldValidation=Strict"), media_type, patch.to_owned()).await
}

#[tokio::test]
async fn what_is_odd_about_a_patch_is_told_of_what_it_made() {
    let server = server_with_both().await;
    let add = r#"[{"op": "add", "path": "/zzz", "value": 1, "value": 1}]"#;
    let merge = r#"{"zzz": 1, "spec": {}, "spec": {}}"#;
    let json_complaint = "json patch duplicate field \"[0].value\", unknown field \"zzz\"";
    let cases = [
        (THING, JSON_PATCH, add, json_complaint),
        (MAP, JSON_PATCH, add, json_complaint),
        (THING, MERGE, merge, "duplicate field \"spec\", unknown field \"zzz\""),
        (MAP, MERGE, r#"{"zzz": 1}"#, "unknown field \"zzz\""),
        (MAP, STRATEGIC, r#"{"data": {}, "data": {}}"#, "duplicate field \"data\""),
    ];
    for (path, media_type, patch, complaint) in cases {
        let (code, status) = strict(&server, path, media_type, patch).await;
        let details = &status["details"];
        assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{patch}: {status}");
        assert_eq!((details.get("kind"), details.get("name")), (None, None));
        let cause = &details["causes"][0];
        assert_eq!((&cause["field"], &cause["reason"]), (&json!("patch"), &json!("FieldValueInvalid")));
        let message = cause["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("strict decoding error: {complaint}")), "{message}");
    }
}

#[tokio::test]
async fn a_patch_that_cannot_be_applied_is_told_so_first() {
    let server = server_with_both().await;
    let doubled = r#"[{"op": "test", "path": "/spec/n", "value": 1, "value": 2}]"#;
    let (code, status) = strict(&server, THING, JSON_PATCH, doubled).await;
    assert_eq!((code, status["details"].get("causes")), (422, None));
    let (code, _) = strict(&server, &format!("{THING}-other"), MERGE, r#"{"spec": {}, "spec": {}}"#).await;
    assert_eq!(code, 404);
    let (code, status) = strict(&server, MAP, MERGE, r#"{"zzz": 1, "data": {"k": 1}}"#).await;
    let message = status["message"].as_str().unwrap();
    assert!(code == 422 && !message.contains("strict decoding error"), "{message}");
}
