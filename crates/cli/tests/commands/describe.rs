//! `windlass describe`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::api::{Api, core};
use crate::sandbox::{Finished, Sandbox, project};

fn describe(sandbox: &Sandbox, name: &str, kubeconfig: &Path) -> Finished {
    let words = ["describe", "cluster", name, "--kubeconfig"].map(OsStr::new);
    sandbox.run(words.into_iter().chain([kubeconfig.as_os_str()]))
}

fn kubeconfig_for(sandbox: &Sandbox, server: &str) -> PathBuf {
    let content = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a}}}}]\n\
         clusters: [{{name: a, cluster: {{server: \"{server}\"}}}}]\n"
    );
    sandbox.file("kubeconfig", &content)
}

/// A server that answers everything with the same code and text.
fn always(status: &'static str, content_type: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let request = BufReader::new(connection.try_clone().unwrap());
            if request.lines().map_while(Result::ok).any(|line| line.is_empty()) {
                let length = body.len();
                let _ = write!(
                    connection,
                    "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_cluster_is_a_tree_with_what_each_part_waits_for() {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory"]);
    let api = Api::connect(&up.kubeconfig);
    api.apply(&std::fs::read_to_string(project().join("examples/plain-cluster.yaml")).unwrap()).await;
    api.until_condition(&core("Cluster"), "plain", "Available").await;
    let described = describe(&sandbox, "plain", &up.kubeconfig);
    assert_eq!(described.code, Some(0), "{described:?}");
    for expected in [
        "Cluster/plain",
        "├─ DevCluster/plain",
        "├─ KubeadmControlPlane/plain-control-plane",
        "│  └─ Machine/plain-control-plane-",
        "└─ MachineDeployment/plain-workers",
        "   └─ Machine/plain-workers-",
        "CONDITIONS OF THE CLUSTER",
    ] {
        assert!(described.stdout.contains(expected), "{expected:?} is missing in\n{}", described.stdout);
    }
}

#[tokio::test]
async fn a_cluster_that_nobody_works_on_says_so() {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory", "--controllers=none"]);
    let api = Api::connect(&up.kubeconfig);
    api.apply(&std::fs::read_to_string(project().join("examples/plain-cluster.yaml")).unwrap()).await;
    let described = describe(&sandbox, "plain", &up.kubeconfig);
    assert_eq!(described.code, Some(0), "{described:?}");
    let first = described.stdout.lines().nth(1).unwrap();
    assert!(first.starts_with("Cluster/plain") && first.ends_with("Not yet reported"), "{first}");
    assert!(!described.stdout.contains("Every part is available"), "{}", described.stdout);

    let missing = describe(&sandbox, "pain", &up.kubeconfig);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("there is no Cluster pain in namespace default"), "{}", missing.stderr);
    assert!(missing.stderr.contains("hint: "), "{}", missing.stderr);
}

#[tokio::test]
async fn what_a_cluster_refers_to_and_lacks_is_named() {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory"]);
    let api = Api::connect(&up.kubeconfig);
    let cluster = "apiVersion: cluster.x-k8s.io/v1beta2\nkind: Cluster\nmetadata: {name: lost, namespace: default}\n\
                   spec:\n  infrastructureRef: {apiGroup: clouds.example.com, kind: Cloud, name: c}\n  \
                   controlPlaneRef: {apiGroup: controlplane.cluster.x-k8s.io, kind: KubeadmControlPlane, name: p}\n";
    api.apply(cluster).await;
    let described = describe(&sandbox, "lost", &up.kubeconfig);
    assert_eq!(described.code, Some(0), "{described:?}");
    for expected in [
        "no kind Cloud is served in group clouds.example.com",
        "there is no KubeadmControlPlane p in this namespace",
    ] {
        assert!(described.stdout.contains(expected), "{expected:?} is missing in\n{}", described.stdout);
    }
}

#[test]
fn without_a_kubeconfig_it_says_how_to_get_one() {
    let refused = Sandbox::new().run(["describe", "cluster", "a"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("windlass up"), "{}", refused.stderr);
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named_once() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("missing");
    let refused = describe(&sandbox, "a", &path);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(refused.stderr.matches(path.to_str().unwrap()).count(), 1, "{}", refused.stderr);

    let mut command = sandbox.command(env!("CARGO_BIN_EXE_windlass"));
    command.args(["describe", "cluster", "a"]).env("KUBECONFIG", &path);
    let refused = crate::sandbox::Running::start(command).finish();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("KUBECONFIG"), "{}", refused.stderr);
}

#[test]
fn a_kubeconfig_of_no_use_is_the_callers() {
    let sandbox = Sandbox::new();
    for content in ["[", "diary: true", "current-context: a", "contexts: 7"] {
        let path = sandbox.file("kubeconfig", content);
        let refused = describe(&sandbox, "a", &path);
        assert_eq!(refused.code, Some(2), "{content}: {refused:?}");
        assert!(refused.stderr.contains(path.to_str().unwrap()), "{content}: {}", refused.stderr);
    }
}

#[test]
fn a_server_that_is_not_there_is_unmet() {
    let sandbox = Sandbox::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = describe(&sandbox, "a", &kubeconfig_for(&sandbox, &format!("http://{free}")));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let hint =
        format!("hint: is the management plane running, and is {}", sandbox.path("kubeconfig").display());
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
}

#[test]
fn a_server_that_is_no_management_plane_is_told_apart_from_a_missing_cluster() {
    let sandbox = Sandbox::new();
    let server = always("404 Not Found", "text/plain", "404 page not found");
    let refused = describe(&sandbox, "a", &kubeconfig_for(&sandbox, &server));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no management plane"), "{}", refused.stderr);
}

#[test]
fn an_answer_that_is_no_object_is_not_taken_for_one() {
    let sandbox = Sandbox::new();
    let server = always("200 OK", "text/html", "<html>welcome</html>");
    let refused = describe(&sandbox, "a", &kubeconfig_for(&sandbox, &server));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("cannot be read"), "{}", refused.stderr);
}
