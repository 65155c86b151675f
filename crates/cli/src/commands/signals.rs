//! Being told to stop: Ctrl-C and SIGTERM.

use manager::Plane;

use crate::error::CommandError;
use crate::output;

/// Signals that ask this process to stop, from the moment this value was made: none is lost in between.
pub struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// Begins to listen. Call it inside the runtime.
    pub fn listen() -> Result<Self, CommandError> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let on = |kind| signal(kind).map_err(CommandError::internal);
            Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Returns once this process was asked to stop.
    pub async fn received(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Stops a plane in order. Asked a second time, stops waiting for that: what was acknowledged is on disk already.
pub async fn stop_plane(plane: Plane, stop: &mut StopSignals) -> Result<(), CommandError> {
    tokio::select! {
        biased;
        stopped = plane.stop() => stopped.map_err(|error| {
            CommandError::internal(format!("the last writes did not reach the disk: {error}"))
        }),
        () = stop.received() => {
            output::note("stopped at once; what was acknowledged is on disk");
            Ok(())
        }
    }
}
