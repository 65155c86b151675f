//! Well-known names: labels, annotations, finalizers and the type of Secrets.

// Labels.

/// The cluster an object belongs to. On nodes the same key is an annotation.
pub const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";
/// Marks objects of the control plane; the value is empty.
pub const CONTROL_PLANE: &str = "cluster.x-k8s.io/control-plane";
/// The control plane a machine belongs to, by name or, where that is too long, by hash.
pub const CONTROL_PLANE_NAME: &str = "cluster.x-k8s.io/control-plane-name";
/// The MachineSet a machine belongs to, by name or, where that is too long, by hash.
pub const SET_NAME: &str = "cluster.x-k8s.io/set-name";
/// The MachineDeployment a machine or MachineSet belongs to.
pub const DEPLOYMENT_NAME: &str = "cluster.x-k8s.io/deployment-name";
/// The MachinePool a machine belongs to, by name or, where that is too long, by hash.
pub const POOL_NAME: &str = "cluster.x-k8s.io/pool-name";
/// Tells the MachineSets of one MachineDeployment apart.
pub const MACHINE_TEMPLATE_HASH: &str = "machine-template-hash";
/// Which of several managers looks after the object.
pub const WATCH_FILTER: &str = "cluster.x-k8s.io/watch-filter";
/// Marks nodes on servers that may be taken away at any time.
pub const INTERRUPTIBLE: &str = "cluster.x-k8s.io/interruptible";
/// Which provider's manifest an object came with.
pub const PROVIDER: &str = "cluster.x-k8s.io/provider";
/// Marks objects made from a topology; the value is empty.
pub const TOPOLOGY_OWNED: &str = "topology.cluster.x-k8s.io/owned";
/// Which MachineDeployment of the topology an object is.
pub const TOPOLOGY_DEPLOYMENT_NAME: &str = "topology.cluster.x-k8s.io/deployment-name";
/// Which MachinePool of the topology an object is.
pub const TOPOLOGY_POOL_NAME: &str = "topology.cluster.x-k8s.io/pool-name";
/// Domain of labels that give a node its role; synced from machine to node.
pub const NODE_ROLE_PREFIX: &str = "node-role.kubernetes.io";
/// Domain of labels that a kubelet may not set itself; synced from machine to node.
pub const NODE_RESTRICTION_DOMAIN: &str = "node-restriction.kubernetes.io";
/// Domain of labels and annotations that are synced from machine to node.
pub const MANAGED_NODE_DOMAIN: &str = "node.cluster.x-k8s.io";

// Annotations.

/// Stops controllers from working on the object.
pub const PAUSED: &str = "cluster.x-k8s.io/paused";
/// Let this machine go first when there are too many.
pub const DELETE_MACHINE: &str = "cluster.x-k8s.io/delete-machine";
/// The template an object was made from.
pub const CLONED_FROM_NAME: &str = "cluster.x-k8s.io/cloned-from-name";
/// Kind and group of the template an object was made from, as `Kind.group`.
pub const CLONED_FROM_GROUP_KIND: &str = "cluster.x-k8s.io/cloned-from-groupkind";
/// Health checks leave this machine alone.
pub const SKIP_REMEDIATION: &str = "cluster.x-k8s.io/skip-remediation";
/// Asks health checks to treat this machine as unhealthy.
pub const REMEDIATE_MACHINE: &str = "cluster.x-k8s.io/remediate-machine";
/// Someone else manages this infrastructure; providers leave it alone.
pub const MANAGED_BY: &str = "cluster.x-k8s.io/managed-by";
/// Someone else decides how many machines there are.
pub const REPLICAS_MANAGED_BY: &str = "cluster.x-k8s.io/replicas-managed-by";
/// The MachineSet makes no new machines.
pub const DISABLE_MACHINE_CREATE: &str = "cluster.x-k8s.io/disable-machine-create";
/// Checks that a MachineSet skips before it makes machines, separated by commas.
pub const SKIP_PREFLIGHT_CHECKS: &str = "machineset.cluster.x-k8s.io/skip-preflight-checks";
/// The fewest machines an autoscaler keeps.
pub const AUTOSCALER_MIN_SIZE: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size";
/// The most machines an autoscaler keeps.
pub const AUTOSCALER_MAX_SIZE: &str = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size";
/// The node is not drained before its machine is deleted.
pub const EXCLUDE_NODE_DRAINING: &str = "machine.cluster.x-k8s.io/exclude-node-draining";
/// The machine is deleted without waiting for volumes.
pub const EXCLUDE_WAIT_FOR_NODE_VOLUME_DETACH: &str =
    "machine.cluster.x-k8s.io/exclude-wait-for-node-volume-detach";
