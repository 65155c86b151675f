//! KubeadmConfigs, and what they need of others.

use std::time::Duration;

use api::bootstrap::KubeadmConfig;
use api::core::Machine;
use controllers::kubeadm_config::KubeadmConfigController;
use controllers::table;
use k8s_openapi::api::core::v1::Secret;
use runtime::key::Key;
use runtime::queue::Groups;
use runtime::shutdown::Shutdown;
use serde_json::json;

use crate::bench::{BOOTSTRAP, Bench, CORE, NAMESPACE};

/// A control plane Machine that stands alone, in a Cluster with infrastructure; its config takes a file from a Secret.
async fn machine_with_a_file_from_a_secret() -> Bench {
    let bench = Bench::new().await;
    let (groups, shutdown) = (Groups::new(), Shutdown::new());
    table::run::<KubeadmConfigController>(&bench.cx, &groups, |_, key| key.clone(), &shutdown).unwrap();
    let cluster = json!({"apiVersion": CORE, "kind": "Cluster", "metadata": {"name": "c"},
        "spec": {"controlPlaneEndpoint": {"host": "h", "port": 6443}}});
    bench.apply(cluster).await;
    let status = json!({"initialization": {"infrastructureProvisioned": true}});
    let cluster = json!({"apiVersion": CORE, "kind": "Cluster", "metadata": {"name": "c"}, "status": status});
    bench.patch("status", cluster).await;
    let machine = json!({"apiVersion": CORE, "kind": "Machine", "metadata": {"name": "m", "labels": {
        "cluster.x-k8s.io/cluster-name": "c", "cluster.x-k8s.io/control-plane": ""}},
        "spec": {"clusterName": "c", "version": "v1.35.0",
            "bootstrap": {"configRef":
                {"apiGroup": "bootstrap.cluster.x-k8s.io", "kind": "KubeadmConfig", "name": "m"}},
            "infrastructureRef":
                {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevMachine", "name": "m"}}});
    bench.apply(machine).await;
    bench.settle().await;
    let machine = bench.cx.get::<Machine>(&Key::new(NAMESPACE, "m")).unwrap().unwrap();
    let config = json!({"apiVersion": BOOTSTRAP, "kind": "KubeadmConfig", "metadata": {"name": "m",
        "labels": {"cluster.x-k8s.io/cluster-name": "c"},
        "ownerReferences": [{"apiVersion": CORE, "kind": "Machine", "name": "m", "uid": machine.metadata.uid,
            "controller": true}]},
        "spec": {"files": [{"path": "/f", "contentFrom": {"secret": {"name": "brought", "key": "k"}}}]}});
    bench.apply(config).await;
    bench.settle().await;
    bench
}

fn bootstrap_data(bench: &Bench) -> Option<String> {
    let secret = bench.cx.get::<Secret>(&Key::new(NAMESPACE, "m")).unwrap()?;
    Some(String::from_utf8(secret.data.as_ref()?.get("value")?.0.clone()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_a_user_brings_late_is_found_and_not_looked_for_afterwards() {
    let bench = machine_with_a_file_from_a_secret().await;
    let config = bench.cx.get::<KubeadmConfig>(&Key::new(NAMESPACE, "m")).unwrap().unwrap();
    let told = &config.status.conditions;
    let told = told.iter().find(|condition| condition.type_ == "DataSecretAvailable").unwrap();
    let message = "Failed to prepare spec.files: Secret brought with key \"k\" for file /f is not there";
    assert_eq!(told.message, message);
    // Tried ever more seldom.
    bench.clock.sleep(Duration::from_secs(300)).await;
    let tried = bench.reads("secrets");
    assert!((8..=20).contains(&tried), "{tried}");
    assert_eq!(bootstrap_data(&bench), None);
    // Without a label that would have it cached.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "brought"},
        "stringData": {"k": "what the user wants"}});
    bench.apply(secret).await;
    bench.clock.sleep(Duration::from_secs(90)).await;
    let data = bootstrap_data(&bench).unwrap();
    assert!(data.contains("path: /f") && data.contains("what the user wants"), "{data}");
    // There is nobody else to make the keys of a Machine that stands alone.
    for suffix in ["ca", "etcd", "proxy", "sa"] {
        let key = Key::new(NAMESPACE, &format!("c-{suffix}"));
        assert!(bench.cx.get::<Secret>(&key).unwrap().is_some(), "{suffix}");
    }
    let reads = bench.reads("secrets");
    bench.clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(bench.reads("secrets"), reads);
}
