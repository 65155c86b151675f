//! The file: a redb database with four tables. Layout and assumptions: `docs/design/store.md`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    Builder, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    TableHandle, WriteTransaction,
};

use crate::entry::{Change, Record, Write};
use crate::error::OpenError;
use crate::log::Operation;
use crate::place::{FilePlace, Place, is_about_room};
use crate::view::Entries;

/// Name of a fact about the file -> number.
const FACTS: TableDefinition<&str, u64> = TableDefinition::new("windlass/facts");
/// Name of a store -> its number.
const STORES: TableDefinition<&str, u64> = TableDefinition::new("windlass/stores");
/// Number of a store -> revision of its newest write.
const REVISIONS: TableDefinition<u64, u64> = TableDefinition::new("windlass/revisions");
/// Number of a store (8 bytes, big endian), key -> created, modified (8 bytes each, little endian), value.
const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("windlass/entries");

const FORMAT_FACT: &str = "format";
const FORMAT: u64 = 1;
const FILE_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
const REVISIONS_BYTES: usize = 16;
/// All entries are in memory anyway: the engine needs to cache little more than the inner nodes of its trees.
const CACHE_BYTES: usize = 16 << 20;

/// A store as it was found on disk.
#[derive(Debug)]
pub(crate) struct Found {
    pub id: u64,
    pub revision: u64,
    pub entries: Entries,
}

/// An open file. Owned by the writer thread alone.
#[derive(Debug)]
pub(crate) struct Disk {
    /// None after a write for which there was no room: the engine accepts nothing more until it is opened anew.
    database: Option<redb::Database>,
    place: Box<dyn Place>,
    /// Stores whose name is on disk, with the revision that is there.
    written: BTreeMap<u64, u64>,
    key: Vec<u8>,
}

/// Why a batch is not on disk. The text is for people.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no room for it: nothing of it was written, and there may be room later.
    NoRoom(String),
    /// Nothing can be relied on any more.
    Broken(String),
}

/// To begin again after the disk was full, this much room must be there beyond what is to be written: the engine writes
/// whole pages, and copies of their parents.
const SPARE_BYTES: u64 = 1 << 20;

type Opened = (Disk, BTreeMap<String, Found>);

impl Disk {
    /// Opens or creates the file and reads all of it.
    pub fn open(path: &Path) -> Result<Opened, OpenError> {
        let fresh = !has_content(path)?;
        let place = Box::new(FilePlace(path.to_owned()));
        let opened = guarded(path, || {
            if !fresh {
                probe(path)?;
            }
            Self::load(place)
        })?;
        sync_directory(path)?;
        Ok(opened)
    }

    /// The same over storage that a test controls.
    #[cfg(test)]
    pub fn open_place(place: impl Place + 'static) -> Result<Opened, OpenError> {
        guarded(Path::new("(backend)"), move || Self::load(Box::new(place)))
    }

    fn load(place: Box<dyn Place>) -> Result<Opened, Failure> {
        let database = place.open()?;
        let stores = match format(&database.begin_read()?)? {
            Some(FORMAT) => read_stores(&database.begin_read()?)?,
            Some(found) => return Err(Failure::Format(found)),
            None => {
                initialise(&database)?;
                BTreeMap::new()
            }
        };
        let written = stores.values().map(|found| (found.id, found.revision)).collect();
        Ok((Self { database: Some(database), place, written, key: Vec::new() }, stores))
    }

    /// Carries out a batch in one transaction, which is on disk when this returns.
    pub fn write(&mut self, batch: &[Operation]) -> Result<(), Trouble> {
        if batch.iter().all(|operation| matches!(operation, Operation::Barrier { .. })) {
            return Ok(());
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => self.open_again(batch)?,
        };
        match write_transaction(&database, &self.written, &mut self.key, batch) {
            Ok(()) => self.note(batch),
            Err(redb::Error::Io(error)) if is_about_room(&error) => {
                return Err(Trouble::NoRoom(error.to_string()));
            }
            Err(error) => return Err(Trouble::Broken(error.to_string())),
        }
        self.database = Some(database);
        Ok(())
    }

    /// Remembers what is on disk now.
    fn note(&mut self, batch: &[Operation]) {
        for operation in batch {
            match operation {
                Operation::Write { store, write, .. } | Operation::Behind { store, write } => {
                    self.written.insert(store.id, write.revision);
                }
                Operation::Drop { id, .. } => {
                    self.written.remove(id);
                }
                Operation::Barrier { .. } => {}
            }
        }
    }

