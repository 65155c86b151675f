//! The way of a request to an API server: one type, whether the server is in this process, behind faults, or far away.
//!
//! Deliberately absent: a queue in front of the service. Each request has a copy of the service to itself, and waits for
//! nobody else's.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tower::{BoxError, Service, ServiceExt as _};

/// The body of an answer, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The body of a request: all of it is there when it is sent.
pub type RequestBody = Full<Bytes>;

/// Carries requests with a bare path to one API server. Clones share the way.
#[derive(Clone)]
pub struct Wire {
    carrier: Arc<dyn Carrier>,
}

impl Wire {
    /// The way through `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { carrier: Arc::new(Through(service)) }
    }

    /// Sends `request`; the answer may be a refusal.
    ///
    /// # Errors
    /// When no answer arrives.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Response<Body>, BoxError> {
        self.carrier.carry(request).await
    }
}

trait Carrier: Send + Sync {
    fn carry(&self, request: Request<RequestBody>) -> BoxFuture<'static, Result<Response<Body>, BoxError>>;
}

struct Through<S>(S);

impl<S, B> Carrier for Through<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn carry(&self, request: Request<RequestBody>) -> BoxFuture<'static, Result<Response<Body>, BoxError>> {
        let service = self.0.clone();
        Box::pin(async move {
            let answer = service.oneshot(request).await.map_err(Into::into)?;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}
