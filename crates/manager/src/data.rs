//! The data directory: whose it is, that nobody else uses it, and where things lie in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that says a directory is ours, and in which format.
const MARKER: &str = "windlass-data";

/// The format this version writes; a directory of another format is refused, not guessed at.
const FORMAT: &str = "1";

/// The file that says where the API listened last. Written once everything is up, so it also shows that a directory was in use.
const ADDRESS_FILE: &str = "address";

/// Why a data directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It exists, is not empty and was not made by us.
    #[error("{} is not empty and holds no Windlass data", .0.display())]
    Foreign(PathBuf),
    /// It is a file.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Its format is another one.
    #[error("{} holds Windlass data of format {found:?}; this version reads format {FORMAT:?}", .path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What its marker says.
        found: String,
    },
    /// It was in use, and a database in it is empty now.
    #[error("{} is empty, and it was not: {ADDRESS_FILE} beside it shows that the directory was in use", .0.display())]
    Emptied(PathBuf),
    /// Another process has it open.
    #[error("{} is in use by another windlass", .0.display())]
    InUse(PathBuf),
    /// The file system refused.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A data directory that is ours alone until this value is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory, making it if it is not there.
    ///
    /// # Errors
    /// See [`DataError`]; the directory is left as it was.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| DataError::Io { what, path, source }
        };
        if path.exists() && !path.is_dir() {
            return Err(DataError::NotADirectory(path.to_owned()));
        }
        let marker = path.join(MARKER);
        if path.is_dir() {
            let empty = fs::read_dir(path).map_err(failed("read", path))?.next().is_none();
            if !empty && !marker.exists() {
                return Err(DataError::Foreign(path.to_owned()));
            }
        }
        create_private_directory(path).map_err(failed("create", path))?;
        let lock = lock(path, &marker)?;
        check_format(path, &marker)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.check_databases()?;
        Ok(directory)
    }

    /// An empty file is a new database to the store. Where there was one, something has emptied it, and to begin anew in its
    /// place would hide that. A file that is not there at all was moved away by somebody.
    fn check_databases(&self) -> Result<(), DataError> {
        if !self.address_file().exists() {
            return Ok(());
        }
        let is_empty =
            |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
        match [self.plane_database(), self.dev_database()].into_iter().find(is_empty) {
            Some(path) => Err(DataError::Emptied(path)),
            None => Ok(()),
        }
    }

    /// Whether a directory is one, in whatever format.
    pub fn is_one(path: &Path) -> bool {
        path.join(MARKER).exists()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the objects of the management plane are kept.
    pub fn plane_database(&self) -> PathBuf {
        self.path.join("plane.redb")
    }

    /// Where the simulated machines and workload clusters are kept.
    pub fn dev_database(&self) -> PathBuf {
        self.path.join("dev.redb")
    }

    /// The certificate authority of the management API server.
    pub fn authority(&self) -> (PathBuf, PathBuf) {
        (self.path.join("ca.crt"), self.path.join("ca.key"))
    }

    /// The port the management API server had last; asked for again so that kubeconfig files stay true.
    pub fn address_file(&self) -> PathBuf {
        self.path.join(ADDRESS_FILE)
    }

    /// The administrator's kubeconfig, unless another file is asked for.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }
}

fn lock(path: &Path, marker: &Path) -> Result<File, DataError> {
    let failed = |source| DataError::Io { what: "write to", path: marker.to_owned(), source };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(marker)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn check_format(path: &Path, marker: &Path) -> Result<(), DataError> {
    let failed = |what| move |source| DataError::Io { what, path: marker.to_owned(), source };
    let found = fs::read_to_string(marker).map_err(failed("read"))?;
    match found.trim() {
        "" => fs::write(marker, format!("{FORMAT}\n")).map_err(failed("write to")),
        FORMAT => Ok(()),
        other => Err(DataError::Format { path: path.to_owned(), found: other.to_owned() }),
    }
}

/// Makes a directory that only its owner may look into, and those above it, where there is none yet.
///
/// # Errors
/// When the file system refuses.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// When the file system refuses; the file that was there is then still whole.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let fresh = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_second_user_of_the_same_directory_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let first = DataDirectory::open(&path).unwrap();
        assert!(matches!(DataDirectory::open(&path), Err(DataError::InUse(_))));
        drop(first);
        DataDirectory::open(&path).unwrap();
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "precious").unwrap();
        assert!(matches!(DataDirectory::open(folder.path()), Err(DataError::Foreign(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, "x").unwrap();
        assert!(matches!(DataDirectory::open(&path), Err(DataError::NotADirectory(_))));
    }

    #[test]
    fn data_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARKER), "99\n").unwrap();
        let error = DataDirectory::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("format \"99\""), "{error}");
    }

    #[test]
    fn a_database_that_lost_its_content_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let directory = DataDirectory::open(&path).unwrap();
        let database = directory.plane_database();
        fs::write(&database, "").unwrap();
        drop(directory);
        // Killed before it was up for the first time: there was nothing in it.
        let directory = DataDirectory::open(&path).unwrap();
        fs::write(directory.address_file(), "127.0.0.1:1").unwrap();
        drop(directory);
        let error = DataDirectory::open(&path).unwrap_err();
        assert!(matches!(&error, DataError::Emptied(named) if *named == database), "{error}");
        fs::remove_file(&database).unwrap();
        DataDirectory::open(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private_and_replaced_whole() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
