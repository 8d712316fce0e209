//! Copies of the whole database, and the way back.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::admin::{Admin, Census};
use super::{OpenError, files, lineage, open, schema};
use crate::files::FOLDER;

/// What the folder of a copy's files is called: the copy's name, and this.
const FILES: &str = ".files";

/// Why there is no copy, or why it was not put back.
#[derive(Debug)]
pub enum BackupError {
    /// The file is there already.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The copy, or the database, cannot be used.
    Open(OpenError),
    /// It was done, but for files that messages refer to and that are not there.
    Missing {
        /// Where they should be.
        folder: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
}

impl Admin {
    /// Copies the whole database into a new file, as it is at one moment, while a server may run; and the files that its
    /// messages refer to into a folder beside it, `<file>.files`.
    ///
    /// # Errors
    /// [`BackupError`]; only [`BackupError::Missing`] leaves anything under these names.
    pub fn back_up(&self, to: &Path) -> Result<Census, BackupError> {
        let files = with_suffix(to, FILES);
        for path in [to, &files] {
            if path.exists() {
                return Err(BackupError::Exists { path: path.to_owned() });
            }
        }
        let (new, new_files) = (beside(to, "new"), beside(&files, "new"));
        let (_leftover, _leftovers) = (fs::remove_file(&new), fs::remove_dir_all(&new_files));
        let copied = self.copy_all(&new, &new_files).and_then(|(census, missing)| {
            let failed = |error| BackupError::File { path: to.to_owned(), error };
            if new_files.exists() {
                fs::rename(&new_files, &files).map_err(failed)?;
            }
            fs::rename(&new, to).and_then(|()| sync_directory(to)).map_err(|error| {
                let _other = fs::rename(&files, &new_files);
                failed(error)
            })?;
            Ok((census, missing))
        });
        let (census, missing) = copied.inspect_err(|_| {
            let (_partial, _partials) = (fs::remove_file(&new), fs::remove_dir_all(&new_files));
        })?;
        complete(census, self.data().join(FOLDER), missing)
    }

    /// Copies the database and its files; returns the names of files that are not there.
    fn copy_all(&self, new: &Path, files: &Path) -> Result<(Census, Vec<String>), BackupError> {
        let failed = |error| BackupError::File { path: new.to_owned(), error };
        // SQLite's own message does not say why.
        create_private(new).map_err(failed)?;
        let census = self.copy(new)?;
        File::open(new).and_then(|file| file.sync_all()).map_err(failed)?;
        // After the database: what its messages refer to was there before them, and never changes.
        let sent = sent_files(new)?;
        let missing = if sent.is_empty() { Vec::new() } else { copy_files(&self.data().join(FOLDER), files, &sent)? };
        Ok((census, missing))
    }

    fn copy(&self, new: &Path) -> Result<Census, OpenError> {
        let name = new.to_str().ok_or_else(|| OpenError::Directory {
            path: new.to_owned(),
            error: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the name is not UTF-8"),
        })?;
        self.connection().execute("VACUUM INTO ?1", [name])?;
        let copy = rusqlite::Connection::open(new)?;
        // Whoever opens the copy draws a new epoch, however it came into place.
        copy.execute_batch("PRAGMA journal_mode = DELETE; UPDATE meta SET copied = 1, ended = 1")?;
        copy.close().map_err(|(_, error)| error)?;
        self.census()
    }
}

/// Returns the names and sizes of the files that the messages of a database refer to.
fn sent_files(database: &Path) -> Result<Vec<(String, u64)>, OpenError> {
    Ok(files::all_sent(&rusqlite::Connection::open(database)?)?)
}

/// Copies files from one folder to another: as second names of the same bytes where both are on one disk.
///
/// What is there already is left as it is; returns the names of those that are nowhere.
fn copy_files(from: &Path, to: &Path, names: &[(String, u64)]) -> Result<Vec<String>, BackupError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(to).map_err(|error| BackupError::File { path: to.to_owned(), error })?;
    let mut missing = Vec::new();
    for (name, size) in names {
        let (source, copy) = (from.join(name), to.join(name));
        if fs::metadata(&copy).is_ok_and(|there| there.len() == *size) {
            continue;
        }
        let half = with_suffix(&copy, ".new");
        let copied = remove_if_there(&half)
            .and_then(|()| fs::hard_link(&source, &half).or_else(|_| copy_private(&source, &half)))
            .and_then(|()| fs::rename(&half, &copy));
        if copied.is_err() && is_missing(&source) {
            missing.push(name.clone());
            continue;
        }
        copied.map_err(|error| BackupError::File { path: source, error })?;
    }
    let synced = File::open(to).and_then(|folder| folder.sync_all());
    synced.map_err(|error| BackupError::File { path: to.to_owned(), error })?;
    Ok(missing)
}

fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn complete(census: Census, folder: PathBuf, missing: Vec<String>) -> Result<Census, BackupError> {
    if missing.is_empty() { Ok(census) } else { Err(BackupError::Missing { folder, names: missing }) }
}

