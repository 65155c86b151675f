//! What is seen of one Machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::contract::infrastructure_machine;
use api::core::{Cluster, Machine, MachineDeployment, MachineSet};
use api::labels;
use api::workload::Pod;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use crate::referenced::Referenced;

/// Everything that is needed to decide about one Machine.
#[derive(Clone)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object.
    pub machine: Arc<Machine>,
    /// The Cluster it names.
    pub cluster: Option<Arc<Cluster>>,
    /// The MachineSet that controls it.
    pub machine_set: Option<Arc<MachineSet>>,
    /// The MachineDeployment of that MachineSet.
    pub machine_deployment: Option<Arc<MachineDeployment>>,
    /// The object that makes the bootstrap data.
    pub bootstrap: Referenced,
    /// The object behind the Machine.
    pub infrastructure: Referenced,
    /// The connection to the workload cluster.
    pub connection: Connection,
    /// The Node with the Machine's provider ID.
    pub node: NodeView,
    /// Looked at only while the Machine is deleted: who else there is.
    pub surroundings: Surroundings,
    /// The Pods of its Node; absent until looked up.
    pub pods: Option<Looked<PodsOnNode>>,
    /// Which Pods may not be evicted now and why, by `namespace/name`; absent until looked up.
    pub refused_evictions: Option<Looked<BTreeMap<String, String>>>,
    /// The volumes of its Node; absent until looked up.
    pub volumes: Option<Looked<Volumes>>,
}

/// The connection to the workload cluster, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Whether there is one, however it fares.
    pub is_connected: bool,
    /// Whether the last request was answered.
    pub is_healthy: bool,
    /// When a request was last answered.
    pub last_success: Option<Timestamp>,
    /// How many were not answered since.
    pub consecutive_failures: u32,
}

impl Connection {
    /// Nobody has tried often enough to say anything.
    pub fn is_untried(&self) -> bool {
        self.last_success.is_none() && self.consecutive_failures < FAILURES_THAT_COUNT
    }
}

/// So many failures before the first success mean that something is wrong.
const FAILURES_THAT_COUNT: u32 = 5;

/// What is known about the Node of a Machine.
#[derive(Clone, Debug, Default)]
pub enum NodeView {
    /// The workload cluster cannot be asked, or has not told all its Nodes yet.
    #[default]
    NotConnected,
    /// There is none.
    Absent,
    /// There are several with the same provider ID.
    Ambiguous,
    /// This one.
    Found(Arc<Node>),
}

impl NodeView {
    /// The Node, if there is exactly one.
    pub fn found(&self) -> Option<&Node> {
        match self {
            NodeView::Found(node) => Some(node),
            NodeView::NotConnected | NodeView::Absent | NodeView::Ambiguous => None,
        }
    }
}

/// What decides whether the Node of a deleted Machine matters.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The control plane object of the Cluster.
    pub control_plane: Referenced,
    /// How many Machines of the control plane are not being deleted.
    pub active_control_plane_machines: usize,
}

/// The outcome of a look.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked<T> {
    /// This is what there is.
    Known(T),
    /// It could not be learnt.
    Failed,
}

/// The Pods of one Node, and what is needed to judge them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodsOnNode {
    /// The Pods.
    pub pods: Vec<Pod>,
    /// Namespace and name of every DaemonSet.
    pub daemon_sets: BTreeSet<(String, String)>,
    /// Labels of every namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// The volumes that a workload cluster knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// Names of the PersistentVolumes that are attached to the Node, by VolumeAttachments.
    pub attached: BTreeSet<String>,
    /// VolumeAttachments of the Node that name no PersistentVolume.
    pub unnamed_attachments: Vec<String>,
    /// All PersistentVolumes; empty where nothing is attached.
    pub persistent_volumes: Vec<PersistentVolume>,
}

/// What matters of a PersistentVolume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistentVolume {
    /// Its name.
    pub name: String,
    /// How a Node calls it in `status.volumesAttached`; only CSI volumes can be told this way.
    pub name_on_node: Option<String>,
    /// Namespace and name of the claim it is bound to, as `namespace/name`.
    pub claim: Option<String>,
}

/// What may have to be looked up; only while a Machine is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The Pods of this Node.
    Pods {
        /// Name of the Node.
        node: String,
    },
    /// Which of these Pods may not be evicted now.
    Evictions {
        /// Namespace and name of each.
        pods: Vec<(String, String)>,
    },
    /// The volumes attached to this Node.
    Volumes {
        /// Name of the Node.
        node: String,
        /// Whether the Node itself says that something is attached.
        node_reports_volumes: bool,
    },
}

impl Observed {
    /// Whether the Machine is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.machine.metadata.deletion_timestamp.is_some()
    }

    /// The provider ID: as recorded, or of a Machine that is being deleted before that, as the infrastructure reports it.
    pub fn provider_id(&self) -> Option<String> {
        let recorded = self.machine.spec.provider_id.clone().filter(|id| !id.is_empty());
        let reported =
            || self.infrastructure.field(infrastructure_machine::PROVIDER_ID).filter(|id| !id.is_empty());
        recorded.or_else(|| self.is_deleting().then(reported).flatten())
    }

    /// The name of the Node: recorded, or of the one with the provider ID.
    pub fn node_name(&self) -> Option<String> {
        let recorded = self.machine.status.node_ref.as_ref().map(|node| node.name.clone());
        recorded.or_else(|| self.node.found()?.metadata.name.clone())
    }

    /// Whether the Machine is one of the control plane.
    pub fn is_control_plane(&self) -> bool {
        has_label(&self.machine, labels::CONTROL_PLANE)
    }
}

/// Whether a Machine carries a label.
pub fn has_label(machine: &Machine, label: &str) -> bool {
    machine.metadata.labels.as_ref().is_some_and(|own| own.contains_key(label))
}
