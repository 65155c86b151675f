//! `windlass demo`: a cluster on simulated machines, from nothing, in one go.
//!
//! It is `up` in a temporary directory plus objects applied through the API; nothing here knows more than a user would.

mod next_steps;
mod view;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use clap::Args;
use jiff::Timestamp;
use manager::{Data, Environment, Plane, Settings, write_private};
use runtime::client::Client;
use runtime::clock::Clock;
use runtime::key::Key;
use runtime::kind::Kind;

use self::view::View;
use super::signals::{StopSignals, stop_plane};
use super::watched::Watched;
use super::{objects, read, up};
use crate::error::CommandError;
use crate::output;
use crate::tree;
use tracing::level_filters::LevelFilter;

/// What is brought up.
const OBJECTS: &str = include_str!("cluster.yaml");
/// Its name and namespace.
const NAME: &str = "demo";
const NAMESPACE: &str = "default";

/// How the demonstration runs.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Stop as soon as the cluster is Available and all its machines are.
    #[arg(long)]
    once: bool,
    /// How long the cluster may take: 90s, 2m, or a number of seconds.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = super::duration)]
    timeout: Duration,
    /// Where the API is served. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", value_parser = super::listen_address)]
    listen: String,
}

/// Runs the command.
pub fn run(arguments: DemoArguments) -> Result<(), CommandError> {
    // A log line would tear the drawing apart.
    let level = if std::io::stdout().is_terminal() { LevelFilter::OFF } else { LevelFilter::ERROR };
    super::logging::start(level)?;
    let folder = up::temporary_directory("windlass-demo-")?;
    let settings = Settings {
        data: Data::Directory(folder.path().join("data")),
        listen: Some(arguments.listen.clone()),
        kubeconfig: Some(folder.path().join("kubeconfig")),
        controllers: true,
    };
    super::block_on(async {
        let mut stop = StopSignals::listen()?;
        let environment = Environment::of_this_machine().map_err(CommandError::internal)?;
        let plane = Plane::start(settings, environment.clone()).await.map_err(up::explain)?;
        let outcome = bring_up(&plane, &environment, folder.path(), &arguments, &mut stop).await;
        let stopped = stop_plane(plane, &mut stop).await;
        outcome.and(stopped)
    })
}

async fn bring_up(
    plane: &Plane,
    environment: &Environment,
    folder: &Path,
    arguments: &DemoArguments,
    stop: &mut StopSignals,
) -> Result<(), CommandError> {
    let client = plane.client();
    let started = environment.clock.now();
    output::line(format_args!("management plane: https://{}", plane.address()));
    let documents = objects::parse(OBJECTS)?;
    objects::apply(client, &documents, "windlass-demo").await?;
    let kinds = documents.into_iter().map(|document| document.kind);
    let watched = Watched::start(client.clone(), environment, kinds).await.map_err(CommandError::unmet)?;
    let mut view = View::new(NAME);
    until_complete(&watched, &mut view, &environment.clock, started, arguments.timeout, stop).await?;
    let workload = write_workload_kubeconfig(client, folder).await?;
    if arguments.once {
        return Ok(());
    }
    for line in next_steps::lines(&folder.join("kubeconfig"), &workload) {
        output::line(line);
    }
    follow(&watched, &mut view, &environment.clock, started, stop).await;
    Ok(())
}

/// Goes on showing the cluster, through whatever is done to it, until it is time to stop.
async fn follow(
    watched: &Watched,
    view: &mut View,
    clock: &Clock,
    started: Timestamp,
    stop: &mut StopSignals,
) {
    view.go_on();
    let cluster = Key::new(NAMESPACE, NAME);
    loop {
        let parts = watched.parts(&cluster);
        let lines = if parts.cluster.is_null() { Vec::new() } else { tree::lines(&parts, clock.now()) };
        let at_rest = lines.is_empty() || tree::is_complete(&parts, &lines);
        view.show(&lines, clock.since(started), tree::is_available(&parts.cluster));
        tokio::select! {
            biased;
            () = stop.received() => return,
            () = view.stale(watched, clock, at_rest) => {}
        }
    }
}

/// Shows the tree, anew after each change, until the Cluster is Available and every machine is, or the time is over.
async fn until_complete(
    watched: &Watched,
    view: &mut View,
    clock: &Clock,
    started: Timestamp,
    timeout: Duration,
    stop: &mut StopSignals,
) -> Result<(), CommandError> {
    let deadline = clock.after(timeout.saturating_sub(clock.since(started)));
    let cluster = Key::new(NAMESPACE, NAME);
    loop {
        let parts = watched.parts(&cluster);
        let lines = tree::lines(&parts, clock.now());
        let elapsed = clock.since(started);
        view.show(&lines, elapsed, tree::is_available(&parts.cluster));
        if tree::is_complete(&parts, &lines) {
            view.end(parts.machines.len(), elapsed);
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop.received() => {
                return Err(CommandError::unmet(format!("stopped before cluster {NAME} was complete")));
            }
            () = clock.sleep_until(deadline) => {
                let missing = if view.available_after().is_some() { "complete" } else { "Available" };
                let reason = tree::first_obstacle(&lines);
                return Err(CommandError::unmet(format!(
                    "cluster {NAME} is not {missing} after {} s: {reason}",
                    timeout.as_secs_f64()
                )));
            }
            () = view.stale(watched, clock, false) => {}
        }
    }
}

/// Puts the workload cluster's kubeconfig, from its Secret, beside the management plane's.
async fn write_workload_kubeconfig(client: &Client, folder: &Path) -> Result<PathBuf, CommandError> {
    let secrets = Kind::new("", "v1", "Secret", "secrets");
    let name = format!("{NAME}-kubeconfig");
    let secret = read::get(client, &secrets, NAMESPACE, &name).await.map_err(CommandError::internal)?;
    let encoded = secret.as_ref().and_then(|secret| secret["data"]["value"].as_str()).unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
    let content = decoded.ok().filter(|content| !content.is_empty());
    let content =
        content.ok_or_else(|| CommandError::internal(format!("Secret {name} holds no kubeconfig")))?;
    let path = folder.join(format!("{NAME}.kubeconfig"));
    write_private(&path, &content)
        .map_err(|error| CommandError::user(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}
