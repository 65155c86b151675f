//! What stays when controllers restart: the store, the API server over it, garbage collection, the simulated cloud.

use std::sync::{LazyLock, Mutex, PoisonError};

use apiserver::{ApiServer, BuildError, Identifiers};
use providers::dev::{Cloud, CloudError};
use runtime::client::{Call, Client, Error, Verb};
use runtime::entropy::Stream;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::shutdown::Shutdown;
use store::Database;
use tokio::task::JoinHandle;

use crate::Environment;
use crate::admission;

/// The name of the store that holds the objects of the management API.
const STORE: &str = "management";

/// Why there is no ground to stand on.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// The store does not open.
    #[error("the management store: {0}")]
    Store(#[from] store::Closed),
    /// The API server does not start.
    #[error(transparent)]
    Server(#[from] BuildError),
    /// A kind of ours cannot be defined.
    #[error("cannot define {name}: {source}")]
    Definition {
        /// The name of the CustomResourceDefinition.
        name: String,
        /// The server's answer.
        source: Error,
    },
    /// The simulated cloud does not start.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// The ground of one plane.
pub struct Ground {
    /// The API server.
    pub server: ApiServer,
    /// The simulated cloud.
    pub cloud: Cloud,
    shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
    management: Database,
    simulated: Database,
}

impl Ground {
    /// Opens everything over two databases: objects of the management API, and of the simulated cloud. Objects whose owners
    /// are gone are collected if `collects`: that is a controller's work, and an API alone does not do it.
    ///
    /// # Errors
    /// See [`GroundError`].
    pub async fn open(
        management: Database,
        simulated: Database,
        environment: &Environment,
        collects: bool,
    ) -> Result<Self, GroundError> {
        let shutdown = Shutdown::new();
        let clock = environment.clock.clone();
        let server = ApiServer::builder(management.store(STORE)?)
            .clock(move || clock.now())
            .identifiers(Names::new(environment))
            .admission(admission::plugins())
            .build()
            .await?;
        define_kinds(&Client::new(server.clone(), environment.clock.clone())).await?;
        let tasks = if collects { vec![collect(&server, &shutdown)] } else { Vec::new() };
        let cloud = Cloud::open(
            simulated.clone(),
            environment.network.clone(),
            environment.clock.clone(),
            environment.entropy.clone(),
        )
        .await?;
        Ok(Self { server, cloud, shutdown, tasks, management, simulated })
    }

    /// Stops what runs and brings everything to disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn close(self) -> Result<(), store::CommitError> {
        self.shutdown.request();
        for task in self.tasks {
            // A task that panicked has logged so; there is nothing left to wait for.
            let _ = task.await;
        }
        self.cloud.close().await;
        drop(self.server);
        self.simulated.close().await?;
        self.management.close().await
    }
}

/// Garbage collection, as a task of its own.
fn collect(server: &ApiServer, shutdown: &Shutdown) -> JoinHandle<()> {
    let collecting = shutdown.clone();
    tokio::spawn(apiserver::gc::run(server.clone(), async move { collecting.requested().await }))
}

/// Name and text of every definition of ours. Rehearsals start planes by the hundred: the texts are made once.
static DEFINITIONS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let definitions = api::crd::crds().into_iter();
    let named = definitions.map(|definition| {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        (name, definition.to_string())
    });
    named.collect()
});

/// Makes every kind of ours known to the server, or brings it up to date.
async fn define_kinds(client: &Client) -> Result<(), GroundError> {
    let definitions =
        Kind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    for (name, definition) in DEFINITIONS.iter() {
        let key = Key::cluster_scoped(name);
        let mut call = Call::new(Verb::Apply, &definitions, &key);
        call.query = &[("fieldManager", "windlass"), ("force", "true")];
        call.body = definition.as_bytes().into();
        client.call(call).await.map_err(|source| GroundError::Definition { name: name.clone(), source })?;
    }
    Ok(())
}

/// Uids and generated names from the plane's randomness.
struct Names {
    stream: Mutex<Stream>,
}

impl Names {
    fn new(environment: &Environment) -> Self {
        Self { stream: Mutex::new(environment.entropy.stream("management-names", "")) }
    }
}

impl Identifiers for Names {
    fn uid(&self) -> String {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).uid()
    }

    fn suffix(&self) -> String {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).suffix()
    }
}
