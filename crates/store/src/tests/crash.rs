//! A disk that loses what was not synced, and one that stops working.

use std::io;
use std::sync::{Arc, Mutex};

use super::{block_on, delete, put, shown};
use crate::disk::Disk;
use crate::place::Place;
use crate::{CommitError, Database, Durability, OpenError, Options};

/// Storage under a test's control. Clones are the same disk; a process that died leaves it to the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    live: Vec<u8>,
    /// What survives a crash.
    synced: Vec<u8>,
    /// Written since, in order.
    unsynced: Vec<(u64, Vec<u8>)>,
    /// Operations (writes, syncs, changes of length) until the disk fails.
    countdown: Option<u64>,
    /// Bytes that may still be written, where there is a limit.
    room: Option<u64>,
}

impl FaultyDisk {
    pub fn open(&self, options: Options) -> Result<Database, OpenError> {
        let (disk, found) = Disk::open_place(self.clone())?;
        Ok(Database::start(disk, found, options).unwrap())
    }

    /// The disk works for so many more operations; none means for good.
    pub fn fail_after(&self, operations: Option<u64>) {
        self.0.lock().unwrap().countdown = operations;
    }

    /// So many more bytes can be written; none means that there is no limit.
    pub fn leave_room(&self, size_bytes: Option<u64>) {
        self.0.lock().unwrap().room = size_bytes;
    }

