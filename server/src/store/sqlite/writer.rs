//! The one thread that writes: it takes what waits, commits it together, and answers after that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use mutants::Mutant;
use rusqlite::{Connection, OptionalExtension, params};
use server_core::Millis;
use tokio::sync::{Notify, mpsc, watch};

use super::cache::Cache;
use super::checkpoint::Checkpoints;
use super::lineage::Lineage;
use super::request::{Outcome, Request};
use super::transaction::Transaction;
use super::{fault, open};
use crate::store::{Committed, Published, StoreError};

/// Requests in one transaction: enough to share one flush of the disk, few enough to answer soon.
const MOST_IN_GROUP: usize = 1_024;

/// Requests that may wait.
const MOST_WAITING: usize = 65_536;

/// Bytes of requests that may wait.
const MOST_WAITING_BYTES: usize = 64 << 20;

/// How long the `n` of a client that has gone is remembered.
const SENDER_MS: Millis = 48 * 3_600_000;

/// Senders that are looked at in one step of pruning.
const PRUNED_AT_ONCE: u32 = 2_000;

/// The time between two steps of pruning.
const PRUNE_MS: Millis = 60_000;

/// How much waits for the writer.
#[derive(Debug, Default)]
pub(super) struct Load {
    requests: AtomicUsize,
    bytes: AtomicUsize,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    pub(super) requests: Sender<Request>,
    pub(super) load: Arc<Load>,
}

impl Inbox {
    /// Queues a request, in the order of the calls; one that closes is never too much.
    pub(super) fn send(&self, request: Request) {
        let bytes = request.bytes();
        let too_many = self.load.requests.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING;
        let too_large = self.load.bytes.fetch_add(bytes, Ordering::Relaxed) >= MOST_WAITING_BYTES;
        if (too_many || too_large) && !matches!(request, Request::Close { .. }) {
            self.load.take(1, bytes);
            request.fail(StoreError::Overloaded { retry_after_ms: 1_000 });
            return;
        }
        if let Err(unsent) = self.requests.send(request) {
            unsent.0.fail(StoreError::Closed);
        }
    }
}

