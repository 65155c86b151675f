//! What is seen of one KubeadmControlPlane.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use api::bootstrap::KubeadmConfig;
use api::controlplane::KubeadmControlPlane;
use api::core::{Cluster, Machine};
use api::workload::Pod;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret};
use kubeadm::certificates::{Certificate, KeyPairs, Purpose};

use crate::applied::Applied;
use crate::owner_remediation::is_given_up;
use crate::owners;
use crate::referenced::Referenced;

/// Everything that is needed to decide about one KubeadmControlPlane.
#[derive(Clone, Default)]
pub struct Observed {
    /// The time.
    pub now: Timestamp,
    /// The object.
    pub control_plane: Arc<KubeadmControlPlane>,
    /// The Cluster that owns it.
    pub cluster: Option<Arc<Cluster>>,
    /// Control plane Machines of the Cluster, by name, whoever controls them.
    pub machines: Vec<SeenMachine>,
    /// Names of all other Machines of the Cluster, in order.
    pub workers: Vec<String>,
    /// Names that no new Machine can get.
    pub taken_names: BTreeSet<String>,
    /// The template of infrastructure objects.
    pub template: Referenced,
    /// The Secrets of the Cluster.
    pub secrets: Vec<Arc<Secret>>,
    /// Whether those are all there are: Secrets of users may be there without being cached.
    pub has_looked_for_secrets: bool,
    /// When the client certificate in the kubeconfig ends, where that can be read.
    pub kubeconfig_expires: Option<Timestamp>,
    /// How the workload cluster is reached.
    pub connection: Connection,
    /// Its Nodes; absent while they are not known.
    pub nodes: Option<Vec<Arc<Node>>>,
    /// Its control plane Pods; absent while they are not known.
    pub pods: Option<Vec<Arc<Pod>>>,
    /// Its ConfigMap `kubeadm-config`; absent until looked up.
    pub kubeadm_config: Option<Looked<ConfigMap>>,
    /// Whether the API server's client may talk to kubelets; absent until looked up.
    pub kubelet_binding: Option<Looked<()>>,
    /// Its etcd; absent until looked up, or when something changed since.
    pub etcd: Option<EtcdView>,
    /// Its add-ons; absent until looked up, or when other ones are wanted since.
    pub addons: Option<Addons>,
    /// Whether the server says that the object is there and stays; absent until looked up.
    pub is_kept: Option<bool>,
    /// Key pairs made on demand.
    pub made_key_pairs: Option<KeyPairs>,
    /// A kubeconfig made on demand.
    pub made_kubeconfig: Option<MadeKubeconfig>,
    /// When certificates on machines end, by Machine, as far as looked up.
    pub certificate_expiries: Vec<(String, Expiry)>,
}

/// What an API server says of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It ends then.
    At(Timestamp),
    /// It could not be asked then.
    Silent(Timestamp),
}

/// A Machine and what it is made of.
#[derive(Clone, Default)]
pub struct SeenMachine {
    /// The Machine.
    pub machine: Arc<Machine>,
    /// What was applied to it by [`super::MANAGER`] before; `None` if nothing ever was.
    pub applied: Option<Applied>,
    /// Its bootstrap config.
    pub config: Option<Arc<KubeadmConfig>>,
    /// Its infrastructure object.
    pub infrastructure: Referenced,
}

/// How a workload cluster is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Whether there is a connection.
    pub is_up: bool,
    /// When its API server last answered a probe.
    pub last_success: Option<Timestamp>,
    /// How often it has not answered since then.
    pub failures: u32,
}

/// What became known of one object of a workload cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked<T> {
    /// It is there.
    Found(Arc<T>),
    /// It is not there.
    Absent,
    /// The cluster could not be asked.
    Unknown(String),
}

/// What etcd of a workload cluster said.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdView {
    /// When it was asked.
    pub taken: Timestamp,
    /// Its members, or why they are not known.
    pub outcome: Result<EtcdMembers, EtcdTrouble>,
}

/// The members of an etcd cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EtcdMembers {
    /// All members.
    pub members: Vec<EtcdMember>,
    /// Who leads.
    pub leader: u64,
}

/// One member of an etcd cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EtcdMember {
    /// The number that etcd gave it.
    pub id: u64,
    /// Its name, which is that of its Node; empty until it has started.
    pub name: String,
    /// Has no vote yet.
    pub is_learner: bool,
    /// Alarms that it raised, by etcd's names.
    pub alarms: Vec<String>,
}

/// Why the members of an etcd cluster are not known.
#[derive(Clone, Debug, PartialEq)]
pub enum EtcdTrouble {
    /// None of its members could be reached.
    Connect(String),
    /// It did not tell its members.
    Members(String),
    /// It did not tell its alarms.
    Alarms(String),
    /// Nobody leads.
    NoLeader,
}

/// Add-ons that kubeadm installed, as far as they are updated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addons {
    /// When they were looked at.
    pub taken: Timestamp,
    /// The image of kube-proxy and the number of its container; nothing where there is none.
    pub kube_proxy: Option<AddonImage>,
    /// The image of CoreDNS and the number of its container; nothing where there is none.
    pub coredns: Option<AddonImage>,
    /// Why they are not known.
    pub trouble: Option<String>,
}

