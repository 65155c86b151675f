//! The house's own rules, checked as a test: which crate may use which, and what each crate must not contain.
//!
//! The table below is the arrow table of ARCHITECTURE.md. A manifest that draws another arrow fails the test, and so
//! does an arrow in the table that no manifest draws any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// One crate: which of ours it may use, and what must not appear in its sources.
struct House {
    /// The crate's name, which is its folder below `crates/` as well.
    name: &'static str,
    /// Crates of ours it may use.
    may_use: &'static [&'static str],
    /// Texts that must not appear in its sources outside tests, with the absence they would break.
    absent: &'static [Absence],
}

/// A promise of absence.
struct Absence {
    /// What may not be written.
    texts: &'static [&'static str],
    /// The promise.
    promise: &'static str,
}

const NO_ASYNC: Absence = Absence { texts: &["async fn", "async move", ".await"], promise: "no async" };
const NO_CLOCK: Absence = Absence {
    // Tokio's Instant is allowed: it stands still and jumps with the simulator's clock.
    texts: &["SystemTime::now", "std::time::Instant", "Duration, Instant}", "Timestamp::now", "Zoned::now"],
    promise: "no clock: time is data",
};
const NO_CHANCE: Absence =
    Absence { texts: &["rand::rng", "thread_rng", "OsRng", "getrandom"], promise: "no ambient randomness" };
const NO_ENVIRONMENT: Absence = Absence { texts: &["std::env::", "env::var"], promise: "no environment" };
const NO_IO: Absence = Absence {
    texts: &["std::fs::", "TcpStream", "TcpListener", "UdpSocket", "tokio::net", "tokio::fs"],
    promise: "no input or output",
};
const NO_CLIENT: Absence = Absence { texts: &["kube::Client", "kube::Api", "hyper::"], promise: "no client" };
const NO_KINDS: Absence = Absence {
    texts: &["KubeadmC", "MachineDeployment", "MachineSet", "DevMachine", "DevCluster", "cluster.x-k8s.io"],
    promise: "knows no Cluster API kind by name",
};
const NO_JSON: Absence =
    Absence { texts: &["serde_json", "apiVersion"], promise: "bytes only: no JSON, no kinds" };
const NO_PROVIDER: Absence =
    Absence { texts: &["DevMachine", "DevCluster", "providers::"], promise: "core never names a provider" };

const PURE: &[Absence] = &[NO_ASYNC, NO_CLOCK, NO_CHANCE, NO_ENVIRONMENT, NO_IO, NO_CLIENT];

/// The houses, from the ground up.
const HOUSES: &[House] = &[
    House { name: "machinery", may_use: &[], absent: PURE },
    House { name: "gotemplate", may_use: &[], absent: PURE },
    House { name: "api", may_use: &["machinery", "gotemplate"], absent: PURE },
    House { name: "kubeadm", may_use: &["api", "gotemplate", "machinery"], absent: PURE },
    House {
        name: "decide",
        may_use: &["machinery", "gotemplate", "api", "kubeadm"],
        absent: &[NO_ASYNC, NO_CLOCK, NO_CHANCE, NO_ENVIRONMENT, NO_IO, NO_CLIENT, NO_PROVIDER],
    },
    House { name: "store", may_use: &[], absent: &[NO_CLOCK, NO_CHANCE, NO_JSON] },
    House { name: "apiserver", may_use: &["machinery", "store"], absent: &[NO_CLOCK, NO_CHANCE, NO_KINDS] },
    House { name: "etcd", may_use: &[], absent: &[NO_CLOCK, NO_CHANCE] },
    House { name: "runtime", may_use: &["machinery", "etcd"], absent: &[NO_KINDS] },
    House {
        name: "controllers",
        may_use: &["api", "kubeadm", "decide", "runtime", "machinery", "etcd"],
        absent: &[NO_CLOCK, NO_CHANCE, NO_PROVIDER],
    },
    House {
        name: "providers",
        may_use: &[
            "api",
            "apiserver",
            "controllers",
            "decide",
            "etcd",
            "kubeadm",
            "machinery",
            "runtime",
            "store",
        ],
        absent: &[NO_CLOCK, NO_CHANCE],
    },
    House {
        name: "manager",
        may_use: &["api", "apiserver", "controllers", "machinery", "providers", "runtime", "store"],
        absent: &[],
    },
    House {
        name: "sim",
        may_use: &[
            "api",
            "apiserver",
            "controllers",
            "decide",
            "machinery",
            "manager",
            "providers",
            "runtime",
            "store",
        ],
        absent: &[NO_CLOCK, NO_CHANCE],
    },
    House {
        name: "cli",
        may_use: &["api", "decide", "kubeadm", "machinery", "manager", "runtime"],
        absent: &[],
    },
];

