//! The kinds and how they show themselves, as data.

use serde_json::json;

use super::{Column, Definition, Version};
use crate::bootstrap::{KubeadmConfig, KubeadmConfigTemplate};
use crate::controlplane::{KubeadmControlPlane, KubeadmControlPlaneTemplate};
use crate::core::{Cluster, Machine, MachineDeployment, MachineSet};
use crate::infrastructure::{DevCluster, DevClusterTemplate, DevMachine, DevMachineTemplate};
use crate::{Kind, VERSION};

/// Every kind we define.
pub fn definitions() -> Vec<Definition> {
    let mut all = core();
    all.extend(bootstrap());
    all.extend(control_plane());
    all.extend(infrastructure());
    all
}

fn core() -> Vec<Definition> {
    vec![
        of::<Cluster>().short(&["cl"]).spec_required().status().columns(CLUSTER),
        of::<Machine>().short(&["ma"]).spec_required().status().columns(MACHINE),
        of::<MachineSet>().short(&["ms"]).spec_required().status().scale().columns(MACHINE_SET),
        of::<MachineDeployment>().short(&["md"]).spec_required().status().scale().columns(MACHINE_DEPLOYMENT),
    ]
}

fn bootstrap() -> Vec<Definition> {
    vec![
        of::<KubeadmConfig>().contract().status().columns(KUBEADM_CONFIG),
        of::<KubeadmConfigTemplate>().contract().columns(KUBEADM_CONFIG_TEMPLATE),
    ]
}

fn control_plane() -> Vec<Definition> {
    vec![
        of::<KubeadmControlPlane>()
            .short(&["kcp"])
            .contract()
            .spec_required()
            .status()
            .scale()
            .columns(KUBEADM_CONTROL_PLANE),
        of::<KubeadmControlPlaneTemplate>().contract().columns(KUBEADM_CONTROL_PLANE_TEMPLATE),
    ]
}

fn infrastructure() -> Vec<Definition> {
    vec![
        of::<DevCluster>().contract().status().columns(DEV_CLUSTER),
        of::<DevClusterTemplate>().contract().columns(&[AGE]),
        of::<DevMachine>().contract().status().columns(DEV_MACHINE),
        of::<DevMachineTemplate>().contract().status().columns(&[AGE]),
    ]
}

/// The definition of a kind in the one version there is of it.
fn of<K: Kind>() -> Definition {
    let mut schema = K::schema();
    schema["description"] = json!(K::DESCRIPTION.trim());
    Definition {
        group: K::GROUP,
        kind: K::KIND,
        plural: K::PLURAL,
        short_names: &[],
        contracts: &[],
        versions: vec![Version {
            name: K::VERSION,
            stored: true,
            deprecated: false,
            schema,
            status: false,
            scale: false,
            columns: &[],
        }],
    }
}

/// The steps in which a definition is written down.
impl Definition {
    fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short_names = names;
        self
    }

    /// The kind is a provider's: it says by label that it fulfils the contract.
    fn contract(mut self) -> Self {
        self.contracts = &[(VERSION, &[VERSION])];
        self
    }

    fn spec_required(self) -> Self {
        self.each(|version| version.schema["required"] = json!(["spec"]))
    }

    fn status(self) -> Self {
        self.each(|version| version.status = true)
    }

    fn scale(self) -> Self {
        self.each(|version| version.scale = true)
    }

    fn columns(self, columns: &'static [Column]) -> Self {
        self.each(|version| version.columns = columns)
    }

    fn each(mut self, change: impl Fn(&mut Version)) -> Self {
        self.versions.iter_mut().for_each(change);
        self
    }
}

const fn text(name: &'static str, path: &'static str, description: &'static str) -> Column {
    Column { name, kind: "string", path, description, priority: 0 }
}

const fn number(name: &'static str, path: &'static str, description: &'static str) -> Column {
    Column { name, kind: "integer", path, description, priority: 0 }
}

/// A column for wide output only.
const fn wide(column: Column) -> Column {
    Column { priority: 10, ..column }
}

const AGE: Column = Column {
    name: "Age",
    kind: "date",
    path: ".metadata.creationTimestamp",
    description: "How long ago it was created",
    priority: 0,
};
const CLUSTER_IN_SPEC: Column = text("Cluster", ".spec.clusterName", "The cluster it belongs to");
const CLUSTER_IN_LABEL: Column =
    text("Cluster", r".metadata.labels['cluster\.x-k8s\.io/cluster-name']", "The cluster it belongs to");
