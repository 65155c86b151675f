//! `windlass describe`: what an object consists of and what it waits for.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use runtime::clock::Clock;

use super::read;
use crate::error::CommandError;
use crate::tree::{self, Mood};

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
    let Describe::Cluster(arguments) = what;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    runtime.block_on(cluster(arguments))
}

async fn cluster(arguments: ClusterArguments) -> Result<(), CommandError> {
    let source = read::find_kubeconfig(arguments.kubeconfig)?;
    let (client, preferred) = read::connect(&source.path)?;
    let namespace = arguments.namespace.unwrap_or(preferred);
    let parts = read::parts(&client, &namespace, &arguments.name).await?;
    let lines = tree::lines(&parts, Clock::system().now());
    for line in tree::table(&lines) {
        println!("{line}");
    }
    for condition in open_conditions(&parts.cluster) {
        println!("{condition}");
    }
    if lines.iter().all(|line| line.mood == Mood::Good) {
        println!("\nEverything is as it should be.");
    }
    Ok(())
}

/// The Cluster's conditions, one a line, with the whole message of each.
fn open_conditions(cluster: &serde_json::Value) -> Vec<String> {
    let conditions = cluster["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![String::new(), "CONDITIONS OF THE CLUSTER".to_owned()];
    for condition in &conditions {
        let (kind, status, reason) =
            (text(&condition["type"]), text(&condition["status"]), text(&condition["reason"]));
        lines.push(format!("  {kind:<28} {status:<8} {reason}"));
        lines.extend(text(&condition["message"]).lines().map(|line| format!("      {line}")));
    }
    if conditions.is_empty() { Vec::new() } else { lines }
}
