//! Rows of files.

use protocol::File;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use server_core::Millis;
use server_core::access::Side;

use super::row::author_kind_number;
use crate::store::{FileOwner, FilePut, KeptFile, NewFile, OPERATOR_QUOTA, VISITOR_QUOTA};

/// Names that are looked up at once.
const MOST_NAMES: usize = 500;

const COLUMNS: &str = "f.id, f.name, f.mime, f.size, f.width, f.height, f.blob";

/// Says that a row is the owner's: of dialog ?2, or of the visitor who will begin it.
const OWNED: &str = "f.author_kind = ?3 AND (f.dialog_id = ?2 OR (f.dialog_id IS NULL AND EXISTS (SELECT 1 FROM dialogs d \
     WHERE d.id = ?2 AND d.site_id = f.site_id AND coalesce(d.assistant_id, 0) = f.assistant_id AND d.key_hash = f.key_hash)))";
/// The same for a visitor who has no dialog yet: ?2 site, ?3 assistant, ?4 key.
const NEWCOMERS: &str = "f.dialog_id IS NULL AND f.site_id = ?2 AND f.assistant_id = ?3 AND f.key_hash = ?4";

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptFile> {
    let file = File {
        id: row.get(0)?,
        name: row.get(1)?,
        mime: row.get(2)?,
        size: row.get(3)?,
        width: row.get(4)?,
        height: row.get(5)?,
    };
    Ok(KeptFile { file, blob: row.get(6)? })
}

const fn kind_of(side: Side) -> i64 {
    author_kind_number(side.author_kind())
}

/// Finds a file of a dialog's log.
pub(super) fn sent(conn: &Connection, dialog_id: u64, id: &str) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!("SELECT {COLUMNS} FROM files f WHERE f.id = ?1 AND f.dialog_id = ?2 AND f.seq IS NOT NULL");
    conn.prepare_cached(&sql)?.query_row(params![id, dialog_id], kept).optional()
}

/// Finds an upload that a message of a side may take along: its own, and not sent yet.
pub(super) fn unsent(conn: &Connection, dialog_id: u64, kind: i64, id: &str) -> rusqlite::Result<Option<KeptFile>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM files f WHERE f.id = ?1 AND f.seq IS NULL AND {OWNED} ORDER BY f.dialog_id IS NULL LIMIT 1"
    );
    conn.prepare_cached(&sql)?.query_row(params![id, dialog_id, kind], kept).optional()
}

/// Gives an upload to the message that takes it along.
pub(super) fn take(conn: &Connection, blob: &str, dialog_id: u64, seq: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE files SET dialog_id = ?2, seq = ?3, key_hash = NULL WHERE blob = ?1")?
        .execute(params![blob, dialog_id, seq])?;
    Ok(())
}

/// Says whether an owner may have one more file of so many bytes.
pub(super) fn has_room(conn: &Connection, owner: &FileOwner, bytes: u64) -> rusqlite::Result<bool> {
    let quota = match owner.side() {
        Side::Visitor => VISITOR_QUOTA,
        Side::Operator => OPERATOR_QUOTA,
    };
    let counts = "SELECT count(*), coalesce(sum(f.size), 0), coalesce(sum(f.seq IS NULL), 0) FROM files f WHERE ";
    let used = |row: &Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?));
    let (files, size, unsent) = match owner {
        FileOwner::Dialog(dialog) => conn
            .prepare_cached(&format!("{counts} f.dialog_id = ?1 AND f.author_kind = ?2"))?
            .query_row(params![dialog.id(), kind_of(dialog.side())], used)?,
        FileOwner::Newcomer { site_id, assistant_id, key_hash } => conn
            .prepare_cached(&format!(
                "{counts} f.seq IS NULL AND f.dialog_id IS NULL AND f.site_id = ?1 AND \
                 f.assistant_id = ?2 AND f.key_hash = ?3"
            ))?
            .query_row(params![site_id, assistant_id.unwrap_or(0), key_hash], used)?,
    };
    Ok(files < quota.files && unsent < quota.unsent && size.saturating_add(bytes) <= quota.bytes)
}

/// Takes note of an upload, unless its id is known or there is no room.
pub(super) fn put(conn: &Connection, new: &NewFile, now: Millis) -> rusqlite::Result<FilePut> {
    let known = |row: &Row<'_>| Ok((kept(row)?.file, row.get::<_, [u8; 32]>(7)?));
    let known = match &new.owner {
        FileOwner::Dialog(dialog) => conn
            .prepare_cached(&format!("SELECT {COLUMNS}, f.digest FROM files f WHERE f.id = ?1 AND {OWNED}"))?
            .query_row(params![new.file.id, dialog.id(), kind_of(dialog.side())], known)
            .optional()?,
        FileOwner::Newcomer { site_id, assistant_id, key_hash } => conn
            .prepare_cached(&format!("SELECT {COLUMNS}, f.digest FROM files f WHERE f.id = ?1 AND {NEWCOMERS}"))?
            .query_row(params![new.file.id, site_id, assistant_id.unwrap_or(0), key_hash], known)
            .optional()?,
    };
    match known {
        Some((file, digest)) if digest == new.digest => return Ok(FilePut::Known(file)),
        Some(_) => return Ok(FilePut::Conflict),
        None => {}
    }
    if !has_room(conn, &new.owner, new.file.size)? {
        return Ok(FilePut::Full);
    }
    let (dialog, site, assistant, key) = match &new.owner {
        FileOwner::Dialog(dialog) => (Some(dialog.id()), 0, 0, None),
        FileOwner::Newcomer { site_id, assistant_id, key_hash } => {
            (None, *site_id, assistant_id.unwrap_or(0), Some(key_hash))
        }
    };
    let file = &new.file;
    conn.prepare_cached(
        "INSERT INTO files (blob, id, dialog_id, site_id, assistant_id, key_hash, author_kind, name, mime, size, width, \
         height, digest, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        new.blob,
        file.id,
        dialog,
        site,
        assistant,
        key,
        kind_of(new.owner.side()),
        file.name,
        file.mime,
        file.size,
        file.width,
        file.height,
        new.digest,
        now
    ])?;
    Ok(FilePut::Stored)
}

/// Forgets uploads that nobody has sent.
pub(super) fn forget_unsent(conn: &Connection, before: Millis) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached("DELETE FROM files WHERE seq IS NULL AND at < ?1 RETURNING blob")?
        .query_map([before], |row| row.get(0))?
        .collect()
}

/// Returns those of the names that are known.
pub(super) fn known_blobs(conn: &Connection, names: &[String]) -> rusqlite::Result<Vec<String>> {
    let mut known = Vec::new();
    for names in names.chunks(MOST_NAMES) {
        let places = vec!["?"; names.len()].join(", ");
        let mut found = conn.prepare(&format!("SELECT blob FROM files WHERE blob IN ({places})"))?;
        let rows = found.query_map(params_from_iter(names), |row| row.get(0))?;
        known.extend(rows.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    Ok(known)
}

/// Returns the names and sizes of all bytes that messages refer to.
pub(super) fn all_sent(conn: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    conn.prepare("SELECT blob, size FROM files WHERE seq IS NOT NULL ORDER BY blob")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