const AVAILABLE: Column =
    text("Available", r#".status.conditions[?(@.type=="Available")].status"#, "Whether it does its work");
const PAUSED: Column = wide(text(
    "Paused",
    r#".status.conditions[?(@.type=="Paused")].status"#,
    "Whether controllers leave it alone",
));
const DESIRED: Column = number("Desired", ".spec.replicas", "How many machines are wanted");
const CURRENT: Column = number("Current", ".status.replicas", "How many machines there are");
const READY: Column = number("Ready", ".status.readyReplicas", "How many machines are ready");
const AVAILABLE_REPLICAS: Column =
    number("Available", ".status.availableReplicas", "How many machines are available");
const UP_TO_DATE: Column =
    number("Up-to-date", ".status.upToDateReplicas", "How many machines are as wanted");
const VERSION_OF_TEMPLATE: Column =
    text("Version", ".spec.template.spec.version", "Kubernetes version of new machines");
const CLASS_OWNING: Column = text(
    "ClusterClass",
    r#".metadata.ownerReferences[?(@.kind=="ClusterClass")].name"#,
    "The class it belongs to",
);

const CLUSTER: &[Column] = &[
    text("ClusterClass", ".spec.topology.classRef.name", "The class, if the topology is managed"),
    AVAILABLE,
    number(
        "CP Desired",
        ".status.controlPlane.desiredReplicas",
        "How many control plane machines are wanted",
    ),
    wide(number("CP Current", ".status.controlPlane.replicas", "How many control plane machines there are")),
    wide(number(
        "CP Ready",
        ".status.controlPlane.readyReplicas",
        "How many control plane machines are ready",
    )),
    number(
        "CP Available",
        ".status.controlPlane.availableReplicas",
        "How many control plane machines are available",
    ),
    number(
        "CP Up-to-date",
        ".status.controlPlane.upToDateReplicas",
        "How many control plane machines are as wanted",
    ),
    number("W Desired", ".status.workers.desiredReplicas", "How many workers are wanted"),
    wide(number("W Current", ".status.workers.replicas", "How many workers there are")),
    wide(number("W Ready", ".status.workers.readyReplicas", "How many workers are ready")),
    number("W Available", ".status.workers.availableReplicas", "How many workers are available"),
    number("W Up-to-date", ".status.workers.upToDateReplicas", "How many workers are as wanted"),
    PAUSED,
    text("Phase", ".status.phase", "The state in one word"),
    AGE,
    text("Version", ".spec.topology.version", "Kubernetes version, if the topology is managed"),
];

const MACHINE: &[Column] = &[
    CLUSTER_IN_SPEC,
    text("Node Name", ".status.nodeRef.name", "The node on the machine"),
    wide(text("Provider ID", ".spec.providerID", "How the provider calls the server")),
    text("Failure domain", ".status.failureDomain", "Where the machine was placed"),
    text("Ready", r#".status.conditions[?(@.type=="Ready")].status"#, "Whether it is in working order"),
    AVAILABLE,
    text(
        "Up-to-date",
        r#".status.conditions[?(@.type=="UpToDate")].status"#,
        "Whether it is as its owner wants it",
    ),
    wide(text(
        "Internal-IP",
        r#".status.addresses[?(@.type=="InternalIP")].address"#,
        "Address within the cluster",
    )),
    wide(text(
        "External-IP",
        r#".status.addresses[?(@.type=="ExternalIP")].address"#,
        "Address from outside",
    )),
    wide(text("OS-Image", ".status.nodeInfo.osImage", "Operating system of the node")),
    PAUSED,
    text("Phase", ".status.phase", "The state in one word"),
    AGE,
    text("Version", ".spec.version", "Kubernetes version"),
];

const MACHINE_SET: &[Column] = &[
    CLUSTER_IN_SPEC,
    DESIRED,
    CURRENT,
    READY,
    AVAILABLE_REPLICAS,
    UP_TO_DATE,
    PAUSED,
    AGE,
    VERSION_OF_TEMPLATE,
];

const MACHINE_DEPLOYMENT: &[Column] = &[
    CLUSTER_IN_SPEC,
    AVAILABLE,
    DESIRED,
    CURRENT,
    READY,
    AVAILABLE_REPLICAS,
    UP_TO_DATE,
    PAUSED,
    text("Phase", ".status.phase", "The state in one word"),
    AGE,
    VERSION_OF_TEMPLATE,
];

const KUBEADM_CONFIG: &[Column] = &[
    CLUSTER_IN_LABEL,
    PAUSED,
    text(
        "Data secret created",
        ".status.initialization.dataSecretCreated",
        "Whether the bootstrap data is there",
    ),
    AGE,
];

const KUBEADM_CONFIG_TEMPLATE: &[Column] = &[
    CLASS_OWNING,
    text("Cluster", r#".metadata.ownerReferences[?(@.kind=="Cluster")].name"#, "The cluster it belongs to"),
    AGE,
];

const KUBEADM_CONTROL_PLANE: &[Column] = &[
    CLUSTER_IN_LABEL,
    AVAILABLE,
    DESIRED,
    CURRENT,
    READY,
    AVAILABLE_REPLICAS,
    UP_TO_DATE,
    PAUSED,
    Column {
        name: "Initialized",
        kind: "boolean",
        path: ".status.initialization.controlPlaneInitialized",
        description: "Whether the API server has accepted requests once",
        priority: 0,
    },
    AGE,
    text("Version", ".spec.version", "Kubernetes version of the control plane"),
];

const KUBEADM_CONTROL_PLANE_TEMPLATE: &[Column] = &[CLASS_OWNING, AGE];

const DEV_CLUSTER: &[Column] = &[CLUSTER_IN_LABEL, AGE];

const DEV_MACHINE: &[Column] = &[
    CLUSTER_IN_LABEL,
    wide(text("Provider ID", ".spec.providerID", "How the provider calls the server")),
    text("Failure domain", ".status.failureDomain", "Where the machine was placed"),
    wide(text("IP", r#".status.addresses[?(@.type=="InternalIP")].address"#, "Address of the machine")),
    PAUSED,
    text("Provisioned", ".status.initialization.provisioned", "Whether the machine is up"),
    AGE,
];
