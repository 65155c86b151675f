//! A process that is killed in the middle of writing, for real.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use futures::future::join_all;

use super::{block_on, put};
use crate::{Database, Options};

const PATH_VARIABLE: &str = "WINDLASS_STORE_KILL_TEST";
const ACKNOWLEDGED: &str = "acknowledged ";
const WRITERS: usize = 4;

/// The victim: does nothing unless started by the test below.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH_VARIABLE) else { return };
    block_on(async {
        let store = Database::open(Path::new(&path), Options::default()).unwrap().store("main").unwrap();
        let write_forever = async |writer: usize| {
            for number in 0_u64.. {
                let key = format!("{writer}/{number}");
                let committed = put(&store, &key, &key.repeat(50)).await.unwrap();
                // One write per line: a line is there whole, or it is the last.
                let line = format!("{ACKNOWLEDGED}{key} {}\n", committed.revision);
                if std::io::stdout().write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        };
        join_all((0..WRITERS).map(write_forever)).await;
    });
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for round in 1..=3 {
        // The child of a later round overwrites the keys of the one before: revisions must go on growing.
        let acknowledged = killed_after(&path, 100 * round);
        let database = Database::open(&path, Options::default()).unwrap();
        let store = database.store("main").unwrap();
        for (key, revision) in &acknowledged {
            let entry = store.get(key).unwrap_or_else(|| panic!("{key} was acknowledged and is gone"));
            assert_eq!(entry.modified, *revision, "{key}");
            assert_eq!(&*entry.value, key.repeat(50).as_bytes());
        }
        let newest = acknowledged.iter().map(|(_, revision)| *revision).max();
        assert!(newest <= Some(store.revision()));
        block_on(database.close()).unwrap();
    }
}

/// Lets a child write until it has acknowledged so many writes, kills it, and answers all that it
/// acknowledged.
fn killed_after(path: &Path, writes: usize) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::child", "--nocapture", "--test-threads=1"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        acknowledged.extend(line.strip_suffix('\n').and_then(parsed));
        if acknowledged.len() == writes {
            child.kill().unwrap();
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= writes, "the child ended by itself after {}", acknowledged.len());
    acknowledged
}

fn parsed(line: &str) -> Option<(String, u64)> {
    let (_, rest) = line.split_once(ACKNOWLEDGED)?;
    let (key, revision) = rest.split_once(' ')?;
    Some((key.to_owned(), revision.parse().ok()?))
}
