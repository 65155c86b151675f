//! `windlass up`.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::api::{Api, core};
use crate::sandbox::{Sandbox, Up, project};

/// The API alone: most of what `up` promises has nothing to do with controllers.
fn api_only(sandbox: &Sandbox, data: &Path) -> Up {
    sandbox.up([OsStr::new("--controllers=none"), OsStr::new("--data-dir"), data.as_os_str()])
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(unix)]
#[tokio::test]
async fn it_says_where_it_is_ready_and_its_kubeconfig_is_private_and_true() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let up = sandbox.up([OsStr::new("--data-dir"), data.as_os_str()]);
    assert!(up.address.starts_with("127.0.0.1:") && !up.address.ends_with(":0"), "{}", up.address);
    assert_eq!(up.kubeconfig, data.join("kubeconfig"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&up.kubeconfig), mode(&data)), (0o600, 0o700));
    Api::connect(&up.kubeconfig).create_config_map("a").await.unwrap();
    up.running.terminate();
    let finished = up.running.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn control_c_stops_it_too() {
    let sandbox = Sandbox::new();
    let up = api_only(&sandbox, &sandbox.path("data"));
    up.running.interrupt();
    let finished = up.running.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[tokio::test]
async fn a_second_one_on_the_same_directory_is_refused_and_harms_nothing() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let up = api_only(&sandbox, &data);
    let refused = sandbox.run([OsStr::new("up"), OsStr::new("--data-dir"), data.as_os_str()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&format!("{} is in use", data.display())), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    Api::connect(&up.kubeconfig).create_config_map("a").await.unwrap();
}

#[tokio::test]
async fn state_address_and_identity_survive_a_restart() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let first = api_only(&sandbox, &data);
    let kept = sandbox.path("kept-kubeconfig");
    std::fs::copy(&first.kubeconfig, &kept).unwrap();
    Api::connect(&kept).create_config_map("a").await.unwrap();
    first.running.terminate();
    assert_eq!(first.running.finish().code, Some(0));

    let second = api_only(&sandbox, &data);
    assert_eq!(second.address, first.address);
    assert!(Api::connect(&kept).has_config_map("a").await);
}

