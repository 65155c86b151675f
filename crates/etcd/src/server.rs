//! Answers as one member.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic::body::Body;
use tonic_prost::ProstCodec;

use crate::ByteStream;
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
    let Some(config) = tls else { return serve_plain(stream, service).await };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
    serve_plain(stream.map_err(|_| ServeError::HandshakeTimeout)??, service).await
}

async fn serve_plain<S: EtcdService>(stream: impl ByteStream, service: Arc<S>) -> Result<(), ServeError> {
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(route(service, request).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), answer);
    Ok(connection.await?)
}

async fn route<S: EtcdService>(service: Arc<S>, request: Request<Incoming>) -> Response<Body> {
    let service = &service;
    match request.uri().path() {
        paths::MEMBER_ADD => {
            unary(request, service, |service, message| async move { service.member_add(message).await }).await
        }
        paths::MEMBER_REMOVE => {
            unary(request, service, |service, message| async move { service.member_remove(message).await })
                .await
        }
        paths::MEMBER_UPDATE => {
            unary(request, service, |service, message| async move { service.member_update(message).await })
                .await
        }
        paths::MEMBER_LIST => {
            unary(request, service, |service, message| async move { service.member_list(message).await })
                .await
        }
        paths::MEMBER_PROMOTE => {
            unary(request, service, |service, message| async move { service.member_promote(message).await })
                .await
        }
        paths::ALARM => {
            unary(request, service, |service, message| async move { service.alarm(message).await }).await
        }
        paths::STATUS => {
            unary(request, service, |service, message| async move { service.status(message).await }).await
        }
        paths::MOVE_LEADER => {
            unary(request, service, |service, message| async move { service.move_leader(message).await })
                .await
        }
        path => Status::unimplemented(format!("unknown method {path}")).into_http(),
    }
}

/// Decodes the one message of a call, has it answered, encodes the answer.
async fn unary<S, Q, R, F>(
    request: Request<Incoming>,
    service: &Arc<S>,
    answer: impl Fn(Arc<S>, Q) -> F,
) -> Response<Body>
where
    S: EtcdService,
    Q: Message + Default + Send + 'static,
    R: Message + Send + 'static,
    F: Future<Output = Result<R, Status>>,
{
    let handler = tower::service_fn(|request: tonic::Request<Q>| {
        let answering = answer(service.clone(), request.into_inner());
        async move { answering.await.map(tonic::Response::new) }
    });
    tonic::server::Grpc::new(ProstCodec::<R, Q>::default()).unary(handler, request).await
}
