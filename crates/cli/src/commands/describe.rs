//! `windlass describe`: what an object consists of and what it waits for.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use runtime::clock::Clock;
use serde_json::Value;
use tracing::level_filters::LevelFilter;

use super::read;
use crate::error::CommandError;
use crate::output;
use crate::tree;

/// What to describe.
#[derive(Debug, Subcommand)]
pub enum Describe {
    /// A cluster, as a tree.
    Cluster(ClusterArguments),
}

/// Which cluster, and where to ask.
#[derive(Debug, Args)]
pub struct ClusterArguments {
    /// The name of the Cluster.
    name: String,
    /// Its namespace; that of the kubeconfig's context unless given.
    #[arg(short, long)]
    namespace: Option<String>,
    /// The kubeconfig of the management plane. Otherwise $KUBECONFIG, a plane in the default data directory, ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Runs the command.
pub fn run(what: Describe) -> Result<(), CommandError> {
    super::logging::start(LevelFilter::ERROR)?;
    let Describe::Cluster(arguments) = what;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    runtime.block_on(cluster(arguments))
}

async fn cluster(arguments: ClusterArguments) -> Result<(), CommandError> {
    let path = read::find_kubeconfig(arguments.kubeconfig)?;
    let (client, preferred) = read::connect(&path)?;
    let namespace = arguments.namespace.unwrap_or(preferred);
    let parts = read::parts(&client, &namespace, &arguments.name).await.map_err(|error| {
        let path = path.display();
        error.or_hint(|| format!("is the management plane running, and is {path} its kubeconfig?"))
    })?;
    let lines = tree::lines(&parts, Clock::system().now());
    for line in tree::table(&lines).into_iter().chain(conditions(&parts.cluster)) {
        output::line(line);
    }
    if tree::is_complete(&parts, &lines) && lines.iter().all(|line| line.message.is_empty()) {
        output::line("\nEvery part is available.");
    }
    Ok(())
}

/// The Cluster's conditions, one a line, with the whole message of each.
fn conditions(cluster: &Value) -> Vec<String> {
    let conditions = cluster["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if conditions.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "CONDITIONS OF THE CLUSTER".to_owned()];
    for condition in conditions {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        let line = format!("  {:<30} {:<8} {}", text("type"), text("status"), text("reason"));
        lines.push(line.trim_end().to_owned());
        lines.extend(text("message").lines().map(|line| format!("      {line}")));
    }
    lines
}
