//! `windlass up`: the management plane on this machine.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use manager::{Data, DataDirectory, Environment, Plane, Settings, StartError, create_private_directory};
use serde_json::Value;
use tempfile::TempDir;
use tracing::level_filters::LevelFilter;

use super::signals::{StopSignals, stop_plane};
use crate::error::CommandError;
use crate::output;

/// The name that a kubeconfig of ours gives to its one cluster.
const CLUSTER_ENTRY: &str = "windlass";

/// How the plane is set up.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// Where state is kept; `windlass` below the user's data home unless given. With --in-memory: where the kubeconfig is
    /// written.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the API is served. Port 0 takes a free one. Without it: the port this data directory had last, or a free one.
    #[arg(long, value_name = "ADDR:PORT", value_parser = super::listen_address)]
    listen: Option<String>,
    /// Where the administrator's kubeconfig is written; `DIR/kubeconfig` unless given.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Which controllers run.
    #[arg(long, value_enum, default_value_t = Controllers::All)]
    controllers: Controllers,
    /// Keep nothing on disk but the kubeconfig: everything is gone when it stops.
    #[arg(long)]
    in_memory: bool,
}

/// Which controllers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Controllers {
    /// All of them.
    All,
    /// None: only the API is served.
    None,
}

/// Runs the command until it is told to stop.
pub fn run(arguments: UpArguments) -> Result<(), CommandError> {
    super::logging::start(LevelFilter::INFO)?;
    // Held until the end: with it goes the kubeconfig of a plane that keeps nothing.
    let (settings, _folder) = settings(arguments)?;
    super::block_on(async {
        let mut stop = StopSignals::listen()?;
        let environment = Environment::of_this_machine().map_err(CommandError::internal)?;
        let plane = Plane::start(settings, environment).await.map_err(explain)?;
        let kubeconfig = plane.kubeconfig_path().map(|path| path.display().to_string()).unwrap_or_default();
        output::line(format_args!(
            "windlass is ready at https://{} (kubeconfig: {kubeconfig})",
            plane.address()
        ));
        stop.received().await;
        stop_plane(plane, &mut stop).await
    })
}

fn settings(arguments: UpArguments) -> Result<(Settings, Option<TempDir>), CommandError> {
    let mut kubeconfig = arguments.kubeconfig.map(absolute).transpose()?;
    if let Some(path) = &kubeconfig {
        refuse_foreign_kubeconfig(path)?;
    }
    let mut folder = None;
    let data = match (arguments.in_memory, arguments.data_dir) {
        (true, Some(path)) => {
            let folder = absolute(path)?;
            kubeconfig.get_or_insert(kubeconfig_of_memory(&folder)?);
            Data::Memory
        }
        (true, None) if kubeconfig.is_none() => {
            let fresh = temporary_directory("windlass-")?;
            kubeconfig = Some(fresh.path().join("kubeconfig"));
            folder = Some(fresh);
            Data::Memory
        }
        (true, None) => Data::Memory,
        (false, Some(path)) => Data::Directory(absolute(path)?),
        (false, None) => Data::Directory(super::default_data_directory()?),
    };
    let controllers = arguments.controllers == Controllers::All;
    Ok((Settings { data, listen: arguments.listen, kubeconfig, controllers }, folder))
}

/// Where a plane that keeps nothing puts its kubeconfig in a directory: not over that of a plane that keeps its data there.
fn kubeconfig_of_memory(folder: &Path) -> Result<PathBuf, CommandError> {
    if DataDirectory::is_one(folder) {
        let message = format!(
            "{} holds the data of a plane that is kept; --in-memory would write over its kubeconfig",
            folder.display()
        );
        return Err(CommandError::user(message)
            .hint("leave --in-memory out, or name another directory with --data-dir"));
    }
    let path = folder.join("kubeconfig");
    refuse_foreign_kubeconfig(&path)?;
    create_private_directory(folder).map_err(|error| {
        CommandError::user(format!("cannot create {}: {error}", folder.display()))
            .hint("choose a directory you may write to with --data-dir")
    })?;
    Ok(path)
}

/// A directory of our own that is removed when the value is dropped.
pub fn temporary_directory(prefix: &str) -> Result<TempDir, CommandError> {
    tempfile::Builder::new().prefix(prefix).tempdir().map_err(|error| {
        CommandError::user(format!("cannot make a directory in {}: {error}", std::env::temp_dir().display()))
            .hint("name a directory for temporary files in TMPDIR")
    })
}

/// The path as it is meant wherever the line that shows it is pasted.
fn absolute(path: PathBuf) -> Result<PathBuf, CommandError> {
    std::path::absolute(&path).map_err(|error| CommandError::user(format!("{:?}: {error}", path.display())))
}

/// A kubeconfig that leads elsewhere is somebody's way to other clusters: it is not overwritten.
fn refuse_foreign_kubeconfig(path: &Path) -> Result<(), CommandError> {
    let content = match std::fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            return Err(CommandError::user(message).hint("name another file with --kubeconfig FILE"));
        }
    };
    if content.trim().is_empty() || is_ours(&content) {
        return Ok(());
    }
    let message =
        format!("{} exists and is not a kubeconfig of windlass; it is left as it is", path.display());
    Err(CommandError::user(message)
        .hint("name a new file with --kubeconfig FILE; kubectl merges several: KUBECONFIG=ONE:OTHER"))
}

fn is_ours(kubeconfig: &str) -> bool {
    let Ok(kubeconfig) = serde_saphyr::from_str::<Value>(kubeconfig) else { return false };
    let clusters = kubeconfig["clusters"].as_array().map(Vec::as_slice).unwrap_or_default();
    matches!(clusters, [only] if only["name"] == CLUSTER_ENTRY)
}

/// What went wrong at the start, and the way out.
pub fn explain(error: StartError) -> CommandError {
    let hint = error.hint();
    let command = if error.is_users() { CommandError::user(&error) } else { CommandError::internal(&error) };
    match hint {
        Some(hint) => command.hint(hint),
        None => command,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_kubeconfig_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let check = |content: &str| {
            std::fs::write(&path, content).unwrap();
            refuse_foreign_kubeconfig(&path)
        };
        assert!(refuse_foreign_kubeconfig(&path).is_ok());
        assert!(check("").is_ok());
        assert!(check("clusters: [{name: windlass}]").is_ok());
        for foreign in
            ["clusters: [{name: windlass}, {name: work}]", "clusters: [{name: work}]", "a diary", "{"]
        {
            let error = check(foreign).unwrap_err();
            assert!(error.to_string().contains("left as it is"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
    }
}
