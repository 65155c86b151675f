//! How much processor time a write costs: `cargo run --release -p apiserver --example writes`.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apiserver::{ApiServer, Identifiers};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Counting(AtomicU64);

impl Identifiers for Counting {
    fn uid(&self) -> String {
        format!("{:036}", self.0.fetch_add(1, Ordering::Relaxed))
    }
    fn suffix(&self) -> String {
        format!("{:05}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

type Failure = Box<dyn Error + Send + Sync>;

async fn send(
    server: &ApiServer,
    method: &str,
    path: String,
    media_type: &str,
    body: &Value,
) -> Result<u16, Failure> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .body(Full::new(Bytes::from(serde_json::to_vec(body)?)))?;
    let response = server.clone().oneshot(request).await?;
    let code = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(code)
}

fn machine(index: usize, round: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("m-{index}"), "labels": {"cluster": "c", "round": format!("{round}")}},
        "spec": {"nodeName": "n", "containers": [{"name": "a", "image": "i", "env": [{"name": "x", "value": "y"}]}]},
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let count = 2000;
    let server = ApiServer::builder(store::Database::in_memory().store("main")?)
        .clock(|| jiff::Timestamp::UNIX_EPOCH)
        .identifiers(Counting(AtomicU64::new(1)))
        .build()
        .await?;
    let base = "/api/v1/namespaces/default/pods";
    let apply = "application/apply-patch+yaml";
    let merge = "application/merge-patch+json";
    let report = |name: &str, began: Instant| {
        println!("{name}: {:.1} us", began.elapsed().as_secs_f64() * 1e6 / count as f64);
    };
    let began = Instant::now();
    for index in 0..count {
        let code = send(
            &server,
            "PATCH",
            format!("{base}/m-{index}?fieldManager=one&force=true"),
            apply,
            &machine(index, 0),
        )
        .await?;
        assert_eq!(code, 201);
    }
    report("create by apply", began);
    let began = Instant::now();
    for index in 0..count {
        send(
            &server,
            "PATCH",
            format!("{base}/m-{index}?fieldManager=one&force=true"),
            apply,
            &machine(index, 1),
        )
        .await?;
    }
    report("change by apply", began);
    let began = Instant::now();
    for index in 0..count {
        let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": null}]}});
        send(&server, "PATCH", format!("{base}/m-{index}/status"), merge, &status).await?;
    }
    report("merge patch of the status", began);
    let began = Instant::now();
    for index in 0..count {
        send(&server, "GET", format!("{base}/m-{index}"), "application/json", &Value::Null).await?;
    }
    report("get", began);
    let began = Instant::now();
    for index in 0..count {
        send(&server, "DELETE", format!("{base}/m-{index}"), "application/json", &json!({})).await?;
    }
    report("delete", began);
    Ok(())
}
