//! The rolling hash of every dialog's log, as it lies in the database.

use protocol::digest;
use rusqlite::{Connection, OptionalExtension, Row, params};
use server_core::append;

use super::message_id::IdText;
use super::row::author_kind;

/// Returns the hash of a dialog's log up to a `seq`; that of an empty log where there is no such message.
pub(super) fn at(conn: &Connection, dialog_id: u64, seq: u64) -> rusqlite::Result<u64> {
    if seq == 0 {
        return Ok(digest::EMPTY);
    }
    let hash = conn
        .prepare_cached("SELECT hash FROM messages WHERE dialog_id = ?1 AND seq = ?2")?
        .query_row(params![dialog_id, seq], |row| row.get(0))
        .optional()?;
    Ok(hash.unwrap_or(digest::EMPTY))
}

/// Returns the hash after each of these rows, which follow a log whose hash is `before`.
pub(super) fn after(before: u64, rows: &[append::Row]) -> Vec<u64> {
    let mut hash = before;
    let next = rows.iter().map(|row| {
        hash = digest::next(hash, row.seq, &row.id, row.author.kind, &row.text);
        hash
    });
    next.collect()
}

const LOG: &str = "SELECT position, dialog_id, seq, id, author_kind, text, hash FROM messages ORDER BY dialog_id, seq";

/// Walks over a log from dialog to dialog.
#[derive(Default)]
struct Walk {
    dialog_id: u64,
    hash: u64,
}

impl Walk {
    /// Returns the hash that belongs to a row of [`LOG`].
    fn step(&mut self, row: &Row<'_>) -> rusqlite::Result<u64> {
        let dialog_id = row.get(1)?;
        if dialog_id != self.dialog_id {
            *self = Self { dialog_id, hash: digest::EMPTY };
        }
        let IdText(id) = row.get(3)?;
        self.hash = digest::next(self.hash, row.get(2)?, &id, author_kind(row, 4)?, row.get_ref(5)?.as_str()?);
        Ok(self.hash)
    }
}

/// Computes the hashes of a log that was written without.
pub(super) fn fill(conn: &Connection) -> rusqlite::Result<()> {
    let mut log = conn.prepare(LOG)?;
    let mut update = conn.prepare("UPDATE messages SET hash = ?2 WHERE position = ?1")?;
    let mut rows = log.query([])?;
    let mut walk = Walk::default();
    while let Some(row) = rows.next()? {
        let hash = walk.step(row)?;
        update.execute(params![row.get::<_, u64>(0)?, hash])?;
    }
    Ok(())
}

/// Computes every hash again; returns the first dialog and `seq` at which the database has another one.
pub(super) fn wrong(conn: &Connection) -> rusqlite::Result<Option<(u64, u64)>> {
    let mut log = conn.prepare(LOG)?;
    let mut rows = log.query([])?;
    let mut walk = Walk::default();
    while let Some(row) = rows.next()? {
        if walk.step(row)? != row.get::<_, u64>(6)? {
            return Ok(Some((walk.dialog_id, row.get(2)?)));
        }
    }
    Ok(None)
}
