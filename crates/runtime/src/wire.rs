//! The way of a request to whoever answers it: one type, whether an API server is in this process, behind faults, or far away,
//! and one for what is served here (see [`crate::serve`]).
//!
//! One type, so that what is built on it is compiled once, here, and not again for each service in the crate that has it.
//!
//! Deliberately absent: a queue in front of the service. Each request has a copy of the service to itself, and waits for
//! nobody else's.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tower::{BoxError, Service, ServiceExt as _};

/// What went wrong on the way, whatever it was.
#[derive(Debug)]
pub struct WireError(BoxError);

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Error for WireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The body of an answer, as it arrives.
pub type Body = UnsyncBoxBody<Bytes, WireError>;

/// The body of a request of ours: all of it is there when it is sent.
pub type RequestBody = Full<Bytes>;

/// Carries requests, whose bodies are a `Q`, to one service. Clones share the way.
pub struct Wire<Q = RequestBody> {
    carrier: Arc<dyn Carrier<Q>>,
}

impl<Q> Clone for Wire<Q> {
    fn clone(&self) -> Self {
        Self { carrier: Arc::clone(&self.carrier) }
    }
}

impl<Q: Send + 'static> Wire<Q> {
    /// The way through `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Q>, Response = Response<B>> + Clone + Send + Sync + 'static,
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
    pub fn send(&self, request: Request<Q>) -> BoxFuture<'static, Result<Response<Body>, WireError>> {
        self.carrier.carry(request)
    }
}

trait Carrier<Q>: Send + Sync {
    fn carry(&self, request: Request<Q>) -> BoxFuture<'static, Result<Response<Body>, WireError>>;
}

struct Through<S>(S);

impl<Q, S, B> Carrier<Q> for Through<S>
where
    Q: Send + 'static,
    S: Service<Request<Q>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn carry(&self, request: Request<Q>) -> BoxFuture<'static, Result<Response<Body>, WireError>> {
        let service = self.0.clone();
        Box::pin(async move {
            let answer = service.oneshot(request).await.map_err(|error| WireError(error.into()))?;
            Ok(answer.map(|body| body.map_err(|error| WireError(error.into())).boxed_unsync()))
        })
    }
}
