//! The names that kubeadm gives to what it makes in a cluster.

/// Namespace of everything that kubeadm makes.
pub const NAMESPACE: &str = "kube-system";
/// Namespace that anybody may read, for discovery.
pub const PUBLIC_NAMESPACE: &str = "kube-public";

/// ConfigMap with the ClusterConfiguration.
pub const KUBEADM_CONFIG: &str = "kubeadm-config";
/// ConfigMap with the kubelets' configuration.
pub const KUBELET_CONFIG: &str = "kubelet-config";
/// DaemonSet and ConfigMap of kube-proxy.
pub const KUBE_PROXY: &str = "kube-proxy";
/// Deployment and ConfigMap of the DNS add-on.
pub const COREDNS: &str = "coredns";
/// ConfigMap that anonymous machines find the cluster by.
pub const CLUSTER_INFO: &str = "cluster-info";

/// Label of control plane nodes; its value is empty.
pub const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";
/// Label that keeps control plane nodes out of external load balancers; its value is empty.
pub const EXCLUDE_FROM_LOAD_BALANCERS_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
/// Key of the taint of control plane nodes; its effect is `NoSchedule`.
pub const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";
/// Key of the taint that a worker is born with, until its labels are in place; its effect is `NoSchedule`.
pub const UNINITIALIZED_TAINT: &str = "node.cluster.x-k8s.io/uninitialized";
/// Annotation of a node with the socket of its container runtime.
pub const CRI_SOCKET_ANNOTATION: &str = "kubeadm.alpha.kubernetes.io/cri-socket";
/// Annotation of an API server's pod with its `address:port`.
pub const API_SERVER_ENDPOINT_ANNOTATION: &str =
    "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint";
/// Annotation of an etcd member's pod with its client URL.
pub const ETCD_CLIENT_URLS_ANNOTATION: &str = "kubeadm.kubernetes.io/etcd.advertise-client-urls";

/// ClusterRoleBinding that lets the API server talk to kubelets.
pub const KUBELET_CLIENT_BINDING: &str = "kubeadm:apiserver-kubelet-client";
/// ClusterRole bound by [`KUBELET_CLIENT_BINDING`].
pub const KUBELET_CLIENT_ROLE: &str = "system:kubelet-api-admin";
/// User of [`KUBELET_CLIENT_BINDING`].
pub const KUBELET_CLIENT_USER: &str = "kube-apiserver-kubelet-client";
/// Role and RoleBinding that let nodes read the kubelets' configuration.
pub const KUBELET_CONFIG_ROLE: &str = "kubeadm:kubelet-config";
/// Role and RoleBinding that let machines read the ClusterConfiguration.
pub const NODES_KUBEADM_CONFIG_ROLE: &str = "kubeadm:nodes-kubeadm-config";
/// ClusterRole and ClusterRoleBinding that let machines see nodes.
pub const GET_NODES_ROLE: &str = "kubeadm:get-nodes";
/// ClusterRoleBinding of the cluster's administrators.
pub const CLUSTER_ADMINS_BINDING: &str = "kubeadm:cluster-admins";
/// Group of [`CLUSTER_ADMINS_BINDING`].
pub const CLUSTER_ADMINS_GROUP: &str = "kubeadm:cluster-admins";
/// Group of all nodes.
pub const NODES_GROUP: &str = "system:nodes";

/// Port of etcd for clients.
pub const ETCD_CLIENT_PORT: u16 = 2379;
/// Port of etcd for other members.
pub const ETCD_PEER_PORT: u16 = 2380;
/// Port of the API server, if the user names no other.
pub const API_SERVER_PORT: u16 = 6443;

/// A component of the control plane that runs as a static pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// etcd.
    Etcd,
}

impl Component {
    /// All of them; the last one only where etcd is not external.
    pub const ALL: [Self; 4] = [Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Etcd];

    /// Name of the component, and value of its pods' label `component`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Etcd => "etcd",
        }
    }

    /// Name of the component's static pod on a node.
    pub fn pod_name(self, node_name: &str) -> String {
        format!("{}-{node_name}", self.as_str())
    }

    /// Labels of the component's pods.
    pub fn pod_labels(self) -> [(&'static str, &'static str); 2] {
        [("component", self.as_str()), ("tier", "control-plane")]
    }
}

/// Name of the etcd member on a node: that of the node.
pub fn etcd_member_name(node_name: &str) -> &str {
    node_name
}

/// URL of an etcd member for clients.
pub fn etcd_client_url(address: &str) -> String {
    format!("https://{}", crate::marshal::join_host_port(address, i32::from(ETCD_CLIENT_PORT)))
}

/// URL of an etcd member for other members.
pub fn etcd_peer_url(address: &str) -> String {
    format!("https://{}", crate::marshal::join_host_port(address, i32::from(ETCD_PEER_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_pods_are_named_after_component_and_node() {
        assert_eq!(Component::ApiServer.pod_name("n1"), "kube-apiserver-n1");
        assert_eq!(etcd_peer_url("fd00::1"), "https://[fd00::1]:2380");
    }
}
