//! What can come of a request other than an answer.

use kube_core::Status;

use crate::key::Key;
use crate::kind::Kind;

/// Why a request has no answer to give.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused; its own words and code.
    #[error("{verb} {what}: {status}")]
    Refused {
        /// What was asked for.
        verb: &'static str,
        /// The kind and key asked about.
        what: String,
        /// The server's answer.
        status: Box<Status>,
    },
    /// No answer arrived. The request may have taken effect.
    #[error("{verb} {what}: no answer: {reason}")]
    NoAnswer {
        /// What was asked for.
        verb: &'static str,
        /// The kind and key asked about.
        what: String,
        /// What the transport says.
        reason: String,
    },
    /// The answer is not what the kind looks like.
    #[error("{verb} {what}: the answer cannot be read: {source}")]
    Unreadable {
        /// What was asked for.
        verb: &'static str,
        /// The kind and key asked about.
        what: String,
        /// Where reading stopped.
        source: serde_json::Error,
    },
    /// The request could not be made.
    #[error("{verb} {what}: the request cannot be made: {reason}")]
    Request {
        /// What was asked for.
        verb: &'static str,
        /// The kind and key asked about.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server knows no such kind (yet).
    #[error("the server knows no kind {0}")]
    UnknownKind(String),
    /// The cache was not told to hold this kind.
    #[error("the cache does not hold {0}")]
    NotCached(String),
    /// This process stops, and objects of this kind were not read by then.
    #[error("{0} was not read before stopping")]
    Stopping(String),
    /// Another process leads; this one may not write.
    #[error("{verb} {what}: this process is not the leader")]
    NotLeading {
        /// What was asked for.
        verb: &'static str,
        /// The kind and key asked about.
        what: String,
    },
}

impl Error {
    /// The HTTP code of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(status.code),
            _ => None,
        }
    }

    /// Whether the server refused for `reason` (a `metav1.StatusReason`).
    pub fn is_reason(&self, reason: &str) -> bool {
        matches!(self, Self::Refused { status, .. } if status.reason == reason)
    }

    /// There is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The object is there already.
    pub fn is_already_exists(&self) -> bool {
        self.is_reason("AlreadyExists")
    }

    /// The object changed since, a precondition failed, or another manager owns a field.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409) && !self.is_already_exists()
    }

    /// The object was refused by validation.
    pub fn is_invalid(&self) -> bool {
        self.code() == Some(422)
    }

    /// The version asked for is no longer kept.
    pub fn is_gone(&self) -> bool {
        self.code() == Some(410)
    }

    /// Whether the request may have taken effect all the same. An answer of 5xx counts: a server that lost its own
    /// database while waiting for it cannot know either.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Unreadable { .. } => true,
            Self::Refused { status, .. } => status.code >= 500,
            _ => false,
        }
    }

    /// What the server or the way to it says, without what was asked for: for callers that say that themselves.
    pub fn reason(&self) -> String {
        match self {
            Self::Refused { status, .. } => status.to_string(),
            Self::NoAnswer { reason, .. } | Self::Request { reason, .. } => reason.clone(),
            Self::Unreadable { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// How many seconds the server asks to wait before trying again.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Refused { status, .. } => status
                .details
                .as_ref()
                .map(|details| u64::from(details.retry_after_seconds))
                .filter(|seconds| *seconds > 0),
            _ => None,
        }
    }
}

/// `machines.cluster.x-k8s.io default/a`, for messages.
pub(crate) fn what(kind: &Kind, key: &Key) -> String {
    if key.name().is_empty() { kind.resource() } else { format!("{} {key}", kind.resource()) }
}
