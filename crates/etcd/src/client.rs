//! Asks one member.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::body::Body;
use tonic::client::Grpc;
use tower::Service;

use crate::ByteStream;
use crate::codec::BytesCodec;
use crate::messages::{self, paths};

/// How long opening a connection may take where the caller has no opinion.
pub const DEFAULT_DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one call may take where the caller has no opinion.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection came about.
    #[error("no connection to etcd: {0}")]
    Connect(String),
    /// No answer in time. The call may still take effect.
    #[error("etcd gave no answer to {call} within {} s", .after.as_secs_f64())]
    Timeout {
        /// Which call.
        call: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke during the call, which may still take effect.
    #[error("the connection to etcd broke during {call}: {reason}")]
    Broken {
        /// Which call.
        call: &'static str,
        /// What happened.
        reason: String,
    },
    /// etcd answered with an error.
    #[error("etcd refused {call}: {message} ({code:?})")]
    Refused {
        /// Which call.
        call: &'static str,
        /// The kind of error.
        code: Code,
        /// etcd's words; see [`messages::errors`].
        message: String,
    },
}

impl Error {
    /// Whether etcd said `text`, one of [`messages::errors`].
    pub fn is(&self, text: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message == text)
    }

    /// Whether it is unknown if the call took effect.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::Refused { code, .. } => *code == Code::DeadlineExceeded,
            Self::Connect(_) => false,
        }
    }
}

/// How to encrypt, and whom to expect at the other end. The configuration must offer [`crate::PROTOCOL`] by ALPN.
pub type Tls = (Arc<ClientConfig>, ServerName<'static>);

/// A connection to one member. Dropping it closes the stream.
pub struct Client {
    grpc: Grpc<Http2>,
    call_timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("call_timeout", &self.call_timeout).finish_non_exhaustive()
    }
}

/// What becomes of a call. Boxed, or each crate that awaits it compiles gRPC and HTTP/2 once more.
pub type Answer<'a, R> = Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'a>>;

impl Client {
    /// Shakes hands over `stream`, within `dial_timeout`; later calls may take `call_timeout` each.
    ///
    /// # Errors
    /// When no connection comes about in that time.
    pub async fn connect(
        stream: impl ByteStream,
        tls: Option<Tls>,
        dial_timeout: Duration,
        call_timeout: Duration,
    ) -> Result<Self, Error> {
        let opening = Http2::over(Box::new(stream), tls);
        let late = |_| Error::Timeout { call: "the handshake", after: dial_timeout };
        let http2 = tokio::time::timeout(dial_timeout, opening).await.map_err(late)??;
        // Routing is by the stream, so the host in the request is of no consequence.
        Ok(Self { grpc: Grpc::with_origin(http2, Uri::from_static("https://etcd")), call_timeout })
    }

