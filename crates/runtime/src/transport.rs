//! How requests reach an API server: a connection opened through the [`Network`](crate::network::Network), TLS, HTTP/2
//! where the server offers it and HTTP/1.1 otherwise.
//!
//! One HTTP/2 connection carries everything that goes to one cluster, watches included. Upgrades (a port-forward) need
//! HTTP/1.1 and get a connection of their own, which lives as long as the upgraded stream.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HOST, UPGRADE};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection as ConnectionFacts};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{BoxError, Service};

use crate::client::Client;
use crate::clock::Clock;
use crate::kubeconfig::Kubeconfig;
use crate::network::{Connection, SharedNetwork};
use crate::tls::{self, Identity, TlsError, Trust};
use crate::wire::RequestBody;

/// How long opening a connection may take, TLS included.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept. Longer than the pause between two health probes, so that these share one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Enough for one large list; flow control lets more follow. The default is many times larger.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Why no connection can be made of a kubeconfig.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The server's URL is of no use.
    #[error("server {server:?}: {reason}")]
    Server {
        /// The URL.
        server: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Certificates or keys are of no use.
    #[error("server {server:?}: {source}")]
    Tls {
        /// The URL.
        server: String,
        /// What is wrong.
        source: TlsError,
    },
    /// Token or password cannot stand in a header.
    #[error("server {0:?}: the token or password holds characters that no HTTP header may")]
    Credential(String),
}

/// A client for the API server of a kubeconfig.
pub fn client(
    kubeconfig: &Kubeconfig,
    network: &SharedNetwork,
    clock: &Clock,
) -> Result<Client, TransportError> {
    Ok(Client::new(Transport::new(kubeconfig, network, clock)?, clock.clone()))
}

/// The service beneath a [`Client`]: takes requests with a bare path, gives them host and credentials, sends them.
#[derive(Clone)]
pub struct Transport {
    http: legacy::Client<Dialer, RequestBody>,
    shared: Arc<Shared>,
}

struct Shared {
    scheme: Scheme,
    authority: Authority,
    /// In front of every path; empty for nearly everybody.
    path_prefix: String,
    authorization: Option<HeaderValue>,
    upgrade_dialer: Dialer,
}

impl Transport {
    /// Prepares connections; opens none.
    pub fn new(
        kubeconfig: &Kubeconfig,
        network: &SharedNetwork,
        clock: &Clock,
    ) -> Result<Self, TransportError> {
        let wrong = |reason| TransportError::Server { server: kubeconfig.server.clone(), reason };
        let uri: Uri = kubeconfig.server.parse().map_err(|_| wrong("is not a URL"))?;
        let authority = uri.authority().cloned().ok_or_else(|| wrong("names no host"))?;
        let scheme = uri.scheme().cloned().ok_or_else(|| wrong("has no scheme"))?;
        let secure = scheme == Scheme::HTTPS;
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let address: Arc<str> = format!("{}:{port}", authority.host()).into();
        let dialer = |protocols: &[&[u8]]| {
            let tls =
                if secure { Some(tls_of(kubeconfig, authority.host(), protocols, clock)?) } else { None };
            Ok(Dialer { network: network.clone(), address: address.clone(), tls })
        };
        let wrong_tls = |source| TransportError::Tls { server: kubeconfig.server.clone(), source };
        let main = dialer(&[tls::HTTP_2, tls::HTTP_1_1]).map_err(wrong_tls)?;
        let upgrade_dialer = dialer(&[tls::HTTP_1_1]).map_err(wrong_tls)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .build(main);
        let path_prefix = uri.path().trim_end_matches('/').to_owned();
        let authorization = authorization(kubeconfig)?;
        let shared = Arc::new(Shared { scheme, authority, path_prefix, authorization, upgrade_dialer });
        Ok(Self { http, shared })
    }
}

