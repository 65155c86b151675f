//! What a Machine may wait for, in the words of its conditions.

use api::conditions::reason;
use jiff::Timestamp;

use crate::plan;

/// The message of what only the log can tell.
pub const SEE_LOG: &str = "Please check controller logs for errors";

/// What comes next for a Machine, and is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The Cluster it names.
    Cluster,
    /// Bootstrap data, of an object of this kind.
    BootstrapData(String),
    /// A provisioned server, of an object of this kind.
    Infrastructure(String),
    /// Another owner to let go of an object of this kind.
    ForeignOwner(String),
    /// A Node with this provider ID.
    Node(String),
    /// Whoever put these annotations to take them away before the Node is drained.
    PreDrainHooks(Vec<String>),
    /// Pods to leave the Node; what is left of them, in words.
    Drain(String),
    /// The Pods of the Node cannot be listed or judged.
    DrainFailed,
    /// Volumes to be detached; which ones, in words.
    VolumeDetach(String),
    /// The volumes cannot be listed.
    VolumeDetachFailed,
    /// Whoever put these annotations to take them away before the server ends.
    PreTerminateHooks(Vec<String>),
    /// The infrastructure object, of this kind, to go.
    InfrastructureDeletion(String),
    /// The bootstrap object, of this kind, to go.
    BootstrapDeletion(String),
    /// The kind of a reference, this one, cannot be read.
    Unreadable(String),
    /// The Node to go; it could not be deleted.
    NodeDeletion,
    /// Nothing of ours: other finalizers.
    Completed,
}

impl plan::Waiting for Waiting {
    fn reason(&self) -> &'static str {
        match self {
            Waiting::Cluster | Waiting::ForeignOwner(_) | Waiting::Unreadable(_) => reason::INTERNAL_ERROR,
            Waiting::BootstrapData(_) => reason::WAITING_FOR_BOOTSTRAP_DATA,
            Waiting::Infrastructure(_) => reason::NOT_PROVISIONED,
            Waiting::Node(_) => reason::NODE_DOES_NOT_EXIST,
            Waiting::PreDrainHooks(_) => reason::WAITING_FOR_PRE_DRAIN_HOOK,
            Waiting::Drain(_) | Waiting::DrainFailed => reason::DRAINING_NODE,
            Waiting::VolumeDetach(_) | Waiting::VolumeDetachFailed => reason::WAITING_FOR_VOLUME_DETACH,
            Waiting::PreTerminateHooks(_) => reason::WAITING_FOR_PRE_TERMINATE_HOOK,
            Waiting::InfrastructureDeletion(_) => reason::WAITING_FOR_INFRASTRUCTURE_DELETION,
            Waiting::BootstrapDeletion(_) => reason::WAITING_FOR_BOOTSTRAP_DELETION,
            Waiting::NodeDeletion => reason::DELETING_NODE,
            Waiting::Completed => reason::DELETION_COMPLETED,
        }
    }

    fn message(&self) -> String {
        match self {
            Waiting::Cluster => "Waiting for the Cluster to exist".to_owned(),
            Waiting::BootstrapData(kind) => format!("Waiting for {kind} to provide bootstrap data"),
            Waiting::Infrastructure(kind) => format!("Waiting for {kind} to be provisioned"),
            Waiting::ForeignOwner(kind) => {
                format!("Waiting for {kind} to be released by the object that controls it")
            }
            Waiting::Node(id) => format!("Waiting for a Node with spec.providerID {id} to exist"),
            Waiting::PreDrainHooks(hooks) => {
                format!("Waiting for pre-drain hooks to succeed (hooks: {})", hooks.join(","))
            }
            Waiting::Drain(what) | Waiting::VolumeDetach(what) => what.clone(),
            Waiting::DrainFailed => "Error draining Node, please check controller logs for errors".to_owned(),
            Waiting::VolumeDetachFailed => {
                "Error waiting for volumes to be detached from Node, please check controller logs for errors"
                    .to_owned()
            }
            Waiting::PreTerminateHooks(hooks) => {
                format!("Waiting for pre-terminate hooks to succeed (hooks: {})", hooks.join(","))
            }
            Waiting::InfrastructureDeletion(kind) | Waiting::BootstrapDeletion(kind) => {
                format!("Waiting for {kind} to be deleted")
            }
            Waiting::Unreadable(_) => SEE_LOG.to_owned(),
            Waiting::NodeDeletion => {
                "Error deleting Node, please check controller logs for errors".to_owned()
            }
            Waiting::Completed => "Deletion completed".to_owned(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Waiting::Unreadable(kind) => plan::unreadable(kind),
            _ => self.message(),
        }
    }
}

/// A time as messages show it: RFC 3339 in whole seconds.
pub fn shown(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
