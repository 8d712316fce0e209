//! From a directory to a database that can be trusted.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mutants::Mutant;
use rusqlite::{Connection, OpenFlags};

use super::{fault, schema};
use crate::credentials::RandomError;
use crate::store::StoreError;

/// The database in the data directory.
pub(super) const DATABASE: &str = "rejoin.db";

/// The file that a running server holds locked.
const LOCK: &str = "rejoin.lock";

/// A file that is written to learn whether a quota is used up, and removed again.
const QUOTA: &str = "rejoin.quota";

/// Its bytes.
const QUOTA_BYTES: usize = 64 * 1024;

/// How long a transaction waits for that of another process.
const BUSY_MS: u64 = 5_000;

/// Pages of 4 KiB in the write-ahead log before it is carried over into the database.
const CHECKPOINT_PAGES: u32 = 4_000;

/// What the write-ahead log is cut down to once it was larger.
const WAL_BYTES: u64 = 64 << 20;

/// Older versions can damage a write-ahead log that two connections write.
const LEAST_SQLITE: i32 = 3_051_003;

/// Why there is no database to work with.
#[derive(Debug)]
pub enum OpenError {
    /// The directory or a file in it cannot be made, read or written.
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The directory is not there and cannot be made.
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// The last one above it that is there.
        parent: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another server runs on this directory.
    InUse {
        /// The directory.
        data: PathBuf,
    },
    /// A newer program has written the file.
    Newer {
        /// The version of its schema.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// A server of an older release runs on the data.
    OlderServer {
        /// The directory.
        data: PathBuf,
    },
    /// The file is a database of another program, or none at all.
    Foreign,
    /// The file is damaged.
    Corrupt {
        /// What SQLite says.
        message: String,
    },
    /// This program was built with a SQLite that is too old.
    OldSqlite,
    /// The file system cannot hold a write-ahead log.
    NoWal {
        /// The journal mode that SQLite fell back to.
        mode: String,
    },
    /// The system has no randomness to give.
    Random(RandomError),
    /// Anything else that the database answers.
    Store(StoreError),
}

impl OpenError {
    /// Says whether the same may go well a while later, when there is room on the disk again.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Directory { error, .. } | Self::NoDirectory { error, .. } => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Store(error) => matches!(error, StoreError::DiskFull | StoreError::Locked),
            Self::InUse { .. }
            | Self::Newer { .. }
            | Self::OlderServer { .. }
            | Self::Foreign
            | Self::Corrupt { .. }
            | Self::OldSqlite
            | Self::NoWal { .. }
            | Self::Random(_) => false,
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
            return Self::Foreign;
        }
        match fault::before_commit(&error) {
            StoreError::Corrupt { message } => Self::Corrupt { message },
            other @ (StoreError::DiskFull
            | StoreError::Overloaded { .. }
            | StoreError::Locked
            | StoreError::Io { .. }
            | StoreError::Closed
            | StoreError::Internal { .. }) => Self::Store(other),
        }
    }
}

impl From<RandomError> for OpenError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

/// Makes the data directory unless it is there, readable by its owner only.
///
/// # Errors
/// [`OpenError::NoDirectory`].
pub fn make_directory(data: &Path) -> Result<(), OpenError> {
    if data.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        let parent = data.ancestors().skip(1).find(|parent| parent.exists()).unwrap_or(Path::new("."));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        OpenError::NoDirectory { path: data.to_owned(), parent: parent.to_owned(), error }
    })
}

/// Keeps other servers away from a data directory for as long as it lives.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Locks the directory.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another process holds it.
    pub fn take(data: &Path) -> Result<Self, OpenError> {
        let (path, file) = Self::file(data)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { data: data.to_owned() }),
            Err(TryLockError::Error(error)) => Err(OpenError::Directory { path, error }),
        }
    }

    /// Locks the directory as soon as the process that holds it has let it go; blocks until then.
    ///
    /// # Errors
    /// [`OpenError::Directory`].
    pub fn wait(data: &Path) -> Result<Self, OpenError> {
        let (path, file) = Self::file(data)?;
        file.lock().map_err(|error| OpenError::Directory { path, error })?;
        Ok(Self { _file: file })
    }

    fn file(data: &Path) -> Result<(PathBuf, File), OpenError> {
        let path = data.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        match file {
            Ok(file) => Ok((path, file)),
            Err(error) => Err(OpenError::Directory { path, error }),
        }
    }
}

/// Looks at a database that another server may hold: whether this program could go on with it.
///
/// # Errors
/// [`OpenError`] says why not.
pub fn inspect(data: &Path) -> Result<(), OpenError> {
    let path = data.join(DATABASE);
    if !path.exists() {
        return Ok(());
    }
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
    schema::Stamp::read(&conn)?.check()
}