    /// The members, by agreement of a quorum.
    pub fn member_list(&mut self) -> Answer<'_, messages::MemberListResponse> {
        let request = messages::MemberListRequest { linearizable: true };
        self.call("MemberList", paths::MEMBER_LIST, &request)
    }

    /// Adds a member that is yet to start.
    pub fn member_add(
        &mut self,
        peer_urls: Vec<String>,
        is_learner: bool,
    ) -> Answer<'_, messages::MemberAddResponse> {
        self.call("MemberAdd", paths::MEMBER_ADD, &messages::MemberAddRequest { peer_urls, is_learner })
    }

    /// Removes a member.
    pub fn member_remove(&mut self, id: u64) -> Answer<'_, messages::MemberRemoveResponse> {
        self.call("MemberRemove", paths::MEMBER_REMOVE, &messages::MemberRemoveRequest { id })
    }

    /// Changes where the other members reach one.
    pub fn member_update(
        &mut self,
        id: u64,
        peer_urls: Vec<String>,
    ) -> Answer<'_, messages::MemberUpdateResponse> {
        self.call("MemberUpdate", paths::MEMBER_UPDATE, &messages::MemberUpdateRequest { id, peer_urls })
    }

    /// Gives a learner a vote.
    pub fn member_promote(&mut self, id: u64) -> Answer<'_, messages::MemberPromoteResponse> {
        self.call("MemberPromote", paths::MEMBER_PROMOTE, &messages::MemberPromoteRequest { id })
    }

    /// Hands leadership to `target_id`; only the leader can.
    pub fn move_leader(&mut self, target_id: u64) -> Answer<'_, messages::MoveLeaderResponse> {
        self.call("MoveLeader", paths::MOVE_LEADER, &messages::MoveLeaderRequest { target_id })
    }

    /// Hands leadership to the first of `candidates` that takes it. Whether one of them leads then: a member that does not
    /// lead itself cannot hand over.
    ///
    /// # Errors
    /// What the last candidate failed with, or asking for the leader.
    pub fn hand_over<'a>(&'a mut self, candidates: &'a [u64]) -> Answer<'a, bool> {
        Box::pin(async move {
            let status = self.status().await?;
            if candidates.contains(&status.leader) {
                return Ok(true);
            }
            if status.header.is_none_or(|header| header.member_id != status.leader) {
                return Ok(false);
            }
            let mut last = Ok(false);
            for candidate in candidates {
                last = self.move_leader(*candidate).await.map(|_| true);
                if last.is_ok() {
                    break;
                }
            }
            last
        })
    }

    /// The alarms that are raised, of all members.
    pub fn alarms(&mut self) -> Answer<'_, messages::AlarmResponse> {
        let request = messages::AlarmRequest {
            action: messages::AlarmAction::Get.into(),
            member_id: 0,
            alarm: messages::AlarmType::None.into(),
        };
        self.call("Alarm", paths::ALARM, &request)
    }

    /// How the connected member is.
    pub fn status(&mut self) -> Answer<'_, messages::StatusResponse> {
        self.call("Status", paths::STATUS, &messages::StatusRequest {})
    }

    fn call<R>(&mut self, call: &'static str, path: &'static str, request: &impl Message) -> Answer<'_, R>
    where
        R: Message + Default + 'static,
    {
        let request = Bytes::from(request.encode_to_vec());
        Box::pin(async move {
            let answer = self.exchange(call, path, request).await?;
            R::decode(answer).map_err(|error| Error::Broken {
                call,
                reason: format!("the answer cannot be read: {error}"),
            })
        })
    }

    async fn exchange(
        &mut self,
        call: &'static str,
        path: &'static str,
        request: Bytes,
    ) -> Result<Bytes, Error> {
        let after = self.call_timeout;
        let grpc = &mut self.grpc;
        let asking = async {
            grpc.ready().await.map_err(|error| Error::Broken { call, reason: error.to_string() })?;
            let request = tonic::Request::new(request);
            let answer = grpc.unary(request, PathAndQuery::from_static(path), BytesCodec).await;
            answer.map(tonic::Response::into_inner).map_err(|status| refused_or_broken(call, &status))
        };
        tokio::time::timeout(after, asking).await.map_err(|_| Error::Timeout { call, after })?
    }
}

/// A status that etcd sent has no source; one that was made here because the connection failed has one.
fn refused_or_broken(call: &'static str, status: &tonic::Status) -> Error {
    let mut source = std::error::Error::source(status);
    let mut reason = None;
    while let Some(error) = source {
        reason = Some(error.to_string());
        source = error.source();
    }
    match reason {
        Some(reason) => Error::Broken { call, reason },
        None => Error::Refused { call, code: status.code(), message: status.message().to_owned() },
    }
}

/// One HTTP/2 connection as a service.
struct Http2(SendRequest<Body>);

impl Http2 {
    /// Boxed for the same reason as [`Answer`].
    fn over(stream: Box<dyn ByteStream>, tls: Option<Tls>) -> Answer<'static, Self> {
        Box::pin(async move {
            let Some((config, name)) = tls else { return Self::open(stream).await };
            let stream = TlsConnector::from(config).connect(name, stream).await;
            let stream = stream.map_err(|error| Error::Connect(format!("TLS: {error}")))?;
            Self::open(Box::new(stream)).await
        })
    }

    async fn open(stream: Box<dyn ByteStream>) -> Result<Self, Error> {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(|error| Error::Connect(format!("HTTP/2: {error}")))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to etcd ended");
            }
        });
        Ok(Self(sender))
    }
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
