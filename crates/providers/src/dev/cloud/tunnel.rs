//! Port-forwards into simulated Pods: etcd and the API server listen in theirs.

use std::future::Future;
use std::io;
use std::sync::{Arc, Weak};

use apiserver::Body;
use apiserver::connect::{ConnectRequest, Connector};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use runtime::network::Connection;
use runtime::shutdown::Shutdown;
use runtime::wire::Wire;
use tokio::io::DuplexStream;

use super::certificates;
use super::cluster::{Cluster, State};
use super::front::{Front, json_body};
use super::member::Process;
use super::records::MachineRecord;

/// Where etcd listens for clients.
const ETCD_PORT: u16 = 2379;
/// How many bytes may be under way in one direction of a tunnel.
const PIPE_BYTES: usize = 16 * 1024;

/// Answers `pods/portforward`.
pub(super) fn connector(cluster: Weak<Cluster>) -> Connector {
    Arc::new(move |request: ConnectRequest| {
        let cluster = cluster.clone();
        Box::pin(async move { forward(cluster, request).await })
    })
}

async fn forward(cluster: Weak<Cluster>, request: ConnectRequest) -> Response<Body> {
    let pod = match request.namespace.as_deref() {
        Some("kube-system") => request.name,
        _ => String::new(),
    };
    let response = runtime::portforward::serve(Request::from_parts(request.parts, ()), move |port| {
        let opened = match cluster.upgrade() {
            Some(cluster) => dial(&cluster, &pod, port),
            None => Err(refused(port)),
        };
        std::future::ready(opened)
    });
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(parts, Body::whole(body.to_bytes())),
        Err(never) => json_body(StatusCode::INTERNAL_SERVER_ERROR, &never.to_string().into()),
    }
}

fn refused(port: u16) -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionRefused,
        format!("connect to 127.0.0.1:{port}: connection refused"),
    )
}

/// Opens a connection to a port of a Pod of `kube-system`.
fn dial(cluster: &Arc<Cluster>, pod: &str, port: u16) -> io::Result<Connection> {
    let opened = match (pod.strip_prefix("etcd-"), pod.strip_prefix("kube-apiserver-")) {
        (Some(node), _) if port == ETCD_PORT => etcd(cluster, node)?,
        (_, Some(node)) => api_server(cluster, node, port)?,
        _ => None,
    };
    opened.ok_or_else(|| refused(port))
}

/// A connection to the etcd member on a node, if it runs.
fn etcd(cluster: &Arc<Cluster>, node: &str) -> io::Result<Option<Connection>> {
    let found = {
        let mut state = cluster.state();
        let runs = state.record.etcd.named(node).is_some_and(|member| member.running);
        let authority = state.record.init.as_ref().and_then(|init| init.etcd_authority.clone());
        let address = state.on_node(node).filter(|_| runs).map(|machine| machine.address.clone());
        let process = state.process_on(node);
        authority.zip(address).zip(process).map(|known| (known, state.etcd_tls.get(node).cloned()))
    };
    let Some((((authority, address), process), cached)) = found else { return Ok(None) };
    let tls = match cached {
        Some(tls) => tls,
        None => certificates::etcd_member(cluster, &authority, node, &address).map_err(io::Error::other)?,
    };
    cluster.state().etcd_tls.insert(node.to_owned(), Arc::clone(&tls));
    let member = Arc::new(Process::new(Arc::downgrade(cluster), node));
    Ok(Some(connected(process, |theirs| async move {
        if let Err(error) = ::etcd::server::serve(theirs, Some(tls), member).await {
            tracing::debug!(%error, "a tunnel to etcd ended");
        }
    })))
}

/// A connection to the API server on a node, if it runs and listens on this port.
fn api_server(cluster: &Arc<Cluster>, node: &str, port: u16) -> io::Result<Option<Connection>> {
    let found = {
        let mut state = cluster.state();
        let runs = state
            .on_node(node)
            .is_some_and(|machine| machine.api_server_started && machine.api_server_port == port);
        let tls = state.tls.clone().filter(|_| runs);
        tls.zip(state.process_on(node))
    };
    let Some((tls, process)) = found else { return Ok(None) };
    let front = Wire::new(Front::new(Arc::downgrade(cluster)));
    Ok(Some(connected(process, |theirs| async move {
        if let Err(error) = runtime::serve::connection(Box::new(theirs), Some(tls), front).await {
            tracing::debug!(error, "a tunnel to an API server ended");
        }
    })))
}

/// One end of a pipe whose other end is served until the process dies.
fn connected<F>(process: Shutdown, serve: impl FnOnce(DuplexStream) -> F) -> Connection
where
    F: Future<Output = ()> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let served = serve(theirs);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = process.requested() => {}
            () = served => {}
        }
    });
    Box::new(ours)
}

impl State {
    /// The machine that is registered as a node.
    fn on_node(&self, node: &str) -> Option<&MachineRecord> {
        self.machines.values().find(|machine| machine.node().is_some_and(|(name, _)| name == node))
    }

    /// What ends with the processes of the machine that is registered as a node.
    fn process_on(&mut self, node: &str) -> Option<Shutdown> {
        let machine = self.on_node(node)?.name.clone();
        Some(self.processes.entry(machine).or_default().child())
    }
}