/// Opens the database of a directory, makes it at the first time, and brings its schema up to date: one of an older release
/// only under the lock, because a server of that release does not know the new schema.
pub(super) fn open(data: &Path, held: Option<&DataLock>) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < LEAST_SQLITE {
        return Err(OpenError::OldSqlite);
    }
    let path = data.join(DATABASE);
    // SQLite's own message does not say which file, nor why.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| OpenError::Directory { path: path.clone(), error })?;
    let mut conn = connect(&path)?;
    // Before anything is written: a file of somebody else stays as it is.
    let stamp = schema::Stamp::read(&conn)?;
    stamp.check()?;
    let _lock = match held {
        None if stamp.is_older() => match DataLock::take(data) {
            Err(OpenError::InUse { data }) => return Err(OpenError::OlderServer { data }),
            taken => Some(taken?),
        },
        None | Some(_) => None,
    };
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal { mode });
    }
    schema::migrate(&mut conn)?;
    Ok(conn)
}

/// Opens a connection as all of them are.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
    conn.set_prepared_statement_cache_capacity(64);
    let synchronous = if mutants::planted(Mutant::SynchronousNormal) { "NORMAL" } else { "FULL" };
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; \
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {WAL_BYTES}; \
         PRAGMA cache_size = -16384;"
    ))?;
    Ok(conn)
}

/// Reads the whole file and says whether it is sound.
pub(super) fn quick_check(conn: &Connection) -> Result<(), OpenError> {
    let answer: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if answer == "ok" { Ok(()) } else { Err(OpenError::Corrupt { message: answer.replace('\n', " ") }) }
}

/// Returns the bytes that may still be written to the disk of the directory; as many as can be where it does not say.
pub(super) fn free_bytes(data: &Path) -> u64 {
    rustix::fs::statvfs(data).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns whether the quota is used up that the user has on the disk of the directory; only writing tells.
pub(super) fn is_quota_used_up(data: &Path) -> bool {
    let path = data.join(QUOTA);
    let written = File::create(&path).and_then(|file| file.write_all_at(&[0; QUOTA_BYTES], 0));
    let _removed = fs::remove_file(path);
    written.is_err_and(|error| error.kind() == io::ErrorKind::QuotaExceeded)
}

/// Returns the size of the database file in bytes.
pub(super) fn size(data: &Path) -> u64 {
    fs::metadata(data.join(DATABASE)).map_or(0, |meta| meta.len())
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, error } => write!(
                f,
                "cannot use {}: {error}; choose another directory with --data, or make it writable for this user",
                path.display()
            ),
            Self::NoDirectory { path, parent, error } => {
                let is_the_file = path.exists();
                let (path, parent) = (path.display(), parent.display());
                if is_the_file {
                    return write!(
                        f,
                        "{path} is a file, and the data needs a directory: name one with --data, or REJOIN_DATA (the \
                         one that rejoin.db is in, where there is one)"
                    );
                }
                write!(f, "cannot make the data directory {path}: ")?;
                let kind = error.kind();
                if kind == io::ErrorKind::PermissionDenied {
                    write!(f, "this user may not write to {parent}")?;
                } else if kind == io::ErrorKind::NotADirectory || kind == io::ErrorKind::AlreadyExists {
                    write!(f, "{parent} is in its way, a file")?;
                } else if kind == io::ErrorKind::NotFound {
                    write!(f, "{parent} takes no new directories")?;
                } else {
                    write!(f, "{error}")?;
                }
                f.write_str("; choose another one with --data, or REJOIN_DATA")
            }
            Self::InUse { data } => write!(
                f,
                "another server runs on the data in {}: stop it, or choose another directory with --data",
                data.display()
            ),
            Self::OlderServer { data } => write!(
                f,
                "an older server runs on this data, in {}: replace it first (SIGHUP, or a restart), then try again; its \
                 own release can still be used until then",
                data.display()
            ),
            Self::Newer { found, known } => write!(
                f,
                "the data was written by a newer Rejoin (schema {found}, this one knows {known}): start that one, or \
                 restore a backup made before the update"
            ),
            Self::Foreign => f.write_str(
                "rejoin.db is not a database of Rejoin, or damaged at its beginning: choose another directory with \
                 --data, or keep a copy of this one and `rejoin restore` the last backup",
            ),
            Self::Corrupt { message } => write!(
                f,
                "the database is damaged ({message}): keep a copy of the directory, then `rejoin restore` the last \
                 backup"
            ),
            Self::OldSqlite => write!(f, "built with SQLite {}, which can damage data", rusqlite::version()),
            Self::NoWal { mode } => write!(
                f,
                "the file system of the data directory has no shared memory for SQLite (journal mode {mode}): use a \
                 local disk"
            ),
            Self::Random(error) => error.fmt(f),
            Self::Store(StoreError::Locked) => {
                f.write_str("another process holds the database: end it (is a sqlite3 shell open?) and try again")
            }
            Self::Store(StoreError::DiskFull) => f.write_str("the disk is full: make room, then start again"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}
