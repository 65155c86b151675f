//! The files of examples/: each is applied, and seen through to its end.

use crate::api::{Api, control_plane, core};
use crate::sandbox::{Sandbox, project};

fn example(name: &str) -> String {
    std::fs::read_to_string(project().join("examples").join(name)).unwrap()
}

async fn comes_up(name: &str, cluster: &str, machines: [i64; 2]) {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory"]);
    let api = Api::connect(&up.kubeconfig);
    api.apply(&example(name)).await;
    api.until_condition(&core("Cluster"), cluster, "Available").await;
    // A Cluster is Available before its last machine is: this one is to have them all.
    let wanted = machines.map(|count| serde_json::json!(count));
    api.until(&core("Cluster"), cluster, move |cluster| {
        ["controlPlane", "workers"].map(|part| cluster["status"][part]["availableReplicas"].clone()) == wanted
    })
    .await;
}

#[tokio::test]
async fn plain_cluster() {
    comes_up("plain-cluster.yaml", "plain", [1, 2]).await;
}

#[tokio::test]
async fn three_control_planes() {
    comes_up("three-control-planes.yaml", "three", [3, 3]).await;
}

#[tokio::test]
async fn upgrade() {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory"]);
    let api = Api::connect(&up.kubeconfig);
    api.apply(&example("three-control-planes.yaml")).await;
    api.until_condition(&core("Cluster"), "three", "Available").await;
    api.apply(&example("upgrade.yaml")).await;
    api.until(&control_plane(), "three-control-plane", |object| {
        let status = &object["status"];
        status["version"] == "v1.36.0" && status["replicas"] == 3 && status["readyReplicas"] == 3
    })
    .await;
    api.until(&core("MachineDeployment"), "three-workers", |object| {
        let status = &object["status"];
        [&status["replicas"], &status["upToDateReplicas"], &status["availableReplicas"]]
            .map(|count| count == 3)
            == [true; 3]
    })
    .await;
    api.until_condition(&core("Cluster"), "three", "Available").await;
}

#[test]
fn every_example_is_covered() {
    let files = std::fs::read_dir(project().join("examples")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["plain-cluster.yaml", "three-control-planes.yaml", "upgrade.yaml"]);
}
