//! Port-forwards into simulated Pods: only etcd listens in one.

use std::io;
use std::sync::{Arc, Weak};

use apiserver::Body;
use apiserver::connect::{ConnectRequest, Connector};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use runtime::network::Connection;

use super::certificates;
use super::cluster::Cluster;
use super::front::json_body;
use super::member::Process;

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
    let node = pod.strip_prefix("etcd-").filter(|_| port == ETCD_PORT).ok_or_else(|| refused(port))?;
    let (machine, address, authority, cached, process) = {
        let mut state = cluster.state();
        let runs = state.record.etcd.named(node).is_some_and(|member| member.running);
        let on = state.machines.values().find(|machine| machine.node().is_some_and(|(name, _)| name == node));
        let (machine, address) = on
            .filter(|_| runs)
            .map(|on| (on.name.clone(), on.address.clone()))
            .ok_or_else(|| refused(port))?;
        let authority = state.record.init.as_ref().and_then(|init| init.etcd_authority.clone());
        let cached = state.etcd_tls.get(node).cloned();
        let process = state.processes.entry(machine.clone()).or_default().child();
        (machine, address, authority.ok_or_else(|| refused(port))?, cached, process)
    };
    let tls = match cached {
        Some(tls) => tls,
        None => certificates::etcd_member(cluster, &authority, node, &address).map_err(io::Error::other)?,
    };
    cluster.state().etcd_tls.insert(node.to_owned(), Arc::clone(&tls));
    tracing::trace!(cluster = %cluster.id, machine, "a tunnel to etcd opens");
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let member = Arc::new(Process::new(Arc::downgrade(cluster), node));
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = process.requested() => {}
            ended = ::etcd::server::serve(theirs, Some(tls), member) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a tunnel to etcd ended");
                }
            }
        }
    });
    Ok(Box::new(ours))
}
