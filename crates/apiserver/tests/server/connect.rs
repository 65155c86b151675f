//! Connections through the server: a real HTTP connection over a pipe, and an upgrade inside it.

use std::sync::Arc;

use apiserver::auth::User;
use apiserver::{ApiServer, Body};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::frame::Counting;

async fn server() -> ApiServer {
    let echo: apiserver::connect::Connector = Arc::new(|request| {
        Box::pin(async move {
            assert_eq!((request.name.as_str(), request.namespace.as_deref()), ("p", Some("default")));
            let upgrade = hyper::upgrade::on(Request::from_parts(request.parts, ()));
            tokio::spawn(async move {
                let mut stream = TokioIo::new(upgrade.await.unwrap());
                let mut text = [0; 4];
                stream.read_exact(&mut text).await.unwrap();
                stream.write_all(&text).await.unwrap();
            });
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", "upgrade".parse().unwrap());
            response.headers_mut().insert("upgrade", "echo".parse().unwrap());
            response
        })
    });
    ApiServer::builder(store::Database::in_memory().store("test").unwrap())
        .clock(|| jiff::Timestamp::UNIX_EPOCH)
        .identifiers(Counting::default())
        .connector("pods", "portforward", echo)
        .build()
        .await
        .unwrap()
}

async fn connect(server: ApiServer, user: User) -> hyper::client::conn::http1::SendRequest<Full<Bytes>> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let service =
        tower::ServiceExt::<Request<Incoming>>::map_request(server, move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(user.clone());
            request
        });
    let serving = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(far), TowerToHyperService::new(service));
    tokio::spawn(async move { serving.with_upgrades().await.unwrap() });
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(async move { connection.with_upgrades().await.unwrap() });
    sender
}

fn request(method: &str, path: &str, body: &serde_json::Value) -> Request<Full<Bytes>> {
    let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "server")
        .body(Full::new(Bytes::from(bytes)))
        .unwrap()
}

#[tokio::test]
async fn an_upgrade_reaches_the_connector() {
    let mut sender = connect(server().await, User::internal()).await;
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": []}});
    let made = sender.send_request(request("POST", "/api/v1/namespaces/default/pods", &pod)).await.unwrap();
    assert_eq!(made.status(), 201);
    made.into_body().collect().await.unwrap();
    let mut upgrade =
        request("GET", "/api/v1/namespaces/default/pods/p/portforward?ports=1", &serde_json::Value::Null);
    upgrade.headers_mut().insert("connection", "upgrade".parse().unwrap());
    upgrade.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let answer = sender.send_request(upgrade).await.unwrap();
    assert_eq!(answer.status(), 101);
    let mut stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    stream.write_all(b"ping").await.unwrap();
    let mut text = [0; 4];
    stream.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"ping");
}

#[tokio::test]
async fn a_stranger_reads_the_version_and_nothing_else() {
    let mut sender = connect(server().await, User::anonymous()).await;
    let version = sender.send_request(request("GET", "/version", &serde_json::Value::Null)).await.unwrap();
    assert_eq!(version.status(), 200);
    version.into_body().collect().await.unwrap();
    let secrets =
        sender.send_request(request("GET", "/api/v1/secrets", &serde_json::Value::Null)).await.unwrap();
    assert_eq!(secrets.status(), 403);
}
