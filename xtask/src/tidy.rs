//! The house's own rules, checked as a test: which crate may use which, and what each crate must not contain.
//!
//! The table below is the arrow table of ARCHITECTURE.md, and both must say the same. A manifest that draws another arrow
//! fails the test, and so does an arrow in the table that no manifest draws any more, and one in a manifest that no source
//! follows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// One crate: which of ours it may use, and what must not appear in its sources.
struct House {
    /// The crate's name.
    name: &'static str,
    /// Crates of ours it may use.
    may_use: &'static [&'static str],
    /// Texts that must not appear in its sources outside tests, with the absence they would break.
    absent: &'static [Absence],
}

impl House {
    /// Where its sources are.
    fn sources(&self, root: &Path) -> PathBuf {
        let folder =
            if self.name == "xtask" { root.join("xtask") } else { root.join("crates").join(self.name) };
        folder.join("src")
    }
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
const NO_CLIENT: Absence =
    Absence { texts: &["kube::Client", "kube::Api", "runtime::", "http::", "hyper::"], promise: "no client" };
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
    House { name: "api", may_use: &["machinery"], absent: PURE },
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
        may_use: &["api", "apiserver", "controllers", "decide", "etcd", "machinery", "runtime", "store"],
        absent: &[NO_CLOCK, NO_CHANCE],
    },
    House {
        name: "manager",
        may_use: &["api", "apiserver", "controllers", "machinery", "providers", "runtime", "store"],
        absent: &[],
    },
    House {
        name: "sim",
        may_use: &["api", "apiserver", "machinery", "manager", "providers", "runtime", "store"],
        absent: &[NO_CLOCK, NO_CHANCE],
    },
    House { name: "cli", may_use: &["machinery", "manager", "runtime"], absent: &[] },
    House { name: "xtask", may_use: &["api"], absent: &[] },
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
    let manifests = manifests(root)?;
    let mut findings = arrows(HOUSES, &manifests);
    findings.extend(documented_otherwise(HOUSES, &fs::read_to_string(root.join("ARCHITECTURE.md"))?));
    for house in HOUSES {
        let sources = house.sources(root);
        findings.extend(opening(&sources)?);
        let files = rust_files(&sources)?;
        for file in &files {
            findings.extend(absences(root, house, file)?);
        }
        if let Some(manifest) = manifests.get(house.name) {
            findings.extend(unfollowed(house.name, &manifest.dependencies, &files)?);
        }
    }
    findings.sort();
    Ok(findings)
}

/// What one manifest says, development left out.
struct Manifest {
    /// Everything it depends on.
    dependencies: BTreeSet<String>,
    /// Those of them that are crates of ours.
    arrows: BTreeSet<String>,
}

/// Compares what the manifests draw with the table, both ways.
fn arrows(houses: &[House], manifests: &BTreeMap<String, Manifest>) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, Manifest { arrows, .. }) in manifests {
        let Some(house) = houses.iter().find(|house| house.name == name) else {
            findings.push(format!("crate {name} is not in the arrow table"));
            continue;
        };
        for used in arrows.iter().filter(|used| !house.may_use.contains(&used.as_str())) {
            findings.push(format!("crate {name} uses {used}, which the arrow table does not allow"));
        }
        for promised in house.may_use.iter().filter(|promised| !arrows.contains(**promised)) {
            findings.push(format!("the arrow table lets {name} use {promised}, which it does not"));
        }
    }
    for house in houses.iter().filter(|house| !manifests.contains_key(house.name)) {
        findings.push(format!("the arrow table names crate {}, which is not there", house.name));
    }
    findings
}

/// Compares the arrow table with the one that people read.
fn documented_otherwise(houses: &[House], document: &str) -> Vec<String> {
    let mut shown = documented_arrows(document);
    let mut findings = Vec::new();
    for house in houses {
        let may_use: BTreeSet<&str> = house.may_use.iter().copied().collect();
        match shown.remove(house.name) {
            None => findings.push(format!("ARCHITECTURE.md: the table has no row for {}", house.name)),
            Some(shown) if shown != may_use => findings.push(format!(
                "ARCHITECTURE.md: {} may use {may_use:?}, but the table says {shown:?}",
                house.name
            )),
            Some(_) => {}
        }
    }
    findings.extend(shown.keys().map(|name| format!("ARCHITECTURE.md: the table has a row for {name}")));
    findings
}

