//! How rows become what the store answers.

use std::sync::Arc;

use protocol::{Author, AuthorKind, File, Known, Message, Secret};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use server_core::access::{DialogFacts, DialogState, KeyHash, Sites, VisitorAuth};
use server_core::origin::Pattern;
use server_core::session::Cursor;
use server_core::{Event, Millis};

use super::message_id::{IdText, MessageId};
use super::{hashes, visitor};
use crate::store::{
    Assistant, CannedAnswer, DialogFilter, DialogSummary, FileKinds, Files, Identity, Job, LogPage, Mark, Marks,
    Metrics, Operator, Resumed, Site,
};

/// Dialogs in one answer.
const MOST_DIALOGS: u32 = 200;

/// Returns the number that stands for a kind of author.
pub(super) const fn author_kind_number(kind: AuthorKind) -> i64 {
    match kind {
        AuthorKind::Visitor => 0,
        AuthorKind::Operator => 1,
        AuthorKind::Assistant => 2,
        AuthorKind::System => 3,
    }
}

pub(super) fn author_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<AuthorKind> {
    match row.get(column)? {
        0_i64 => Ok(AuthorKind::Visitor),
        1 => Ok(AuthorKind::Operator),
        2 => Ok(AuthorKind::Assistant),
        3 => Ok(AuthorKind::System),
        number => Err(rusqlite::Error::IntegralValueOutOfRange(column, number)),
    }
}

/// Finds a visitor's dialog.
pub(super) fn find_dialog(
    conn: &Connection,
    site_id: u64,
    assistant_id: Option<u64>,
    key_hash: &KeyHash,
) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached(
        "SELECT id FROM dialogs WHERE site_id = ?1 AND coalesce(assistant_id, 0) = ?2 AND key_hash = ?3 \
         AND key_hash IS NOT NULL AND deleted = 0",
    )?
    .query_row(params![site_id, assistant_id.unwrap_or(0), key_hash], |row| row.get(0))
    .optional()
}

/// Returns what `authorize` must know about a dialog.
pub(super) fn dialog_facts(conn: &Connection, id: u64) -> rusqlite::Result<Option<DialogFacts>> {
    conn.prepare_cached("SELECT site_id, assistant_id, key_hash, deleted FROM dialogs WHERE id = ?1")?
        .query_row([clamp(id)], |row| {
            let state = if row.get(3)? { DialogState::Deleted } else { DialogState::Present };
            Ok(DialogFacts { id, site_id: row.get(0)?, assistant_id: row.get(1)?, key_hash: row.get(2)?, state })
        })
        .optional()
}

/// Returns the last `seq` of a dialog; 0 where it is empty or unknown.
fn head(conn: &Connection, dialog_id: u64) -> rusqlite::Result<u64> {
    let head = conn
        .prepare_cached("SELECT head FROM dialogs WHERE id = ?1")?
        .query_row([dialog_id], |row| row.get(0))
        .optional()?;
    Ok(head.unwrap_or(0))
}

/// Returns what a session needs to go on.
pub(super) fn resume(
    conn: &Connection,
    epoch: u64,
    dialog_id: u64,
    cursor: Cursor,
    pending: &[String],
    client: Option<&str>,
) -> rusqlite::Result<Resumed> {
    let mut by_id = conn.prepare_cached("SELECT seq, at FROM messages WHERE id = ?1 AND dialog_id = ?2")?;
    let mut known = Vec::new();
    for id in pending {
        let found = by_id
            .query_row(params![MessageId::new(id), dialog_id], |row| {
                Ok(Known { id: id.clone(), seq: row.get(0)?, at: row.get(1)? })
            })
            .optional()?;
        known.extend(found);
    }
    let last_n = match client {
        Some(client) => conn
            .prepare_cached("SELECT last_n FROM senders WHERE dialog_id = ?1 AND client = ?2")?
            .query_row(params![dialog_id, client], |row| row.get(0))
            .optional()?
            .unwrap_or(0),
        None => 0,
    };
    let head = head(conn, dialog_id)?;
    let hash = hashes::at(conn, dialog_id, cursor.begin(epoch, head).1)?;
    Ok(Resumed { epoch, head, hash, known, last_n })
}

