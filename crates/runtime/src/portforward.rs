//! A byte stream to a port of a pod, through the API server: both ends of Kubernetes' WebSocket port-forward.
//!
//! One WebSocket carries two channels per port: `2n` for the bytes of port `n` of the request, `2n + 1` for one error
//! text. Each message starts with its channel's number; the first message of a channel holds the port number (two bytes,
//! little-endian), so that both sides agree on what is what.
//!
//! Deliberately absent: SPDY, which API servers before 1.31 needed from some clients but kubelets never from this
//! protocol.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt as _, Stream as _, StreamExt as _};
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, error::Error as SocketError};

use crate::client::Client;
use crate::network::Connection;

const PROTOCOL: &str = "v4.channel.k8s.io";
/// Bytes of one message: a TLS record fits.
const CHUNK_BYTES: usize = 16 * 1024;
/// More ports than anybody forwards at once; channel numbers are one byte.
const PORTS_LIMIT: usize = 64;

/// Why no stream to the pod came about.
#[derive(Debug, thiserror::Error)]
#[error("port-forward to pod {namespace}/{pod}, port {port}: {reason}")]
pub struct PortForwardError {
    namespace: String,
    pod: String,
    port: u16,
    /// What the API server says, or the connection to it.
    reason: String,
}

/// A byte stream to a port of a pod. Dropping it closes the connection beneath.
pub struct PortStream {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// Received, but not read yet.
    pending: Bytes,
    /// Whether the first message of the data and of the error channel were seen.
    seen: [bool; 2],
    port: u16,
}

/// Opens a stream to `port` of a pod. Whether anybody listens there shows when the stream is used.
///
/// # Errors
/// When the API server refuses, does not answer, or answers something else than RFC 6455 wants.
pub async fn open(
    client: &Client,
    namespace: &str,
    pod: &str,
    port: u16,
) -> Result<PortStream, PortForwardError> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}");
    let upgraded = upgrade(client, &path).await.map_err(|reason| PortForwardError {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        port,
        reason,
    })?;
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(settings())).await;
    Ok(PortStream { socket, pending: Bytes::new(), seen: [false; 2], port })
}

/// The client's half of the opening handshake (RFC 6455, section 4.1).
async fn upgrade(client: &Client, path: &str) -> Result<Upgraded, String> {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    for (name, value) in [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).map_err(|error| error.to_string())?);
    let mut response = client.upgrade(path, headers).await.map_err(|error| error.reason())?;
    agreed(response.headers(), &key)?;
    hyper::upgrade::on(&mut response).await.map_err(|error| error.to_string())
}

/// Whether the server's answer is one to the request with `key`, and speaks our protocol.
fn agreed(headers: &HeaderMap, key: &str) -> Result<(), String> {
    let said = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (upgrade, accept, protocol) =
        (said(UPGRADE), said(SEC_WEBSOCKET_ACCEPT), said(SEC_WEBSOCKET_PROTOCOL));
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(format!("the server changes to {upgrade:?} instead of websocket"));
    }
    if accept != derive_accept_key(key.as_bytes()) {
        return Err("the server's Sec-WebSocket-Accept answers another request".to_owned());
    }
    if protocol != PROTOCOL {
        return Err(format!("the server speaks {protocol:?} instead of {PROTOCOL}"));
    }
    Ok(())
}

/// Both ends write each message at once and hold no large buffer for the next.
fn settings() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(CHUNK_BYTES).write_buffer_size(0)
}

impl PortStream {
    /// Takes in one message; keeps data for the reader.
    fn receive(&mut self, mut message: Bytes) -> io::Result<()> {
        let channel = message.first().copied().map_or(usize::MAX, usize::from);
        let Some(seen) = self.seen.get_mut(channel) else {
            return Err(invalid(format!("a message on channel {channel}; there are 0 and 1")));
        };
        message.advance(1);
        if !std::mem::replace(seen, true) {
            let announced: Option<[u8; 2]> = message.as_ref().try_into().ok();
            return match announced.map(u16::from_le_bytes) {
                Some(port) if port == self.port => Ok(()),
                other => {
                    Err(invalid(format!("the server announced port {other:?} instead of {}", self.port)))
                }
            };
        }
        if channel == 1 {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, String::from_utf8_lossy(&message)));
        }
        self.pending = message;
        Ok(())
    }

    /// Turns a failure to write into what the server said about it, where it did: the reason is often received already
    /// when the connection turns out to be closed.
    fn explain(&mut self, cx: &mut Context<'_>, error: SocketError) -> io::Error {
        while self.pending.is_empty() {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Binary(message)))) => {
                    if let Err(reason) = self.receive(message) {
                        return reason;
                    }
                }
                Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                _ => break,
            }
        }
        broken(error)
    }
}