fn tls_of(
    kubeconfig: &Kubeconfig,
    host: &str,
    protocols: &[&[u8]],
    clock: &Clock,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), TlsError> {
    let trust = match (&kubeconfig.certificate_authority, kubeconfig.insecure_skip_tls_verify) {
        (_, true) => Trust::Anybody,
        (Some(pem), false) => Trust::Authorities(pem),
        (None, false) => {
            let reason = "there is none; certificate-authority-data must be given".to_owned();
            return Err(TlsError::Refused { what: "certificate authority", reason });
        }
    };
    let identity = match &kubeconfig.client_certificate {
        Some((certificate, key)) => Some(Identity::from_pem(certificate, key)?),
        None => None,
    };
    let name = tls::server_name(kubeconfig.tls_server_name.as_deref().unwrap_or(host))?;
    Ok((tls::client(&trust, identity, protocols, clock)?, name))
}

fn authorization(kubeconfig: &Kubeconfig) -> Result<Option<HeaderValue>, TransportError> {
    let text = match (&kubeconfig.token, &kubeconfig.basic) {
        (Some(token), _) => format!("Bearer {token}"),
        (None, Some((name, password))) => format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))),
        (None, None) => return Ok(None),
    };
    let wrong = |_| TransportError::Credential(kubeconfig.server.clone());
    let mut value = HeaderValue::from_str(&text).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

impl Service<Request<RequestBody>> for Transport {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Incoming>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        if let Err(error) = self.shared.address(&mut request) {
            return Box::pin(async move { Err(error.into()) });
        }
        if request.headers().contains_key(UPGRADE) {
            return Box::pin(send_upgrade(self.shared.clone(), request));
        }
        let answer = self.http.request(request);
        Box::pin(async move { answer.await.map_err(plain_error) })
    }
}

impl Shared {
    fn address(&self, request: &mut Request<RequestBody>) -> Result<(), http::Error> {
        let mut parts = Parts::default();
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        parts.path_and_query = Some(match self.path_prefix.as_str() {
            "" => PathAndQuery::try_from(path)?,
            prefix => PathAndQuery::try_from(format!("{prefix}{path}"))?,
        });
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts)?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(())
    }
}

/// The pool hides what went wrong some levels down, and that is what a user needs to read.
fn plain_error(error: legacy::Error) -> BoxError {
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let kind = deepest.downcast_ref::<io::Error>().map_or(io::ErrorKind::Other, io::Error::kind);
    let text = if error.is_connect() { format!("cannot connect: {deepest}") } else { deepest.to_string() };
    Box::new(io::Error::new(kind, text))
}

/// Sends a request that asks for an upgrade on an HTTP/1.1 connection of its own.
async fn send_upgrade(
    shared: Arc<Shared>,
    mut request: Request<RequestBody>,
) -> Result<Response<Incoming>, BoxError> {
    let stream = shared.upgrade_dialer.clone().open().await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an upgraded connection ended");
        }
    });
    let host = HeaderValue::from_str(shared.authority.as_str())?;
    request.headers_mut().insert(HOST, host);
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    *request.uri_mut() = Uri::try_from(path)?;
    Ok(sender.send_request(request).await?)
}

/// Opens connections to one address.
#[derive(Clone)]
struct Dialer {
    network: SharedNetwork,
    address: Arc<str>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Dialer {
    async fn open(self) -> io::Result<Stream> {
        let opening = async {
            let connection = self.network.dial(&self.address).await?;
            match &self.tls {
                None => Ok(Stream::Plain(connection)),
                Some((config, name)) => {
                    let stream = tls::connect(config, name, connection).await;
                    let stream = stream.map_err(|error| at_address("TLS with", &self.address, &error))?;
                    Ok(Stream::Tls(Box::new(stream)))
                }
            }
        };
        match tokio::time::timeout(DIAL_TIMEOUT, opening).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("dial {}: no connection after {} s", self.address, DIAL_TIMEOUT.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        }
    }
}

fn at_address(act: &str, address: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{act} {address}: {error}"))
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.open().await.map(TokioIo::new) })
    }
}

/// An open connection with or without TLS.
enum Stream {
    Plain(Connection),
    Tls(Box<tls::ClientStream>),
}