/// The image of one container of an add-on.
#[derive(Clone, Debug, PartialEq)]
pub struct AddonImage {
    /// The name of the container.
    pub container: String,
    /// Its image.
    pub image: String,
}

/// A kubeconfig that was made on demand. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct MadeKubeconfig(pub Result<String, String>);

impl fmt::Debug for MadeKubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MadeKubeconfig")
    }
}

/// What may have to be looked up, or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Whether the server says that the object is there and stays.
    Kept,
    /// Secrets with key pairs of the Cluster that are not cached.
    Secrets(Vec<Purpose>),
    /// Key pairs for these certificates.
    KeyPairs(Vec<Certificate>),
    /// A kubeconfig for this server, signed by the authority of the Cluster.
    Kubeconfig {
        /// `host:port`.
        server: String,
    },
    /// The ConfigMap `kubeadm-config`.
    KubeadmConfig,
    /// Whether the API server's client may talk to kubelets.
    KubeletBinding,
    /// Members, leader and alarms of etcd.
    Etcd {
        /// Nodes whose etcd may be asked, the most trusted first.
        nodes: Vec<String>,
    },
    /// kube-proxy and CoreDNS.
    Addons {
        /// What they are looked at for: they are not looked at again for the same.
        wanted: String,
    },
    /// When the certificate of the API server on a machine ends.
    CertificateExpiry {
        /// The Machine.
        machine: String,
        /// Its Node.
        node: String,
        /// The port of its API server.
        port: u16,
    },
}

impl SeenMachine {
    /// The name.
    pub fn name(&self) -> &str {
        self.machine.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whether its deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.machine.metadata.deletion_timestamp.is_some()
    }

    /// The name of its Node, once it has one.
    pub fn node(&self) -> Option<&str> {
        self.machine.status.node_ref.as_ref().map(|node| node.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Whether it carries an annotation.
    pub fn is_annotated(&self, annotation: &str) -> bool {
        self.annotation(annotation).is_some()
    }

    /// The value of an annotation.
    pub fn annotation(&self, annotation: &str) -> Option<&str> {
        self.machine.metadata.annotations.as_ref()?.get(annotation).map(String::as_str)
    }

    /// When it was made.
    pub fn created(&self) -> Option<Timestamp> {
        self.machine.metadata.creation_timestamp.as_ref().map(|created| created.0)
    }
}

impl Observed {
    /// The uid of the KubeadmControlPlane.
    pub fn uid(&self) -> &str {
        self.control_plane.metadata.uid.as_deref().unwrap_or_default()
    }

    /// The namespace of everything here.
    pub fn namespace(&self) -> &str {
        self.control_plane.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The name of the KubeadmControlPlane.
    pub fn name(&self) -> &str {
        self.control_plane.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whether the deletion of the KubeadmControlPlane was asked for.
    pub fn is_deleting(&self) -> bool {
        self.control_plane.metadata.deletion_timestamp.is_some()
    }

    /// An annotation of the KubeadmControlPlane.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.control_plane.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The Machines that it controls.
    pub fn own(&self) -> Vec<&SeenMachine> {
        let uid = self.uid();
        let is_own = |seen: &&SeenMachine| {
            owners::controller_of(&seen.machine.metadata).is_some_and(|owner| owner.uid == uid)
        };
        self.machines.iter().filter(is_own).collect()
    }

    /// Whether etcd runs on the control plane machines.
    pub fn is_etcd_managed(&self) -> bool {
        !self.control_plane.spec.kubeadm_config_spec.cluster_configuration.etcd.is_external()
    }

    /// How many Machines there should be.
    pub fn wanted(&self) -> usize {
        usize::try_from(self.control_plane.spec.replicas.unwrap_or(1)).unwrap_or_default()
    }

    /// What etcd said, where it said something.
    pub fn members(&self) -> Option<&EtcdMembers> {
        self.etcd.as_ref()?.outcome.as_ref().ok()
    }

    /// A Node, if it is known to be there.
    pub fn node(&self, name: &str) -> Option<&Node> {
        let is = |node: &&Arc<Node>| node.metadata.name.as_deref() == Some(name);
        self.nodes.iter().flatten().find(is).map(Arc::as_ref)
    }

    /// Whether the control plane came up once: kubeadm leaves its configuration in the cluster when it is done.
    ///
    /// While the only Machine is on its way out nobody looks: a cluster that comes up in the last moment would have no
    /// Machine that the next one could join.
    pub fn is_initialized(&self) -> bool {
        self.control_plane.status.initialization.control_plane_initialized == Some(true)
            || matches!(self.kubeadm_config, Some(Looked::Found(_))) && !self.only_machine_is_going()
    }

    /// Whether there is one Machine, and it is being deleted or about to be.
    pub fn only_machine_is_going(&self) -> bool {
        match self.own().as_slice() {
            [only] => only.is_deleting() || is_given_up(&only.machine),
            _ => false,
        }
    }
}