impl AsyncRead for PortStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.pending.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(message))) => self.receive(message)?,
                None | Some(Ok(Message::Close(_))) => return Poll::Ready(Ok(())),
                // Pings are answered by the WebSocket layer; texts mean nothing here.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(end_of(error)),
            }
        }
        let length = self.pending.len().min(buffer.remaining());
        buffer.put_slice(&self.pending.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PortStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let ready = ready!(Pin::new(&mut self.socket).poll_ready(cx));
        let part = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
        let sent = ready.and_then(|()| Pin::new(&mut self.socket).start_send(on_channel(0, part)));
        Poll::Ready(sent.map(|()| part.len()).map_err(|error| self.explain(cx, error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| self.explain(cx, error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            Ok(()) | Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(broken(error))),
        }
    }
}

fn on_channel(channel: u8, content: &[u8]) -> Message {
    let mut message = Vec::with_capacity(content.len() + 1);
    message.push(channel);
    message.extend_from_slice(content);
    Message::Binary(message.into())
}

/// A socket that was closed in whatever way ends the stream; anything else is an error.
fn end_of(error: SocketError) -> io::Result<()> {
    match error {
        SocketError::ConnectionClosed
        | SocketError::AlreadyClosed
        | SocketError::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => Ok(()),
        error => Err(broken(error)),
    }
}

fn broken(error: SocketError) -> io::Error {
    match error {
        SocketError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::BrokenPipe, error.to_string()),
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("port-forward protocol: {text}"))
}

/// Answers a port-forward request and, once the client has switched protocols, carries bytes between it and whatever
/// `dial` opens for each port, in a task of its own. A port that `dial` fails for is reported to the client.
pub fn serve<B, D, F>(mut request: Request<B>, dial: D) -> Response<Full<Bytes>>
where
    D: Fn(u16) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<Connection>> + Send,
{
    let (accept, ports) =
        match (accept_key(request.headers()), ports(request.uri().query().unwrap_or_default())) {
            (Ok(accept), Ok(ports)) => (accept, ports),
            (Err(reason), _) | (_, Err(reason)) => return refusal(reason),
        };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let result = match upgrading.await {
            Ok(upgraded) => carry(upgraded, &ports, dial).await,
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a port-forward ended");
        }
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    let is_websocket =
        headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_websocket {
        return Err("port-forward needs an upgrade to websocket");
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|list| list.split(',')).any(|protocol| protocol.trim() == PROTOCOL) {
        return Err("port-forward needs the subprotocol v4.channel.k8s.io");
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or("Sec-WebSocket-Key is missing")?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| "Sec-WebSocket-Key is malformed")
}

/// Reads `ports=80&ports=443` as well as `ports=80,443`, where the comma may be escaped.
fn ports(query: &str) -> Result<Vec<u16>, &'static str> {
    let lists = query.split('&').filter_map(|pair| pair.strip_prefix("ports="));
    let texts = lists.flat_map(|list| list.split(',').flat_map(|part| part.split("%2C")));
    let ports: Result<Vec<u16>, _> = texts.map(str::parse).collect();
    match ports {
        Ok(ports) if ports.is_empty() => Err("ports must name at least one port"),
        Ok(ports) if ports.len() > PORTS_LIMIT => Err("ports must name at most 64 ports"),
        Ok(ports) if ports.contains(&0) => Err("ports must be from 1 to 65535"),
        Ok(ports) => Ok(ports),
        Err(_) => Err("ports must be numbers from 1 to 65535"),
    }
}

fn refusal(reason: &str) -> Response<Full<Bytes>> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": "BadRequest", "code": 400,
    });
    let mut response = Response::new(Full::new(Bytes::from(status.to_string())));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Carries bytes both ways until the client leaves or every port is closed.