    /// Opens the file anew, if there is room for a batch. What is found must be what was last written: the batch for which
    /// there was no room has been refused, and must not be there.
    fn open_again(&self, batch: &[Operation]) -> Result<redb::Database, Trouble> {
        let size_bytes: usize = batch.iter().map(Operation::size_bytes).sum();
        let room = self.place.room(SPARE_BYTES + 2 * size_bytes as u64);
        room.map_err(|error| match is_about_room(&error) {
            true => Trouble::NoRoom(error.to_string()),
            false => Trouble::Broken(error.to_string()),
        })?;
        let broken = |error: Failure| Trouble::Broken(error.to_string());
        let database = match self.place.open() {
            Ok(database) => database,
            Err(redb::DatabaseError::Storage(StorageError::Io(error))) if is_about_room(&error) => {
                return Err(Trouble::NoRoom(error.to_string()));
            }
            Err(error) => return Err(broken(error.into())),
        };
        if read_revisions(&database).map_err(broken)? != self.written {
            let reason = "after the disk was full, the file is not as it was left";
            return Err(Trouble::Broken(reason.to_owned()));
        }
        Ok(database)
    }
}

/// Numbers and revisions of the stores that the file knows.
fn read_revisions(database: &redb::Database) -> Result<BTreeMap<u64, u64>, Failure> {
    let transaction = database.begin_read()?;
    let mut found = BTreeMap::new();
    for row in transaction.open_table(REVISIONS)?.iter()? {
        let (id, revision) = row?;
        found.insert(id.value(), revision.value());
    }
    Ok(found)
}

fn write_transaction(
    database: &redb::Database,
    written: &BTreeMap<u64, u64>,
    key: &mut Vec<u8>,
    batch: &[Operation],
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
    {
        let mut stores = transaction.open_table(STORES)?;
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut revisions = transaction.open_table(REVISIONS)?;
        for operation in batch {
            match operation {
                Operation::Write { store, write, .. } | Operation::Behind { store, write } => {
                    if newest.insert(store.id, write.revision).is_none() && !written.contains_key(&store.id) {
                        stores.insert(&*store.name, store.id)?;
                    }
                    write_entry(&mut entries, key, store.id, write)?;
                }
                Operation::Drop { id, name } => {
                    newest.remove(id);
                    drop_store(&mut stores, &mut entries, *id, name)?;
                    revisions.remove(id)?;
                }
                Operation::Barrier { .. } => {}
            }
        }
        for (id, revision) in newest {
            revisions.insert(id, revision)?;
        }
    }
    Ok(transaction.commit()?)
}

fn write_entry(
    entries: &mut Table<&[u8], &[u8]>,
    key: &mut Vec<u8>,
    id: u64,
    write: &Write,
) -> Result<(), StorageError> {
    key.clear();
    key.extend_from_slice(&id.to_be_bytes());
    key.extend_from_slice(write.key.as_bytes());
    match &write.change {
        Change::Put(value) => {
            let mut row = entries.insert_reserve(key.as_slice(), REVISIONS_BYTES + value.len())?;
            let (created, rest) = row.as_mut().split_at_mut(REVISIONS_BYTES / 2);
            let (modified, rest) = rest.split_at_mut(REVISIONS_BYTES / 2);
            created.copy_from_slice(&write.created().to_le_bytes());
            modified.copy_from_slice(&write.revision.to_le_bytes());
            rest.copy_from_slice(value);
        }
        Change::Delete { .. } => {
            entries.remove(key.as_slice())?;
        }
    }
    Ok(())
}

/// A store that was dropped before it was ever written is on disk under no name; another may have taken it
/// since.
fn drop_store(
    stores: &mut Table<&str, u64>,
    entries: &mut Table<&[u8], &[u8]>,
    id: u64,
    name: &str,
) -> Result<(), StorageError> {
    let named = stores.get(name)?.is_some_and(|found| found.value() == id);
    if named {
        stores.remove(name)?;
    }
    let (from, to) = (id.to_be_bytes(), (id + 1).to_be_bytes());
    entries.retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)
}

pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Everything is read at start anyway; this way a page that rotted is found then, and not trusted.
    builder.set_check_integrity_on_open(true);
    builder
}

/// What is wrong with a file, before its path is added.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("in use")]
    Locked,
    #[error("{0}")]
    Corrupt(String),
    #[error("format {0}")]
    Format(u64),
    #[error("{0}")]
    Io(std::io::Error),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::Locked,
            redb::Error::Io(error) if is_about_content(error.kind()) => Self::Corrupt(error.to_string()),
            redb::Error::Io(error) => Self::Io(error),
            other => Self::Corrupt(other.to_string()),
        }
    }
}

fn is_about_content(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof)
}

impl Failure {
    fn at(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Locked => OpenError::Locked { path },
            Self::Corrupt(reason) => OpenError::Corrupt { path, reason },
            Self::Format(found) => OpenError::Format { path, found, known: FORMAT },
            Self::Io(source) => OpenError::Io { path, action: "open", source },
        }
    }
}

