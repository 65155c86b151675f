//! The other end of [`transport`](crate::transport): a service answers what comes over a connection, HTTP/1.1 or HTTP/2,
//! with or without TLS, upgrades included.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tower::{BoxError, Service, ServiceExt as _};

use crate::network::{ByteStream, Connection, Listener};
use crate::pki::Certificate;
use crate::tls;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is at the other end. Put among the extensions of every request.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The client's certificate, where it showed one; it was verified.
    pub certificate: Option<Arc<Certificate>>,
}

/// Answers whatever comes through `listener`, each connection in a task of its own, until the listener fails. Dropping the
/// returned future closes the connections too, except those that were upgraded.
pub async fn listener<S, B>(listener: Listener, tls: Option<Arc<ServerConfig>>, service: S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    listener
        .serve(move |incoming| {
            let (tls, service) = (tls.clone(), service.clone());
            async move {
                if let Err(error) = connection(incoming, tls, service).await {
                    tracing::debug!(error, "a connection ended");
                }
            }
        })
        .await
}

/// Answers what comes over one connection until the client closes it.
pub async fn connection<S, B>(
    connection: Connection,
    tls: Option<Arc<ServerConfig>>,
    service: S,
) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Some(config) = tls else {
        return requests(connection, Peer::default(), service).await;
    };
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls::accept(&config, connection)).await??;
    let peer = Peer { certificate: tls::peer_certificate(&stream).map(Arc::new) };
    requests(stream, peer, service).await
}

async fn requests<S, B>(stream: impl ByteStream + 'static, peer: Peer, service: S) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        service.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    builder.serve_connection_with_upgrades(TokioIo::new(stream), answer).await
}
