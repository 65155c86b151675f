//! What can go wrong in the cloud itself, as opposed to in a machine that was told nonsense.

use std::io;

use super::api::WriteError;
use super::etcd::Refusal;

/// A step of the simulation that failed. It is tried again. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The address of a cluster cannot be listened on.
    #[error("cluster {cluster}: {source}")]
    Listen {
        /// The cluster.
        cluster: String,
        /// Names the address.
        source: io::Error,
    },
    /// The task that was to start a cluster ended before it did.
    #[error("a simulated cluster cannot be started: {0}")]
    Start(String),
    /// The cloud's own records cannot be written.
    #[error("the record {key} of the simulated cloud cannot be written: {source}")]
    Save {
        /// Which record.
        key: String,
        /// Why.
        source: store::CommitError,
    },
    /// A record is not what was written.
    #[error(
        "the record {key} of the simulated cloud cannot be read: {reason}; move the data directory away to begin anew"
    )]
    Record {
        /// Which record.
        key: String,
        /// Why.
        reason: String,
    },
    /// The database is closed.
    #[error("the database of the simulated cloud: {0}")]
    Database(#[from] store::Closed),
    /// There is no such cluster.
    #[error("there is no simulated cluster {0}")]
    NoCluster(String),
    /// There is no such machine.
    #[error("there is no simulated machine {machine} in cluster {cluster}")]
    NoMachine {
        /// The cluster.
        cluster: String,
        /// The machine.
        machine: String,
    },
    /// A machine was asked for something that its bootstrap has not got to yet.
    #[error("machine {0} is no node yet")]
    NoNode(String),
    /// The API server cannot be put together.
    #[error(transparent)]
    Build(#[from] apiserver::BuildError),
    /// An object cannot be written in a simulated cluster.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// etcd refuses the member.
    #[error("the etcd member of node {node} cannot join: {refusal:?}")]
    Etcd {
        /// The node.
        node: String,
        /// Why.
        refusal: Refusal,
    },
    /// Keys or certificates cannot be made.
    #[error(transparent)]
    Pki(#[from] runtime::pki::PkiError),
    /// Keys or certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] runtime::tls::TlsError),
}
