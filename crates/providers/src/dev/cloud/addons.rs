//! What `kubeadm init` leaves in a new cluster besides its first node: configuration, add-ons, and the rights that let
//! further nodes join.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::Collection;

const CORE: &str = "/api/v1";
const APPS: &str = "/apis/apps/v1";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// Group of those who join with a token of kubeadm's.
const JOINING: &str = "system:bootstrappers:kubeadm:default-node-token";
/// The release that kubeadm 1.34 and later bring.
const COREDNS_TAG: &str = "v1.12.1";

/// What the add-ons depend on.
pub struct Facts<'a> {
    /// The ClusterConfiguration, read.
    pub cluster: &'a Value,
    /// The same as text.
    pub cluster_text: &'a str,
    /// `host:port` of the API server.
    pub endpoint: &'a str,
    /// The cluster's authority as PEM.
    pub authority: &'a str,
    /// The Kubernetes version.
    pub version: &'a str,
    /// Domain of services.
    pub domain: &'a str,
}

/// All of it, in the order in which kubeadm makes it.
pub fn all(facts: &Facts<'_>) -> Vec<(Collection, Value)> {
    let mut objects = vec![
        config_map("kube-system", "kubeadm-config", json!({"ClusterConfiguration": facts.cluster_text})),
        config_map("kube-system", "kubelet-config", json!({"kubelet": kubelet_configuration(facts.domain)})),
        config_map(
            "kube-public",
            "cluster-info",
            json!({"kubeconfig": kubeconfig(facts.endpoint, facts.authority)}),
        ),
    ];
    objects.extend(rights());
    if facts.cluster["dns"]["disabled"] != true {
        objects.push(config_map("kube-system", "coredns", json!({"Corefile": corefile(facts.domain)})));
        objects.push(coredns(facts));
    }
    if facts.cluster["proxy"]["disabled"] != true {
        objects.push(config_map("kube-system", "kube-proxy", json!({"config.conf": PROXY_CONFIGURATION})));
        objects.push(kube_proxy(facts));
    }
    objects
}

fn namespaced(root: &'static str, plural: &'static str, namespace: &'static str) -> Collection {
    Collection::namespaced(root, plural, namespace)
}

fn config_map(namespace: &'static str, name: &str, data: Value) -> (Collection, Value) {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data,
    });
    (namespaced(CORE, "configmaps", namespace), object)
}

/// Rights that kubeadm gives to those who join and to its administrators.
fn rights() -> Vec<(Collection, Value)> {
    let role = |name: &str, resource: &str, resource_name: Option<&str>| {
        let mut rule = json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]});
        if let Some(name) = resource_name {
            rule["resourceNames"] = json!([name]);
        }
        (name.to_owned(), rule)
    };
    let (get_nodes, get_nodes_rule) = role("kubeadm:get-nodes", "nodes", None);
    let (get_config, get_config_rule) =
        role("kubeadm:nodes-kubeadm-config", "configmaps", Some("kubeadm-config"));
    vec![
        (
            Collection::cluster(RBAC, "clusterroles"),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": get_nodes}, "rules": [get_nodes_rule]}),
        ),
        cluster_binding("kubeadm:get-nodes", "kubeadm:get-nodes", JOINING),
        cluster_binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", JOINING),
        cluster_binding(
            "kubeadm:node-autoapprove-bootstrap",
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            JOINING,
        ),
        cluster_binding("kubeadm:cluster-admins", "cluster-admin", "kubeadm:cluster-admins"),
        (
            namespaced(RBAC, "roles", "kube-system"),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": get_config, "namespace": "kube-system"}, "rules": [get_config_rule],
            }),
        ),
    ]
}

fn cluster_binding(name: &str, role: &str, group: &str) -> (Collection, Value) {
    let object = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    });
    (Collection::cluster(RBAC, "clusterrolebindings"), object)
}

/// What `cluster-info` tells those who do not know the cluster yet.
fn kubeconfig(endpoint: &str, authority: &str) -> String {
    let authority = STANDARD.encode(authority);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{endpoint}\n  name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\nusers: null\n"
    )
}

fn kubelet_configuration(domain: &str) -> String {
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nclusterDomain: {domain}\nkind: KubeletConfiguration\n"
    )
}

const PROXY_CONFIGURATION: &str =
    "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

fn corefile(domain: &str) -> String {
    format!(
        ".:53 {{\n    errors\n    health {{\n       lameduck 5s\n    }}\n    ready\n    kubernetes {domain} in-addr.arpa ip6.arpa {{\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }}\n    prometheus :9153\n    forward . /etc/resolv.conf {{\n       max_concurrent 1000\n    }}\n    cache 30 {{\n       disable success {domain}\n       disable denial {domain}\n    }}\n    loop\n    reload\n    loadbalance\n}}\n"
    )
}

/// Where images of the add-ons come from.
fn repository<'a>(facts: &Facts<'a>) -> &'a str {
    facts.cluster["imageRepository"].as_str().filter(|text| !text.is_empty()).unwrap_or("registry.k8s.io")
}

fn coredns(facts: &Facts<'_>) -> (Collection, Value) {
    let dns = &facts.cluster["dns"];
    let text = |name: &str| dns[name].as_str().filter(|text| !text.is_empty());
    // Only kubeadm's own registry keeps CoreDNS in a folder of its own.
    let folder = text("imageRepository").unwrap_or_else(|| {
        if repository(facts) == "registry.k8s.io" { "registry.k8s.io/coredns" } else { repository(facts) }
    });
    let image = format!("{folder}/coredns:{}", text("imageTag").unwrap_or(COREDNS_TAG));
    let labels = json!({"k8s-app": "kube-dns"});
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{
                        "name": "coredns", "image": image, "args": ["-conf", "/etc/coredns/Corefile"],
                        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": true}],
                    }],
                    "volumes": [{
                        "name": "config-volume",
                        "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
                    }],
                },
            },
        },
    });
    (namespaced(APPS, "deployments", "kube-system"), object)
}

fn kube_proxy(facts: &Facts<'_>) -> (Collection, Value) {
    let image = format!("{}/kube-proxy:{}", repository(facts), facts.version.replace('+', "_"));
    let labels = json!({"k8s-app": "kube-proxy"});
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "hostNetwork": true,
                    "containers": [{
                        "name": "kube-proxy", "image": image,
                        "command": ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf"],
                    }],
                },
            },
        },
    });
    (namespaced(APPS, "daemonsets", "kube-system"), object)
}
