//! What each request does inside the writer's open transaction.

use std::sync::Arc;

use protocol::{Author, AuthorKind, Message, Stored, code, json};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use server_core::access::Side;
use server_core::append::{Decision, Facts, KnownMessage, NewMessage, Row, Sameness, decide};
use server_core::{Event, Millis, Refusal};

use super::cache::Cache;
use super::files;
use super::hashes;
use super::message_id::MessageId;
use super::request::{Outcome, Request};
use super::row;
use super::visitor;
use crate::store::{Committed, Mark, Marks, NewDialog, Started, Taken};

/// The writer's open transaction.
pub(super) struct Transaction<'a> {
    conn: &'a Connection,
    cache: &'a mut Cache,
    /// The wall clock of the whole transaction.
    now: Millis,
    /// By far the most frequent statement.
    insert: CachedStatement<'a>,
    /// What becomes durable with the commit.
    committed: Vec<Committed>,
    /// Whether a job was added.
    jobs: bool,
}

impl<'a> Transaction<'a> {
    /// Goes on in a transaction that has been opened.
    pub(super) fn new(conn: &'a Connection, cache: &'a mut Cache, now: Millis) -> rusqlite::Result<Self> {
        // A conflict of seq is no known id but a fault, and an error.
        let insert = conn.prepare_cached(
            "INSERT INTO messages (dialog_id, seq, id, author_kind, author_name, text, at, hash, file) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id, dialog_id) DO NOTHING",
        )?;
        Ok(Self { conn, cache, now, insert, committed: Vec::new(), jobs: false })
    }

    /// Returns what becomes durable with the commit, and whether jobs were added.
    pub(super) fn end(self) -> (Vec<Committed>, bool) {
        (self.committed, self.jobs)
    }

    /// Does what a request asks; nothing of it counts before the commit.
    ///
    /// # Errors
    /// Those of SQLite; then the whole transaction must be rolled back.
    pub(super) fn apply(&mut self, request: &Request) -> rusqlite::Result<Outcome> {
        match request {
            Request::Append { dialog_id, message, .. } => self.append(*dialog_id, message).map(Outcome::Taken),
            Request::Start { dialog, .. } => self.start(dialog).map(Outcome::Started),
            Request::Claim { claim, .. } => visitor::claim(self.conn, claim).map(Outcome::Claimed),
            Request::Mark { dialog_id, side, received, read, .. } => {
                self.mark(*dialog_id, *side, *received, *read).map(Outcome::Marks)
            }
            Request::Contact { dialog_id, email, .. } => {
                // Exposed to be kept.
                let email = email.as_ref().map(|email| email.expose());
                self.conn
                    .prepare_cached("UPDATE dialogs SET email = ?2 WHERE id = ?1 AND deleted = 0 AND email IS NOT ?2")?
                    .execute(params![dialog_id, email])?;
                Ok(Outcome::Done)
            }
            Request::Job { job_id, text, keep_out_since, .. } => {
                self.end_job(*job_id, text.as_deref(), *keep_out_since).map(|()| Outcome::Done)
            }
            Request::PutFile { new, .. } => files::put(self.conn, new, self.now).map(Outcome::File),
            Request::ForgetUnsent { before, .. } => files::forget_unsent(self.conn, *before).map(Outcome::Blobs),
            Request::Check { .. } => {
                self.conn.prepare_cached("UPDATE meta SET checked_at = ?1")?.execute([self.now])?;
                Ok(Outcome::Done)
            }
            // What waited before it has been done by then; the rest is the writer's own.
            Request::Close { .. } => Ok(Outcome::Done),
        }
    }

