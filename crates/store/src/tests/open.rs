//! Opening files: what is kept, what is refused, and that a refusal changes nothing.

use std::fs;
use std::path::Path;

use super::{block_on, delete, put, shown};
use crate::{CommitError, Database, Durability, OpenError, Options, Precondition};

fn open(path: &Path) -> Database {
    Database::open(path, Options::default()).unwrap()
}

/// A closed file with something in it.
fn filled(path: &Path) {
    block_on(async {
        let database = open(path);
        let store = database.store("main").unwrap();
        for number in 0..200 {
            put(&store, &format!("key/{number:03}"), &"value ".repeat(20)).await.unwrap();
        }
        database.close().await.unwrap();
    });
}

fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = Database::open(path, Options::default()).unwrap_err();
    assert!(before == fs::read(path).unwrap(), "changed although refused: {error}");
    error
}

#[test]
fn everything_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    block_on(async {
        let database = open(&path);
        let (one, two) = (database.store("one").unwrap(), database.store("two").unwrap());
        put(&one, "a", "1").await.unwrap();
        put(&one, "a", "2").await.unwrap();
        put(&two, "b", "1").await.unwrap();
        put(&one, "c", "1").await.unwrap();
        delete(&one, "c").await.unwrap();
        database.close().await.unwrap();
        assert!(matches!(put(&one, "a", "3").await, Err(CommitError::Closed)));
        assert_eq!(one.get("a").unwrap().modified, 3, "readable after closing");

        let database = open(&path);
        assert_eq!(database.store_names(), ["one", "two"]);
        let (one, two) = (database.store("one").unwrap(), database.store("two").unwrap());
        assert_eq!((one.revision(), two.revision()), (5, 2), "a deletion's revision is not taken again");
        let entry = one.get("a").unwrap();
        assert_eq!((entry.created, entry.modified, &*entry.value), (2, 3, &b"2"[..]));
        assert_eq!(shown(&two.list("").entries), ["b=1"]);
        assert!(one.watch("", 4).is_err() && one.watch("", 5).is_ok());
        assert_eq!(put(&one, "c", "2").await.unwrap().revision, 6);
    });
}

#[test]
fn relaxed_writes_are_visible_at_once_and_on_disk_after_closing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    block_on(async {
        let database = open(&path);
        let store = database.store_with("relaxed", Options::small()).unwrap();
        for number in 0..1000 {
            let written = futures::FutureExt::now_or_never(put(&store, &format!("{number:03}"), "1"));
            assert_eq!(written.unwrap().unwrap().revision, number + 2);
        }
        assert_eq!(store.list("").entries.len(), 1000);
        database.flush().await.unwrap();
        database.close().await.unwrap();
        let store = open(&path).store("relaxed").unwrap();
        assert_eq!((store.list("").entries.len(), store.revision()), (1000, 1001));
    });
}

#[test]
fn a_dropped_store_is_gone_and_its_name_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    block_on(async {
        let database = open(&path);
        for name in ["a", "b", "c"] {
            put(&database.store(name).unwrap(), "key", "old").await.unwrap();
        }
        database.drop_store("a");
        database.drop_store("b");
        database.drop_store("never written");
        put(&database.store("b").unwrap(), "new key", "new").await.unwrap();
        database.close().await.unwrap();

        let database = open(&path);
        assert_eq!(database.store_names(), ["b", "c"]);
        let store = database.store("b").unwrap();
        assert_eq!((shown(&store.list("").entries), store.revision()), (vec!["new key=new".into()], 2));
        database.drop_store("c");
        database.close().await.unwrap();
        assert_eq!(open(&path).store_names(), ["b"]);
    });
}

#[test]
fn writers_of_one_key_never_both_win() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(&directory.path().join("file")).store("main").unwrap();
        let create = || store.commit("a", Precondition::Absent, |_| crate::Change::Put("x".into()));
        let outcomes = futures::future::join_all((0..20).map(|_| create())).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 19));
        for outcome in lost {
            let Err(CommitError::Conflict { current, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(current.unwrap().modified, 2, "a conflict names what won");
        }
    });
}

#[test]
fn a_second_opener_is_told_that_the_file_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let _first = open(&path);
    let error = Database::open(&path, Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process; stop that process"), "{error}");
}

#[test]
fn foreign_files_are_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text");
    fs::write(&text, "apiVersion: v1\nkind: List\n").unwrap();
    let error = refused(&text);
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");

    let other = directory.path().join("other");
    let database = redb::Database::create(&other).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("theirs")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refused(&other);
    assert!(error.to_string().contains("some other program's database"), "{error}");

    let newer = directory.path().join("newer");
    filled(&newer);
    let database = redb::Database::create(&newer).unwrap();
    let transaction = database.begin_write().unwrap();
    let facts = redb::TableDefinition::<&str, u64>::new("windlass/facts");
    transaction.open_table(facts).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(refused(&newer), OpenError::Format { found: 2, known: 1, .. }));
}

#[test]
fn damaged_files_are_refused_untouched_or_read_right() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    filled(&whole);
    let bytes = fs::read(&whole).unwrap();
    let expected = open(&whole).store("main").unwrap().list("");
    let damaged = directory.path().join("damaged");
    let mut refusals = 0;
    for position in (0..bytes.len()).step_by(bytes.len() / 150) {
        let mut rotten = bytes.clone();
        rotten[position] ^= 0x55;
        fs::write(&damaged, &rotten).unwrap();
        match Database::open(&damaged, Options::default()) {
            Ok(database) => {
                assert_eq!(database.store("main").unwrap().list(""), expected, "byte {position}");
                block_on(database.close()).unwrap();
            }
            Err(error) => {
                refusals += 1;
                assert!(matches!(error, OpenError::Corrupt { .. }), "byte {position}: {error}");
                assert!(
                    rotten == fs::read(&damaged).unwrap(),
                    "byte {position}: changed although refused: {error}"
                );
            }
        }
    }
    assert!(refusals > 10, "{refusals} refusals");
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(refused(&damaged), OpenError::Corrupt { .. }));
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Database::open(&directory.path().join("missing/file"), Options::default()).unwrap_err();
    assert!(error.to_string().contains("missing: cannot use the directory of the database"), "{error}");
    let error = Database::open(directory.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert_eq!(Options::default().durability, Durability::Acknowledged);
}
