//! A disk that loses what was not synced, and one that stops working.

use std::io;
use std::sync::{Arc, Mutex};

use super::{block_on, put, shown};
use crate::disk::Disk;
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
}

impl FaultyDisk {
    pub fn open(&self, options: Options) -> Result<Database, OpenError> {
        let (disk, found) = Disk::open_backend(self.clone())?;
        Ok(Database::start(disk, found, options).unwrap())
    }

    /// The disk works for so many more operations; none means for good.
    pub fn fail_after(&self, operations: Option<u64>) {
        self.0.lock().unwrap().countdown = operations;
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
        let state = State { live: image.clone(), synced: image, unsynced: Vec::new(), countdown: None };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl State {
    fn tick(&mut self) -> io::Result<()> {
        match &mut self.countdown {
            Some(0) => Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the test's disk")),
            Some(operations) => {
                *operations -= 1;
                Ok(())
            }
            None => Ok(()),
        }
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
            assert!(reason.contains("no space left on the test's disk"), "{reason}");
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
