//! Puts the server behind streams: TLS, HTTP/1.1 and HTTP/2, users from client certificates.

use std::future::Future;
use std::io;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::auth::User;
use crate::server::ApiServer;

/// A source of byte streams: a TCP listener, or pipes in memory.
pub trait Accept: Send {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Waits for the next connection. An error ends the serving.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&mut self) -> io::Result<Self::Stream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Watches send small pieces that somebody waits for.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Serves every connection until `shutdown` is done; then open connections are closed.
///
/// `tls` should offer `h2` and `http/1.1` by ALPN, and ask for client certificates without requiring them.
pub async fn serve<A: Accept>(
    server: ApiServer,
    mut listener: A,
    tls: Arc<ServerConfig>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            Some(_) = connections.join_next() => continue,
            stream = listener.accept() => stream?,
        };
        let (server, acceptor) = (server.clone(), acceptor.clone());
        connections.spawn(async move {
            let stream = match acceptor.accept(stream).await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    return;
                }
            };
            let user = user_of(stream.get_ref().1.peer_certificates());
            serve_stream(server, stream, user).await;
        });
    }
}

/// Serves one stream whose user is known, until it is closed.
pub async fn serve_stream<S>(server: ApiServer, stream: S, user: User)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        tower::ServiceExt::<Request<Incoming>>::map_request(server, move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(user.clone());
            request
        });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Thousands of idle connections are usual: their buffers start small.
    builder.http1().max_buf_size(64 * 1024);
    builder
        .http2()
        .max_concurrent_streams(1000)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024);
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// The user that a client certificate names: common name and organizations. Without one the client is anonymous.
fn user_of(certificates: Option<&[CertificateDer<'_>]>) -> User {
    let Some(certificate) = certificates.and_then(|list| list.first()) else { return User::anonymous() };
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return User::anonymous() };
    let subject = certificate.subject();
    let name = subject.iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
    if name.is_empty() {
        return User::anonymous();
    }
    User::new(name, subject.iter_organization().filter_map(|group| group.as_str().ok()).map(str::to_owned))
}
