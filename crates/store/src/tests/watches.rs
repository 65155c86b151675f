//! Watches: what they see, when they are woken, how they end.

use futures::FutureExt as _;

use super::{block_on, delete, put};
use crate::{Compacted, Database, EventKind, Options};

#[test]
fn a_watch_sees_its_prefix_from_the_past_into_the_future() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        put(&store, "pods/a", "1").await.unwrap();
        put(&store, "nodes/a", "1").await.unwrap();
        put(&store, "pods/a", "2").await.unwrap();
        let mut watch = store.watch("pods/", 0).unwrap();
        let kinds = [EventKind::Created, EventKind::Modified];
        for (kind, revision) in kinds.into_iter().zip([2, 4]) {
            let event = watch.next().await.unwrap();
            assert_eq!((event.kind, event.revision, &*event.key), (kind, revision, "pods/a"));
        }
        assert_eq!(watch.try_next(), Ok(None));
        delete(&store, "pods/a").await.unwrap();
        assert_eq!(watch.next().await.unwrap().kind, EventKind::Deleted);
        put(&store, "pods/a", "3").await.unwrap();
        assert_eq!(watch.next().await.unwrap().kind, EventKind::Created);
    });
}

#[test]
fn a_waiting_watch_is_woken_by_its_own_prefix_only() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        let mut watch = store.watch("pods/é/", store.revision()).unwrap();
        let woken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let waker = futures::task::waker(std::sync::Arc::new(Counter(woken.clone())));
        let mut context = std::task::Context::from_waker(&waker);
        let mut next = Box::pin(watch.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
        for key in ["nodes/a", "pods/è/a", "pods/", "pods/é", "podsé/a"] {
            put(&store, key, "1").await.unwrap();
        }
        assert_eq!(woken.load(std::sync::atomic::Ordering::SeqCst), 0);
        put(&store, "pods/é/a", "1").await.unwrap();
        put(&store, "pods/é/b", "1").await.unwrap();
        assert_eq!(woken.load(std::sync::atomic::Ordering::SeqCst), 1);
        let std::task::Poll::Ready(event) = next.as_mut().poll(&mut context) else { panic!("not ready") };
        assert_eq!(&*event.unwrap().key, "pods/é/a");
        drop(next);
        assert_eq!(&*watch.next().await.unwrap().key, "pods/é/b");
    });
}

struct Counter(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl futures::task::ArcWake for Counter {
    fn wake_by_ref(counter: &std::sync::Arc<Self>) {
        counter.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_next_loses_nothing() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        let mut watch = store.watch("", 1).unwrap();
        assert!(watch.next().now_or_never().is_none());
        put(&store, "a", "1").await.unwrap();
        assert_eq!(watch.next().now_or_never().unwrap().unwrap().revision, 2);
    });
}

#[test]
fn a_slow_watch_falls_off_and_a_quiet_one_does_not() {
    block_on(async {
        let options = Options { history_events: 4, ..Options::default() };
        let store = Database::in_memory().store_with("main", options).unwrap();
        let mut slow = store.watch("busy/", 1).unwrap();
        let mut quiet = store.watch("quiet/", 1).unwrap();
        for _ in 0..20 {
            put(&store, "busy/a", "1").await.unwrap();
        }
        assert_eq!(slow.next().await, Err(Compacted { requested: 1, oldest: 17 }));
        assert_eq!(slow.try_next(), Err(Compacted { requested: 1, oldest: 17 }));
        assert_eq!(quiet.progress(), 21);
        put(&store, "quiet/a", "1").await.unwrap();
        assert_eq!(quiet.next().await.unwrap().revision, 22);
    });
}

#[test]
fn progress_never_promises_what_was_not_delivered() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        let mut watch = store.watch("a", 1).unwrap();
        put(&store, "b", "1").await.unwrap();
        assert_eq!(watch.progress(), 2);
        for _ in 0..100 {
            put(&store, "a", "1").await.unwrap();
            put(&store, "b", "1").await.unwrap();
        }
        assert_eq!(watch.progress(), 2);
        let mut last = 2;
        while let Some(event) = watch.try_next().unwrap() {
            assert!(event.revision > last && watch.progress() >= event.revision, "{event:?}");
            last = event.revision;
        }
        assert_eq!((last, watch.progress()), (201, 202));
    });
}

#[test]
fn a_revision_yet_to_come_is_waited_for() {
    block_on(async {
        let store = Database::in_memory().store("main").unwrap();
        let mut watch = store.watch("", 3).unwrap();
        assert_eq!(watch.progress(), 3);
        for _ in 0..3 {
            put(&store, "a", "1").await.unwrap();
        }
        assert_eq!(watch.next().await.unwrap().revision, 4);
    });
}

#[test]
fn watches_of_a_dropped_store_end() {
    block_on(async {
        let database = Database::in_memory();
        let store = database.store("main").unwrap();
        let mut watch = store.watch("a", 1).unwrap();
        let (ended, ()) = futures::join!(watch.next(), async { database.drop_store("main") });
        assert!(ended.is_err());
        assert!(store.watch("a", 1).is_err());
        assert!(store.list("").entries.is_empty());
    });
}
