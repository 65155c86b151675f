//! `windlass demo`.

use std::path::PathBuf;

use crate::sandbox::Sandbox;

#[test]
fn once_ends_well_when_the_cluster_and_its_machines_are_available() {
    let sandbox = Sandbox::new();
    let finished = sandbox.run(["demo", "--once", "--timeout=240"]);
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
    for expected in [
        "Cluster/demo",
        "KubeadmControlPlane/demo-control-plane",
        "cluster demo is Available after",
        "all 6 machines are Available after",
    ] {
        assert!(finished.stdout.contains(expected), "{expected:?} is missing in\n{}", finished.stdout);
    }
    let machines = |owner: &str| {
        let prefix = format!("Machine/{owner}-");
        let words = finished.stdout.split_whitespace().filter(|word| word.starts_with(&prefix));
        words.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((machines("demo-control-plane"), machines("demo-workers")), (3, 3), "{}", finished.stdout);
    assert_eq!(sandbox.temporary_files(), [] as [PathBuf; 0]);
}

#[test]
fn a_cluster_that_takes_too_long_is_told_with_the_reason() {
    let sandbox = Sandbox::new();
    let finished = sandbox.run(["demo", "--once", "--timeout=0"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let (_, reason) = finished.stderr.split_once("cluster demo is not Available after 0 s: ").unwrap();
    assert!(!reason.trim().is_empty(), "{}", finished.stderr);
    assert_eq!(sandbox.temporary_files(), [] as [PathBuf; 0]);
}

#[test]
fn it_goes_on_until_it_is_told_to_stop() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start(["demo", "--timeout=240"]);
    let export = running.line_with("export KUBECONFIG=");
    assert!(PathBuf::from(export.split_once('=').unwrap().1).exists());
    running.line_with("Ctrl-C stops");
    running.interrupt();
    let finished = running.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(sandbox.temporary_files(), [] as [PathBuf; 0]);
}

#[test]
fn told_to_stop_early_it_says_that_nothing_came_about() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start(["demo"]);
    running.line_with("management plane:");
    running.interrupt();
    let finished = running.finish();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("stopped before"), "{}", finished.stderr);
}
