//! Rows of files.

use std::fs;
use std::path::Path;

use mutants::Mutant;
use protocol::File;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use server_core::Millis;
use server_core::access::{KeyHash, Side};

use super::row::{self, author_kind_number};
use crate::store::{
    Claim, FileOwner, FilePut, FileQuota, FileRoom, KeptFile, NEWCOMERS_QUOTA, NewFile, OPERATOR_QUOTA, VISITOR_QUOTA,
};

/// Names that are looked up at once.
const MOST_NAMES: usize = 500;

/// Uploads that are forgotten in one transaction.
const MOST_FORGOTTEN: u32 = 500;

const COLUMNS: &str =
    "f.id, f.name, f.mime, f.size, f.width, f.height, f.blob, f.author_kind, f.seq IS NOT NULL, f.digest";
/// The uploads of dialog ?1's visitor from before it began.
const FROM_BEFORE: &str = "files f JOIN dialogs d ON f.dialog_id IS NULL AND f.site_id = d.site_id \
     AND f.assistant_id = coalesce(d.assistant_id, 0) AND f.key_hash = d.key_hash WHERE d.id = ?1";
/// The same of a visitor who has no dialog yet: ?1 site, ?2 assistant, ?3 key.
const NEWCOMERS: &str = "f.dialog_id IS NULL AND f.site_id = ?1 AND f.assistant_id = ?2 AND f.key_hash = ?3";

/// A file under an id.
struct Found {
    kept: KeptFile,
    author_kind: i64,
    sent: bool,
    digest: [u8; 32],
}

/// Whose an upload is at the moment of the transaction: a dialog may have begun since the owner was looked up.
enum Whose {
    Side { dialog_id: u64, side: Side },
    Newcomer { site_id: u64, assistant_id: u64, key_hash: KeyHash },
}

impl Whose {
    fn of(conn: &Connection, owner: &FileOwner) -> rusqlite::Result<Self> {
        match owner {
            FileOwner::Dialog(dialog) => Ok(Self::Side { dialog_id: dialog.id(), side: dialog.side() }),
            FileOwner::Newcomer { site_id, assistant_id, key_hash } => {
                let begun = row::find_dialog(conn, *site_id, *assistant_id, key_hash)?;
                Ok(match begun {
                    Some(dialog_id) => Self::Side { dialog_id, side: Side::Visitor },
                    None => {
                        let assistant_id = assistant_id.unwrap_or(0);
                        Self::Newcomer { site_id: *site_id, assistant_id, key_hash: *key_hash }
                    }
                })
            }
        }
    }

    /// Finds the one file that has this id in the owner's dialog, of whichever side.
    fn find(&self, conn: &Connection, id: &str) -> rusqlite::Result<Option<Found>> {
        match self {
            Self::Side { dialog_id, .. } => in_dialog(conn, *dialog_id, id),
            Self::Newcomer { site_id, assistant_id, key_hash } => conn
                .prepare_cached(&format!("SELECT {COLUMNS} FROM files f WHERE {NEWCOMERS} AND f.id = ?4"))?
                .query_row(params![site_id, assistant_id, key_hash, id], found)
                .optional(),
        }
    }

