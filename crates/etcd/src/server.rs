//! Answers as one member.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic::body::Body;

use crate::ByteStream;
use crate::codec::BytesCodec;
use crate::messages::{
    AlarmRequest, AlarmResponse, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse, MoveLeaderRequest, MoveLeaderResponse, StatusRequest,
    StatusResponse, paths,
};

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ended other than by being closed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// TLS could not be agreed on.
    #[error("TLS with an etcd client: {0}")]
    Tls(#[from] std::io::Error),
    /// The client did not finish the handshake in time.
    #[error("an etcd client did not finish the TLS handshake within 10 s")]
    HandshakeTimeout,
    /// The connection broke, or what came over it was not HTTP/2.
    #[error("the connection of an etcd client broke: {0}")]
    Connection(#[from] hyper::Error),
}

fn unimplemented<T: Send>(call: &str) -> impl Future<Output = Result<T, Status>> + Send + use<T> {
    ready(Err(Status::unimplemented(format!("{call} is not implemented"))))
}

/// What a member answers. Calls that are not overridden are refused as unimplemented. Errors should carry the texts in
/// [`crate::messages::errors`].
pub trait EtcdService: Send + Sync + 'static {
    /// Adds a member that is yet to start.
    fn member_add(
        &self,
        _: MemberAddRequest,
    ) -> impl Future<Output = Result<MemberAddResponse, Status>> + Send {
        unimplemented("MemberAdd")
    }

    /// Removes a member.
    fn member_remove(
        &self,
        _: MemberRemoveRequest,
    ) -> impl Future<Output = Result<MemberRemoveResponse, Status>> + Send {
        unimplemented("MemberRemove")
    }

    /// Changes a member's peer URLs.
    fn member_update(
        &self,
        _: MemberUpdateRequest,
    ) -> impl Future<Output = Result<MemberUpdateResponse, Status>> + Send {
        unimplemented("MemberUpdate")
    }

    /// Lists the members.
    fn member_list(
        &self,
        _: MemberListRequest,
    ) -> impl Future<Output = Result<MemberListResponse, Status>> + Send {
        unimplemented("MemberList")
    }

    /// Gives a learner a vote.
    fn member_promote(
        &self,
        _: MemberPromoteRequest,
    ) -> impl Future<Output = Result<MemberPromoteResponse, Status>> + Send {
        unimplemented("MemberPromote")
    }

    /// Reads, raises or clears alarms.
    fn alarm(&self, _: AlarmRequest) -> impl Future<Output = Result<AlarmResponse, Status>> + Send {
        unimplemented("Alarm")
    }

    /// Tells how this member is.
    fn status(&self, _: StatusRequest) -> impl Future<Output = Result<StatusResponse, Status>> + Send {
        unimplemented("Status")
    }

    /// Hands leadership over.
    fn move_leader(
        &self,
        _: MoveLeaderRequest,
    ) -> impl Future<Output = Result<MoveLeaderResponse, Status>> + Send {
        unimplemented("MoveLeader")
    }
}

/// Answers calls that come over `stream` until the client closes it. The TLS configuration must offer
/// [`crate::PROTOCOL`] by ALPN and, like etcd, should ask for a client certificate.
pub async fn serve<S: EtcdService>(
    stream: impl ByteStream,
    tls: Option<Arc<ServerConfig>>,
    service: Arc<S>,
) -> Result<(), ServeError> {
    let Some(config) = tls else { return serve_plain(Box::new(stream), service).await };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
    serve_plain(Box::new(stream.map_err(|_| ServeError::HandshakeTimeout)??), service).await
}

async fn serve_plain<S: EtcdService>(stream: Box<dyn ByteStream>, service: Arc<S>) -> Result<(), ServeError> {
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(route(service, request).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), answer);
    Ok(connection.await?)
}

async fn route<S: EtcdService>(service: Arc<S>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let handler = tower::service_fn(move |request: tonic::Request<Bytes>| {
        let (service, path) = (service.clone(), path.clone());
        async move { answer(service.as_ref(), &path, request.into_inner()).await.map(tonic::Response::new) }
    });
    tonic::server::Grpc::new(BytesCodec).unary(handler, request).await
}

/// The answer to one message, both encoded.
async fn answer<S: EtcdService>(service: &S, path: &str, message: Bytes) -> Result<Bytes, Status> {
    match path {
        paths::MEMBER_ADD => encoded(service.member_add(decoded(message)?).await),
        paths::MEMBER_REMOVE => encoded(service.member_remove(decoded(message)?).await),
        paths::MEMBER_UPDATE => encoded(service.member_update(decoded(message)?).await),
        paths::MEMBER_LIST => encoded(service.member_list(decoded(message)?).await),
        paths::MEMBER_PROMOTE => encoded(service.member_promote(decoded(message)?).await),
        paths::ALARM => encoded(service.alarm(decoded(message)?).await),
        paths::STATUS => encoded(service.status(decoded(message)?).await),
        paths::MOVE_LEADER => encoded(service.move_leader(decoded(message)?).await),
        path => Err(Status::unimplemented(format!("unknown method {path}"))),
    }
}

fn decoded<Q: Message + Default>(message: Bytes) -> Result<Q, Status> {
    Q::decode(message).map_err(|error| Status::internal(format!("the message cannot be read: {error}")))
}

fn encoded<R: Message>(answer: Result<R, Status>) -> Result<Bytes, Status> {
    Ok(answer?.encode_to_vec().into())
}