/// Prefix of annotations, each of which holds the machine back before draining.
pub const PRE_DRAIN_HOOK_PREFIX: &str = "pre-drain.delete.hook.machine.cluster.x-k8s.io";
/// Prefix of annotations, each of which holds the machine back before termination.
pub const PRE_TERMINATE_HOOK_PREFIX: &str = "pre-terminate.delete.hook.machine.cluster.x-k8s.io";
/// When the certificates on a control plane machine expire, in RFC 3339.
pub const CERTIFICATES_EXPIRY: &str = "machine.cluster.x-k8s.io/certificates-expiry";
/// Which revision of a MachineDeployment a MachineSet is.
pub const REVISION: &str = "machinedeployment.clusters.x-k8s.io/revision";
/// Replicas of the MachineDeployment when it last scaled the MachineSet.
pub const DESIRED_REPLICAS: &str = "machinedeployment.clusters.x-k8s.io/desired-replicas";
/// Replicas plus surge of the MachineDeployment when it last scaled the MachineSet.
pub const MAX_REPLICAS: &str = "machinedeployment.clusters.x-k8s.io/max-replicas";
/// The machine moved to another MachineSet, which has yet to accept it.
pub const PENDING_ACKNOWLEDGE_MOVE: &str =
    "in-place-updates.internal.cluster.x-k8s.io/pending-acknowledge-move";
/// The machine is being changed in place.
pub const UPDATE_IN_PROGRESS: &str = "in-place-updates.internal.cluster.x-k8s.io/update-in-progress";
/// The MachineSet hands its machines over instead of deleting them.
pub const MOVE_MACHINES_TO_MACHINE_SET: &str =
    "in-place-updates.internal.cluster.x-k8s.io/move-machines-to-machineset";
/// The MachineSet takes machines over instead of making them.
pub const RECEIVE_MACHINES_FROM_MACHINE_SETS: &str =
    "in-place-updates.internal.cluster.x-k8s.io/receive-machines-from-machinesets";
/// Machines whose move the MachineDeployment has taken note of.
pub const ACKNOWLEDGED_MOVE: &str = "in-place-updates.internal.cluster.x-k8s.io/acknowledged-move";

// Annotations of managed topologies.

/// Set during dry-run applies only, so that webhooks overlook immutability.
pub const TOPOLOGY_DRY_RUN: &str = "topology.cluster.x-k8s.io/dry-run";
/// The version of the current step of an upgrade.
pub const TOPOLOGY_UPGRADE_STEP: &str = "topology.internal.cluster.x-k8s.io/upgrade-step";
/// Holds back the upgrade of this set of workers and of all after it.
pub const TOPOLOGY_HOLD_UPGRADE_SEQUENCE: &str = "topology.cluster.x-k8s.io/hold-upgrade-sequence";
/// Holds back the upgrade of this set of workers.
pub const TOPOLOGY_DEFER_UPGRADE: &str = "topology.cluster.x-k8s.io/defer-upgrade";
/// How many sets of workers are upgraded at once.
pub const TOPOLOGY_UPGRADE_CONCURRENCY: &str = "topology.cluster.x-k8s.io/upgrade-concurrency";
/// Allows a class to be set on an existing cluster.
pub const TOPOLOGY_UNSAFE_UPDATE_CLASS_NAME: &str =
    "unsafe.topology.cluster.x-k8s.io/disable-update-class-name-check";
/// Allows version changes that are refused otherwise.
pub const TOPOLOGY_UNSAFE_UPDATE_VERSION: &str =
    "unsafe.topology.cluster.x-k8s.io/disable-update-version-check";
/// Prefix of annotations, each of which holds an upgrade back.
pub const BEFORE_CLUSTER_UPGRADE_HOOK_PREFIX: &str = "before-upgrade.hook.cluster.cluster.x-k8s.io";

// Annotations of the kubeadm control plane.

