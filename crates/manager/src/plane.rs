//! The whole management plane in one process.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiserver::auth::User;
use http::Request;
use hyper::body::Incoming;
use runtime::client::Client;
use runtime::network::Listener;
use runtime::serve::Peer;
use runtime::shutdown::Shutdown;
use runtime::wire::Wire;
use store::{Database, OpenError, Options};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::Environment;
use crate::address::{self, Machine};
use crate::authority::{AuthorityError, Credentials};
use crate::data::{DataDirectory, DataError, write_private};
use crate::ground::{Ground, GroundError};
use crate::hands::{Hands, HandsError, HandsSettings};

/// Where the API is served unless somebody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:0";

/// How long controllers may take to finish what they have begun. Well within the 30 s that Kubernetes gives a Pod to end.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How a plane is set up.
#[derive(Debug)]
pub struct Settings {
    /// Where state is kept.
    pub data: Data,
    /// `address:port` to serve the API on; without it the last one of the data directory, or a free port.
    pub listen: Option<String>,
    /// Where to write the administrator's kubeconfig; without it into the data directory.
    pub kubeconfig: Option<PathBuf>,
    /// Whether controllers run, or the API alone.
    pub controllers: bool,
}

/// Where state is kept.
#[derive(Debug)]
pub enum Data {
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: it ends with the process.
    Memory,
}

/// Why a plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A database in it cannot be used.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// Keys and certificates.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The ground.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The controllers.
    #[error(transparent)]
    Hands(#[from] HandsError),
    /// The address cannot be listened on.
    #[error("cannot {0}")]
    Listen(
        /// Where, and why not.
        io::Error,
    ),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StartError {
    /// Whether whoever started the plane can mend it.
    pub fn is_users(&self) -> bool {
        !matches!(self, StartError::Hands(_) | StartError::Ground(GroundError::Definition { .. }))
    }

    /// The way out, where there is one to name.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StartError::Data(DataError::InUse(_)) => Some("stop the other one, or choose another --data-dir"),
            StartError::Data(DataError::Foreign(_) | DataError::NotADirectory(_)) => {
                Some("choose an empty or new directory with --data-dir")
            }
            StartError::Data(DataError::Format { .. }) => {
                Some("run the version of windlass that wrote it, or choose another --data-dir")
            }
            StartError::Data(DataError::Emptied(_)) => {
                Some("restore the file from a backup, or remove it to start empty")
            }
            StartError::Data(DataError::Io { .. }) => {
                Some("choose a directory you may write to with --data-dir")
            }
            StartError::Listen(_) => {
                Some("choose another address with --listen ADDR:PORT; port 0 takes a free one")
            }
            StartError::Write { .. } => Some("choose another file with --kubeconfig FILE"),
            _ => None,
        }
    }
}

/// A running management plane.
pub struct Plane {
    ground: Ground,
    hands: Option<Hands>,
    client: Client,
    address: String,
    kubeconfig: Option<PathBuf>,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    // Held, so that nobody else uses the directory, until everything is on disk.
    _directory: Option<DataDirectory>,
}

impl Plane {
    /// Starts a plane and returns when it answers.
    ///
    /// # Errors
    /// See [`StartError`]. What was started by then is stopped.
    pub async fn start(settings: Settings, environment: Environment) -> Result<Self, StartError> {
        let directory = match &settings.data {
            Data::Directory(path) => Some(DataDirectory::open(path)?),
            Data::Memory => None,
        };
        let credentials = match &directory {
            Some(directory) => {
                Credentials::load_or_create(directory.authority(), &environment.clock, &environment.entropy)?
            }
            None => Credentials::in_memory(&environment.clock, &environment.entropy)?,
        };
        let listener = listen(&settings, directory.as_ref(), &environment).await?;
        let listening = listener.local_address().to_owned();
        let (management, simulated) = match &directory {
            Some(directory) => (
                Database::open(&directory.plane_database(), Options::default())?,
                Database::open(&directory.dev_database(), Options::default())?,
            ),
            None => (Database::in_memory(), Database::in_memory()),
        };
        let ground = Ground::open(management, simulated, &environment, settings.controllers).await?;
        let shutdown = Shutdown::new();
        let serving = serve(&ground, &credentials, listener, &shutdown)?;
        let client = Client::new(ground.server.clone(), environment.clock.clone());
        let hands = match settings.controllers {
            true => Some(
                Hands::start(client.clone(), &ground.cloud, &environment, HandsSettings::default()).await?,
            ),
            false => None,
        };
        let kubeconfig = write_files(&settings, directory.as_ref(), &credentials, &listening)?;
        let address = address::reachable(&listening);
        Ok(Self { ground, hands, client, address, kubeconfig, shutdown, serving, _directory: directory })
    }

