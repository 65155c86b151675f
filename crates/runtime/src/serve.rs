//! The other end of [`transport`](crate::transport): a service answers what comes over a connection, HTTP/1.1 or HTTP/2,
//! with or without TLS, upgrades included.
//!
//! The one place where bytes become requests: the management API, simulated clusters and whatever else is served all come
//! through here. Services know no sockets; who is at the other end they are told as a [`Peer`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::task::JoinSet;
use tower::BoxError;

use crate::network::{Connection, Listener};
use crate::pki::Certificate;
use crate::tls;
use crate::wire::Wire;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before accepting again when the process or the machine has no room for another connection: those
/// that end make room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Thousands of idle connections are usual: a buffer of HTTP/1.1 grows to this and no further.
const HTTP_1_BUFFER_BYTES: usize = 64 * 1024;
/// How many requests one HTTP/2 connection may have open. Each watch is one.
const HTTP_2_STREAMS: u32 = 1000;
/// How much of one request's body may be under way.
const HTTP_2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// How much of all bodies on one connection may be under way.
const HTTP_2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Who is at the other end. Put among the extensions of every request.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The client's certificate, where it showed one; it was verified.
    pub certificate: Option<Arc<Certificate>>,
}

/// Answers whatever comes through `listener`, each connection in a task of its own, until the listener is gone. Dropping the
/// returned future closes the connections too, except those that were upgraded.
///
/// # Errors
/// When no connection can ever come again. Those that fail alone, and a machine that is short of descriptors or memory, do
/// not end the serving.
pub async fn listener(
    mut listener: Listener,
    tls: Option<Arc<ServerConfig>>,
    service: Wire<Incoming>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let incoming = match listener.accept().await {
            Ok(incoming) => incoming,
            Err(error) => {
                after_failure(error).await?;
                continue;
            }
        };
        // Those that are done are kept until somebody asks; new ones are a good moment.
        while connections.try_join_next().is_some() {}
        let (tls, service) = (tls.clone(), service.clone());
        connections.spawn(async move {
            if let Err(error) = connection(incoming, tls, service).await {
                tracing::debug!(error, "a connection ended");
            }
        });
    }
}

/// Returns when it is worth accepting again.
async fn after_failure(error: io::Error) -> io::Result<()> {
    if error.raw_os_error().is_none() {
        // Not the operating system's: there is no listener any more.
        return Err(error);
    }
    let about_one_peer = matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
    );
    if !about_one_peer {
        tracing::warn!(%error, "no connection can be accepted; trying again");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
    Ok(())
}

/// Answers what comes over one connection until the client closes it.
///
/// # Errors
/// When the handshake fails or the connection breaks.
pub fn connection(
    connection: Connection,
    tls: Option<Arc<ServerConfig>>,
    service: Wire<Incoming>,
) -> BoxFuture<'static, Result<(), BoxError>> {
    Box::pin(async move {
        let Some(config) = tls else {
            return requests(connection, Peer::default(), service).await;
        };
        let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls::accept(&config, connection)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Box::new(error) as BoxError),
            Err(late) => return Err(Box::new(late) as BoxError),
        };
        let peer = Peer { certificate: tls::peer_certificate(&stream).map(Arc::new) };
        requests(Box::new(stream), peer, service).await
    })
}

async fn requests(stream: Connection, peer: Peer, service: Wire<Incoming>) -> Result<(), BoxError> {
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        service.send(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).max_buf_size(HTTP_1_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP_2_STREAMS)
        .initial_stream_window_size(HTTP_2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP_2_CONNECTION_WINDOW_BYTES);
    builder.serve_connection_with_upgrades(TokioIo::new(stream), answer).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_is_short_of_descriptors_is_tried_again() {
        const TOO_MANY_OPEN_FILES: i32 = 24;
        let started = tokio::time::Instant::now();
        after_failure(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES)).await.unwrap();
        assert_eq!(started.elapsed(), ACCEPT_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_is_gone_ends_the_serving() {
        let gone = io::Error::new(io::ErrorKind::ConnectionAborted, "the network is gone");
        assert!(after_failure(gone).await.is_err());
    }
}