    fn append(&mut self, dialog_id: u64, message: &NewMessage) -> rusqlite::Result<Taken> {
        let Some(dialog) = self.cache.dialog(self.conn, dialog_id)? else { return Ok(Err(no_such_dialog())) };
        let (site_id, head, hash) = (dialog.site_id, dialog.head, dialog.hash);
        let welcome = match message.author.kind {
            AuthorKind::Visitor if head == 0 => self.welcome(site_id)?,
            AuthorKind::Visitor | AuthorKind::Operator | AuthorKind::Assistant | AuthorKind::System => None,
        };
        let last_n = match &message.client {
            Some(client) if message.n.is_some() => self.cache.last_n(self.conn, dialog_id, client)?,
            Some(_) | None => 0,
        };
        let upload = match &message.file {
            Some(file) => {
                let kind = row::author_kind_number(message.author.kind);
                files::unsent(self.conn, dialog_id, kind, file)?
            }
            None => None,
        };
        let file = upload.as_ref().map(|upload| &upload.file);
        let mut facts = Facts { head, known: None, last_n, welcome: welcome.as_deref(), file, at: self.now };
        let mut decision = decide(message, &facts);
        // A new id is the rule. So it is inserted first, and looked up only where the unique index knows it already, or
        // where the order forbids to insert it.
        let mut hashes = Vec::new();
        let missed = match &decision {
            Decision::Append { rows, .. } => {
                hashes = hashes::after(hash, rows);
                !self.insert(dialog_id, rows, &hashes)?
            }
            Decision::Order { .. } | Decision::NoFile => true,
            Decision::Duplicate { .. } | Decision::Conflict => false,
        };
        if missed {
            facts.known = self.known(dialog_id, message)?;
            if facts.known.is_some() {
                decision = decide(message, &facts);
            }
            if matches!(decision, Decision::Append { .. }) {
                // Not inserted and not known: memory and file disagree, and nothing of this may be committed.
                return Err(rusqlite::Error::StatementChangedRows(0));
            }
        }
        if let (Some(upload), Decision::Append { rows, .. }) = (&upload, &decision)
            && let Some(last) = rows.last()
        {
            files::take(self.conn, &upload.blob, dialog_id, last.seq)?;
        }
        self.note((dialog_id, site_id), message, &decision, &hashes)?;
        Ok(decision.answer(&message.id))
    }