/// Rows of the form ``| `name` | what it is | used, used | what is absent |``.
fn documented_arrows(document: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut rows = BTreeMap::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, _, uses, _, ""] = cells.as_slice() else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        let uses = uses.split(',').map(str::trim).filter(|used| !matches!(*used, "-" | "")).collect();
        rows.insert(name, uses);
    }
    rows
}

/// Dependencies that no product line of the crate names.
fn unfollowed(name: &str, dependencies: &BTreeSet<String>, files: &[PathBuf]) -> io::Result<Vec<String>> {
    let mut missing: BTreeSet<&str> = dependencies.iter().map(String::as_str).collect();
    for file in files.iter().filter(|file| !is_test_file(file)) {
        let text = fs::read_to_string(file)?;
        let lines: Vec<&str> = product_lines(&text).map(|(_, line)| line).collect();
        missing.retain(|dependency| !lines.iter().any(|line| names(line, &dependency.replace('-', "_"))));
    }
    Ok(missing
        .into_iter()
        .map(|used| format!("crate {name} depends on {used}, which its sources do not name"))
        .collect())
}

/// Whether a line names a crate, rather than a module of the same name somewhere below another.
fn names(line: &str, name: &str) -> bool {
    let continues = |before: char| before.is_alphanumeric() || matches!(before, '_' | ':' | '>');
    line.match_indices(name).any(|(start, _)| {
        let before = line.get(..start).unwrap_or_default();
        // `::name` is a crate's for certain.
        let before = before.strip_suffix("::").unwrap_or(before);
        let after = line.get(start + name.len()..).unwrap_or_default();
        !before.ends_with(continues)
            && (after.starts_with("::") || line.trim_start() == format!("use {name};"))
    })
}

/// The manifests of the workspace's own crates, by crate.
fn manifests(root: &Path) -> io::Result<BTreeMap<String, Manifest>> {
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
    let ours: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let manifest = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        let dependencies: BTreeSet<String> = normal.map(|dependency| text(&dependency["name"])).collect();
        Manifest { arrows: dependencies.intersection(&ours).cloned().collect(), dependencies }
    };
    Ok(packages.iter().map(|package| (text(&package["name"]), manifest(package))).collect())
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

    const TABLE: &[House] = &[
        House { name: "ground", may_use: &[], absent: &[] },
        House { name: "wall", may_use: &["ground", "door"], absent: &[] },
    ];

    fn manifest(dependencies: &[&str]) -> Manifest {
        let set = || dependencies.iter().map(|name| (*name).to_owned()).collect();
        Manifest { dependencies: set(), arrows: set() }
    }

    #[test]
    fn arrows_are_compared_both_ways() {
        let manifests = [
            ("ground".to_owned(), manifest(&["wall"])),
            ("wall".to_owned(), manifest(&["ground"])),
            ("roof".to_owned(), manifest(&[])),
        ];
        let findings = arrows(TABLE, &manifests.into_iter().collect());
        assert_eq!(
            findings,
            [
                "crate ground uses wall, which the arrow table does not allow",
                "crate roof is not in the arrow table",
                "the arrow table lets wall use door, which it does not",
            ]
        );
    }

    #[test]
    fn the_table_that_people_read_is_the_same() {
        let same = "| `ground` | a | - | b |\n| `wall` | a | ground, door | b |\n| `other` | table |\n";
        assert_eq!(documented_otherwise(TABLE, same), [] as [String; 0]);
        let other = "| `ground` | a | wall | b |\n| `roof` | a | - | b |\n";
        assert_eq!(documented_otherwise(TABLE, other).len(), 3);
    }

    #[test]
    fn a_crate_is_named_by_a_path_that_begins_with_it() {
        for used in [
            "use kubeadm::plan;",
            "    kubeadm::plan(",
            "use kubeadm;",
            "x: Vec<kubeadm::Plan>",
            "use ::kubeadm::a;",
        ] {
            assert!(names(used, "kubeadm"), "{used}");
        }
        for not in ["use super::kubeadm::plan;", "mod kubeadm;", "my_kubeadm::x", "kubeadm_config::x"] {
            assert!(!names(not, "kubeadm"), "{not}");
        }
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