async fn carry<D, F>(upgraded: Upgraded, ports: &[u16], dial: D) -> io::Result<()>
where
    D: Fn(u16) -> F,
    F: Future<Output = io::Result<Connection>>,
{
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(settings())).await;
    let (mut sink, stream) = socket.split();
    let mut readers = Vec::new();
    let mut writers = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        // At most 64 ports, so twice the index fits.
        let channel = (2 * index) as u8;
        let target = open_target(&mut sink, channel, *port, &dial).await?;
        let (reader, writer) = target.map(tokio::io::split).unzip();
        readers.extend(reader.map(|reader| (channel, reader)));
        writers.push(writer);
    }
    tokio::select! {
        biased;
        result = towards_targets(stream, writers) => result,
        result = towards_client(&mut sink, readers) => {
            result?;
            sink.close().await.map_err(broken)
        }
    }
}

/// Announces a port on both of its channels and opens it; none where that failed and the client was told so.
async fn open_target<D, F>(
    sink: &mut SplitSink<Socket, Message>,
    channel: u8,
    port: u16,
    dial: &D,
) -> io::Result<Option<Connection>>
where
    D: Fn(u16) -> F,
    F: Future<Output = io::Result<Connection>>,
{
    for channel in [channel, channel + 1] {
        sink.send(on_channel(channel, &port.to_le_bytes())).await.map_err(broken)?;
    }
    match dial(port).await {
        Ok(connection) => Ok(Some(connection)),
        Err(error) => {
            let text = format!("an error occurred forwarding port {port}: {error}");
            sink.send(on_channel(channel + 1, text.as_bytes())).await.map_err(broken)?;
            Ok(None)
        }
    }
}

async fn towards_targets(
    mut stream: SplitStream<Socket>,
    mut writers: Vec<Option<WriteHalf<Connection>>>,
) -> io::Result<()> {
    while let Some(message) = stream.next().await {
        let message = match message {
            Ok(Message::Binary(message)) => message,
            Ok(Message::Close(_)) => return Ok(()),
            Ok(_) => continue,
            Err(error) => return end_of(error),
        };
        let Some((channel, content)) = message.split_first() else { continue };
        let writer = writers.get_mut(usize::from(*channel) / 2).filter(|_| channel % 2 == 0);
        let writer = writer.ok_or_else(|| invalid(format!("the client wrote on channel {channel}")))?;
        let Some(open) = writer else { continue };
        // One target that went away does not end the others.
        if open.write_all(content).await.is_err() || open.flush().await.is_err() {
            *writer = None;
        }
    }
    Ok(())
}

