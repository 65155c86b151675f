//! `windlass up`: the management plane on this machine.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use manager::{Data, Environment, Plane, Settings, StartError};

use crate::error::CommandError;

/// How the plane is set up.
#[derive(Debug, Args)]
pub struct UpArguments {
    /// Where state is kept; `windlass` below the user's data home unless given.
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    data_dir: Option<PathBuf>,
    /// Where the API is served. Port 0 takes a free one. Without it: the port this data directory had last, or a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where the administrator's kubeconfig is written; `DIR/kubeconfig` unless given.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Which controllers run.
    #[arg(long, value_enum, default_value_t = Controllers::All)]
    controllers: Controllers,
    /// Keep nothing on disk but the kubeconfig: everything is gone when it stops.
    #[arg(long, requires = "kubeconfig")]
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
    super::start_logging("info");
    let data = match (arguments.in_memory, arguments.data_dir) {
        (true, _) => Data::Memory,
        (false, Some(path)) => Data::Directory(path),
        (false, None) => Data::Directory(super::default_data_directory()?),
    };
    let settings = Settings {
        data,
        listen: arguments.listen,
        kubeconfig: arguments.kubeconfig,
        controllers: arguments.controllers == Controllers::All,
    };
    super::block_on(async {
        let plane =
            Plane::start(settings, Environment::of_this_machine().map_err(CommandError::internal)?).await;
        let plane = plane.map_err(explain)?;
        let kubeconfig = plane.kubeconfig_path().map(|path| path.display().to_string()).unwrap_or_default();
        println!("windlass is ready at https://{} (kubeconfig: {kubeconfig})", plane.address());
        super::told_to_stop().await?;
        plane.stop().await.map_err(CommandError::internal)
    })
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
