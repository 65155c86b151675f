//! Many named stores, in one file or in none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::disk::{Disk, Found};
use crate::error::{Closed, CommitError, OpenError};
use crate::log::{Log, LogOwner};
use crate::options::{Durability, Options};
use crate::store::{Backing, Shared, Store};
use crate::sync::lock;
use crate::view::View;
use crate::writer;

/// Clones are handles to the same database.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stores: Mutex<Stores>,
    log: Option<Arc<LogOwner>>,
    options: Options,
}

#[derive(Debug)]
struct Stores {
    open: BTreeMap<String, Store>,
    /// On disk, and not asked for yet.
    found: BTreeMap<String, Found>,
    next_id: u64,
    closed: bool,
}

impl Database {
    /// Keeps nothing beyond the process: no thread, no waiting, every write completes at once.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(BTreeMap::new(), None, Options::default())
    }

    /// Opens a file, or creates it where there is none; its directory must exist. Reads all of it.
    ///
    /// # Errors
    /// [`OpenError`]; the file is left as it was.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let (disk, found) = Disk::open(path)?;
        Self::start(disk, found, options).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            action: "start the writer of",
            source,
        })
    }

    pub(crate) fn start(
        disk: Disk,
        found: BTreeMap<String, Found>,
        options: Options,
    ) -> std::io::Result<Self> {
        let log = Arc::new(Log::new());
        let owner = Arc::new(LogOwner(Arc::clone(&log)));
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer::run(&log, disk))?;
        Ok(Self::new(found, Some(owner), options))
    }

    fn new(found: BTreeMap<String, Found>, log: Option<Arc<LogOwner>>, options: Options) -> Self {
        let next_id = found.values().map(|found| found.id + 1).max().unwrap_or(0);
        let stores = Stores { open: BTreeMap::new(), found, next_id, closed: false };
        Self { inner: Arc::new(Inner { stores: Mutex::new(stores), log, options }) }
    }

    /// The store of that name, empty if there is none yet. Uses the options that the database was opened
    /// with.
    ///
    /// # Errors
    /// [`Closed`] after [`Database::close`].
    pub fn store(&self, name: &str) -> Result<Store, Closed> {
        self.store_with(name, self.inner.options)
    }

    /// As [`Database::store`], with options of its own. They take effect when a store is first asked for;
    /// while it stays open, other options have none.
    ///
    /// # Errors
    /// [`Closed`] after [`Database::close`].
    pub fn store_with(&self, name: &str, options: Options) -> Result<Store, Closed> {
        let mut stores = lock(&self.inner.stores);
        if stores.closed {
            return Err(Closed);
        }
        Ok(self.inner.open(&mut stores, name, options))
    }

    /// Names of all stores that exist, in order: those asked for, and those found on disk.
    #[must_use]
    pub fn store_names(&self) -> Vec<String> {
        let stores = lock(&self.inner.stores);
        let mut names: Vec<String> = stores.open.keys().chain(stores.found.keys()).cloned().collect();
        names.sort_unstable();
        names
    }

    /// Removes a store with all that is in it. Its watches end, its other handles refuse to write, and the
    /// name is free at once. The disk follows in its own time, in order: [`Database::flush`] waits for it.
    pub fn drop_store(&self, name: &str) {
        let mut stores = lock(&self.inner.stores);
        if stores.found.contains_key(name) {
            self.inner.open(&mut stores, name, self.inner.options);
        }
        // The stores stay locked: a new one of that name must queue up behind the removal.
        if let Some(store) = stores.open.remove(name) {
            store.shared.end();
        }
    }

    /// Waits until everything written so far is on disk, relaxed stores included.
    ///
    /// # Errors
    /// [`CommitError::ReadOnly`] if the disk failed, [`CommitError::Closed`] after [`Database::close`].
    pub async fn flush(&self) -> Result<(), CommitError> {
        let Some(log) = &self.inner.log else { return Ok(()) };
        log.barrier()?.await.unwrap_or(Err(CommitError::Closed))
    }

    /// Writes what is queued and lets go of the file. All handles can still be read from; none writes any
    /// more.
    ///
    /// # Errors
    /// [`CommitError::ReadOnly`] if the disk has failed: what relaxed stores had written behind may be lost.
    pub async fn close(self) -> Result<(), CommitError> {
        lock(&self.inner.stores).closed = true;
        match &self.inner.log {
            Some(log) => log.close().await,
            None => Ok(()),
        }
    }
}

impl Inner {
    fn open(&self, stores: &mut Stores, name: &str, options: Options) -> Store {
        if let Some(store) = stores.open.get(name) {
            return store.clone();
        }
        let (id, view) = match stores.found.remove(name) {
            Some(found) => (found.id, View::loaded(found.entries, found.revision, &options)),
            None => {
                stores.next_id += 1;
                (stores.next_id - 1, View::empty(&options))
            }
        };
        let backing = match (&self.log, options.durability) {
            (None, _) => Backing::Memory,
            (Some(log), Durability::Acknowledged) => Backing::Acknowledged(Arc::clone(log)),
            (Some(log), Durability::Relaxed) => Backing::Relaxed(Arc::clone(log)),
        };
        let store = Store { shared: Arc::new(Shared::new(name, id, view, backing)) };
        stores.open.insert(name.to_owned(), store.clone());
        store
    }
}