fn event(row: &Row<'_>, dialog_id: u64) -> rusqlite::Result<Arc<Event>> {
    let author = Author { kind: author_kind(row, 2)?, name: row.get::<_, Option<String>>(3)?.unwrap_or_default() };
    let IdText(id) = row.get(1)?;
    let message =
        Message { dialog_id, seq: row.get(0)?, id, author, text: row.get(4)?, at: row.get(5)?, file: file(row, 7)? };
    Ok(Arc::new(Event::message(message).hashed(row.get(6)?)))
}

/// Reads the file of a message.
pub(super) fn file(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<File>> {
    let json: Option<String> = row.get(column)?;
    json.map(|json| serde_json::from_str(&json).map_err(|error| unreadable(column, error))).transpose()
}

fn events(conn: &Connection, sql: &str, dialog_id: u64, params: impl Params) -> rusqlite::Result<Vec<Arc<Event>>> {
    conn.prepare_cached(sql)?.query_map(params, |row| event(row, dialog_id))?.collect()
}

/// Reads up to `limit` events after `after`.
pub(super) fn read(conn: &Connection, dialog_id: u64, after: u64, limit: u64) -> rusqlite::Result<LogPage> {
    let sql = "SELECT seq, id, author_kind, author_name, text, at, hash, file FROM messages \
               WHERE dialog_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let events = events(conn, sql, dialog_id, [dialog_id, clamp(after), clamp(limit)])?;
    page(conn, dialog_id, events)
}

/// Reads the last `limit` events before `before`.
pub(super) fn before(conn: &Connection, dialog_id: u64, before: u64, limit: u64) -> rusqlite::Result<LogPage> {
    let sql = "SELECT seq, id, author_kind, author_name, text, at, hash, file FROM messages \
               WHERE dialog_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    let mut events = events(conn, sql, dialog_id, [dialog_id, clamp(before), clamp(limit)])?;
    events.reverse();
    page(conn, dialog_id, events)
}

fn page(conn: &Connection, dialog_id: u64, events: Vec<Arc<Event>>) -> rusqlite::Result<LogPage> {
    let head = head(conn, dialog_id)?;
    let last = events.last().filter(|event| event.seq == head).and_then(|event| event.hash);
    let hash = match last {
        Some(hash) => hash,
        None => hashes::at(conn, dialog_id, head)?,
    };
    Ok(LogPage { events, head, hash })
}

/// Numbers of a client may be larger than any that SQLite knows.
fn clamp(number: u64) -> u64 {
    number.min(i64::MAX.unsigned_abs())
}

fn marks_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Marks> {
    Ok(Marks {
        visitor: Mark { received: row.get(first)?, read: row.get(first + 1)? },
        operator: Mark { received: row.get(first + 2)?, read: row.get(first + 3)? },
    })
}

/// Returns the marks of both sides.
pub(super) fn marks(conn: &Connection, dialog_id: u64) -> rusqlite::Result<Marks> {
    let sql = "SELECT visitor_received, visitor_read, operator_received, operator_read FROM dialogs WHERE id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([dialog_id], |row| marks_from(row, 0)).optional()?.unwrap_or_default())
}

/// Returns whether a dialog's visitor can be written to.
pub(super) fn has_contact(conn: &Connection, dialog_id: u64) -> rusqlite::Result<bool> {
    // Left by the visitor, or signed by the site.
    let sql = "SELECT d.email IS NOT NULL OR coalesce(v.email, '') <> '' FROM dialogs d \
               LEFT JOIN visitors v ON v.dialog_id = d.id WHERE d.id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([dialog_id], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Lists dialogs, the latest first: the latest of each site, merged.
pub(super) fn dialogs(conn: &Connection, filter: &DialogFilter) -> rusqlite::Result<Vec<DialogSummary>> {
    let sites: Vec<u64> = match &filter.sites {
        Sites::All => {
            conn.prepare_cached("SELECT id FROM sites")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        }
        Sites::Only(sites) => sites.iter().copied().collect(),
    };
    let limit = filter.limit.min(MOST_DIALOGS);
    let (at, id) = filter.before.unwrap_or((u64::MAX, u64::MAX));
    let active_s = at / 1000;
    let mut of_site = conn.prepare_cached(
        "SELECT d.id, d.site_id, s.name, d.assistant_id, d.head, d.at, d.visitor_received, d.visitor_read, \
         d.operator_received, d.operator_read, m.author_kind, CASE WHEN m.text = '' AND m.file IS NOT NULL THEN '📎 ' || (m.file ->> '$.name') \
         ELSE substr(m.text, 1, 200) END, \
         (SELECT count(*) FROM (SELECT 1 FROM messages u WHERE u.dialog_id = d.id AND u.seq > d.operator_read \
         AND u.author_kind = 0 LIMIT 100)), d.email, v.name, v.email, v.verified, v.attributes, s.files <> 'off' \
         FROM dialogs d JOIN sites s ON s.id = d.site_id LEFT JOIN visitors v ON v.dialog_id = d.id \
         LEFT JOIN messages m ON m.dialog_id = d.id AND m.seq = d.head \
         WHERE d.site_id = ?1 AND (d.active_s, d.id) < (?2, ?3) AND d.deleted = 0 \
         ORDER BY d.active_s DESC, d.id DESC LIMIT ?4",
    )?;
    let mut dialogs = Vec::new();
    for site in sites {
        let rows = of_site.query_map(params![site, active_s, clamp(id), limit], summary)?;
        for row in rows {
            dialogs.push(row?);
        }
    }
    dialogs.sort_by_key(|dialog| std::cmp::Reverse((dialog.at / 1000, dialog.id)));
    dialogs.truncate(limit as usize);
    Ok(dialogs)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<DialogSummary> {
    let head: u64 = row.get(4)?;
    let at: Millis = row.get(5)?;
    Ok(DialogSummary {
        id: row.get(0)?,
        site_id: row.get(1)?,
        site_name: row.get(2)?,
        assistant_id: row.get(3)?,
        head,
        marks: marks_from(row, 6)?,
        last_author: if head == 0 { AuthorKind::System } else { author_kind(row, 10)? },
        last_text: row.get::<_, Option<String>>(11)?.unwrap_or_default(),
        unread: row.get(12)?,
        email: row.get::<_, Option<String>>(13)?.map(Secret::new),
        at,
        visitor: visitor::from_row(row, 14)?,
        takes_files: row.get(18)?,
    })
}

/// The secrets are base64url, so a space sets them apart.
const SITE: &str = "SELECT id, token, name, welcome, color, visitor_auth, metrics, hours, time_zone, away, identity_required, \
                    (SELECT group_concat(secret, ' ' ORDER BY i.id DESC) FROM identity_secrets i \
                    WHERE i.site_id = sites.id), files, file_mb, locale FROM sites WHERE ";

/// Returns the site with this token.
pub(super) fn site_by_token(conn: &Connection, token: &str) -> rusqlite::Result<Option<Arc<Site>>> {
    site(conn, &format!("{SITE} token = ?1"), [token])
}

/// Returns a site.
pub(super) fn site_by_id(conn: &Connection, id: u64) -> rusqlite::Result<Option<Arc<Site>>> {
    site(conn, &format!("{SITE} id = ?1"), [id])
}

/// Returns all sites.
pub(super) fn sites(conn: &Connection) -> rusqlite::Result<Vec<Site>> {
    let ids: Vec<u64> = conn
        .prepare_cached("SELECT id FROM sites ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut sites = Vec::new();
    for id in ids {
        sites.extend(site_by_id(conn, id)?.map(Arc::unwrap_or_clone));
    }
    Ok(sites)
}

fn site(conn: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<Arc<Site>>> {
    let found = conn
        .prepare_cached(sql)?
        .query_row(key, |row| {
            Ok(Site {
                id: row.get(0)?,
                token: row.get(1)?,
                name: row.get(2)?,
                welcome: row.get(3)?,
                color: row.get(4)?,
                visitor_auth: if row.get_ref(5)?.as_str()? == "open" { VisitorAuth::Open } else { VisitorAuth::Key },
                metrics: if row.get(6)? { Metrics::On } else { Metrics::Off },
                // Checked when they were written; a site with hours that nobody understands any more is open.
                hours: row.get_ref(7)?.as_str()?.parse().ok(),
                zone: row.get_ref(8)?.as_str()?.parse().unwrap_or_default(),
                away: row.get(9)?,
                files: Files {
                    kinds: match row.get_ref(12)?.as_str()? {
                        "images" => FileKinds::Images,
                        "on" => FileKinds::On,
                        _ => FileKinds::Off,
                    },
                    most_mb: row.get(13)?,
                },
                locale: row.get(14)?,
                origins: Vec::new(),
                identity: if row.get(10)? { Identity::Required } else { Identity::Optional },
                identity_secrets: row
                    .get::<_, Option<String>>(11)?
                    .iter()
                    .flat_map(|secrets| secrets.split(' ').map(Secret::new))
                    .collect(),
            })
        })
        .optional()?;
    let Some(mut site) = found else { return Ok(None) };
    let mut patterns = conn.prepare_cached("SELECT pattern FROM origins WHERE site_id = ?1 ORDER BY pattern")?;
    let mut rows = patterns.query([site.id])?;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str()?;
        site.origins.push(Pattern::parse(text).map_err(|error| unreadable(0, error))?);
    }
    Ok(Some(Arc::new(site)))
}

/// Returns an assistant.
pub(super) fn assistant(conn: &Connection, id: u64) -> rusqlite::Result<Option<Arc<Assistant>>> {
    conn.prepare_cached("SELECT id, site_id, name, fallback, answers FROM assistants WHERE id = ?1")?
        .query_row([clamp(id)], |row| {
            let answers: Vec<CannedAnswer> =
                serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|error| unreadable(4, error))?;
            Ok(Arc::new(Assistant {
                id: row.get(0)?,
                site_id: row.get(1)?,
                name: row.get(2)?,
                fallback: row.get(3)?,
                answers,
            }))
        })
        .optional()
}

const OPERATOR: &str = "SELECT id, email, name, password_hash, all_sites, token_epoch FROM operators WHERE ";

/// Returns the operator with this address, in any case of letters.
pub(super) fn operator_by_email(conn: &Connection, email: &str) -> rusqlite::Result<Option<Arc<Operator>>> {
    operator(conn, &format!("{OPERATOR} email = ?1"), [email.trim().to_lowercase()])
}

/// Returns an operator.
pub(super) fn operator_by_id(conn: &Connection, id: u64) -> rusqlite::Result<Option<Arc<Operator>>> {
    operator(conn, &format!("{OPERATOR} id = ?1"), [id])
}

fn operator(conn: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<Arc<Operator>>> {
    let found = conn
        .prepare_cached(sql)?
        .query_row(key, |row| {
            let operator = Operator {
                id: row.get(0)?,
                email: row.get(1)?,
                name: row.get(2)?,
                password_hash: Secret::new(row.get::<_, String>(3)?),
                sites: Sites::All,
                token_epoch: row.get(5)?,
            };
            Ok((operator, row.get::<_, bool>(4)?))
        })
        .optional()?;
    let Some((mut operator, all_sites)) = found else { return Ok(None) };
    if !all_sites {
        let mut sites = conn.prepare_cached("SELECT site_id FROM operator_sites WHERE operator_id = ?1")?;
        let sites = sites.query_map([operator.id], |row| row.get(0))?;
        operator.sites = Sites::Only(sites.collect::<Result<_, _>>()?);
    }
    Ok(Some(Arc::new(operator)))
}

/// Returns the picture of an operator of a site, by its shown name.
pub(super) fn avatar(conn: &Connection, site_id: u64, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached(
        "SELECT avatar FROM operators o WHERE name = ?2 AND avatar IS NOT NULL AND (all_sites = 1 OR EXISTS \
         (SELECT 1 FROM operator_sites s WHERE s.operator_id = o.id AND s.site_id = ?1)) ORDER BY id LIMIT 1",
    )?
    .query_row(params![site_id, name], |row| row.get(0))
    .optional()
}

/// Returns the oldest jobs of assistants.
pub(super) fn jobs(conn: &Connection, limit: u32) -> rusqlite::Result<Vec<Job>> {
    let mut oldest = conn.prepare_cached(
        "SELECT j.id, m.text, d.assistant_id FROM jobs j JOIN dialogs d ON d.id = j.dialog_id \
         JOIN messages m ON m.dialog_id = j.dialog_id AND m.seq = j.seq ORDER BY j.id LIMIT ?1",
    )?;
    let mut rows = oldest.query([limit])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        let assistant = match row.get(2)? {
            Some(id) => assistant(conn, id)?,
            None => None,
        };
        jobs.push(Job { id: row.get(0)?, question: row.get(1)?, assistant });
    }
    Ok(jobs)
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