impl ConnectionFacts for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) => {
                Connected::new().negotiated_h2()
            }
            _ => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hyper::body::Incoming;
    use k8s_openapi::api::core::v1::ConfigMap;
    use tower::service_fn;

    use super::*;
    use crate::client::{Error, decode};
    use crate::key::Key;
    use crate::kind::Kind;
    use crate::kubeconfig::Kubeconfig;
    use crate::serve::Peer;
    use crate::testing::{Answer, Site, json};
    use crate::wire::Wire;

    /// Answers with a config map that says who asked, how, and for what.
    async fn describe(request: Request<Incoming>) -> Answer {
        let peer = request.extensions().get::<Peer>().unwrap().certificate.clone().unwrap();
        Ok(json(&serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"},
            "data": {
                "user": peer.common_name,
                "version": format!("{:?}", request.version()),
                "path": request.uri().path(),
            },
        })))
    }

    async fn ask(protocols: &[&[u8]], suffix: &str) -> std::collections::BTreeMap<String, String> {
        let site = Site::new();
        let (url, _task) = site.serve("cluster-a:0", protocols, Wire::new(service_fn(describe))).await;
        let config = Kubeconfig::parse(site.kubeconfig(&format!("{url}{suffix}")).as_bytes(), None).unwrap();
        let map = get_map(&client(&config, &site.network, &site.clock).unwrap()).await.unwrap();
        map.data.unwrap()
    }

    async fn get_map(client: &Client) -> Result<ConfigMap, Error> {
        let body = client.get(&Kind::of::<ConfigMap>(), &Key::new("default", "a")).await?;
        Ok(decode(&body).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_speaks_http_2_as_the_user_of_the_kubeconfig() {
        let seen = ask(&[tls::HTTP_2, tls::HTTP_1_1], "").await;
        assert_eq!(seen["user"], "admin");
        assert_eq!(seen["version"], "HTTP/2.0");
        assert_eq!(seen["path"], "/api/v1/namespaces/default/configmaps/a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_http_2_and_one_below_a_path_are_served_too() {
        assert_eq!(ask(&[tls::HTTP_1_1], "").await["version"], "HTTP/1.1");
        let seen = ask(&[tls::HTTP_2], "/k8s/clusters/c-1/").await;
        assert_eq!(seen["path"], "/k8s/clusters/c-1/api/v1/namespaces/default/configmaps/a");
    }

    #[tokio::test(start_paused = true)]
    async fn many_requests_share_one_connection() {
        static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
        let site = Site::new();
        let mut listener = site.network.listen("cluster-a:6443").await.unwrap();
        let tls = site.server_tls("cluster-a", &[tls::HTTP_2]);
        tokio::spawn(async move {
            while let Ok(connection) = listener.accept().await {
                CONNECTIONS.fetch_add(1, Ordering::Relaxed);
                let service = Wire::new(service_fn(describe));
                tokio::spawn(crate::serve::connection(connection, Some(tls.clone()), service));
            }
        });
        let config = Kubeconfig::parse(site.kubeconfig("https://cluster-a:6443").as_bytes(), None).unwrap();
        let client = client(&config, &site.network, &site.clock).unwrap();
        for _ in 0..3 {
            get_map(&client).await.unwrap();
        }
        let all = futures::future::join_all((0..10).map(|_| get_map(&client))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(CONNECTIONS.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_connection_says_so() {
        let site = Site::new();
        let config = Kubeconfig::parse(site.kubeconfig("https://nowhere:1").as_bytes(), None).unwrap();
        let client = client(&config, &site.network, &site.clock).unwrap();
        let error = get_map(&client).await.unwrap_err();
        assert!(format!("{error:?}").contains("nobody listens"), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_the_handshake_costs_ten_seconds() {
        let site = Site::new();
        let mut listener = site.network.listen("cluster-a:1").await.unwrap();
        tokio::spawn(async move {
            let kept = listener.accept().await;
            std::future::pending::<()>().await;
            drop(kept);
        });
        let config = Kubeconfig::parse(site.kubeconfig("https://cluster-a:1").as_bytes(), None).unwrap();
        let client = client(&config, &site.network, &site.clock).unwrap();
        let start = site.clock.now();
        let error = get_map(&client).await.unwrap_err();
        assert!(format!("{error:?}").contains("no connection after 10 s"), "{error:?}");
        assert!(site.clock.since(start) < Duration::from_secs(11));
    }
}