impl Load {
    fn take(&self, requests: usize, bytes: usize) {
        self.requests.fetch_sub(requests, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Everything that the thread owns.
pub(super) struct Writer {
    pub(super) data: PathBuf,
    pub(super) conn: Connection,
    pub(super) lineage: Lineage,
    pub(super) requests: Receiver<Request>,
    pub(super) load: Arc<Load>,
    pub(super) durable: mpsc::Sender<Durable>,
    pub(super) checkpoints: Checkpoints,
    pub(super) failed: watch::Sender<Option<StoreError>>,
    pub(super) clock: fn() -> Millis,
}

/// Where pruning goes on.
#[derive(Debug, Default)]
struct Pruning {
    due_at: Millis,
    after: (u64, String),
}

/// What keeps a writer going from one group to the next.
#[derive(Default)]
struct Work {
    cache: Cache,
    pruning: Pruning,
    /// Why the last group was not stored, if it was not: each reason is logged once.
    refusing: Option<StoreError>,
}

/// What a transaction has done, as long as nobody has been told.
struct Applied {
    outcomes: Vec<Outcome>,
    events: Vec<Committed>,
    jobs: bool,
}

/// A group that is durable, and whoever waits for it.
pub(super) struct Durable {
    requests: Vec<Request>,
    applied: Applied,
}

/// Tells everybody what has become durable, group by group: first those who listen, then those who asked.
///
/// It runs beside the connections, so that the writer is already busy with the next group, and so that waking a
/// connection does not cross threads.
pub(super) async fn tell(mut durable: mpsc::Receiver<Durable>, published: Published, job_added: Arc<Notify>) {
    while let Some(Durable { requests, applied }) = durable.recv().await {
        if !applied.events.is_empty() {
            published(&applied.events);
        }
        if applied.jobs {
            job_added.notify_one();
        }
        requests.into_iter().zip(applied.outcomes).for_each(|(request, outcome)| request.answer(outcome));
    }
}

impl Writer {
    /// Serves requests until one asks to close, or until nobody is left who could ask.
    pub(super) fn run(mut self) {
        let mut work = Work::default();
        let mut group = Vec::with_capacity(MOST_IN_GROUP);
        while let Ok(first) = self.requests.recv() {
            group.push(first);
            group.extend(self.requests.try_iter().take(MOST_IN_GROUP - 1));
            self.load.take(group.len(), group.iter().map(Request::bytes).sum());
            // What came after the closing one is answered when its channel is dropped.
            let closing = group.iter().position(|request| matches!(request, Request::Close { .. }));
            let late = closing.map_or_else(Vec::new, |closing| group.split_off(closing + 1));
            let close = closing.and_then(|_| group.pop());
            self.serve(&mut work, std::mem::take(&mut group));
            self.checkpoints.turn(&self.conn);
            if let Some(close) = close {
                late.into_iter().for_each(|request| request.fail(StoreError::Closed));
                return self.end(close);
            }
        }
        // The store was dropped without being closed; nobody is left to hear how it ended.
        let _ended = self.finish();
    }

    /// Commits a group and answers it; one bad request does not spoil the others.
    fn serve(&mut self, work: &mut Work, group: Vec<Request>) {
        if group.is_empty() {
            return;
        }
        let failure = self.failed.borrow().clone();
        let error = match failure {
            Some(failure) => failure,
            None => match self.commit(work, &group) {
                Ok(applied) => {
                    if let Some(error) = work.refusing.take() {
                        tracing::info!("messages are stored again");
                        if error == StoreError::DiskFull {
                            self.checkpoints.hurry();
                        }
                    }
                    // Nobody is left to be told when the runtime ends; what is durable stays so.
                    let _gone = self.durable.blocking_send(Durable { requests: group, applied });
                    if mutants::planted(Mutant::AnswerBeforeCommit) && self.conn.execute_batch("COMMIT").is_err() {
                        let _undone = self.conn.execute_batch("ROLLBACK");
                    }
                    return;
                }
                Err(error) => error,
            },
        };
        match error {
            // One of the requests is at fault, and only alone is it seen which.
            StoreError::Internal { .. } if group.len() > 1 => {
                group.into_iter().for_each(|request| self.serve(work, vec![request]));
            }
            StoreError::DiskFull
            | StoreError::Overloaded { .. }
            | StoreError::Locked
            | StoreError::Corrupt { .. }
            | StoreError::Io { .. }
            | StoreError::Closed
            | StoreError::Internal { .. } => {
                if work.refusing.as_ref() != Some(&error) {
                    tracing::warn!(%error, requests = group.len(), "nothing is stored");
                    if error == StoreError::DiskFull {
                        self.checkpoints.hurry();
                    }
                    work.refusing = Some(error.clone());
                }
                group.into_iter().for_each(|request| request.fail(error.clone()));
            }
        }
    }

    /// Runs one transaction to its durable end.
    fn commit(&mut self, work: &mut Work, group: &[Request]) -> Result<Applied, StoreError> {
        let now = (self.clock)();
        let applied = self.apply(work, group, now).map_err(|error| self.judged(fault::before_commit(&error), &error));
        let committed = applied.and_then(|applied| {
            if mutants::planted(Mutant::BroadcastBeforeCommit) {
                let early = Applied { outcomes: Vec::new(), events: applied.events.clone(), jobs: false };
                let _gone = self.durable.blocking_send(Durable { requests: Vec::new(), applied: early });
            }
            let end = if mutants::planted(Mutant::AnswerBeforeCommit) { "" } else { "COMMIT" };
            self.conn.execute_batch(end).map_err(|error| self.judged(fault::at_commit(&error), &error))?;
            Ok(applied)
        });
        match committed {
            Ok(applied) => Ok(applied),
            Err(error) => {
                work.cache.forget();
                let rolled_back = self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok();
                let error = match error {
                    // A transaction that can neither be ended nor undone leaves no way to go on.
                    error if rolled_back => error,
                    error => StoreError::Io { message: format!("{error}; and it cannot be rolled back") },
                };
                if matches!(error, StoreError::Io { .. } | StoreError::Corrupt { .. }) {
                    tracing::error!(%error, "the store cannot go on");
                    self.failed.send_replace(Some(error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Returns what an error means on this disk.
    fn judged(&self, judged: StoreError, error: &rusqlite::Error) -> StoreError {
        fault::or_quota(judged, error, || open::is_quota_used_up(&self.data))
    }

    /// Does everything up to COMMIT.
    fn apply(&self, work: &mut Work, group: &[Request], now: Millis) -> rusqlite::Result<Applied> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        work.cache.begin(&self.conn)?;
        let mut transaction = Transaction::new(&self.conn, &mut work.cache, now)?;
        let outcomes = group.iter().map(|request| transaction.apply(request)).collect::<rusqlite::Result<_>>()?;
        let (events, jobs) = transaction.end();
        work.cache.write(&self.conn, now)?;
        self.prune(work, now)?;
        Ok(Applied { outcomes, events, jobs })
    }

    /// Forgets some of the clients that have been gone for two days.
    fn prune(&self, work: &mut Work, now: Millis) -> rusqlite::Result<()> {
        if now < work.pruning.due_at {
            return Ok(());
        }
        let (dialog, client) = &work.pruning.after;
        let last: Option<(u64, String)> = self
            .conn
            .prepare_cached(
                "SELECT dialog_id, client FROM senders WHERE (dialog_id, client) > (?1, ?2) \
                 ORDER BY dialog_id, client LIMIT 1 OFFSET ?3",
            )?
            .query_row(params![dialog, client, PRUNED_AT_ONCE - 1], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (last_dialog, last_client) = last.clone().unwrap_or((i64::MAX.unsigned_abs(), String::new()));
        let pruned = self
            .conn
            .prepare_cached(
                "DELETE FROM senders WHERE (dialog_id, client) > (?1, ?2) AND (dialog_id, client) <= (?3, ?4) \
                 AND at < ?5",
            )?
            .execute(params![dialog, client, last_dialog, last_client, now.saturating_sub(SENDER_MS)])?;
        if pruned > 0 {
            work.cache.forget_senders();
        }
        work.pruning = Pruning { due_at: now + PRUNE_MS, after: last.unwrap_or_default() };
        Ok(())
    }

    /// Ends in order, and says so.
    fn end(self, close: Request) {
        let failure = self.failed.borrow().clone();
        let durable = self.durable.clone();
        match failure.map_or_else(|| self.finish(), Err) {
            Ok(()) => {
                let applied = Applied { outcomes: vec![Outcome::Done], events: Vec::new(), jobs: false };
                let _gone = durable.blocking_send(Durable { requests: vec![close], applied });
            }
            Err(error) => close.fail(error),
        }
    }

    /// Carries the log over into the database and notes that the end was in order.
    fn finish(mut self) -> Result<(), StoreError> {
        self.checkpoints.stop();
        let ended = self.lineage.end(&self.data, &self.conn);
        ended.map_err(|error| StoreError::Internal { message: error.to_string() })?;
        // Fails while another process reads; then the next start does it.
        let _busy = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        self.conn.close().map_err(|(_, error)| fault::before_commit(&error))
    }
}
