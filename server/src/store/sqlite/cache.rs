//! What the writer keeps in memory of the rows that it alone changes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension, params};
use server_core::Millis;

use crate::store::{Mark, Marks};

/// Dialogs and senders that are kept; beyond, all are forgotten at once.
const MOST: usize = 50_000;

/// A dialog as the open transaction sees it.
#[derive(Clone, Debug)]
pub(super) struct DialogRow {
    pub(super) site_id: u64,
    pub(super) assistant_id: Option<u64>,
    pub(super) head: u64,
    /// The hash of the log up to `head`.
    pub(super) hash: u64,
    pub(super) at: Millis,
    pub(super) operator_at: Millis,
    pub(super) marks: Marks,
    /// The second of `at` that the index of the latest dialogs has.
    active_s: Millis,
    changed: bool,
}

/// The last `n` of a client, as the open transaction sees it.
#[derive(Clone, Copy, Debug)]
struct SenderRow {
    last_n: u64,
    changed: bool,
}

/// Dialogs and senders in step with the open transaction: changed here first, written before COMMIT, and forgotten
/// altogether when the transaction is rolled back or another process has written.
#[derive(Debug, Default)]
pub(super) struct Cache {
    dialogs: HashMap<u64, DialogRow>,
    senders: HashMap<u64, HashMap<String, SenderRow>>,
    sender_count: usize,
    changed_dialogs: Vec<u64>,
    changed_senders: Vec<(u64, String)>,
    data_version: i64,
}

impl Cache {
    /// Begins a transaction's work; forgets everything if another process has written since the last one.
    pub(super) fn begin(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let version = conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.data_version || self.dialogs.len() > MOST || self.sender_count > MOST {
            self.forget();
            self.data_version = version;
        }
        Ok(())
    }

    /// Forgets everything: what is in memory may not be what is in the file.
    pub(super) fn forget(&mut self) {
        *self = Self { data_version: self.data_version, ..Self::default() };
    }

    /// Returns a dialog; none where there is no such dialog or it was deleted.
    pub(super) fn dialog(&mut self, conn: &Connection, id: u64) -> rusqlite::Result<Option<&DialogRow>> {
        match self.dialogs.entry(id) {
            Entry::Occupied(entry) => Ok(Some(entry.into_mut())),
            Entry::Vacant(entry) => Ok(load(conn, id)?.map(|row| &*entry.insert(row))),
        }
    }

    /// Changes a dialog that was looked up in this transaction.
    pub(super) fn change(&mut self, id: u64, change: impl FnOnce(&mut DialogRow)) {
        let Some(row) = self.dialogs.get_mut(&id) else { return };
        change(row);
        if !row.changed {
            row.changed = true;
            self.changed_dialogs.push(id);
        }
    }

    /// Forgets a dialog that was made in this transaction and has been taken back.
    pub(super) fn remove(&mut self, id: u64) {
        self.dialogs.remove(&id);
        self.sender_count -= self.senders.remove(&id).map_or(0, |clients| clients.len());
    }

    /// Returns the last `n` of a client; 0 for one that is not known.
    pub(super) fn last_n(&mut self, conn: &Connection, dialog: u64, client: &str) -> rusqlite::Result<u64> {
        let clients = self.senders.entry(dialog).or_default();
        if let Some(row) = clients.get(client) {
            return Ok(row.last_n);
        }
        let last_n = conn
            .prepare_cached("SELECT last_n FROM senders WHERE dialog_id = ?1 AND client = ?2")?
            .query_row(params![dialog, client], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        clients.insert(client.to_owned(), SenderRow { last_n, changed: false });
        self.sender_count += 1;
        Ok(last_n)
    }

    /// Moves the last `n` of a client that was looked up in this transaction.
    pub(super) fn advance(&mut self, dialog: u64, client: &str, last_n: u64) {
        let Some(row) = self.senders.get_mut(&dialog).and_then(|clients| clients.get_mut(client)) else { return };
        row.last_n = last_n;
        if !row.changed {
            row.changed = true;
            self.changed_senders.push((dialog, client.to_owned()));
        }
    }

    /// Forgets senders that were last seen before they are pruned from the file, so that memory does not outlive it.
    pub(super) fn forget_senders(&mut self) {
        self.senders.clear();
        self.sender_count = 0;
    }

    /// Writes what was changed, each row once however often it changed.
    pub(super) fn write(&mut self, conn: &Connection, now: Millis) -> rusqlite::Result<()> {
        let mut update = conn.prepare_cached(
            "UPDATE dialogs SET head = ?2, at = ?3, operator_at = ?4, visitor_received = ?5, visitor_read = ?6, \
             operator_received = ?7, operator_read = ?8 WHERE id = ?1",
        )?;
        for id in self.changed_dialogs.drain(..) {
            let Some(row) = self.dialogs.get_mut(&id) else { continue };
            row.changed = false;
            let Marks { visitor, operator } = row.marks;
            // Moving a dialog in the index costs as much as a message: once a second is enough.
            if row.active_s != row.at / 1000 {
                row.active_s = row.at / 1000;
                conn.prepare_cached("UPDATE dialogs SET active_s = ?2 WHERE id = ?1")?.execute([id, row.active_s])?;
            }
            update.execute(params![
                id,
                row.head,
                row.at,
                row.operator_at,
                visitor.received,
                visitor.read,
                operator.received,
                operator.read
            ])?;
        }
        let mut upsert = conn.prepare_cached(
            "INSERT INTO senders (dialog_id, client, last_n, at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (dialog_id, client) DO UPDATE SET last_n = excluded.last_n, at = excluded.at",
        )?;
        for (dialog, client) in self.changed_senders.drain(..) {
            let Some(row) = self.senders.get_mut(&dialog).and_then(|clients| clients.get_mut(&client)) else {
                continue;
            };
            row.changed = false;
            upsert.execute(params![dialog, client, row.last_n, now])?;
        }
        Ok(())
    }
}

fn load(conn: &Connection, id: u64) -> rusqlite::Result<Option<DialogRow>> {
    conn.prepare_cached(
        "SELECT site_id, assistant_id, head, at, operator_at, visitor_received, visitor_read, operator_received, \
         operator_read, active_s, coalesce((SELECT hash FROM messages m WHERE m.dialog_id = dialogs.id \
         AND m.seq = dialogs.head), 0) FROM dialogs WHERE id = ?1 AND deleted = 0",
    )?
    .query_row([id], |row| {
        Ok(DialogRow {
            site_id: row.get(0)?,
            assistant_id: row.get(1)?,
            head: row.get(2)?,
            at: row.get(3)?,
            operator_at: row.get(4)?,
            marks: Marks {
                visitor: Mark { received: row.get(5)?, read: row.get(6)? },
                operator: Mark { received: row.get(7)?, read: row.get(8)? },
            },
            active_s: row.get(9)?,
            hash: row.get(10)?,
            changed: false,
        })
    })
    .optional()
}
