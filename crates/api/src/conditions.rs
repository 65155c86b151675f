//! The vocabulary of conditions: types here, reasons in [`reason`].
//!
//! A type or reason means the same on every kind that uses it, so each word stands here once. Those of a KubeadmConfig
//! stand in [`crate::bootstrap`] as well, next to the kind.

/// The object does its work.
pub const AVAILABLE: &str = "Available";
/// The object is in working order right now.
pub const READY: &str = "Ready";
/// Mirror of the bootstrap config's own readiness.
pub const BOOTSTRAP_CONFIG_READY: &str = "BootstrapConfigReady";
/// Mirror of the infrastructure object's own readiness.
pub const INFRASTRUCTURE_READY: &str = "InfrastructureReady";
/// All machines of the object are ready.
pub const MACHINES_READY: &str = "MachinesReady";
/// All machines of the object are as wanted.
pub const MACHINES_UP_TO_DATE: &str = "MachinesUpToDate";
/// Machines are being replaced by newer ones.
pub const ROLLING_OUT: &str = "RollingOut";
/// There are fewer machines than wanted.
pub const SCALING_UP: &str = "ScalingUp";
/// There are more machines than wanted.
pub const SCALING_DOWN: &str = "ScalingDown";
/// Unhealthy machines are being replaced.
pub const REMEDIATING: &str = "Remediating";
/// The object is going away.
pub const DELETING: &str = "Deleting";
/// Controllers leave the object alone.
pub const PAUSED: &str = "Paused";

// Cluster.

/// The objects of a managed topology are as the topology says.
pub const TOPOLOGY_RECONCILED: &str = "TopologyReconciled";
/// The API server of the cluster has answered once.
pub const CONTROL_PLANE_INITIALIZED: &str = "ControlPlaneInitialized";
/// The control plane is available.
pub const CONTROL_PLANE_AVAILABLE: &str = "ControlPlaneAvailable";
/// All sets of workers are available.
pub const WORKERS_AVAILABLE: &str = "WorkersAvailable";
/// All control plane machines are ready.
pub const CONTROL_PLANE_MACHINES_READY: &str = "ControlPlaneMachinesReady";
/// All worker machines are ready.
pub const WORKER_MACHINES_READY: &str = "WorkerMachinesReady";
/// All control plane machines are as wanted.
pub const CONTROL_PLANE_MACHINES_UP_TO_DATE: &str = "ControlPlaneMachinesUpToDate";
/// All worker machines are as wanted.
pub const WORKER_MACHINES_UP_TO_DATE: &str = "WorkerMachinesUpToDate";
/// The API server of the cluster answers.
pub const REMOTE_CONNECTION_PROBE: &str = "RemoteConnectionProbe";

// Machine.

/// The machine is as its owner wants it.
pub const UP_TO_DATE: &str = "UpToDate";
/// The machine is being changed in place.
pub const UPDATING: &str = "Updating";
/// The node is ready and under no pressure.
pub const NODE_HEALTHY: &str = "NodeHealthy";
/// Mirror of the node's condition Ready.
pub const NODE_READY: &str = "NodeReady";
/// A health check finds the machine healthy.
pub const HEALTH_CHECK_SUCCEEDED: &str = "HealthCheckSucceeded";
/// False while the owner has yet to replace the unhealthy machine.
pub const OWNER_REMEDIATED: &str = "OwnerRemediated";
/// False while an external component has yet to repair the unhealthy machine.
pub const EXTERNALLY_REMEDIATED: &str = "ExternallyRemediated";

// KubeadmControlPlane, and the Machines it keeps.

