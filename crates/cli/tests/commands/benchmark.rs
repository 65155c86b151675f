//! `windlass benchmark`: that it measures and prints. What it finds is for people to judge.

use std::path::PathBuf;

use crate::sandbox::Sandbox;

#[test]
fn each_number_of_clusters_is_measured_and_nothing_is_left_behind() {
    let sandbox = Sandbox::new();
    let finished =
        sandbox.run(["benchmark", "--clusters=1,2", "--creators=2", "--idle-seconds=1", "--timeout=240"]);
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
    let cells = |name: &str| -> Vec<String> {
        let line = finished.stdout.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no row {name:?} in\n{}", finished.stdout));
        line[name.len()..].split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(cells("clusters"), ["1", "2"]);
    assert_eq!(cells("Available"), ["1", "2"]);
    for row in ["accepted to Available, p50 (s)", "CPU per cluster (s)", "requests per cluster"] {
        for cell in cells(row) {
            assert!(cell.parse::<f64>().unwrap() > 0.0, "{row}: {cell}");
        }
    }
    assert_eq!(sandbox.temporary_files(), [] as [PathBuf; 0]);
}

#[test]
fn numbers_of_clusters_are_checked() {
    for clusters in ["0", "many", "1,,2", "-1"] {
        let refused = Sandbox::new().run(["benchmark", &format!("--clusters={clusters}")]);
        assert_eq!(refused.code, Some(2), "{clusters}: {refused:?}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let missing = sandbox.path("missing");
    let refused = sandbox.run(["benchmark", "--clusters=1", "--data-dir", missing.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(missing.to_str().unwrap()), "{}", refused.stderr);
}
