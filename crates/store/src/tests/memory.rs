//! A store without a file: revisions, preconditions, snapshots, history.

use bytes::Bytes;
use futures::FutureExt as _;

use super::{block_on, delete, put, shown};
use crate::{Change, CommitError, Compacted, Database, EventKind, Options, Precondition};

#[test]
fn a_write_completes_without_waiting_and_carries_its_revision() {
    let store = Database::in_memory().store("main").unwrap();
    assert_eq!(store.revision(), 1);
    let change = |revision: u64| Change::Put(Bytes::from(format!("made at {revision}")));
    let committed = store.commit("a", Precondition::Absent, change).now_or_never().unwrap().unwrap();
    assert_eq!((committed.revision, &*committed.value), (2, &b"made at 2"[..]));
    let entry = store.get("a").unwrap();
    assert_eq!((entry.created, entry.modified), (2, 2));
    put(&store, "a", "again").now_or_never().unwrap().unwrap();
    let entry = store.get("a").unwrap();
    assert_eq!((entry.created, entry.modified, store.revision()), (2, 3, 3));
}

#[test]
fn preconditions_decide_and_a_conflict_takes_no_revision() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        put(&store, "a", "1").await.unwrap();
        let again = store.commit("a", Precondition::Absent, |_| Change::Put(Bytes::new())).await;
        let Err(CommitError::Conflict { key, current: Some(current) }) = again else { panic!("{again:?}") };
        assert_eq!((&*key, current.modified), ("a", 2));
        let stale = store.commit("a", Precondition::Revision(1), |_| Change::Put(Bytes::new())).await;
        assert_eq!(stale.unwrap_err().to_string(), "a: precondition failed: it is at revision 2");
        let missing = store.commit("b", Precondition::Revision(2), |_| Change::Put(Bytes::new())).await;
        assert_eq!(missing.unwrap_err().to_string(), "b: precondition failed: the key does not exist");
        assert!(matches!(delete(&store, "b").await, Err(CommitError::Conflict { current: None, .. })));
        assert_eq!(store.revision(), 2);
        store.commit("a", Precondition::Revision(2), |_| Change::Put(Bytes::new())).await.unwrap();
    });
}

#[test]
fn a_deletion_reports_the_last_state_and_what_was_removed() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        put(&store, "a", "1").await.unwrap();
        let mut watch = store.watch("a", 2).unwrap();
        let committed = delete(&store, "a").await.unwrap();
        assert_eq!((&*committed.value, committed.previous.unwrap().modified), (&b"deleted at 3"[..], 2));
        assert_eq!(store.get("a"), None);
        let event = watch.next().await.unwrap();
        assert_eq!((event.kind, event.revision), (EventKind::Deleted, 3));
        assert_eq!((&*event.value, event.previous.as_deref()), (&b"deleted at 3"[..], Some(&b"1"[..])));
    });
}

#[test]
fn a_prefix_is_listed_in_key_order_and_as_it_was() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        for key in ["pods/b", "pods/a", "nodes/a", "podsx"] {
            put(&store, key, "1").await.unwrap();
        }
        let before = store.list("pods/");
        assert_eq!(
            (before.revision, shown(&before.entries)),
            (5, vec!["pods/a=1".into(), "pods/b=1".into()])
        );
        delete(&store, "pods/a").await.unwrap();
        put(&store, "pods/b", "2").await.unwrap();
        put(&store, "pods/b", "3").await.unwrap();
        put(&store, "pods/c", "1").await.unwrap();
        assert_eq!(shown(&store.list("pods/").entries), ["pods/b=3", "pods/c=1"]);
        assert_eq!(store.list_at("pods/", 5).unwrap(), before);
        assert_eq!(shown(&store.list_at("pods/", 7).unwrap().entries), ["pods/b=2"]);
        assert_eq!(shown(&store.list_at("", 1).unwrap().entries), [""; 0]);
        assert_eq!(store.list_at("pods/", 99).unwrap().revision, store.revision());
    });
}

#[test]
fn history_is_bounded_by_count_and_by_bytes() {
    block_on(async {
        let options = Options { history_events: 3, ..Options::default() };
        let store = Database::in_memory().store_with("few", options).unwrap();
        for value in 0..10 {
            put(&store, "a", &value.to_string()).await.unwrap();
        }
        assert_eq!((store.revision(), store.oldest_revision()), (11, 8));
        assert_eq!(store.list_at("", 7), Err(Compacted { requested: 7, oldest: 8 }));
        assert_eq!(shown(&store.list_at("", 8).unwrap().entries), ["a=6"]);
        assert!(store.watch("", 7).is_err());
        assert!(store.watch("", 8).is_ok());

        let options = Options { history_bytes: 4000, ..Options::default() };
        let store = Database::in_memory().store_with("small", options).unwrap();
        for _ in 0..10 {
            put(&store, "a", &"x".repeat(1000)).await.unwrap();
        }
        assert_eq!(store.oldest_revision(), 10, "two values and overhead per event");
        put(&store, "a", &"x".repeat(10_000)).await.unwrap();
        assert_eq!(
            store.oldest_revision(),
            store.revision() - 1,
            "the newest event is kept whatever its size"
        );
    });
}

#[test]
fn compaction_forgets_events_and_nothing_else() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        for key in ["a", "b", "c"] {
            put(&store, key, "1").await.unwrap();
        }
        store.compact(3);
        assert_eq!(store.oldest_revision(), 2);
        assert_eq!(store.list("").entries.len(), 3);
        assert_eq!(store.watch("", 2).unwrap().next().await.unwrap().revision, 3);
        store.compact(u64::MAX);
        assert_eq!(store.oldest_revision(), 4);
        assert!(store.watch("", 3).is_err());
        put(&store, "d", "1").await.unwrap();
        assert_eq!(store.watch("", 4).unwrap().next().await.unwrap().revision, 5);
    });
}

#[test]
fn stores_of_a_database_are_separate_and_the_same_under_the_same_name() {
    block_on(async {
        let database = Database::in_memory();
        let (one, two) = (database.store("one").unwrap(), database.store("two").unwrap());
        put(&one, "a", "1").await.unwrap();
        assert_eq!((two.revision(), two.get("a")), (1, None));
        assert_eq!(database.store("one").unwrap().revision(), 2);
        database.drop_store("one");
        assert_eq!(database.store_names(), ["two"]);
        assert!(matches!(put(&one, "a", "2").await, Err(CommitError::Dropped { .. })));
        assert_eq!(database.store("one").unwrap().revision(), 1);
        database.clone().close().await.unwrap();
        assert!(database.store("three").is_err());
    });
}
