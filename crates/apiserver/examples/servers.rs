//! What a server costs: `cargo run --release -p apiserver --example servers -- crds`.
//!
//! The argument is a folder of CustomResourceDefinitions. Printed are the time and the memory of a first server with all of
//! them and of more such servers in the same process, and the memory of servers without any, with a few objects each.

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

async fn send(server: &ApiServer, method: &str, path: String, body: Vec<u8>) -> Result<(), Failure> {
    let media_type = if method == "PATCH" { "application/apply-patch+yaml" } else { "application/json" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .body(Full::new(Bytes::from(body)))?;
    let response = server.clone().oneshot(request).await?;
    let code = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    if code >= 300 { Err(String::from_utf8_lossy(&body).into()) } else { Ok(()) }
}

async fn server() -> Result<ApiServer, Failure> {
    let store = store::Database::in_memory().store_with("main", store::Options::small())?;
    let builder = ApiServer::builder(store)
        .clock(|| jiff::Timestamp::UNIX_EPOCH)
        .identifiers(Counting(AtomicU64::new(1)));
    Ok(builder.build().await?)
}

/// Name and text of each.
fn definitions(folder: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
    paths.sort();
    let read = |path| {
        let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Ok((name, definition.to_string().into_bytes()))
    };
    paths.into_iter().map(read).collect()
}

async fn define(server: &ApiServer, definitions: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    for (name, definition) in definitions {
        let path = format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}?fieldManager=windlass&force=true"
        );
        send(server, "PATCH", path, definition.clone()).await?;
    }
    Ok(())
}

/// What a small cluster has: Nodes, Pods, a few others.
async fn fill(server: &ApiServer) -> Result<(), Failure> {
    for index in 0..4 {
        let node = json!({"metadata": {"name": format!("node-{index}"), "labels": {"a": "b"}}, "spec": {"providerID": "dev:///x"}});
        send(server, "POST", "/api/v1/nodes".into(), node.to_string().into_bytes()).await?;
        let pod = json!({"metadata": {"name": format!("pod-{index}")}, "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}});
        send(server, "POST", "/api/v1/namespaces/kube-system/pods".into(), pod.to_string().into_bytes())
            .await?;
        let map = json!({"metadata": {"name": format!("map-{index}")}, "data": {"k": "v"}});
        send(
            server,
            "POST",
            "/api/v1/namespaces/kube-system/configmaps".into(),
            map.to_string().into_bytes(),
        )
        .await?;
    }
    Ok(())
}

/// Resident memory of the process; zero where Linux is not there to tell.
fn held_kib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("name the folder of CustomResourceDefinitions")?;
    let definitions = definitions(&folder)?;
    let mut servers = Vec::new();
    for which in ["first", "second", "third"] {
        let (began, held) = (Instant::now(), held_kib());
        let server = server().await?;
        let built = began.elapsed();
        define(&server, &definitions).await?;
        println!(
            "{which} server: built in {built:?}, {} definitions in {:?}, {:.0} KiB",
            definitions.len(),
            began.elapsed(),
            held_kib() - held
        );
        let began = Instant::now();
        define(&server, &definitions).await?;
        println!("  the same definitions again: {:?}", began.elapsed());
        servers.push(server);
    }
    // What is made once in a process is made.
    let plain = server().await?;
    fill(&plain).await?;
    for filled in [false, true] {
        let (count, began, held) = (2000_u32, Instant::now(), held_kib());
        for _ in 0..count {
            let server = server().await?;
            if filled {
                fill(&server).await?;
            }
            servers.push(server);
        }
        let what = if filled { "with twelve objects" } else { "at rest" };
        println!(
            "a server {what}: {:.1} KiB, {:?}",
            (held_kib() - held) / f64::from(count),
            began.elapsed() / count
        );
    }
    Ok(())
}