    /// Inserts rows; returns `false`, and inserts nothing, where the id of the message is known.
    fn insert(&mut self, dialog_id: u64, rows: &[Row], hashes: &[u64]) -> rusqlite::Result<bool> {
        for (new, hash) in rows.iter().zip(hashes) {
            let name = Some(&new.author.name).filter(|name| !name.is_empty());
            let kind = row::author_kind_number(new.author.kind);
            let id = MessageId::new(&new.id);
            let file = new.file.as_ref().map(json::to_string);
            if self.insert.execute(params![dialog_id, new.seq, id, kind, name, new.text, new.at, hash, file])? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes what the decision means for the dialog, the sender, the assistant and whoever listens.
    fn note(
        &mut self,
        (dialog_id, site_id): (u64, u64),
        message: &NewMessage,
        decision: &Decision,
        hashes: &[u64],
    ) -> rusqlite::Result<()> {
        let (rows, last_n): (&[Row], _) = match decision {
            Decision::Append { rows, last_n } => (rows, *last_n),
            Decision::Duplicate { last_n, .. } => (&[], *last_n),
            Decision::Conflict | Decision::Order { .. } | Decision::NoFile => (&[], None),
        };
        if let (Some(client), Some(last_n)) = (&message.client, last_n) {
            self.cache.advance(dialog_id, client, last_n);
        }
        for (new, hash) in rows.iter().zip(hashes) {
            let message = Message {
                dialog_id,
                seq: new.seq,
                id: new.id.clone(),
                author: new.author.clone(),
                text: new.text.clone(),
                at: new.at,
                file: new.file.clone(),
            };
            self.committed.push(Committed { site_id, event: Arc::new(Event::message(message).hashed(*hash)) });
        }
        let Some((last, hash)) = rows.last().zip(hashes.last()) else { return Ok(()) };
        let by_operator = last.author.kind == AuthorKind::Operator;
        self.cache.change(dialog_id, |dialog| {
            (dialog.head, dialog.hash) = (last.seq, *hash);
            dialog.at = last.at;
            dialog.operator_at = if by_operator { last.at } else { dialog.operator_at };
        });
        let asked = last.author.kind == AuthorKind::Visitor
            && self.cache.dialog(self.conn, dialog_id)?.is_some_and(|dialog| dialog.assistant_id.is_some());
        if asked {
            self.conn
                .prepare_cached("INSERT INTO jobs (dialog_id, seq, at) VALUES (?1, ?2, ?3)")?
                .execute([dialog_id, last.seq, last.at])?;
            self.jobs = true;
        }
        Ok(())
    }

    fn known(&self, dialog_id: u64, message: &NewMessage) -> rusqlite::Result<Option<KnownMessage>> {
        self.conn
            .prepare_cached("SELECT seq, at, author_kind, text, file FROM messages WHERE id = ?1 AND dialog_id = ?2")?
            .query_row(params![MessageId::new(&message.id), dialog_id], |known| {
                let same_author = known.get::<_, i64>(2)? == row::author_kind_number(message.author.kind);
                let same_file = row::file(known, 4)?.map(|file| file.id) == message.file;
                let same = same_author && same_file && known.get_ref(3)?.as_str()? == message.text;
                let same = if same { Sameness::Replay } else { Sameness::Other };
                Ok(KnownMessage { seq: known.get(0)?, at: known.get(1)?, same })
            })
            .optional()
    }

    fn welcome(&self, site_id: u64) -> rusqlite::Result<Option<String>> {
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT welcome FROM sites WHERE id = ?1")?
            .query_row([site_id], |site| site.get(0))
            .optional()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn start(&mut self, new: &NewDialog) -> rusqlite::Result<Started> {
        if let Some(id) = row::find_dialog(self.conn, new.site_id, new.assistant_id, &new.key_hash)? {
            return Ok(Started { dialog_id: Some(id), taken: self.append(id, &new.message)? });
        }
        self.conn
            .prepare_cached(
                "INSERT INTO dialogs (site_id, assistant_id, key_hash, at, active_s) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![new.site_id, new.assistant_id, new.key_hash, self.now, self.now / 1000])?;
        let id = u64::try_from(self.conn.last_insert_rowid()).unwrap_or_default();
        let taken = self.append(id, &new.message)?;
        if taken.is_err() {
            // A dialog is made by its first message or not at all.
            self.conn.prepare_cached("DELETE FROM dialogs WHERE id = ?1")?.execute([id])?;
            self.cache.remove(id);
            return Ok(Started { dialog_id: None, taken });
        }
        Ok(Started { dialog_id: Some(id), taken })
    }

    fn mark(&mut self, dialog_id: u64, side: Side, received: u64, read: u64) -> rusqlite::Result<Marks> {
        let Some(dialog) = self.cache.dialog(self.conn, dialog_id)? else { return Ok(Marks::default()) };
        let mut marks = dialog.marks;
        let head = dialog.head;
        let old = match side {
            Side::Visitor => &mut marks.visitor,
            Side::Operator => &mut marks.operator,
        };
        let read = read.min(head).max(old.read);
        let new = Mark { received: received.min(head).max(old.received).max(read), read };
        if new != *old {
            *old = new;
            self.cache.change(dialog_id, |dialog| dialog.marks = marks);
        }
        Ok(marks)
    }

    /// Ends an assistant's job, with an answer or without.
    fn end_job(&mut self, job_id: u64, text: Option<&str>, keep_out_since: Millis) -> rusqlite::Result<()> {
        let job: Option<(u64, u64, Option<String>)> = self
            .conn
            .prepare_cached(
                "DELETE FROM jobs WHERE id = ?1 RETURNING dialog_id, seq, (SELECT name FROM assistants WHERE id = \
                 (SELECT assistant_id FROM dialogs WHERE dialogs.id = jobs.dialog_id))",
            )?
            .query_row([job_id], |job| Ok((job.get(0)?, job.get(1)?, job.get(2)?)))
            .optional()?;
        let (Some((dialog_id, seq, Some(name))), Some(text)) = (job, text) else { return Ok(()) };
        let operator_at = self.cache.dialog(self.conn, dialog_id)?.map_or(Millis::MAX, |dialog| dialog.operator_at);
        if operator_at > keep_out_since {
            return Ok(());
        }
        let answer = NewMessage {
            id: format!("re-{seq}"),
            n: None,
            client: None,
            author: Author { kind: AuthorKind::Assistant, name },
            text: text.to_owned(),
            file: None,
        };
        // Refused only where somebody has taken this id before: then there is an answer already, or none is due.
        let _taken: Result<Stored, Refusal> = self.append(dialog_id, &answer)?;
        Ok(())
    }
}

fn no_such_dialog() -> Refusal {
    Refusal::terminal(code::DIALOG_NOT_FOUND, "there is no such dialog any more")
}
