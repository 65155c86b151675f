//! What stands between the network and a simulated API server: who is asking, and whether etcd could agree to a write.

use std::convert::Infallible;
use std::sync::Weak;
use std::task::{Context, Poll};

use apiserver::Body;
use apiserver::auth::User;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use runtime::serve::Peer;
use serde_json::{Value, json};
use tower::{Service, ServiceExt as _};

use super::cluster::Cluster;

/// The service behind a cluster's address.
#[derive(Clone)]
pub(super) struct Front {
    cluster: Weak<Cluster>,
}

impl Front {
    pub fn new(cluster: Weak<Cluster>) -> Self {
        Self { cluster }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let cluster = self.cluster.clone();
        Box::pin(async move { answer(&cluster, request).await })
    }
}

async fn answer(
    cluster: &Weak<Cluster>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let state = cluster.upgrade().and_then(|cluster| {
        let state = cluster.state();
        Some((
            state.api.clone()?,
            state.record.etcd.has_quorum(),
            state.version().unwrap_or_default().to_owned(),
        ))
    });
    let Some((api, has_quorum, version)) = state else {
        return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the cluster is gone"));
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && !has_quorum {
        return Ok(refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "etcdserver: request timed out",
        ));
    }
    if request.uri().path() == "/version" && reads {
        return Ok(json_body(StatusCode::OK, &version_info(&version)));
    }
    let user = user(request.extensions().get::<Peer>());
    request.extensions_mut().insert(user);
    api.oneshot(request).await
}

fn user(peer: Option<&Peer>) -> User {
    match peer.and_then(|peer| peer.certificate.as_ref()) {
        Some(certificate) => User::of_subject(&certificate.common_name, certificate.organizations.clone()),
        None => User::anonymous(),
    }
}

/// A rolling upgrade changes it while the server runs, so it cannot be a setting of the server.
fn version_info(version: &str) -> Value {
    let (major, minor) = super::kubeadm::minor(version).unwrap_or_default();
    json!({
        "major": major.to_string(), "minor": minor.to_string(), "gitVersion": version, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}

fn refusal(code: StatusCode, reason: &str, message: &str) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    });
    json_body(code, &status)
}

pub(super) fn json_body(code: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(value.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