    /// Power loss: what was not synced survives only where `survives` says so, write by write.
    pub fn crash(&self, mut survives: impl FnMut() -> bool) -> Self {
        let state = self.0.lock().unwrap();
        let mut image = state.synced.clone();
        for (offset, data) in state.unsynced.iter().filter(|_| survives()) {
            let (start, end) = (*offset as usize, *offset as usize + data.len());
            image.resize(image.len().max(end), 0);
            image[start..end].copy_from_slice(data);
        }
        let state = State { live: image.clone(), synced: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl State {
    fn tick(&mut self) -> io::Result<()> {
        match &mut self.countdown {
            Some(0) => Err(io::Error::other("the test's disk broke")),
            Some(operations) => {
                *operations -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Every write takes room: more than a real disk asks for, and in the same places.
    fn take_room(&mut self, size_bytes: u64) -> io::Result<()> {
        let Some(room) = &mut self.room else { return Ok(()) };
        *room = room
            .checked_sub(size_bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::StorageFull, "no space left on the test's disk"))?;
        Ok(())
    }
}

impl Place for FaultyDisk {
    fn open(&self) -> Result<redb::Database, redb::DatabaseError> {
        crate::disk::builder().create_with_backend(self.clone())
    }

    fn room(&self, size_bytes: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let before = state.room;
        state.take_room(size_bytes)?;
        state.room = before;
        Ok(())
    }
}

impl redb::StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(state.live.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.tick()?;
        // The length is metadata of the file system, which keeps it consistent by itself: it is never rolled
        // back.
        state.live.resize(len as usize, 0);
        state.synced.resize(len as usize, 0);
        state.unsynced.retain(|(offset, data)| offset + data.len() as u64 <= len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.tick()?;
        for (offset, data) in std::mem::take(&mut state.unsynced) {
            state.synced[offset as usize..offset as usize + data.len()].copy_from_slice(&data);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.tick()?;
        state.take_room(data.len() as u64)?;
        let range = offset as usize..offset as usize + data.len();
        state.live.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        state.unsynced.push((offset, data.to_vec()));
        Ok(())
    }
}

#[test]
fn acknowledged_writes_survive_losing_everything_unsynced() {
    block_on(async {
        let mut disk = FaultyDisk::default();
        for round in 0..5_u64 {
            let store = disk.open(Options::default()).unwrap().store("main").unwrap();
            assert_eq!((store.list("").entries.len() as u64, store.revision()), (round * 20, 1 + round * 20));
            for number in 0..20 {
                put(&store, &format!("{round}/{number}"), "1").await.unwrap();
            }
            disk = disk.crash(|| false);
        }
    });
}

#[test]
fn a_failing_disk_refuses_writes_and_shows_none_of_them() {
    block_on(async {
        let disk = FaultyDisk::default();
        let database = disk.open(Options::default()).unwrap();
        let store = database.store("main").unwrap();
        let mut watch = store.watch("", 1).unwrap();
        put(&store, "a", "1").await.unwrap();
        disk.fail_after(Some(0));
        let keys: Vec<String> = (0..10).map(|number| format!("lost/{number}")).collect();
        for outcome in futures::future::join_all(keys.iter().map(|key| put(&store, key, "1"))).await {
            let Err(CommitError::ReadOnly { reason }) = outcome else { panic!("{outcome:?}") };
            assert!(reason.contains("the test's disk broke"), "{reason}");
        }
        disk.fail_after(None);
        let error = put(&store, "late", "1").await.unwrap_err();
        assert!(error.to_string().contains("read-only because the disk failed"), "{error}");
        assert_eq!((store.revision(), shown(&store.list("").entries)), (2, vec!["a=1".into()]));
        assert_eq!(watch.next().await.unwrap().revision, 2);
        assert_eq!(watch.try_next(), Ok(None));
        assert!(matches!(database.flush().await, Err(CommitError::ReadOnly { .. })));
        assert!(matches!(database.close().await, Err(CommitError::ReadOnly { .. })));
        let store = disk.crash(|| false).open(Options::default()).unwrap().store("main").unwrap();
        assert_eq!(shown(&store.list("").entries), ["a=1"]);
    });
}

#[test]
fn relaxed_stores_lose_only_the_newest_writes() {
    block_on(async {
        let options = Options { durability: Durability::Relaxed, ..Options::default() };
        for failing_after in (0..60).step_by(3) {
            let disk = FaultyDisk::default();
            let database = disk.open(options).unwrap();
            let store = database.store("main").unwrap();
            disk.fail_after(Some(failing_after));
            let mut written = 0;
            while written < 200 && put(&store, &format!("{written:03}"), "1").await.is_ok() {
                written += 1;
            }
            assert_eq!(store.list("").entries.len(), written);
            let _failed = database.close().await;
            let store = disk.crash(|| false).open(options).unwrap().store("main").unwrap();
            let kept = store.list("").entries;
            assert!(kept.len() <= written);
            for (number, entry) in kept.iter().enumerate() {
                assert_eq!(*entry.key, format!("{number:03}"), "nothing older is missing");
            }
        }
    });
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    block_on(async {
        for room in (0..80_000).step_by(3_000) {
            let disk = FaultyDisk::default();
            let database = disk.open(Options::default()).unwrap();
            let store = database.store("main").unwrap();
            let mut watch = store.watch("", 1).unwrap();
            put(&store, "a", "1").await.unwrap();
            disk.leave_room(Some(room));
            let mut acknowledged = vec!["a=1".to_owned()];
            // Many at once, some of them of one key: those that wait for each other fail together.
            for round in 0..4 {
                let keys: Vec<String> = (0..10).map(|number| format!("b/{round}/{}", number % 7)).collect();
                let writes = keys.iter().map(|key| put(&store, key, "1"));
                for (key, outcome) in keys.iter().zip(futures::future::join_all(writes).await) {
                    match outcome {
                        Ok(_) => acknowledged.push(format!("{key}=1")),
                        Err(error) => assert!(matches!(error, CommitError::NoRoom { .. }), "{error}"),
                    }
                }
            }
            acknowledged.sort();
            acknowledged.dedup();
            let error = put(&store, "late", &"x".repeat(90_000)).await.unwrap_err();
            assert!(error.to_string().contains("no space left on the test's disk"), "{error}");
            assert_eq!(shown(&store.list("").entries), acknowledged);

            disk.leave_room(None);
            let before = store.revision();
            let committed = put(&store, "c", "1").await.unwrap();
            assert_eq!(committed.revision, before + 1, "refused writes take no revision");
            acknowledged.push("c=1".to_owned());
            for revision in 2..=committed.revision {
                assert_eq!(watch.next().await.unwrap().revision, revision);
            }
            database.close().await.unwrap();
            let store = disk.crash(|| false).open(Options::default()).unwrap().store("main").unwrap();
            assert_eq!(
                (shown(&store.list("").entries), store.revision()),
                (acknowledged, committed.revision)
            );
        }
    });
}

#[test]
fn what_is_written_behind_waits_for_room() {
    block_on(async {
        let options = Options { durability: Durability::Relaxed, ..Options::default() };
        let disk = FaultyDisk::default();
        let database = disk.open(options).unwrap();
        let (store, other) = (database.store("main").unwrap(), database.store("other").unwrap());
        put(&store, "a", "1").await.unwrap();
        database.flush().await.unwrap();
        disk.leave_room(Some(0));
        for number in 0..50 {
            put(&store, "a", &number.to_string()).await.unwrap();
            put(&other, &number.to_string(), "1").await.unwrap();
            assert!(matches!(database.flush().await, Err(CommitError::NoRoom { .. })));
        }
        delete(&store, "a").await.unwrap();
        put(&store, "b", "1").await.unwrap();
        database.drop_store("other");
        let died = disk.crash(|| true);
        disk.leave_room(None);
        database.flush().await.unwrap();
        drop((store, other, database));

        let store = disk.crash(|| false).open(options).unwrap().store("main").unwrap();
        assert_eq!((shown(&store.list("").entries), store.revision()), (vec!["b=1".into()], 54));
        let earlier = died.open(options).unwrap().store("main").unwrap();
        assert_eq!(shown(&earlier.list("").entries), ["a=1"], "a crash loses the newest, all of them");
    });
}

#[test]
fn closing_over_a_full_disk_tells_what_is_lost() {
    block_on(async {
        let options = Options { durability: Durability::Relaxed, ..Options::default() };
        let disk = FaultyDisk::default();
        let database = disk.open(options).unwrap();
        let store = database.store("main").unwrap();
        disk.leave_room(Some(0));
        put(&store, "a", "1").await.unwrap();
        assert!(matches!(database.close().await, Err(CommitError::ReadOnly { .. })));
    });
}
