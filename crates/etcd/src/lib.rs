//! The slice of etcd's gRPC interface that looking after its members needs: who is a member, who leads, which alarms
//! are raised; adding, removing and promoting members, and handing over leadership. Client and server.
//!
//! Both ends work on any byte stream, since etcd is reached through a tunnel to a pod in production and through a pipe in
//! a rehearsal. One client is one connection: dropping it closes the stream.
//!
//! Deliberately absent: keys and values, watches, leases, users; storage and Raft; Kubernetes; retries and endpoint
//! lists, because callers choose which member to ask.

pub mod client;
mod codec;
pub mod messages;
pub mod server;

use tokio::io::{AsyncRead, AsyncWrite};

/// The ALPN name that both ends must agree on; gRPC refuses connections without it.
pub const PROTOCOL: &[u8] = b"h2";

/// What a stream must be able to do to carry etcd's protocol.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for T {}
