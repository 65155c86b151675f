//! The wish to stop, passed down: whoever holds a child stops with its parent, not the other way round.

use tokio_util::sync::CancellationToken;

/// A wish to stop that many can wait for. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody who holds this, a clone or a child of it to stop.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether stopping was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns once stopping was asked for.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Stops with this one, and can be stopped alone.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token() }
    }
}