/// The first control plane machine is up.
pub const INITIALIZED: &str = "Initialized";
/// The certificates of the cluster are at hand.
pub const CERTIFICATES_AVAILABLE: &str = "CertificatesAvailable";
/// The Secret with bootstrap data is there (KubeadmConfig).
pub const DATA_SECRET_AVAILABLE: &str = "DataSecretAvailable";
/// All etcd members are healthy.
pub const ETCD_CLUSTER_HEALTHY: &str = "EtcdClusterHealthy";
/// All control plane pods are healthy.
pub const CONTROL_PLANE_COMPONENTS_HEALTHY: &str = "ControlPlaneComponentsHealthy";
/// The API server pod of the machine runs.
pub const API_SERVER_POD_HEALTHY: &str = "APIServerPodHealthy";
/// The controller manager pod of the machine runs.
pub const CONTROLLER_MANAGER_POD_HEALTHY: &str = "ControllerManagerPodHealthy";
/// The scheduler pod of the machine runs.
pub const SCHEDULER_POD_HEALTHY: &str = "SchedulerPodHealthy";
/// The etcd pod of the machine runs.
pub const ETCD_POD_HEALTHY: &str = "EtcdPodHealthy";
/// The etcd member on the machine is healthy.
pub const ETCD_MEMBER_HEALTHY: &str = "EtcdMemberHealthy";
/// The node has the labels and taints of a control plane.
pub const NODE_KUBEADM_LABELS_AND_TAINTS_SET: &str = "NodeKubeadmLabelsAndTaintsSet";

// DevCluster and DevMachine.

/// The container that balances load is up.
pub const LOAD_BALANCER_AVAILABLE: &str = "LoadBalancerAvailable";
/// The container is up.
pub const CONTAINER_PROVISIONED: &str = "ContainerProvisioned";
/// The control groups of the container are set up.
pub const CGROUPS_READY: &str = "CGroupsReady";
/// Images are loaded into the container.
pub const PRE_LOADED_IMAGES_READY: &str = "PreLoadedImagesReady";
/// The bootstrap data was carried out.
pub const BOOTSTRAP_COMPLETED: &str = "BootstrapCompleted";
/// The simulated virtual machine is up.
pub const VM_PROVISIONED: &str = "VMProvisioned";
/// The simulated node is up.
pub const NODE_PROVISIONED: &str = "NodeProvisioned";
/// The simulated etcd member is up.
pub const ETCD_PROVISIONED: &str = "EtcdProvisioned";
/// The simulated API server is up.
pub const API_SERVER_PROVISIONED: &str = "APIServerProvisioned";

