//! A real kubectl against a plane: the words of the demonstration, pasted, and the verbs that people use every day.
//!
//! The program is the one that WINDLASS_KUBECTL names, or the first `kubectl` on the PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{Finished, Running, Sandbox, project};

fn kubectl() -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_KUBECTL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("kubectl")))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        println!("skipped: there is no kubectl; name one in WINDLASS_KUBECTL");
    }
    found
}

/// kubectl with a kubeconfig.
struct Kubectl<'a> {
    sandbox: &'a Sandbox,
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl<'_> {
    fn command(&self, line: &str) -> Command {
        let mut command = self.sandbox.command(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Finished {
        Running::start(self.command(line)).finish()
    }

    /// Runs it, expects success and returns what it printed.
    fn ok(&self, line: &str) -> String {
        let finished = self.run(line);
        assert_eq!(finished.code, Some(0), "kubectl {line}\n{}\n{}", finished.stdout, finished.stderr);
        finished.stdout
    }

    fn with(&self, kubeconfig: &Path) -> Self {
        Kubectl { sandbox: self.sandbox, program: self.program.clone(), kubeconfig: kubeconfig.to_owned() }
    }
}

#[test]
fn every_command_the_demonstration_names_works_when_pasted() {
    let Some(program) = kubectl() else { return };
    let sandbox = Sandbox::new();
    let mut demo = sandbox.start(["demo", "--timeout=240"]);
    demo.line_with("Reach the management plane");
    let mut script = vec!["set -e".to_owned()];
    loop {
        let line = demo.line().expect("the demonstration goes on");
        if line.contains("Ctrl-C stops") {
            break;
        }
        if let Some(command) = line.strip_prefix("  ") {
            script.push(format!("echo '$' {command:?}"));
            script.push(command.to_owned());
        }
    }
    assert!(script.iter().any(|line| line.contains("delete cluster/demo")), "{script:?}");
    let mut shell = sandbox.command("sh");
    let folder = program.parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    shell.env("PATH", path.unwrap()).arg("-c").arg(script.join("\n"));
    let finished = Running::start(shell).finish();
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
    // Conditions speak of Ready too, and how many do depends on the moment: only lines of nodes count.
    let is_ready_node = |line: &&str| line.split_whitespace().nth(1) == Some("Ready");
    let ready_nodes = finished.stdout.lines().filter(is_ready_node).count();
    assert_eq!(ready_nodes, 6, "{}", finished.stdout);
    demo.interrupt();
    assert_eq!(demo.finish().code, Some(0));
}

#[test]
fn the_verbs_of_every_day() {
    let Some(program) = kubectl() else { return };
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory"]);
    let kubectl = Kubectl { sandbox: &sandbox, program, kubeconfig: up.kubeconfig.clone() };
    let example = project().join("examples/plain-cluster.yaml");

    let applied = kubectl.ok(&format!("apply -f {}", example.display()));
    assert_eq!(applied.matches(" created").count(), 7, "{applied}");
    kubectl.ok("wait --for=condition=Available cluster/plain --timeout=240s");
    let again = kubectl.ok(&format!("apply -f {}", example.display()));
    assert_eq!(again.matches(" unchanged").count(), 7, "{again}");
    let server_side = kubectl.ok(&format!("apply --server-side --force-conflicts -f {}", example.display()));
    assert_eq!(server_side.matches(" serverside-applied").count(), 7, "{server_side}");

    looking(&kubectl);
    changing(&kubectl);
    workload(&kubectl);

    kubectl.ok("delete cluster/plain --timeout=240s");
    assert_eq!(kubectl.ok("get machines -o name"), "");
    let missing = kubectl.run("get cluster plain");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("NotFound"), "{}", missing.stderr);
}

fn looking(kubectl: &Kubectl) {
    let clusters = kubectl.ok("get clusters");
    assert!(clusters.contains("AVAILABLE") && clusters.contains("plain"), "{clusters}");
    let machines = kubectl.ok("get machines -l cluster.x-k8s.io/cluster-name=plain -o name");
    assert_eq!(machines.lines().count(), 3, "{machines}");
    let described = kubectl.ok("describe cluster plain");
    assert!(described.contains("Control Plane Ref:"), "{described}");
    let explained = kubectl.ok("explain cluster.spec.controlPlaneRef");
    assert!(explained.contains("apiGroup"), "{explained}");
    let version = kubectl.ok("get kubeadmcontrolplane plain-control-plane -o jsonpath={.status.version}");
    assert_eq!(version, "v1.35.0");

    let mut watching = Running::start(kubectl.command("get machinedeployment -w"));
    watching.line_with("plain-workers");
    kubectl.ok("label machinedeployment/plain-workers watched=yes");
    watching.line_with("plain-workers");
}

fn changing(kubectl: &Kubectl) {
    kubectl.ok("label cluster/plain team=blue");
    assert!(kubectl.ok("get clusters -l team=blue -o name").contains("plain"));
    kubectl.ok("label cluster/plain team-");
    assert_eq!(kubectl.ok("get clusters -l team=blue -o name"), "");

    kubectl.ok(r#"patch machinedeployment/plain-workers --type=merge -p {"spec":{"replicas":3}}"#);
    kubectl.ok(
        "wait --for=jsonpath={.status.availableReplicas}=3 machinedeployment/plain-workers --timeout=240s",
    );
    kubectl.ok("scale machinedeployment/plain-workers --replicas=1");
    kubectl.ok("wait --for=jsonpath={.status.replicas}=1 machinedeployment/plain-workers --timeout=240s");
    let list = kubectl.sandbox.file("list.json", &kubectl.ok("get cluster,machinedeployment -o json"));
    kubectl.ok(&format!("apply -f {}", list.display()));
    let unknown = kubectl.sandbox.file("unknown.yaml", "apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n");
    let refused = kubectl.run(&format!("apply -f {}", unknown.display()));
    assert!(refused.stderr.contains("no matches for kind \"Foo\""), "{}", refused.stderr);
    kubectl.ok(r#"patch cluster/plain --type=json -p [{"op":"add","path":"/metadata/annotations/note","value":"x"}]"#);

    let refused =
        kubectl.run(r#"patch machinedeployment/plain-workers --type=merge -p {"spec":{"replicas":"many"}}"#);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("spec.replicas"), "{}", refused.stderr);
}

fn workload(kubectl: &Kubectl) {
    let encoded = kubectl.ok("get secret plain-kubeconfig -o jsonpath={.data.value}");
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    let path = kubectl.sandbox.path("workload-kubeconfig");
    std::fs::write(&path, decoded).unwrap();
    let workload = kubectl.with(&path);
    let nodes = workload.ok("get nodes");
    assert_eq!(nodes.matches(" Ready ").count(), 2, "{nodes}");
    let pods = workload.ok("get pods -A");
    assert!(pods.contains("etcd-") && pods.contains("kube-apiserver-"), "{pods}");
}