    fn kind(&self) -> i64 {
        match self {
            Self::Side { side, .. } => author_kind_number(side.author_kind()),
            Self::Newcomer { .. } => author_kind_number(Side::Visitor.author_kind()),
        }
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let file = File {
        id: row.get(0)?,
        name: row.get(1)?,
        mime: row.get(2)?,
        size: row.get(3)?,
        width: row.get(4)?,
        height: row.get(5)?,
    };
    let kept = KeptFile { file, blob: row.get(6)? };
    Ok(Found { kept, author_kind: row.get(7)?, sent: row.get(8)?, digest: row.get(9)? })
}

/// Finds what has this id in a dialog; else what the dialog's visitor uploaded under it before the dialog began.
fn in_dialog(conn: &Connection, dialog_id: u64, id: &str) -> rusqlite::Result<Option<Found>> {
    for of_dialog in ["files f WHERE f.dialog_id = ?1", FROM_BEFORE] {
        let known = conn
            .prepare_cached(&format!("SELECT {COLUMNS} FROM {of_dialog} AND f.id = ?2"))?
            .query_row(params![dialog_id, id], found)
            .optional()?;
        if known.is_some() {
            return Ok(known);
        }
    }
    Ok(None)
}

/// Finds a file of a dialog's log.
pub(super) fn sent(conn: &Connection, dialog_id: u64, id: &str) -> rusqlite::Result<Option<KeptFile>> {
    if mutants::planted(Mutant::AnyFile) {
        let sql = format!("SELECT {COLUMNS} FROM files f WHERE f.id = ?1");
        return Ok(conn.query_row(&sql, [id], found).optional()?.map(|found| found.kept));
    }
    let found = in_dialog(conn, dialog_id, id)?;
    Ok(found.filter(|found| found.sent || mutants::planted(Mutant::UnsentFiles)).map(|found| found.kept))
}

/// Finds an upload that a message of a side may take along: its own, and not sent yet.
///
/// What comes from before the dialog is found only where the dialog itself has nothing under the id: so taking it along
/// never makes a second file of it.
pub(super) fn unsent(conn: &Connection, dialog_id: u64, kind: i64, id: &str) -> rusqlite::Result<Option<KeptFile>> {
    let is_own = |found: &Found| found.author_kind == kind || mutants::planted(Mutant::FileOfEitherSide);
    let found = in_dialog(conn, dialog_id, id)?.filter(|found| !found.sent && is_own(found));
    Ok(found.map(|found| found.kept))
}

/// Gives an upload to the message that takes it along.
pub(super) fn take(conn: &Connection, blob: &str, dialog_id: u64, seq: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE files SET dialog_id = ?2, seq = ?3, key_hash = NULL WHERE blob = ?1")?
        .execute(params![blob, dialog_id, seq])?;
    Ok(())
}

/// Says whether the uploads of a claim's former key have to be brought along.
pub(super) fn are_left(conn: &Connection, claim: &Claim, former: &KeyHash) -> rusqlite::Result<bool> {
    let newcomers = format!("SELECT 1 FROM files f WHERE {NEWCOMERS} LIMIT 1");
    let assistant_id = claim.assistant_id.unwrap_or(0);
    if conn.prepare_cached(&newcomers)?.exists(params![claim.site_id, assistant_id, former])? {
        return Ok(true);
    }
    let Some(dialog_id) = row::find_dialog(conn, claim.site_id, claim.assistant_id, former)? else { return Ok(false) };
    conn.prepare_cached("SELECT 1 FROM files WHERE dialog_id = ?1 AND seq IS NULL AND author_kind = ?2 LIMIT 1")?
        .exists(params![dialog_id, author_kind_number(Side::Visitor.author_kind())])
}

/// Brings uploads that were not sent yet from a claim's former key to the person, and into the person's dialog where
/// there is one; what is known there under the same id stays behind.
pub(super) fn bring(
    conn: &Connection,
    claim: &Claim,
    former: &KeyHash,
    dialog_id: Option<u64>,
) -> rusqlite::Result<()> {
    let (site_id, assistant_id) = (claim.site_id, claim.assistant_id.unwrap_or(0));
    let Some(dialog_id) = dialog_id else {
        conn.prepare_cached(&format!("UPDATE files AS f SET key_hash = ?4 WHERE {NEWCOMERS}"))?.execute(params![
            site_id,
            assistant_id,
            former,
            claim.key_hash
        ])?;
        return Ok(());
    };
    conn.prepare_cached(&format!("UPDATE OR IGNORE files AS f SET dialog_id = ?4, key_hash = NULL WHERE {NEWCOMERS}"))?
        .execute(params![site_id, assistant_id, former, dialog_id])?;
    if let Some(former_dialog) = row::find_dialog(conn, claim.site_id, claim.assistant_id, former)? {
        conn.prepare_cached(
            "UPDATE OR IGNORE files SET dialog_id = ?2 WHERE dialog_id = ?1 AND seq IS NULL AND author_kind = ?3",
        )?
        .execute(params![former_dialog, dialog_id, author_kind_number(Side::Visitor.author_kind())])?;
    }
    Ok(())
}

/// Says whether an owner may have one more file of so many bytes.
pub(super) fn room(conn: &Connection, owner: &FileOwner, bytes: u64) -> rusqlite::Result<FileRoom> {
    room_of(conn, &Whose::of(conn, owner)?, bytes)
}

fn room_of(conn: &Connection, whose: &Whose, bytes: u64) -> rusqlite::Result<FileRoom> {
    let counts = "SELECT count(*), coalesce(sum(f.size), 0)";
    // Files, bytes, and files that were not sent.
    let used = |row: &Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?));
    let fits = |(files, size, unsent): (u64, u64, u64), quota: FileQuota| {
        mutants::planted(Mutant::EndlessFiles)
            || files < quota.files && unsent < quota.unsent && size.saturating_add(bytes) <= quota.bytes
    };
    match whose {
        Whose::Side { dialog_id, side } => {
            let quota = match side {
                Side::Visitor => VISITOR_QUOTA,
                Side::Operator => OPERATOR_QUOTA,
            };
            let sql = format!(
                "{counts}, coalesce(sum(f.seq IS NULL), 0) FROM files f WHERE f.dialog_id = ?1 AND f.author_kind = ?2"
            );
            let used = conn.prepare_cached(&sql)?.query_row(params![dialog_id, whose.kind()], used)?;
            Ok(if fits(used, quota) { FileRoom::Free } else { FileRoom::Full })
        }
        Whose::Newcomer { site_id, assistant_id, key_hash } => {
            let own = conn
                .prepare_cached(&format!("{counts}, count(*) FROM files f WHERE {NEWCOMERS}"))?
                .query_row(params![site_id, assistant_id, key_hash], used)?;
            if !fits(own, VISITOR_QUOTA) {
                return Ok(FileRoom::Full);
            }
            let all = conn
                .prepare_cached(&format!(
                    "{counts}, count(*) FROM files f WHERE f.dialog_id IS NULL AND f.site_id = ?1"
                ))?
                .query_row([site_id], used)?;
            Ok(if fits(all, NEWCOMERS_QUOTA) { FileRoom::Free } else { FileRoom::SiteFull })
        }
    }
}

