//! etcd on a control plane node of a workload cluster, through a port-forward to its static pod.

use std::time::Duration;

use etcd::client::{Client, DEFAULT_CALL_TIMEOUT, DEFAULT_DIAL_TIMEOUT};
use futures::future::BoxFuture;

use super::{NotAvailable, OpenPortError, Workloads};
use crate::key::Key;
use crate::tls::{self, Identity, TlsError, Trust};

const NAMESPACE: &str = "kube-system";
const CLIENT_PORT: u16 = 2379;

/// The static pod of etcd on a node.
pub fn etcd_pod_name(node: &str) -> String {
    format!("etcd-{node}")
}

/// What it takes to be let in by etcd.
#[derive(Clone, Copy)]
pub struct EtcdAccess<'a> {
    /// etcd's authority, as PEM. The server's certificate must come from it, for whatever name: pods are reached by a
    /// name that is not in their certificate.
    pub authority: &'a [u8],
    /// Client certificate, as PEM.
    pub certificate: &'a [u8],
    /// Its private key, as PEM.
    pub key: &'a [u8],
    /// How long opening the tunnel and shaking hands may take.
    pub dial_timeout: Duration,
    /// How long each call may take.
    pub call_timeout: Duration,
}

impl<'a> EtcdAccess<'a> {
    /// With the usual timeouts: 10 s to connect, 15 s for a call.
    pub fn new(authority: &'a [u8], certificate: &'a [u8], key: &'a [u8]) -> Self {
        let (dial_timeout, call_timeout) = (DEFAULT_DIAL_TIMEOUT, DEFAULT_CALL_TIMEOUT);
        Self { authority, certificate, key, dial_timeout, call_timeout }
    }
}

/// Why etcd on a node cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// There is no connection to the cluster.
    #[error(transparent)]
    NotAvailable(NotAvailable),
    /// There is no way to the pod.
    #[error("etcd on node {node}: {source}")]
    Tunnel {
        /// Which node.
        node: String,
        /// What is in the way.
        source: OpenPortError,
    },
    /// The tunnel took too long.
    #[error("etcd on node {node}: no tunnel within {} s", .after.as_secs_f64())]
    Timeout {
        /// Which node.
        node: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The certificates are of no use.
    #[error("etcd on node {node}: {source}")]
    Tls {
        /// Which node.
        node: String,
        /// What is wrong.
        source: TlsError,
    },
    /// etcd itself could not be talked to.
    #[error("etcd on node {node}: {source}")]
    Etcd {
        /// Which node.
        node: String,
        /// What went wrong.
        source: etcd::client::Error,
    },
}

impl Workloads {
    /// Connects to etcd on `node` of `cluster`. The connection is the caller's: dropping the client closes it, and with it
    /// the tunnel.
    ///
    /// # Errors
    /// When there is no connection, no tunnel, or no etcd at its end.
    pub fn etcd<'a>(
        &'a self,
        cluster: &'a Key,
        node: &'a str,
        access: &'a EtcdAccess<'a>,
    ) -> BoxFuture<'a, Result<Client, EtcdError>> {
        Box::pin(self.connect_to_etcd(cluster, node, access))
    }

    async fn connect_to_etcd(
        &self,
        cluster: &Key,
        node: &str,
        access: &EtcdAccess<'_>,
    ) -> Result<Client, EtcdError> {
        let on_node = || node.to_owned();
        let wrong_tls = |source| EtcdError::Tls { node: on_node(), source };
        let pod = etcd_pod_name(node);
        let identity = Identity::from_pem(access.certificate, access.key).map_err(wrong_tls)?;
        let trust = Trust::AuthoritiesAnyName(access.authority);
        let config =
            tls::client(&trust, Some(identity), &[etcd::PROTOCOL], &self.shared.clock).map_err(wrong_tls)?;
        let name = tls::server_name(&pod).map_err(wrong_tls)?;
        let opening = self.open_port(cluster, NAMESPACE, &pod, CLIENT_PORT);
        let stream = match tokio::time::timeout(access.dial_timeout, opening).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(OpenPortError::NotAvailable(error))) => return Err(EtcdError::NotAvailable(error)),
            Ok(Err(source)) => return Err(EtcdError::Tunnel { node: on_node(), source }),
            Err(_) => return Err(EtcdError::Timeout { node: on_node(), after: access.dial_timeout }),
        };
        Client::connect(stream, Some((config, name)), access.dial_timeout, access.call_timeout)
            .await
            .map_err(|source| EtcdError::Etcd { node: on_node(), source })
    }
}
