//! The seam where a connection is opened.
//!
//! Everything above it (TLS, HTTP, upgrades, gRPC) is the same in production and in a rehearsal; only who carries the
//! bytes differs. Production uses TCP. A rehearsal uses pipes in memory, because a paused clock and real sockets do not
//! mix: the clock would run ahead while bytes are on their way.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How many bytes may be under way in one direction of a pipe: one full TLS record. A pipe grows to this only when used.
const PIPE_CAPACITY_BYTES: usize = 16 * 1024;
/// The first port that [`pipes`] hands out where port 0 was asked for.
const FIRST_FREE_PORT: u16 = 20_000;

/// Where [`tcp`] looks where port 0 was asked for: below the ports that operating systems give to outgoing connections
/// (Linux from 32768, others from 49152; RFC 6335 section 6), and below those of NodePort Services (from 30000). From
/// above, the port of a server that is down for a moment may go to a connection of anybody; who dials it may even meet
/// himself.
const FREE_PORTS: std::ops::Range<u16> = 20_000..30_000;

/// What a connection must be able to do.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open connection, whoever carries it.
pub type Connection = Box<dyn ByteStream>;

/// Opens connections and accepts them. Addresses are `host:port`; an IPv6 host stands in brackets.
pub trait Network: Send + Sync {
    /// Opens a connection to `address`. Refused where nobody listens.
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Connection>>;

    /// Listens on `address`; port 0 picks a free one, told by [`Listener::local_address`].
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Listener>>;
}

/// The handle by which a network is passed around.
pub type SharedNetwork = Arc<dyn Network>;

/// Accepts connections on one address until dropped.
pub struct Listener {
    local_address: String,
    source: Source,
}

enum Source {
    Tcp(TcpListener),
    Pipe(PipeListener),
}

impl Listener {
    /// The address others dial, with the port that was picked.
    pub fn local_address(&self) -> &str {
        &self.local_address
    }

    /// The port of [`Listener::local_address`].
    pub fn port(&self) -> u16 {
        split_address(&self.local_address).map_or(0, |(_, port)| port)
    }

    /// Waits for the next connection.
    pub async fn accept(&mut self) -> io::Result<Connection> {
        match &mut self.source {
            Source::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Source::Pipe(listener) => match listener.incoming.recv().await {
                Some(connection) => Ok(connection),
                None => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the network is gone")),
            },
        }
    }
}

/// Real sockets.
pub fn tcp() -> SharedNetwork {
    Arc::new(Tcp)
}

struct Tcp;

impl Network for Tcp {
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Connection>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await.map_err(|error| about("dial", address, &error))?;
            // Small requests and watch events must not wait for a buffer to fill.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Connection)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Listener>> {
        Box::pin(async move {
            let (host, port) = split_address(address)?;
            let bound = if port == 0 { bind_free(host).await } else { TcpListener::bind(address).await };
            let listener = bound.map_err(|error| about("listen on", address, &error))?;
            let local_address = format!("{host}:{}", listener.local_addr()?.port());
            Ok(Listener { local_address, source: Source::Tcp(listener) })
        })
    }
}

/// Listens on a free port of [`FREE_PORTS`]; on one that the operating system picks where none of them is left.
async fn bind_free(host: &str) -> io::Result<TcpListener> {
    for _ in FREE_PORTS {
        match TcpListener::bind(format!("{host}:{}", next_port())).await {
            // Some systems set ports aside and forbid them one by one.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {}
            other => return other,
        }
    }
    TcpListener::bind(format!("{host}:0")).await
}

/// One after another, so that a port that was given back rests for a while. Processes begin at different places and so seldom
/// try the same.
fn next_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    const SPREAD: u32 = 7919;
    let number = std::process::id().wrapping_mul(SPREAD).wrapping_add(TAKEN.fetch_add(1, Relaxed));
    let offset = number % u32::from(FREE_PORTS.end - FREE_PORTS.start);
    FREE_PORTS.start + u16::try_from(offset).unwrap_or_default()
}

/// A network inside this process: pipes between whoever dials and whoever listens, found by exact `host:port`. Free
/// ports are handed out in order and never twice, so a run repeats.
pub fn pipes() -> SharedNetwork {
    Arc::new(Pipes::default())
}

#[derive(Default)]
struct Pipes {
    registry: Arc<Mutex<Registry>>,
}

#[derive(Default)]
struct Registry {
    listeners: BTreeMap<String, mpsc::UnboundedSender<Connection>>,
    next_port: BTreeMap<String, u16>,
}

struct PipeListener {
    incoming: mpsc::UnboundedReceiver<Connection>,
    address: String,
    registry: Arc<Mutex<Registry>>,
}

impl Drop for PipeListener {
    fn drop(&mut self) {
        lock(&self.registry).listeners.remove(&self.address);
    }
}

