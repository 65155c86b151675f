//! Subresources that are connections rather than objects (`pods/portforward`): handed over to whoever registered for them.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use serde_json::Value;

use crate::auth::User;
use crate::body::Body;
use crate::request::Query;

/// A request for a connection.
pub struct ConnectRequest {
    /// Who asks.
    pub user: User,
    /// Namespace of the object.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// The object, as stored.
    pub object: Value,
    /// What follows the subresource in the path.
    pub path: String,
    /// Parameters.
    pub query: Query,
    /// Method, headers and extensions. `hyper::upgrade::on` finds the connection in the extensions: give it a request
    /// made of these parts.
    pub parts: http::request::Parts,
    /// The body that was sent.
    pub body: Bytes,
}

/// Answers requests for connections.
pub type Connector = Arc<dyn Fn(ConnectRequest) -> BoxFuture<'static, Response<Body>> + Send + Sync>;
