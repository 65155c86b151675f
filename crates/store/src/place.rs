//! Where a database lies, so that it can be opened again after the disk was full.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The storage of one database.
pub(crate) trait Place: Debug + Send {
    /// Opens the database; nobody else has it open.
    fn open(&self) -> Result<redb::Database, redb::DatabaseError>;

    /// Finds out whether so many more bytes fit.
    fn room(&self, size_bytes: u64) -> io::Result<()>;
}

/// Whether a failure means that there is no room, which may change, rather than that something is broken.
pub(crate) fn is_about_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A file.
#[derive(Debug)]
pub(crate) struct FilePlace(pub PathBuf);

impl Place for FilePlace {
    fn open(&self) -> Result<redb::Database, redb::DatabaseError> {
        make_private(&self.0)?;
        crate::disk::builder().create(&self.0)
    }

    /// Writes a file of that size beside the database, and removes it: quotas and reserved blocks are asked as well, which
    /// the free space of the file system says nothing about.
    fn room(&self, size_bytes: u64) -> io::Result<()> {
        let mut name = self.0.clone().into_os_string();
        name.push(".room");
        let name = PathBuf::from(name);
        let written = fill(&name, size_bytes);
        let removed = fs::remove_file(&name);
        written.and(removed)
    }
}

/// Makes the file if it is not there. What is kept may be secret: nobody else may read a file of ours, wherever it lies.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn fill(name: &PathBuf, size_bytes: u64) -> io::Result<()> {
    const BLOCK: [u8; 16 << 10] = [0; 16 << 10];
    let mut file = File::create(name)?;
    let mut left = size_bytes;
    while left > 0 {
        file.write_all(&BLOCK)?;
        left = left.saturating_sub(BLOCK.len() as u64);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_a_database() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        drop(FilePlace(path.clone()).open().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn asking_for_room_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let place = FilePlace(folder.path().join("a.redb"));
        place.room(100_000).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let nowhere = FilePlace(folder.path().join("missing/a.redb"));
        assert_eq!(nowhere.room(1).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