#[tokio::test]
async fn clusters_go_on_where_they_were_after_a_restart() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let arguments = [OsStr::new("--data-dir"), data.as_os_str()];
    let first = sandbox.up(arguments);
    let api = Api::connect(&first.kubeconfig);
    let example = std::fs::read_to_string(project().join("examples/plain-cluster.yaml")).unwrap();
    api.apply(&example).await;
    let before = api.until_condition(&core("Cluster"), "plain", "Available").await;
    first.running.terminate();
    assert_eq!(first.running.finish().code, Some(0));

    let second = sandbox.up(arguments);
    let api = Api::connect(&second.kubeconfig);
    let workers = core("MachineDeployment");
    api.apply(&example.replace("replicas: 2", "replicas: 3")).await;
    api.until(&workers, "plain-workers", |workers| workers["status"]["availableReplicas"] == 3).await;
    let after = api.until_condition(&core("Cluster"), "plain", "Available").await;
    assert_eq!(after["spec"]["controlPlaneEndpoint"], before["spec"]["controlPlaneEndpoint"]);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let mut up = api_only(&sandbox, &data);
    let (enough, killed) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let writers = (0..4).map(|writer| {
        let (api, enough) = (Api::connect(&up.kubeconfig), Arc::clone(&enough));
        let killed = Arc::clone(&killed);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            loop {
                let name = format!("a-{writer}-{}", acknowledged.len());
                // Whoever asks for nothing at the moment of the kill would find the next plane, and never come to an end.
                if killed.load(Ordering::Relaxed) || api.create_config_map(&name).await.is_err() {
                    return acknowledged;
                }
                acknowledged.push(name);
                if acknowledged.len() == 50 {
                    enough.notify_one();
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    enough.notified().await;
    up.running.kill();
    killed.store(true, Ordering::Relaxed);
    assert_eq!(up.running.finish().code, None);

    let again = api_only(&sandbox, &data);
    let api = Api::connect(&again.kubeconfig);
    for writer in writers {
        for name in writer.await.unwrap() {
            assert!(api.has_config_map(&name).await, "{name} was acknowledged and is lost");
        }
    }
}

#[tokio::test]
async fn a_plane_in_memory_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let up = sandbox.up(["--in-memory", "--controllers=none"]);
    Api::connect(&up.kubeconfig).create_config_map("a").await.unwrap();
    up.running.terminate();
    assert_eq!(up.running.finish().code, Some(0));
    assert!(!up.kubeconfig.exists());
    assert_eq!(sandbox.temporary_files(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_plane_in_memory_leaves_a_plane_that_is_kept_alone() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let arguments = [OsStr::new("--controllers=none"), OsStr::new("--data-dir"), data.as_os_str()];
    let in_memory = || arguments.into_iter().chain([OsStr::new("--in-memory")]);
    let up = sandbox.up(in_memory());
    assert_eq!(up.kubeconfig, data.join("kubeconfig"));
    up.running.terminate();
    assert_eq!(up.running.finish().code, Some(0));
    assert_eq!(files(&data), ["kubeconfig"]);

    std::fs::remove_file(data.join("kubeconfig")).unwrap();
    let kept = sandbox.up(arguments);
    let refused = sandbox.run(std::iter::once(OsStr::new("up")).chain(in_memory()));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--in-memory"), "{}", refused.stderr);
    kept.running.terminate();
    assert_eq!(kept.running.finish().code, Some(0));
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let sandbox = Sandbox::new();
    let thesis = sandbox.path("thesis");
    std::fs::create_dir(&thesis).unwrap();
    std::fs::write(thesis.join("chapter-1"), "precious").unwrap();
    let refused = sandbox.run([OsStr::new("up"), OsStr::new("--data-dir"), thesis.as_os_str()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("holds no Windlass data"), "{}", refused.stderr);
    assert_eq!(files(&thesis), ["chapter-1"]);
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("diary", "private");
    for path in [file.clone(), file.join("below")] {
        let refused = sandbox.run([OsStr::new("up"), OsStr::new("--data-dir"), path.as_os_str()]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("diary"), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "private");
}

#[test]
fn a_taken_port_is_named() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = sandbox.run(["up", "--in-memory", "--listen", &address]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&format!("cannot listen on {address}")), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
}

#[tokio::test]
async fn one_that_listens_everywhere_tells_an_address_to_connect_to() {
    let sandbox = Sandbox::new();
    for (everywhere, here) in [("0.0.0.0:0", "127.0.0.1:"), ("[::]:0", "[::1]:")] {
        if TcpListener::bind(everywhere).is_err() {
            println!("skipped: nobody can listen on {everywhere} here");
            continue;
        }
        let up = sandbox.up(["--controllers=none", "--in-memory", "--listen", everywhere]);
        assert!(up.address.starts_with(here), "{}", up.address);
        let kubeconfig = std::fs::read_to_string(&up.kubeconfig).unwrap();
        assert!(kubeconfig.contains(&format!("https://{}", up.address)), "{everywhere}");
        Api::connect(&up.kubeconfig).create_config_map("a").await.unwrap();
    }
}

#[test]
fn one_that_listens_everywhere_does_so_again() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let up = sandbox.up([
        OsStr::new("--controllers=none"),
        OsStr::new("--listen=0.0.0.0:0"),
        OsStr::new("--data-dir"),
        data.as_os_str(),
    ]);
    let first = up.address.clone();
    up.running.terminate();
    assert_eq!(up.running.finish().code, Some(0));
    let again = api_only(&sandbox, &data);
    assert_eq!(again.address, first);
    assert!(TcpListener::bind(first.replace("127.0.0.1", "0.0.0.0")).is_err());
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("data");
    let up = api_only(&sandbox, &data);
    up.running.terminate();
    assert_eq!(up.running.finish().code, Some(0));
    let database = data.join("plane.redb");
    std::fs::write(&database, "not what was written here").unwrap();
    let refused = sandbox.run([OsStr::new("up"), OsStr::new("--data-dir"), data.as_os_str()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&database.display().to_string()), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&database).unwrap(), "not what was written here");
}

#[test]
fn a_kubeconfig_of_somebody_else_is_left_alone() {
    let sandbox = Sandbox::new();
    let work = sandbox.file("config", "clusters: [{name: work}]\n");
    let arguments =
        [OsStr::new("up"), OsStr::new("--in-memory"), OsStr::new("--kubeconfig"), work.as_os_str()];
    let refused = sandbox.run(arguments);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&work.display().to_string()), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(work).unwrap(), "clusters: [{name: work}]\n");
}

#[test]
fn malformed_arguments_are_refused_before_anything_starts() {
    let sandbox = Sandbox::new();
    for arguments in [
        ["up", "--in-memory", "--listen", "6443"],
        ["up", "--in-memory", "--listen", "127.0.0.1:http"],
        ["up", "--in-memory", "--controllers", "some"],
    ] {
        let refused = sandbox.run(arguments);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(arguments[2]), "{}", refused.stderr);
    }
    assert_eq!(sandbox.temporary_files(), [] as [std::path::PathBuf; 0]);
}
