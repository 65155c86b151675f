//! The controllers of a plane: what can be stopped and started again while the ground stays.

use std::sync::Arc;
use std::time::Duration;

use controllers::etcd_identity::EtcdIdentities;
use controllers::{Context, table, workload};
use providers::dev::{self, Cloud};
use runtime::cache::Cache;
use runtime::client::Client;
use runtime::faults::WatchFilter;
use runtime::queue::Groups;
use runtime::shutdown::Shutdown;
use runtime::workload::{Settings, WireFactory, Workloads};
use runtime::writer::Writer;
use tokio::task::JoinHandle;

use crate::Environment;

/// Why controllers do not start.
#[derive(Debug, thiserror::Error)]
pub enum HandsError {
    /// A controller cannot be wired.
    #[error(transparent)]
    Controllers(#[from] controllers::Error),
}

/// What a rehearsal puts between controllers and the server; nothing in production.
#[derive(Default, Clone)]
pub struct HandsSettings {
    /// Sees every watch event before the cache does.
    pub filter: Option<Arc<dyn WatchFilter>>,
    /// Carries the requests to workload clusters.
    pub workload_wire: Option<WireFactory>,
}

/// Running controllers.
pub struct Hands {
    shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
    context: Context,
}

impl Hands {
    /// Starts all controllers over a client of the management API.
    ///
    /// # Errors
    /// See [`HandsError`].
    pub async fn start(
        client: Client,
        cloud: &Cloud,
        environment: &Environment,
        settings: HandsSettings,
    ) -> Result<Self, HandsError> {
        let shutdown = Shutdown::new();
        let builder = Cache::builder(client, environment.clock.clone(), environment.entropy.clone());
        // The server is in this process and ends watches only when it stops: no timer is needed.
        let mut builder = table::declare(builder).watch_time(None);
        if let Some(filter) = settings.filter {
            builder = builder.filter(filter);
        }
        let cache = builder.start(&shutdown);
        cache.synced().await;
        let context = context(&cache, environment, settings.workload_wire)?;
        let groups = Groups::new();
        let mut tasks = table::start(&context, &groups, &shutdown)?;
        tasks.extend(dev::start(&context, cloud, &groups, &shutdown)?);
        Ok(Self { shutdown, tasks, context })
    }

    /// What the controllers were given.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Stops taking up new work and waits for what has begun, but no longer than `patience`: work that waits for a workload
    /// cluster which does not answer is cut off then, as by a kill. Whether everything came to its end.
    pub async fn stop(mut self, patience: Duration) -> bool {
        self.shutdown.request();
        let finished = async {
            for task in &mut self.tasks {
                // A task that panicked has logged so; there is nothing left to wait for.
                let _ = task.await;
            }
        };
        let in_time = tokio::select! {
            biased;
            () = finished => true,
            () = self.context.clock.sleep(patience) => false,
        };
        self.abort();
        in_time
    }

    /// Stops at once, whatever has begun.
    pub fn abort(self) {
        self.shutdown.request();
        for task in &self.tasks {
            task.abort();
        }
        self.context.workloads.shutdown();
    }
}

fn context(
    cache: &Cache,
    environment: &Environment,
    workload_wire: Option<WireFactory>,
) -> Result<Context, HandsError> {
    let mut settings = Settings::default();
    if let Some(wire) = workload_wire {
        settings.wire = wire;
    }
    let workloads = Workloads::new(
        environment.network.clone(),
        environment.clock.clone(),
        environment.entropy.clone(),
        workload::kubeconfigs(cache),
        settings,
    );
    workload::follow(cache, &workloads)?;
    Ok(Context {
        targets: Arc::new(table::targets(cache)?),
        cache: cache.clone(),
        writer: Writer::new(cache),
        workloads,
        clock: environment.clock.clone(),
        entropy: environment.entropy.clone(),
        etcd_identities: EtcdIdentities::default(),
        control_planes: controllers::kubeadm_control_plane::Memory::default(),
    })
}