    /// `host:port` of the API, for clients on this machine.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the administrator's kubeconfig lies.
    pub fn kubeconfig_path(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// A client inside this process, with every right.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The controllers, if they run.
    pub fn hands(&self) -> Option<&Hands> {
        self.hands.as_ref()
    }

    /// Stops everything in order: controllers, the API, the store.
    ///
    /// # Errors
    /// When the disk refuses the last writes.
    pub async fn stop(self) -> Result<(), store::CommitError> {
        if let Some(hands) = self.hands
            && !hands.stop(STOP_PATIENCE).await
        {
            tracing::warn!(
                "controllers were cut off in the middle of work {STOP_PATIENCE:?} after they were to stop"
            );
        }
        self.shutdown.request();
        // A server that panicked has logged so; there is nothing left to wait for.
        let _ = self.serving.await;
        drop(self.client);
        self.ground.close().await
    }
}

/// The listener asked for; else on the port that the directory had last, so that kubeconfigs stay true; else on a free one.
async fn listen(
    settings: &Settings,
    directory: Option<&DataDirectory>,
    environment: &Environment,
) -> Result<Listener, StartError> {
    let on = async |address: &str| environment.network.listen(address).await.map_err(StartError::Listen);
    if let Some(address) = &settings.listen {
        return on(address).await;
    }
    let last = directory.and_then(|directory| std::fs::read_to_string(directory.address_file()).ok());
    match last.as_deref().map(str::trim).filter(|last| !last.is_empty()) {
        Some(last) => on(last).await,
        None => on(DEFAULT_LISTEN).await,
    }
}

fn serve(
    ground: &Ground,
    credentials: &Credentials,
    listener: Listener,
    shutdown: &Shutdown,
) -> Result<JoinHandle<()>, StartError> {
    let names = Machine::look().server_names(listener.local_address());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tls = credentials.server(&names)?;
    let (server, shutdown) = (ground.server.clone(), shutdown.clone());
    Ok(tokio::spawn(async move {
        let service = Wire::new(server.map_request(known));
        let ended = tokio::select! {
            biased;
            // Open connections, watches among them, end with the serving.
            () = shutdown.requested() => return,
            ended = runtime::serve::listener(listener, Some(tls), service) => ended,
        };
        if let Err(error) = ended {
            tracing::error!(%error, "the management API is no longer served");
        }
    }))
}

/// A request with the user that its connection's certificate names.
fn known(mut request: Request<Incoming>) -> Request<Incoming> {
    let certificate = request.extensions().get::<Peer>().and_then(|peer| peer.certificate.clone());
    let user = certificate.map_or_else(User::anonymous, |certificate| {
        User::of_subject(&certificate.common_name, certificate.organizations.iter().cloned())
    });
    request.extensions_mut().insert(user);
    request
}

fn write_files(
    settings: &Settings,
    directory: Option<&DataDirectory>,
    credentials: &Credentials,
    listening: &str,
) -> Result<Option<PathBuf>, StartError> {
    let write = |path: PathBuf, content: &str| {
        write_private(&path, content.as_bytes())
            .map_err(|source| StartError::Write { path: path.clone(), source })?;
        Ok::<_, StartError>(path)
    };
    if let Some(directory) = directory {
        write(directory.address_file(), listening)?;
    }
    let path = settings.kubeconfig.clone().or_else(|| directory.map(DataDirectory::kubeconfig));
    path.map(|path| write(path, &credentials.kubeconfig(&address::reachable(listening))?)).transpose()
}