/// Takes note of an upload, unless its id is known or there is no room.
pub(super) fn put(conn: &Connection, new: &NewFile, now: Millis) -> rusqlite::Result<FilePut> {
    let whose = Whose::of(conn, &new.owner)?;
    if let Some(known) = whose.find(conn, &new.file.id)? {
        // Of whichever side: the id is one file for everybody who reads the dialog.
        let is_own = known.author_kind == whose.kind() || mutants::planted(Mutant::FileOfEitherSide);
        if known.digest != new.digest || !is_own {
            return Ok(FilePut::Conflict);
        }
        // Its message may have been written just now.
        conn.prepare_cached("UPDATE files SET at = ?2 WHERE blob = ?1 AND seq IS NULL")?
            .execute(params![known.kept.blob, now])?;
        return Ok(FilePut::Known(known.kept));
    }
    match room_of(conn, &whose, new.file.size)? {
        FileRoom::Free => {}
        FileRoom::Full => return Ok(FilePut::Full),
        FileRoom::SiteFull => return Ok(FilePut::SiteFull),
    }
    let (dialog, site, assistant, key) = match &whose {
        Whose::Side { dialog_id, .. } => (Some(*dialog_id), 0, 0, None),
        Whose::Newcomer { site_id, assistant_id, key_hash } => (None, *site_id, *assistant_id, Some(key_hash)),
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
        whose.kind(),
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

/// Forgets some of the uploads that nobody has sent; none are left where it forgets none.
pub(super) fn forget_unsent(conn: &Connection, before: Millis) -> rusqlite::Result<Vec<String>> {
    let mut sql = "DELETE FROM files WHERE blob IN (SELECT blob FROM files WHERE seq IS NULL AND at < ?1 LIMIT ?2) RETURNING blob";
    if mutants::planted(Mutant::SweepTakesSent) {
        sql = "DELETE FROM files WHERE blob IN (SELECT blob FROM files WHERE at < ?1 LIMIT ?2) RETURNING blob";
    }
    conn.prepare_cached(sql)?.query_map(params![before, MOST_FORGOTTEN], |row| row.get(0))?.collect()
}

/// Forgets the uploads that nobody has sent and whose bytes are not there: a copy of the database comes without them, and
/// a message must not take along what is nowhere.
pub(super) fn forget_lost(conn: &Connection, folder: &Path) -> rusqlite::Result<()> {
    let unsent: Vec<(String, u64)> = conn
        .prepare("SELECT blob, size FROM files WHERE seq IS NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let is_there = |blob: &str, size: u64| fs::metadata(folder.join(blob)).is_ok_and(|there| there.len() == size);
    for (blob, _) in unsent.iter().filter(|(blob, size)| !is_there(blob, *size)) {
        conn.execute("DELETE FROM files WHERE blob = ?1", [blob])?;
    }
    Ok(())
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