/// Why a condition is as it is.
pub mod reason {
    /// It is available.
    pub const AVAILABLE: &str = "Available";
    /// It is not available.
    pub const NOT_AVAILABLE: &str = "NotAvailable";
    /// Whether it is available cannot be told.
    pub const AVAILABLE_UNKNOWN: &str = "AvailableUnknown";
    /// It is ready.
    pub const READY: &str = "Ready";
    /// It is not ready.
    pub const NOT_READY: &str = "NotReady";
    /// Whether it is ready cannot be told.
    pub const READY_UNKNOWN: &str = "ReadyUnknown";
    /// It is as wanted.
    pub const UP_TO_DATE: &str = "UpToDate";
    /// It differs from what is wanted.
    pub const NOT_UP_TO_DATE: &str = "NotUpToDate";
    /// Whether it is as wanted cannot be told.
    pub const UP_TO_DATE_UNKNOWN: &str = "UpToDateUnknown";
    /// Machines are being replaced.
    pub const ROLLING_OUT: &str = "RollingOut";
    /// No machine is being replaced.
    pub const NOT_ROLLING_OUT: &str = "NotRollingOut";
    /// Whether machines are being replaced cannot be told.
    pub const ROLLING_OUT_UNKNOWN: &str = "RollingOutUnknown";
    /// Machines are being added.
    pub const SCALING_UP: &str = "ScalingUp";
    /// No machine is being added.
    pub const NOT_SCALING_UP: &str = "NotScalingUp";
    /// Whether machines are being added cannot be told.
    pub const SCALING_UP_UNKNOWN: &str = "ScalingUpUnknown";
    /// Machines are being removed.
    pub const SCALING_DOWN: &str = "ScalingDown";
    /// No machine is being removed.
    pub const NOT_SCALING_DOWN: &str = "NotScalingDown";
    /// Whether machines are being removed cannot be told.
    pub const SCALING_DOWN_UNKNOWN: &str = "ScalingDownUnknown";
    /// Unhealthy machines are being replaced.
    pub const REMEDIATING: &str = "Remediating";
    /// No unhealthy machine is being replaced.
    pub const NOT_REMEDIATING: &str = "NotRemediating";
    /// There are no machines to speak of.
    pub const NO_REPLICAS: &str = "NoReplicas";
    /// How many machines are wanted is not known yet.
    pub const WAITING_FOR_REPLICAS_SET: &str = "WaitingForReplicasSet";
    /// How many machines are available is not known yet.
    pub const WAITING_FOR_AVAILABLE_REPLICAS_SET: &str = "WaitingForAvailableReplicasSet";
    /// A condition read from another object makes no sense.
    pub const INVALID_CONDITION_REPORTED: &str = "InvalidConditionReported";
    /// The controller failed; its log says more.
    pub const INTERNAL_ERROR: &str = "InternalError";
    /// The object referred to does not exist.
    pub const OBJECT_DOES_NOT_EXIST: &str = "ObjectDoesNotExist";
    /// The object referred to existed and is gone.
    pub const OBJECT_DELETED: &str = "ObjectDeleted";
    /// The object, or its cluster, is paused.
    pub const PAUSED: &str = "Paused";
    /// Neither the object nor its cluster is paused.
    pub const NOT_PAUSED: &str = "NotPaused";
    /// The workload cluster cannot be reached.
    pub const CONNECTION_DOWN: &str = "ConnectionDown";
    /// It is being deleted.
    pub const DELETING: &str = "Deleting";
    /// It is not being deleted.
    pub const NOT_DELETING: &str = "NotDeleting";
    /// All is taken down; the finalizer was removed.
    pub const DELETION_COMPLETED: &str = "DeletionCompleted";
    /// Looking into it failed.
    pub const INSPECTION_FAILED: &str = "InspectionFailed";
    /// The infrastructure of the cluster is not ready yet.
    pub const WAITING_FOR_CLUSTER_INFRASTRUCTURE_READY: &str = "WaitingForClusterInfrastructureReady";
    /// The control plane is not initialized yet.
    pub const WAITING_FOR_CONTROL_PLANE_INITIALIZED: &str = "WaitingForControlPlaneInitialized";
    /// The bootstrap data is not there yet.
    pub const WAITING_FOR_BOOTSTRAP_DATA: &str = "WaitingForBootstrapData";
    /// It is provisioned.
    pub const PROVISIONED: &str = "Provisioned";
    /// It is not provisioned.
    pub const NOT_PROVISIONED: &str = "NotProvisioned";
    /// It does not exist.
    pub const DOES_NOT_EXIST: &str = "DoesNotExist";
    /// It existed and is gone.
    pub const DELETED: &str = "Deleted";

    // Cluster.