/// The engine may panic over a damaged file; to our callers that is one more way of being damaged.
fn guarded<T>(path: &Path, open: impl FnOnce() -> Result<T, Failure>) -> Result<T, OpenError> {
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|panic| Err(Failure::Corrupt(panic_message(panic.as_ref()))))
        .map_err(|failure| failure.at(path))
}

/// The words of a panic, as far as it has any.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the storage engine gave up: {}", said.unwrap_or("no reason given"))
}

/// Whether there is a file with something in it. One that is no database at all is refused before anything
/// opens it for writing.
fn has_content(path: &Path) -> Result<bool, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), action: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            directory_of(path).metadata().map_err(|source| OpenError::Io {
                path: directory_of(path),
                action: "use the directory of",
                source,
            })?;
            return Ok(false);
        }
        Err(error) => return Err(io(error)),
    };
    let mut start = Vec::with_capacity(FILE_MAGIC.len());
    file.take(FILE_MAGIC.len() as u64).read_to_end(&mut start).map_err(io)?;
    if start.is_empty() || start == FILE_MAGIC {
        return Ok(!start.is_empty());
    }
    let reason = "it does not begin as a database does".to_owned();
    Err(OpenError::Corrupt { path: path.to_owned(), reason })
}

/// Looks at a file without being able to change it: opening for writing would leave its traces in other
/// people's files.
fn probe(path: &Path) -> Result<(), Failure> {
    match Builder::new().set_cache_size(CACHE_BYTES).open_read_only(path) {
        Ok(database) => match format(&database.begin_read()?)? {
            Some(FORMAT) | None => Ok(()),
            Some(found) => Err(Failure::Format(found)),
        },
        // Left behind by a crash: only opening it for writing can tell more.
        Err(redb::DatabaseError::RepairAborted) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The format of a file of ours, none for a file without any tables.
fn format(transaction: &ReadTransaction) -> Result<Option<u64>, Failure> {
    let tables: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if tables.is_empty() && transaction.list_multimap_tables()?.next().is_none() {
        return Ok(None);
    }
    if !tables.iter().any(|name| name == FACTS.name()) {
        return Err(Failure::Corrupt("it is some other program's database".to_owned()));
    }
    let fact = transaction.open_table(FACTS)?.get(FORMAT_FACT)?.map(|value| value.value());
    fact.map(Some).ok_or_else(|| Failure::Corrupt("its format is not recorded".to_owned()))
}

fn initialise(database: &redb::Database) -> Result<(), Failure> {
    let transaction: WriteTransaction = database.begin_write()?;
    transaction.open_table(FACTS)?.insert(FORMAT_FACT, FORMAT)?;
    transaction.open_table(STORES)?;
    transaction.open_table(REVISIONS)?;
    transaction.open_table(ENTRIES)?;
    Ok(transaction.commit()?)
}

fn read_stores(transaction: &ReadTransaction) -> Result<BTreeMap<String, Found>, Failure> {
    let revisions = transaction.open_table(REVISIONS)?;
    let mut by_id = BTreeMap::new();
    for row in transaction.open_table(STORES)?.iter()? {
        let (name, id) = row?;
        let (name, id) = (name.value().to_owned(), id.value());
        let Some(revision) = revisions.get(id)?.map(|value| value.value()) else {
            return Err(Failure::Corrupt(format!("store {name} has no revision")));
        };
        by_id.insert(id, (name, Found { id, revision, entries: Entries::new() }));
    }
    for row in transaction.open_table(ENTRIES)?.iter()? {
        let (key, value) = row?;
        let (id, key, record) = read_entry(key.value(), value.value())
            .ok_or_else(|| Failure::Corrupt("an entry cannot be read".to_owned()))?;
        match by_id.get_mut(&id) {
            Some((_, found)) if record.modified <= found.revision => {
                found.entries.insert(key, record);
            }
            _ => return Err(Failure::Corrupt(format!("entry {key} belongs to no store, or to its future"))),
        }
    }
    Ok(by_id.into_values().collect())
}

fn read_entry(key: &[u8], row: &[u8]) -> Option<(u64, Arc<str>, Record)> {
    let (id, key) = key.split_first_chunk()?;
    let (created, rest) = row.split_first_chunk()?;
    let (modified, value) = rest.split_first_chunk()?;
    let record = Record {
        value: Bytes::copy_from_slice(value),
        created: u64::from_le_bytes(*created),
        modified: u64::from_le_bytes(*modified),
    };
    Some((u64::from_be_bytes(*id), Arc::from(std::str::from_utf8(key).ok()?), record))
}

/// A new file's name is as durable as its content only once its directory is synced as well.
fn sync_directory(path: &Path) -> Result<(), OpenError> {
    if !cfg!(unix) {
        return Ok(());
    }
    let directory = directory_of(path);
    let synced = File::open(&directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| OpenError::Io { path: directory, action: "sync the directory of", source })
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