/// Puts a copy in the place of a data directory's database, and its files beside it; no server may run on it.
///
/// What was there stays beside it, as `rejoin.db.before-restore`; files that were there stay, too.
///
/// # Errors
/// [`BackupError`]; then everything is as it was, unless it is [`BackupError::Missing`].
pub fn restore(data: &Path, from: &Path) -> Result<Census, BackupError> {
    open::make_directory(data)?;
    let _lock = open::DataLock::take(data)?;
    let database = data.join(open::DATABASE);
    let new = data.join(format!("{}.restored", open::DATABASE));
    let failed = |error| BackupError::File { path: from.to_owned(), error };
    let _leftover = fs::remove_file(&new);
    // A copy by other means may have the newest messages in a log beside it.
    for suffix in ["-wal", "-shm"] {
        let _leftover = fs::remove_file(with_suffix(&new, suffix));
    }
    let refuse = || {
        for suffix in ["", "-wal", "-shm"] {
            let _refused = fs::remove_file(with_suffix(&new, suffix));
        }
    };
    copy_private(from, &new).map_err(failed).inspect_err(|_| refuse())?;
    let log = with_suffix(from, "-wal");
    // A backup of ours has none: one that lies beside it is of another file.
    if log.exists() && has_log(&new).map_err(failed)? {
        let failed = |error| BackupError::File { path: log.clone(), error };
        copy_private(&log, &with_suffix(&new, "-wal")).map_err(failed).inspect_err(|_| refuse())?;
    }
    let census = sound_copy(&new).inspect_err(|_| refuse())?;
    let (sent, files) = (sent_files(&new)?, with_suffix(from, FILES));
    let mut missing = Vec::new();
    if !sent.is_empty() {
        let copied = copy_files(&files, &data.join(FOLDER), &sent).and_then(|missing| {
            // Files that the backup has not are one thing, a folder that was left behind another.
            if missing.is_empty() || files.is_dir() {
                return Ok(missing);
            }
            Err(BackupError::File { path: files.clone(), error: std::io::ErrorKind::NotFound.into() })
        });
        missing = copied.inspect_err(|_| {
            let _refused = fs::remove_file(&new);
        })?;
    }
    let failed = |error| BackupError::File { path: database.clone(), error };
    if database.exists() {
        put_aside(&database).map_err(failed)?;
    }
    fs::rename(&new, &database).and_then(|()| sync_directory(&database)).map_err(failed)?;
    complete(census, files, missing)
}

/// Says whether a database was written by way of a log, by its header (byte 18: the version of the format to write).
fn has_log(path: &Path) -> std::io::Result<bool> {
    let mut header = [0; 20];
    match File::open(path)?.read_exact(&mut header) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| header[18] == 2),
    }
}

/// Proves that a file is a sound database of Rejoin, and marks it as a copy even if it was made by other means.
fn sound_copy(path: &Path) -> Result<Census, OpenError> {
    let mut conn = rusqlite::Connection::open(path)?;
    let stamp = schema::Stamp::read(&conn)?;
    stamp.check()?;
    if stamp.application_id != schema::APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    conn.execute_batch("PRAGMA journal_mode = DELETE")?;
    schema::migrate(&mut conn)?;
    conn.execute("UPDATE meta SET copied = 1, ended = 1", [])?;
    // Commands may come before the next server.
    lineage::leave_numbers(&conn)?;
    let admin = Admin::of(conn, path);
    let census = admin.check()?;
    admin.close()?;
    Ok(census)
}

/// Keeps a second name for the old database, and takes its write-ahead log away: beside another file it would damage it.
///
/// The old database keeps its own name until the new one takes it, so that there is one at every moment.
fn put_aside(database: &Path) -> std::io::Result<()> {
    // One that is damaged keeps its log beside it under the new name.
    if let Ok(conn) = open::connect(database) {
        let _damaged = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    let before = beside(database, "before-restore");
    remove_if_there(&before)?;
    fs::hard_link(database, &before)?;
    for suffix in ["-wal", "-shm"] {
        let (old, kept) = (with_suffix(database, suffix), with_suffix(&before, suffix));
        remove_if_there(&kept)?;
        if old.exists() {
            fs::rename(&old, &kept)?;
        }
    }
    sync_directory(database)
}

/// Makes an empty file that only its owner can read: conversations are nobody else's.
fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn copy_private(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut source = File::open(from)?;
    let mut copy = create_private(to)?;
    std::io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    with_suffix(path, &format!(".{suffix}"))
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl std::fmt::Display for BackupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exists { path } => {
                write!(f, "{} is there already: choose another name, or remove it", path.display())
            }
            Self::File { path, error } => write!(f, "cannot use {}: {error}", path.display()),
            Self::Open(OpenError::InUse { .. }) => f.write_str("a server runs on this data: stop it before a restore"),
            Self::Open(OpenError::Foreign) => f.write_str("the file is not a backup of Rejoin"),
            Self::Open(error) => error.fmt(f),
            Self::Missing { folder, names } => write!(
                f,
                "it is done, and every message with it, but {} files that were sent are not in {}: {}; put them there \
                 from another backup and do it again, or go on without them",
                names.len(),
                folder.display(),
                names.join(", ")
            ),
        }
    }
}

impl std::error::Error for BackupError {}