    /// All objects of the topology are as it says.
    pub const RECONCILE_SUCCEEDED: &str = "ReconcileSucceeded";
    /// The objects of the topology could not be made as it says.
    pub const RECONCILE_FAILED: &str = "ReconcileFailed";
    /// The cluster is not there yet.
    pub const CLUSTER_CREATING: &str = "ClusterCreating";
    /// The cluster is being upgraded.
    pub const CLUSTER_UPGRADING: &str = "ClusterUpgrading";
    /// The control plane has yet to be upgraded.
    pub const CONTROL_PLANE_UPGRADE_PENDING: &str = "ControlPlaneUpgradePending";
    /// MachineDeployments have yet to be created.
    pub const MACHINE_DEPLOYMENTS_CREATE_PENDING: &str = "MachineDeploymentsCreatePending";
    /// MachineDeployments have yet to be upgraded.
    pub const MACHINE_DEPLOYMENTS_UPGRADE_PENDING: &str = "MachineDeploymentsUpgradePending";
    /// The user holds the upgrade of MachineDeployments back.
    pub const MACHINE_DEPLOYMENTS_UPGRADE_DEFERRED: &str = "MachineDeploymentsUpgradeDeferred";
    /// MachinePools have yet to be created.
    pub const MACHINE_POOLS_CREATE_PENDING: &str = "MachinePoolsCreatePending";
    /// MachinePools have yet to be upgraded.
    pub const MACHINE_POOLS_UPGRADE_PENDING: &str = "MachinePoolsUpgradePending";
    /// The user holds the upgrade of MachinePools back.
    pub const MACHINE_POOLS_UPGRADE_DEFERRED: &str = "MachinePoolsUpgradeDeferred";
    /// A lifecycle hook asks to wait.
    pub const LIFECYCLE_HOOK_BLOCKING: &str = "LifecycleHookBlocking";
    /// The ClusterClass is newer than what is known of it.
    pub const CLUSTER_CLASS_NOT_RECONCILED: &str = "ClusterClassNotReconciled";
    /// The control plane is initialized.
    pub const INITIALIZED: &str = "Initialized";
    /// The control plane is not initialized.
    pub const NOT_INITIALIZED: &str = "NotInitialized";
    /// The cluster has no workers.
    pub const NO_WORKERS: &str = "NoWorkers";
    /// The API server answered.
    pub const PROBE_SUCCEEDED: &str = "ProbeSucceeded";
    /// The API server did not answer.
    pub const PROBE_FAILED: &str = "ProbeFailed";
    /// A hook before deletion asks to wait.
    pub const WAITING_FOR_BEFORE_DELETE_HOOK: &str = "WaitingForBeforeDeleteHook";
    /// Workers go first.
    pub const WAITING_FOR_WORKERS_DELETION: &str = "WaitingForWorkersDeletion";
    /// The control plane goes first.
    pub const WAITING_FOR_CONTROL_PLANE_DELETION: &str = "WaitingForControlPlaneDeletion";
    /// The infrastructure goes first.
    pub const WAITING_FOR_INFRASTRUCTURE_DELETION: &str = "WaitingForInfrastructureDeletion";

    // Machine.

    /// The machine is ready, but not for long enough yet.
    pub const WAITING_FOR_MIN_READY_SECONDS: &str = "WaitingForMinReadySeconds";
    /// The machine is being changed.
    pub const UPDATING: &str = "Updating";
    /// The machine is not being changed.
    pub const NOT_UPDATING: &str = "NotUpdating";
    /// The machine is being changed in place.
    pub const IN_PLACE_UPDATING: &str = "InPlaceUpdating";
    /// Changing the machine in place failed.
    pub const IN_PLACE_UPDATE_FAILED: &str = "InPlaceUpdateFailed";
    /// The user brought the bootstrap data.
    pub const DATA_SECRET_PROVIDED: &str = "DataSecretProvided";
    /// The node is ready.
    pub const NODE_READY: &str = "NodeReady";
    /// The node is not ready.
    pub const NODE_NOT_READY: &str = "NodeNotReady";
    /// Whether the node is ready cannot be told.
    pub const NODE_READY_UNKNOWN: &str = "NodeReadyUnknown";
    /// The node is healthy.
    pub const NODE_HEALTHY: &str = "NodeHealthy";
    /// The node is not healthy.
    pub const NODE_NOT_HEALTHY: &str = "NodeNotHealthy";
    /// Whether the node is healthy cannot be told.
    pub const NODE_HEALTH_UNKNOWN: &str = "NodeHealthyUnknown";
    /// The node does not exist.
    pub const NODE_DOES_NOT_EXIST: &str = "NodeDoesNotExist";
    /// The node existed and is gone.
    pub const NODE_DELETED: &str = "NodeDeleted";
    /// The health check passed.
    pub const HEALTH_CHECK_SUCCEEDED: &str = "HealthCheckSucceeded";
    /// A condition of the node is a sign of ill health.
    pub const UNHEALTHY_NODE: &str = "UnhealthyNode";
    /// A condition of the machine is a sign of ill health.
    pub const UNHEALTHY_MACHINE: &str = "UnhealthyMachine";
    /// No node came up in time.
    pub const NODE_STARTUP_TIMEOUT: &str = "NodeStartupTimeout";
    /// Someone asked for the machine to be remediated.
    pub const HAS_REMEDIATE_ANNOTATION: &str = "HasRemediateAnnotation";
    /// The machine has yet to be remediated.
    pub const WAITING_FOR_REMEDIATION: &str = "WaitingForRemediation";
    /// The template of the remediation request does not exist.
    pub const REMEDIATION_TEMPLATE_NOT_FOUND: &str = "RemediationTemplateNotFound";
    /// The remediation request could not be made.
    pub const REMEDIATION_REQUEST_CREATION_FAILED: &str = "RemediationRequestCreationFailed";
    /// A hook before draining asks to wait.
    pub const WAITING_FOR_PRE_DRAIN_HOOK: &str = "WaitingForPreDrainHook";
    /// Pods are being moved off the node.
    pub const DRAINING_NODE: &str = "DrainingNode";
    /// Volumes are still attached to the node.
    pub const WAITING_FOR_VOLUME_DETACH: &str = "WaitingForVolumeDetach";
    /// A hook before termination asks to wait.
    pub const WAITING_FOR_PRE_TERMINATE_HOOK: &str = "WaitingForPreTerminateHook";
    /// The bootstrap config goes first.
    pub const WAITING_FOR_BOOTSTRAP_DELETION: &str = "WaitingForBootstrapDeletion";
    /// The Node object is being deleted.
    pub const DELETING_NODE: &str = "DeletingNode";