/// Files in which an ambient source is allowed, because they are the one place it enters the house.
const ENTRANCES: &[(&str, &str)] =
    &[("crates/runtime/src/clock.rs", "the clock"), ("crates/runtime/src/entropy.rs", "randomness")];

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Prints what is wrong with the house.
///
/// # Errors
/// When something is, or when it could not be found out.
pub fn report(root: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let findings = findings(root)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len()).into()) }
}

/// Everything that is wrong with the house; empty when it is tidy.
///
/// # Errors
/// When sources cannot be read or `cargo metadata` cannot be run.
fn findings(root: &Path) -> io::Result<Vec<String>> {
    let mut findings = arrows(root)?;
    for house in HOUSES {
        let sources = root.join("crates").join(house.name).join("src");
        findings.extend(opening(&sources)?);
        for file in rust_files(&sources)? {
            findings.extend(absences(root, house, &file)?);
        }
    }
    findings.sort();
    Ok(findings)
}

/// Compares what the manifests draw with the table.
fn arrows(root: &Path) -> io::Result<Vec<String>> {
    let drawn = drawn_arrows(root)?;
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        HOUSES.iter().map(|house| (house.name, house.may_use.iter().copied().collect())).collect();
    let mut findings = Vec::new();
    for (name, uses) in &drawn {
        if name == "xtask" {
            continue;
        }
        let Some(may_use) = allowed.get(name.as_str()) else {
            findings.push(format!("crate {name} is not in the arrow table"));
            continue;
        };
        for used in uses.iter().filter(|used| !may_use.contains(used.as_str())) {
            findings.push(format!("crate {name} uses {used}, which the arrow table does not allow"));
        }
    }
    for (name, uses) in &drawn {
        for used in uses.iter().filter(|used| used.as_str() == "xtask") {
            findings.push(format!("crate {name} depends on {used}; nothing may"));
        }
    }
    for name in allowed.keys().filter(|name| !drawn.contains_key(**name)) {
        findings.push(format!("the arrow table names crate {name}, which is not there"));
    }
    Ok(findings)
}

/// The workspace's own dependencies, development ones left out, by crate.
fn drawn_arrows(root: &Path) -> io::Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let uses = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(|dependency| text(&dependency["name"])).filter(|name| names.contains(name)).collect()
    };
    Ok(packages.iter().map(|package| (text(&package["name"]), uses(package))).collect())
}

/// Every crate says in its first lines what it is and what is deliberately absent.
fn opening(sources: &Path) -> io::Result<Vec<String>> {
    let file = ["lib.rs", "main.rs"].iter().map(|name| sources.join(name)).find(|path| path.exists());
    let Some(file) = file else {
        return Ok(vec![format!("{}: neither lib.rs nor main.rs", sources.display())]);
    };
    let text = fs::read_to_string(&file)?;
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let says = head.iter().any(|line| line.contains("Deliberately absent:"));
    Ok(if says {
        Vec::new()
    } else {
        vec![format!("{}: does not say what is deliberately absent", file.display())]
    })
}

/// Promises of absence that a file breaks outside its tests.
fn absences(root: &Path, house: &House, file: &Path) -> io::Result<Vec<String>> {
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    if ENTRANCES.iter().any(|(path, _)| *path == shown) || is_test_file(file) {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file)?;
    let mut findings = Vec::new();
    for (number, line) in product_lines(&text) {
        for absence in house.absent {
            for broken in absence.texts.iter().filter(|text| line.contains(**text)) {
                findings
                    .push(format!("{shown}:{number}: `{broken}` breaks the promise \"{}\"", absence.promise));
            }
        }
    }
    Ok(findings)
}

/// Lines of code before the first test module, comments left out.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered
        .take_while(|(_, line)| !line.contains("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test_file(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "tests.rs"
        || name == "testing.rs"
        || name.ends_with("_tests.rs")
        || file.components().any(|part| part.as_os_str() == "tests")
}

/// All Rust sources below a folder, in order.
fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() -> io::Result<()> {
        let findings = findings(&root().canonicalize()?)?;
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        Ok(())
    }

    #[test]
    fn a_broken_promise_is_found() {
        let text = "fn a() {}\n// SystemTime::now in a comment is fine\nlet t = SystemTime::now();\n#[cfg(test)]\nSystemTime::now";
        let hits: Vec<usize> = product_lines(text)
            .filter(|(_, line)| line.contains("SystemTime::now"))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(hits, [3]);
    }
}