impl Network for Pipes {
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Connection>> {
        Box::pin(async move {
            let listener = lock(&self.registry).listeners.get(address).cloned();
            let refused = || {
                io::Error::new(io::ErrorKind::ConnectionRefused, format!("dial {address}: nobody listens"))
            };
            let listener = listener.ok_or_else(refused)?;
            let (ours, theirs) = tokio::io::duplex(PIPE_CAPACITY_BYTES);
            listener.send(Box::new(theirs)).map_err(|_| refused())?;
            Ok(Box::new(ours) as Connection)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Listener>> {
        Box::pin(async move {
            let (host, port) = split_address(address)?;
            let mut registry = lock(&self.registry);
            let port = if port == 0 { registry.free_port(host)? } else { port };
            let local_address = format!("{host}:{port}");
            if registry.listeners.contains_key(&local_address) {
                let text =
                    format!("listen on {address}: somebody listens there already; pick another port or 0");
                return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
            }
            let (sender, incoming) = mpsc::unbounded_channel();
            registry.listeners.insert(local_address.clone(), sender);
            drop(registry);
            let source =
                PipeListener { incoming, address: local_address.clone(), registry: self.registry.clone() };
            Ok(Listener { local_address, source: Source::Pipe(source) })
        })
    }
}

impl Registry {
    fn free_port(&mut self, host: &str) -> io::Result<u16> {
        let next = self.next_port.entry(host.to_owned()).or_insert(FIRST_FREE_PORT);
        while let Some(following) = next.checked_add(1) {
            let port = std::mem::replace(next, following);
            if !self.listeners.contains_key(&format!("{host}:{port}")) {
                return Ok(port);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, format!("no port is left on host {host}")))
    }
}

fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `host:port` in its two parts; the host of `[::1]:443` keeps its brackets.
fn split_address(address: &str) -> io::Result<(&str, u16)> {
    let wrong = || {
        let text = format!("address {address:?}: want host:port with a port from 0 to 65535");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err(wrong());
    }
    Ok((host, port))
}

/// Says which address an operating system's error is about; the kind stays what it was.
fn about(act: &str, address: &str, error: &io::Error) -> io::Error {
    let hint = if error.kind() == io::ErrorKind::AddrInUse { "; pick another port or 0" } else { "" };
    io::Error::new(error.kind(), format!("{act} {address}: {error}{hint}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn echo_once(network: SharedNetwork, address: &str) {
        let mut listener = network.listen(address).await.unwrap();
        let target = listener.local_address().to_owned();
        let server = async {
            let mut connection = listener.accept().await.unwrap();
            let mut word = [0; 5];
            connection.read_exact(&mut word).await.unwrap();
            connection.write_all(&word).await.unwrap();
        };
        let client = async {
            let mut connection = network.dial(&target).await.unwrap();
            connection.write_all(b"hello").await.unwrap();
            let mut word = Vec::new();
            connection.read_to_end(&mut word).await.unwrap();
            assert_eq!(word, b"hello");
        };
        futures::join!(server, client);
    }

    #[tokio::test]
    async fn both_networks_carry_bytes() {
        echo_once(tcp(), "127.0.0.1:0").await;
        echo_once(pipes(), "cluster-a:0").await;
    }

    #[tokio::test]
    async fn servers_get_ports_that_outgoing_connections_do_not() {
        let network = tcp();
        let mut listeners = Vec::new();
        for _ in 0..20 {
            listeners.push(network.listen("127.0.0.1:0").await.unwrap());
        }
        assert!(listeners.iter().all(|listener| FREE_PORTS.contains(&listener.port())));
        let taken = network.listen(listeners[0].local_address()).await.err().unwrap();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn pipes_refuse_where_nobody_listens() {
        let network = pipes();
        assert_eq!(network.dial("a:1").await.err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
        let listener = network.listen("a:1").await.unwrap();
        network.dial("a:1").await.unwrap();
        drop(listener);
        assert_eq!(network.dial("a:1").await.err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn pipes_hand_out_ports_in_order_and_not_twice() {
        let network = pipes();
        let taken = network.listen("a:20001").await.unwrap();
        let first = network.listen("a:0").await.unwrap();
        assert_eq!(first.local_address(), "a:20000");
        drop(first);
        assert_eq!(network.listen("a:0").await.unwrap().local_address(), "a:20002");
        assert_eq!(network.listen("b:0").await.unwrap().port(), 20_000);
        assert_eq!(taken.port(), 20_001);
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        for (network, host) in [(tcp(), "127.0.0.1"), (pipes(), "a")] {
            let listener = network.listen(&format!("{host}:0")).await.unwrap();
            let error = network.listen(listener.local_address()).await.err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains(listener.local_address()), "{error}");
            assert!(error.to_string().contains("pick another port"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_address_needs_host_and_port() {
        for address in ["a", ":1", "a:b", "a:70000", "::1:443"] {
            let error = pipes().listen(address).await.err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}");
        }
        assert_eq!(pipes().listen("[::1]:443").await.unwrap().local_address(), "[::1]:443");
    }
}