/// Leave CoreDNS as it is.
pub const SKIP_COREDNS: &str = "controlplane.cluster.x-k8s.io/skip-coredns";
/// Leave kube-proxy as it is.
pub const SKIP_KUBE_PROXY: &str = "controlplane.cluster.x-k8s.io/skip-kube-proxy";
/// On the control plane: the remediation begun, as JSON, until the replacement exists.
pub const REMEDIATION_IN_PROGRESS: &str = "controlplane.cluster.x-k8s.io/remediation-in-progress";
/// On a machine: the remediation it is the replacement for, as JSON.
pub const REMEDIATION_FOR: &str = "controlplane.cluster.x-k8s.io/remediation-for";
/// Holds a control plane machine back until its etcd member is gone.
pub const KUBEADM_PRE_TERMINATE_HOOK: &str = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/kcp-cleanup";

// Annotations on nodes.

/// Namespace of the cluster a node belongs to.
pub const NODE_CLUSTER_NAMESPACE: &str = "cluster.x-k8s.io/cluster-namespace";
/// The machine a node runs on.
pub const NODE_MACHINE: &str = "cluster.x-k8s.io/machine";
/// Kind of the owner of a node's machine.
pub const NODE_OWNER_KIND: &str = "cluster.x-k8s.io/owner-kind";
/// Name of the owner of a node's machine.
pub const NODE_OWNER_NAME: &str = "cluster.x-k8s.io/owner-name";
/// Which labels of a node came from its machine.
pub const NODE_LABELS_FROM_MACHINE: &str = "cluster.x-k8s.io/labels-from-machine";
/// Which annotations of a node came from its machine.
pub const NODE_ANNOTATIONS_FROM_MACHINE: &str = "cluster.x-k8s.io/annotations-from-machine";
/// Which taints of a node came from its machine.
pub const NODE_TAINTS_FROM_MACHINE: &str = "cluster.x-k8s.io/taints-from-machine";

// Annotations of the development provider.

/// The listener of the simulated API server of a DevCluster.
pub const DEV_LISTENER: &str = "inmemorycluster.infrastructure.cluster.x-k8s.io/listener";
/// Share of the load that goes to a machine.
pub const DEV_LOAD_BALANCER_WEIGHT: &str = "devmachine.infrastructure.cluster.x-k8s.io/weight";

// Labels on CustomResourceDefinitions.

/// Followed by a slash and a contract version, the label that lists which versions of a kind fulfil it.
pub const CONTRACT_PREFIX: &str = "cluster.x-k8s.io";
/// The generation of a CustomResourceDefinition whose objects were all brought to the stored version.
pub const CRD_MIGRATION_OBSERVED_GENERATION: &str = "crd-migration.cluster.x-k8s.io/observed-generation";

// Finalizers.

/// On a Cluster.
pub const CLUSTER_FINALIZER: &str = "cluster.cluster.x-k8s.io";
/// On a Machine.
pub const MACHINE_FINALIZER: &str = "machine.cluster.x-k8s.io";
/// On a MachineSet.
pub const MACHINE_SET_FINALIZER: &str = "cluster.x-k8s.io/machineset";
/// On a MachineDeployment.
pub const MACHINE_DEPLOYMENT_FINALIZER: &str = "cluster.x-k8s.io/machinedeployment";
/// On a MachineSet of a managed topology.
pub const MACHINE_SET_TOPOLOGY_FINALIZER: &str = "machineset.topology.cluster.x-k8s.io";
/// On a MachineDeployment of a managed topology.
pub const MACHINE_DEPLOYMENT_TOPOLOGY_FINALIZER: &str = "machinedeployment.topology.cluster.x-k8s.io";
/// On a KubeadmControlPlane.
pub const KUBEADM_CONTROL_PLANE_FINALIZER: &str = "kubeadm.controlplane.cluster.x-k8s.io";
/// On a DevCluster.
pub const DEV_CLUSTER_FINALIZER: &str = "dockercluster.infrastructure.cluster.x-k8s.io";
/// On a DevMachine.
pub const DEV_MACHINE_FINALIZER: &str = "dockermachine.infrastructure.cluster.x-k8s.io";

// Secrets.

/// Type of Secrets that controllers make, as opposed to those that users bring.
pub const CLUSTER_SECRET_TYPE: &str = "cluster.x-k8s.io/secret";
