//! Whether this log is still the one that clients know: its epoch, and how a file that was put back is noticed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mutants::Mutant;
use rusqlite::{Connection, TransactionBehavior, params};
use server_core::Millis;

use super::{OpenError, files};
use crate::files::FOLDER;
use crate::{clock, credentials};

/// The file beside the database that is not part of its copies.
const SIDECAR: &str = "rejoin.starts";

/// Numbers that are left out after a restore: more than anybody makes between two backups.
const LEFT_OUT: u64 = 1_000_000;

/// What the file beside the database says about the log at its last start or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Witness {
    epoch: u64,
    starts: u64,
    /// The last position in the log.
    position: u64,
}

/// The log's epoch, and how its last server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lineage {
    pub(super) epoch: u64,
    starts: u64,
    /// Whether the last server ended in order.
    pub(super) ended: bool,
    /// When this log was last put in the place of another, ms since 1970; 0: never.
    pub(super) restored_at: Millis,
}

impl Lineage {
    /// Counts a start, and draws a new epoch where the database is older than what the file beside it has seen.
    ///
    /// A copy of a running server's files, put back later, has fewer starts or an earlier end; a copy made by
    /// `rejoin backup` says so itself.
    pub(super) fn start(data: &Path, conn: &mut Connection) -> Result<Self, OpenError> {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut epoch, starts, copied, ended, mut restored_at): (u64, u64, bool, bool, Millis) = transaction
            .query_row("SELECT epoch, starts, copied, ended, restored_at FROM meta", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
        let position = last_position(&transaction)?;
        let witness = Witness::read(data)?;
        let put_back = match witness {
            Some(witness) => witness.epoch != epoch || witness.starts > starts || witness.position > position,
            // The first start has no witness yet.
            None => starts > 0,
        };
        if (copied || put_back) && !mutants::planted(Mutant::EpochKept) {
            epoch = credentials::epoch()?;
            leave_numbers(&transaction)?;
            tracing::warn!(starts, position, "the log is a copy or was put back: clients start anew from it");
        }
        if copied || put_back {
            files::forget_lost(&transaction, &data.join(FOLDER))?;
        }
        // A new log may stand in the place of one that was lost, too.
        if copied || put_back || starts == 0 {
            restored_at = clock::wall();
        }
        let starts = starts + 1;
        transaction.execute(
            "UPDATE meta SET epoch = ?1, starts = ?2, copied = 0, ended = 0, restored_at = ?3",
            [epoch, starts, restored_at],
        )?;
        transaction.commit()?;
        // Only after the commit: a file beside that is ahead would look like a database that was put back.
        Witness { epoch, starts, position }.write(data)?;
        Ok(Self { epoch, starts, ended, restored_at })
    }

    /// Notes that the server ends in order.
    pub(super) fn end(self, data: &Path, conn: &Connection) -> Result<(), OpenError> {
        conn.execute("UPDATE meta SET ended = 1", [])?;
        Witness { epoch: self.epoch, starts: self.starts, position: last_position(conn)? }.write(data)
    }
}

/// Leaves out the numbers that may have been given since the copy was made: whoever knows a dialog, or has a token for an
/// operator, must not find another one under its number.
pub(super) fn leave_numbers(conn: &Connection) -> rusqlite::Result<()> {
    for table in ["sites", "assistants", "operators", "dialogs", "jobs"] {
        let raised =
            conn.execute("UPDATE sqlite_sequence SET seq = seq + ?2 WHERE name = ?1", params![table, LEFT_OUT])?;
        if raised == 0 {
            conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![table, LEFT_OUT])?;
        }
    }
    Ok(())
}

fn last_position(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row("SELECT coalesce(max(position), 0) FROM messages", [], |row| row.get(0))
}

impl Witness {
    /// Reads the file; one that cannot be understood is as good as none.
    fn read(data: &Path) -> Result<Option<Self>, OpenError> {
        let path = data.join(SIDECAR);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::Directory { path, error }),
        };
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok);
        let (Some(epoch), Some(starts), Some(position)) = (next(), next(), next()) else { return Ok(None) };
        Ok(Some(Self { epoch, starts, position }))
    }

    fn write(self, data: &Path) -> Result<(), OpenError> {
        let path = data.join(SIDECAR);
        let failed = |error| OpenError::Directory { path: path.clone(), error };
        replace(&path, &format!("{} {} {}\n", self.epoch, self.starts, self.position)).map_err(failed)
    }
}

/// Puts a small file in place of another so that a power cut leaves one of the two.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new: PathBuf = path.with_extension("starts.new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
