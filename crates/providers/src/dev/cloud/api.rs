//! Writes to a simulated cluster from inside: as kubelet, kubeadm and the cloud do them.

use apiserver::ApiServer;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A write that a simulated cluster refused.
#[derive(Debug, thiserror::Error)]
#[error("the simulated cluster refused {method} {path}: {message}")]
pub struct WriteError {
    method: Method,
    path: String,
    message: String,
}

/// Where objects of a kind are.
#[derive(Clone, Copy)]
pub struct Collection {
    /// For example `/api/v1`.
    root: &'static str,
    plural: &'static str,
    /// Empty for kinds without namespace.
    namespace: &'static str,
}

impl Collection {
    /// A kind without namespace.
    pub const fn cluster(root: &'static str, plural: &'static str) -> Self {
        Self { root, plural, namespace: "" }
    }

    /// A kind in a namespace.
    pub const fn namespaced(root: &'static str, plural: &'static str, namespace: &'static str) -> Self {
        Self { root, plural, namespace }
    }

    fn path(&self) -> String {
        match self.namespace {
            "" => format!("{}/{}", self.root, self.plural),
            namespace => format!("{}/namespaces/{namespace}/{}", self.root, self.plural),
        }
    }
}

/// Nodes.
pub const NODES: Collection = Collection::cluster("/api/v1", "nodes");
/// Pods of `kube-system`.
pub const SYSTEM_PODS: Collection = Collection::namespaced("/api/v1", "pods", "kube-system");
/// Leases of nodes.
pub const NODE_LEASES: Collection =
    Collection::namespaced("/apis/coordination.k8s.io/v1", "leases", "kube-node-lease");

/// Creates an object, then writes its status where it has one: the API drops the status of a new object. An object that
/// is there already stays as it is, but gets the status.
pub async fn create(api: &ApiServer, collection: Collection, mut object: Value) -> Result<(), WriteError> {
    let status = object.as_object_mut().and_then(|members| members.remove("status"));
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let path = collection.path();
    send(api, Method::POST, &path, Some(&object), &[StatusCode::CONFLICT]).await?;
    match status {
        Some(status) => {
            let path = format!("{path}/{name}/status");
            send(api, Method::PATCH, &path, Some(&json!({ "status": status })), &[]).await
        }
        None => Ok(()),
    }
}

/// Deletes an object at once. One that is gone already counts as deleted.
pub async fn delete(api: &ApiServer, collection: Collection, name: &str) -> Result<(), WriteError> {
    let path = format!("{}/{name}", collection.path());
    let now = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    send(api, Method::DELETE, &path, Some(&now), &[StatusCode::NOT_FOUND]).await
}

/// Deletes a Pod of any namespace at once.
pub async fn delete_pod(api: &ApiServer, namespace: &str, name: &str) -> Result<(), WriteError> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let now = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    send(api, Method::DELETE, &path, Some(&now), &[StatusCode::NOT_FOUND]).await
}

async fn send(
    api: &ApiServer,
    method: Method,
    path: &str,
    body: Option<&Value>,
    fine: &[StatusCode],
) -> Result<(), WriteError> {
    let failed = |message: String| WriteError { method: method.clone(), path: path.to_owned(), message };
    let content_type =
        if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let body = body.map(serde_json::to_vec).transpose().map_err(|error| failed(error.to_string()))?;
    let request = Request::builder()
        .method(method.clone())
        .uri(path)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(Full::new(Bytes::from(body.unwrap_or_default())))
        .map_err(|error| failed(error.to_string()))?;
    let response = match api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let code = response.status();
    if code.is_success() || fine.contains(&code) {
        return Ok(());
    }
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let status: Value = serde_json::from_slice(&body).unwrap_or_default();
    Err(failed(status["message"].as_str().map_or_else(|| code.to_string(), str::to_owned)))
}