/// Returns once all targets are closed.
async fn towards_client(
    sink: &mut SplitSink<Socket, Message>,
    readers: Vec<(u8, ReadHalf<Connection>)>,
) -> io::Result<()> {
    let chunks = readers.into_iter().map(|(channel, reader)| {
        futures::stream::unfold(Some(reader), move |reader| async move {
            let mut reader = reader?;
            let mut message = Vec::with_capacity(CHUNK_BYTES + 1);
            message.push(channel);
            match reader.read_buf(&mut message).await {
                Ok(0) | Err(_) => None,
                Ok(_) => Some((Message::Binary(message.into()), Some(reader))),
            }
        })
        .boxed()
    });
    let mut chunks = futures::stream::select_all(chunks);
    while let Some(message) = chunks.next().await {
        sink.send(message).await.map_err(broken)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use hyper::body::Incoming;
    use tower::service_fn;

    use super::*;
    use crate::kubeconfig::Kubeconfig;
    use crate::network::SharedNetwork;
    use crate::testing::{Answer, DAY, Site};
    use crate::wire::Wire;
    use crate::{tls, transport};

    async fn answer(network: SharedNetwork, request: Request<Incoming>) -> Answer {
        assert_eq!(request.uri().path(), "/api/v1/namespaces/kube-system/pods/etcd-node-1/portforward");
        Ok(serve(request, move |port| {
            let network = network.clone();
            async move { network.dial(&format!("node-1:{port}")).await }
        }))
    }

    async fn client_of(site: &Site) -> Client {
        let network = site.network.clone();
        let service = Wire::new(service_fn(move |request| answer(network.clone(), request)));
        let (url, _) = site.serve("cluster-a:6443", &[tls::HTTP_2, tls::HTTP_1_1], service).await;
        let config = Kubeconfig::parse(site.kubeconfig(&url).as_bytes(), None).unwrap();
        transport::client(&config, &site.network, &site.clock).unwrap()
    }

    async fn stream(client: &Client) -> PortStream {
        open(client, "kube-system", "etcd-node-1", 2379).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_go_both_ways_and_in_order() {
        let site = Site::new();
        let client = client_of(&site).await;
        let mut listener = site.network.listen("node-1:2379").await.unwrap();
        let pod = tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(listener.accept().await.unwrap());
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let (mut reader, mut writer) = tokio::io::split(stream(&client).await);
        let sent: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(&copy).await.unwrap();
            writer.flush().await.unwrap();
            writer
        });
        let mut received = vec![0; sent.len()];
        reader.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
        drop((writing.await.unwrap(), reader));
        pod.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_closes_ends_the_stream_and_one_that_does_not_listen_is_told() {
        let site = Site::new();
        let client = client_of(&site).await;
        let error = stream(&client).await.read_u8().await.unwrap_err();
        assert!(error.to_string().contains("forwarding port 2379"), "{error}");
        let mut listener = site.network.listen("node-1:2379").await.unwrap();
        let mut open = stream(&client).await;
        drop(listener.accept().await.unwrap());
        assert_eq!(open.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn etcd_answers_through_tls_through_the_tunnel() {
        struct Alone;
        impl etcd::server::EtcdService for Alone {
            async fn status(
                &self,
                _: etcd::messages::StatusRequest,
            ) -> Result<etcd::messages::StatusResponse, tonic::Status> {
                Ok(etcd::messages::StatusResponse { version: "3.6.5".to_owned(), ..Default::default() })
            }
        }
        let site = Site::new();
        let client = client_of(&site).await;
        let mut listener = site.network.listen("node-1:2379").await.unwrap();
        let server_tls = site.server_tls("node-1", &[etcd::PROTOCOL]);
        tokio::spawn(async move {
            let connection = listener.accept().await.unwrap();
            etcd::server::serve(connection, Some(server_tls), Arc::new(Alone)).await.unwrap();
        });
        let pem = site.authority_pem();
        let identity = site.identity(&crate::pki::CertificateRequest::client("kube-etcd", &[], DAY));
        let trust = tls::Trust::AuthoritiesAnyName(pem.as_bytes());
        let config = tls::client(&trust, Some(identity), &[etcd::PROTOCOL], &site.clock).unwrap();
        let name = tls::server_name("etcd-node-1").unwrap();
        let timeout = Duration::from_secs(10);
        let stream = stream(&client).await;
        let mut etcd =
            etcd::client::Client::connect(stream, Some((config, name)), timeout, timeout).await.unwrap();
        assert_eq!(etcd.status().await.unwrap().version, "3.6.5");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_no_upgrade_is_refused() {
        let site = Site::new();
        let client = client_of(&site).await;
        let path = "/api/v1/namespaces/kube-system/pods/etcd-node-1/portforward?ports=1";
        let error = client.read(path).await.unwrap_err();
        assert!(error.to_string().contains("upgrade to websocket"), "{error}");
    }

    #[test]
    fn an_answer_to_another_request_or_in_another_protocol_is_refused() {
        let answer = |upgrade, accept: &str, protocol| {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, HeaderValue::from_static(upgrade));
            headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(accept).unwrap());
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
            headers
        };
        // The example of RFC 6455, section 1.3.
        let (key, accept) = ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(agreed(&answer("WebSocket", accept, PROTOCOL), key), Ok(()));
        for (headers, complaint) in [
            (answer("h2c", accept, PROTOCOL), "\"h2c\""),
            (answer("websocket", "AAAA", PROTOCOL), "another request"),
            (answer("websocket", accept, "v5.channel.k8s.io"), "v5.channel.k8s.io"),
            (HeaderMap::new(), "\"\""),
        ] {
            let error = agreed(&headers, key).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn ports_are_read_in_both_spellings() {
        assert_eq!(ports("ports=80&ports=443"), Ok(vec![80, 443]));
        assert_eq!(ports("&ports=80%2C443,1"), Ok(vec![80, 443, 1]));
        assert!(ports("").is_err() && ports("ports=0").is_err() && ports("ports=x").is_err());
    }
}
