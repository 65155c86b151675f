//! Why a reconcile could not be finished. Whoever fails is tried again, later each time.

/// A step that failed, named for what was tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The management API refused or did not answer.
    #[error(transparent)]
    Client(#[from] runtime::client::Error),
    /// A workload cluster refused or did not answer.
    #[error("workload cluster {cluster}: {reason}")]
    Workload {
        /// Namespace and name of its Cluster.
        cluster: String,
        /// What happened.
        reason: String,
    },
    /// A plan's object cannot be written as JSON, or lacks what an address needs.
    #[error("cannot {act} {what}: {reason}")]
    Malformed {
        /// What was tried.
        act: &'static str,
        /// On what.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// Something is missing that no event announces.
    #[error("{0}")]
    Missing(String),
    /// Keys or certificates cannot be made.
    #[error(transparent)]
    Pki(#[from] runtime::pki::PkiError),
    /// Rounds of observing and acting did not come to rest: two decisions undo each other.
    #[error("{controller} {key} does not come to rest; still wanted: {wanted}")]
    Restless {
        /// The controller.
        controller: &'static str,
        /// The object.
        key: String,
        /// The actions of the last plan.
        wanted: String,
    },
}