    // MachineSet and KubeadmControlPlane.

    /// Replacing the machine would do harm.
    pub const CANNOT_BE_REMEDIATED: &str = "CannotBeRemediated";
    /// Replacing the machine has to wait.
    pub const REMEDIATION_DEFERRED: &str = "RemediationDeferred";
    /// The unhealthy machine is being deleted.
    pub const MACHINE_DELETING: &str = "MachineDeleting";
    /// Machines go first.
    pub const WAITING_FOR_MACHINE_DELETION: &str = "WaitingForMachineDeletion";
    /// It is healthy.
    pub const HEALTHY: &str = "Healthy";
    /// It is not healthy.
    pub const NOT_HEALTHY: &str = "NotHealthy";
    /// Whether it is healthy cannot be told.
    pub const HEALTH_UNKNOWN: &str = "HealthUnknown";
    /// The pod runs.
    pub const RUNNING: &str = "Running";
    /// The pod is coming up.
    pub const PROVISIONING: &str = "Provisioning";
    /// It failed.
    pub const FAILED: &str = "Failed";
    /// Labels and taints are set.
    pub const SET: &str = "Set";
    /// Labels or taints are missing.
    pub const NOT_SET: &str = "NotSet";

    // DevCluster and DevMachine.

    /// The simulated time to come up is not over yet.
    pub const WAITING_FOR_STARTUP_TIMEOUT: &str = "WaitingForStartupTimeout";
    /// The simulated virtual machine is not up yet.
    pub const WAITING_FOR_VM_PROVISIONED: &str = "WaitingForVMProvisioned";
    /// The simulated node is not up yet.
    pub const WAITING_FOR_NODE_PROVISIONED: &str = "WaitingForNodeProvisioned";
    /// The container is not up yet.
    pub const WAITING_FOR_CONTAINER: &str = "WaitingForContainer";
    /// The control groups are not set up yet.
    pub const WAITING_FOR_CGROUPS: &str = "WaitingForCGroups";
    /// The images are not loaded yet.
    pub const WAITING_FOR_PRELOADED_IMAGES: &str = "WaitingForPreloadedImages";
    /// The bootstrap is done.
    pub const COMPLETED: &str = "Completed";
    /// The bootstrap is not done.
    pub const NOT_COMPLETED: &str = "NotCompleted";
}
