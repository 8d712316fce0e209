//! The store in one SQLite file: one thread writes, a few read, and whatever waits is committed together.

mod admin;
mod backup;
mod cache;
mod checkpoint;
mod fault;
mod files;
mod hashes;
mod lineage;
mod message_id;
mod open;
mod reader;
mod request;
mod row;
mod schema;
mod transaction;
mod visitor;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use protocol::Secret;
use rusqlite::Connection;
use server_core::Millis;
use server_core::access::{DialogFacts, KeyHash, ScopedDialog};
use server_core::append::NewMessage;
use server_core::session::Cursor;
use tokio::sync::{Notify, oneshot, watch};

pub use admin::{Admin, Census, NewAssistant, NewOperator, NewSite};
pub use backup::{BackupError, restore};
pub use open::{DataLock, OpenError, inspect, make_directory};

use self::checkpoint::Checkpoints;
use self::lineage::Lineage;
use self::reader::Readers;
use self::request::{AnswerTo, Request};
use self::writer::{Inbox, Load, Writer};
use super::{
    Answer, Assistant, Claim, Claimed, DialogFilter, DialogSummary, FileOwner, FilePut, FileRoom, Job, KeptFile,
    LogPage, Marks, NewDialog, NewFile, Operator, Published, Resumed, Site, Started, Store, StoreError, Taken,
};
use crate::clock;

/// Connections that read.
const READERS: usize = 2;

/// Groups that are durable while those before them are being told.
const GROUPS: usize = 4;

/// Events in one answer, whatever was asked for.
const MOST_EVENTS: u64 = 500;

/// A database of up to so many bytes is checked before every start: it takes some 30 ms.
const SMALL_BYTES: u64 = 8 << 20;

/// With less room than this on its disk, the store is not ready: a commit, or carrying the log over, may fail any time.
const LEAST_FREE_BYTES: u64 = 16 << 20;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    data: PathBuf,
    epoch: u64,
    restored_at: Millis,
    inbox: Inbox,
    readers: Arc<Readers>,
    job_added: Arc<Notify>,
    failed: watch::Receiver<Option<StoreError>>,
    /// Keeps other servers away; let go of when the store is closed.
    lock: Arc<Mutex<Option<DataLock>>>,
}

/// What a test of faults sets otherwise.
struct Tuning {
    clock: fn() -> Millis,
    /// Is given the writer's connection before its first transaction.
    prepare: fn(&mut Connection) -> rusqlite::Result<()>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { clock: clock::wall, prepare: |_| Ok(()) }
    }
}

impl SqliteStore {
    /// Opens the database of a data directory for a server, and makes it at the first time; must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open(data: &Path, published: Published) -> Result<Self, OpenError> {
        make_directory(data)?;
        Self::open_locked(data, DataLock::take(data)?, published)
    }

    /// Opens the database of a data directory whose lock is held already.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open_locked(data: &Path, lock: DataLock, published: Published) -> Result<Self, OpenError> {
        Self::open_tuned(data, lock, published, &Tuning::default())
    }

    fn open_tuned(data: &Path, lock: DataLock, published: Published, tuning: &Tuning) -> Result<Self, OpenError> {
        let mut conn = open::open(data, Some(&lock))?;
        let lineage = Lineage::start(data, &mut conn)?;
        let small = open::size(data) <= SMALL_BYTES;
        if small {
            open::quick_check(&conn)?;
        }
        (tuning.prepare)(&mut conn)?;
        let readers = Readers::start(&data.join(open::DATABASE), READERS)?;
        let (requests, received) = mpsc::channel();
        let (failing, failed) = watch::channel(None);
        if !small && !lineage.ended {
            check_aside(data, failing.clone())?;
        }
        let load = Arc::new(Load::default());
        let job_added = Arc::new(Notify::new());
        let (epoch, restored_at) = (lineage.epoch, lineage.restored_at);
        let (durable, told) = tokio::sync::mpsc::channel(GROUPS);
        tokio::spawn(writer::tell(told, published, Arc::clone(&job_added)));
        let checkpoints = Checkpoints::start(data, &mut conn)?;
        let writer = Writer {
            data: data.to_owned(),
            conn,
            lineage,
            requests: received,
            load: Arc::clone(&load),
            durable,
            checkpoints,
            failed: failing.clone(),
            clock: tuning.clock,
        };
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| writer.run())).is_err() {
                failing.send_replace(Some(StoreError::Io { message: "the writer has panicked".into() }));
            }
        };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(run)
            .map_err(|error| OpenError::Directory { path: data.to_owned(), error })?;
        let lock = Arc::new(Mutex::new(Some(lock)));
        let data = data.to_owned();
        let (inbox, readers) = (Inbox { requests, load }, Arc::new(readers));
        Ok(Self { data, epoch, restored_at, inbox, readers, job_added, failed, lock })
    }

    fn write<T: Send + 'static>(&self, request: impl FnOnce(AnswerTo<T>) -> Request) -> Answer<T> {
        let (to, answer) = oneshot::channel();
        self.inbox.send(request(to));
        let failed = self.failed.clone();
        Box::pin(async move {
            match answer.await {
                Ok(answer) => answer,
                // The writer is gone, in order or not.
                Err(_) => Err(failed.borrow().clone().unwrap_or(StoreError::Closed)),
            }
        })
    }
}

/// Checks a large database after a server that did not end in order, beside the one that is starting; damage ends it.
fn check_aside(data: &Path, failing: watch::Sender<Option<StoreError>>) -> Result<(), OpenError> {
    let conn = open::connect(&data.join(open::DATABASE))?;
    let check = move || match open::quick_check(&conn) {
        Ok(()) => tracing::info!("the database is sound after a server that did not end in order"),
        Err(OpenError::Corrupt { message }) => {
            tracing::error!(message, "the database is damaged");
            failing.send_replace(Some(StoreError::Corrupt { message }));
        }
        Err(error) => tracing::warn!(%error, "the database could not be checked"),
    };
    let thread = std::thread::Builder::new().name("store-check".into()).spawn(check);
    thread.map(drop).map_err(|error| OpenError::Directory { path: data.to_owned(), error })
}

impl Store for SqliteStore {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn append(&self, dialog: ScopedDialog, message: NewMessage) -> Answer<Taken> {
        self.write(|to| Request::Append { dialog_id: dialog.id(), message, to })
    }

    fn find_dialog(&self, site_id: u64, assistant_id: Option<u64>, key_hash: KeyHash) -> Answer<Option<u64>> {
        self.readers.ask(move |conn| row::find_dialog(conn, site_id, assistant_id, &key_hash))
    }

    fn start_dialog(&self, dialog: NewDialog) -> Answer<Started> {
        self.write(|to| Request::Start { dialog, to })
    }

    fn claim(&self, claim: Claim) -> Answer<Claimed> {
        let (readers, writer) = (Arc::clone(&self.readers), self.inbox.clone());
        let failed = self.failed.clone();
        Box::pin(async move {
            // Mostly nothing has changed since the last time, and a full disk is no reason not to find it.
            let asked = claim.clone();
            if let Some(known) = readers.ask(move |conn| visitor::known(conn, &asked)).await? {
                return Ok(known);
            }
            let (to, answer) = oneshot::channel();
            writer.send(Request::Claim { claim: Box::new(claim), to });
            match answer.await {
                Ok(answer) => answer,
                Err(_) => Err(failed.borrow().clone().unwrap_or(StoreError::Closed)),
            }
        })
    }

    fn dialog_facts(&self, dialog_id: u64) -> Answer<Option<DialogFacts>> {
        self.readers.ask(move |conn| row::dialog_facts(conn, dialog_id))
    }

    fn resume(
        &self,
        dialog: ScopedDialog,
        cursor: Cursor,
        pending: Vec<String>,
        client: Option<String>,
    ) -> Answer<Resumed> {
        let epoch = self.epoch;
        self.readers.ask(move |conn| row::resume(conn, epoch, dialog.id(), cursor, &pending, client.as_deref()))
    }

    fn read(&self, dialog: ScopedDialog, after: u64, limit: u64) -> Answer<LogPage> {
        self.readers.ask(move |conn| row::read(conn, dialog.id(), after, limit.min(MOST_EVENTS)))
    }

    fn before(&self, dialog: ScopedDialog, before: u64, limit: u64) -> Answer<LogPage> {
        self.readers.ask(move |conn| row::before(conn, dialog.id(), before, limit.min(MOST_EVENTS)))
    }

    fn mark(&self, dialog: ScopedDialog, received: u64, read: u64) -> Answer<Marks> {
        self.write(|to| Request::Mark { dialog_id: dialog.id(), side: dialog.side(), received, read, to })
    }

    fn set_contact(&self, dialog: ScopedDialog, email: Option<Secret>) -> Answer<()> {
        self.write(|to| Request::Contact { dialog_id: dialog.id(), email, to })
    }

    fn has_contact(&self, dialog: ScopedDialog) -> Answer<bool> {
        self.readers.ask(move |conn| row::has_contact(conn, dialog.id()))
    }

    fn marks(&self, dialog: ScopedDialog) -> Answer<Marks> {
        self.readers.ask(move |conn| row::marks(conn, dialog.id()))
    }

    fn dialogs(&self, filter: DialogFilter) -> Answer<Vec<DialogSummary>> {
        self.readers.ask(move |conn| row::dialogs(conn, &filter))
    }

    fn put_file(&self, new: NewFile) -> Answer<FilePut> {
        self.write(|to| Request::PutFile { new: Box::new(new), to })
    }

    fn file_room(&self, owner: FileOwner, bytes: u64) -> Answer<FileRoom> {
        self.readers.ask(move |conn| files::room(conn, &owner, bytes))
    }

    fn file(&self, dialog: ScopedDialog, id: &str) -> Answer<Option<KeptFile>> {
        let id = id.to_owned();
        self.readers.ask(move |conn| files::sent(conn, dialog.id(), &id))
    }

    fn restored_at(&self) -> Millis {
        self.restored_at
    }

    fn forget_unsent_files(&self, before: Millis) -> Answer<Vec<String>> {
        self.write(|to| Request::ForgetUnsent { before, to })
    }

    fn known_blobs(&self, names: Vec<String>) -> Answer<Vec<String>> {
        self.readers.ask(move |conn| files::known_blobs(conn, &names))
    }

    fn site_by_token(&self, token: &str) -> Answer<Option<Arc<Site>>> {
        let token = token.to_owned();
        self.readers.ask(move |conn| row::site_by_token(conn, &token))
    }

    fn site(&self, site_id: u64) -> Answer<Option<Arc<Site>>> {
        self.readers.ask(move |conn| row::site_by_id(conn, site_id))
    }

    fn assistant(&self, assistant_id: u64) -> Answer<Option<Arc<Assistant>>> {
        self.readers.ask(move |conn| row::assistant(conn, assistant_id))
    }

    fn operator_by_email(&self, email: &str) -> Answer<Option<Arc<Operator>>> {
        let email = email.to_owned();
        self.readers.ask(move |conn| row::operator_by_email(conn, &email))
    }

    fn operator(&self, operator_id: u64) -> Answer<Option<Arc<Operator>>> {
        self.readers.ask(move |conn| row::operator_by_id(conn, operator_id))
    }

    fn avatar(&self, site_id: u64, name: String) -> Answer<Option<Vec<u8>>> {
        self.readers.ask(move |conn| row::avatar(conn, site_id, &name))
    }

    fn jobs(&self, limit: u32) -> Answer<Vec<Job>> {
        self.readers.ask(move |conn| row::jobs(conn, limit))
    }

    fn answer(&self, job_id: u64, text: Option<String>, keep_out_since: Millis) -> Answer<()> {
        self.write(|to| Request::Job { job_id, text, keep_out_since, to })
    }

    fn job_added(&self) -> Arc<Notify> {
        Arc::clone(&self.job_added)
    }

    fn check(&self) -> Answer<()> {
        // What the check itself writes may fit where a message does not.
        if open::free_bytes(&self.data) < LEAST_FREE_BYTES {
            return Box::pin(async { Err(StoreError::DiskFull) });
        }
        let written = self.write(|to| Request::Check { to });
        let read = self.readers.ask(|conn| conn.query_row("SELECT epoch FROM meta", [], |row| row.get::<_, u64>(0)));
        Box::pin(async move {
            written.await?;
            read.await.map(|_| ())
        })
    }

    fn close(&self) -> Answer<()> {
        let readers = Arc::clone(&self.readers);
        let lock = Arc::clone(&self.lock);
        // Readers first, so that the writer is alone with the file when it carries the log over.
        let readers_closed = tokio::task::spawn_blocking(move || readers.close());
        let (to, closed) = oneshot::channel();
        let (inbox, job_added) = (self.inbox.clone(), self.job_added());
        Box::pin(async move {
            let _ended = readers_closed.await;
            inbox.send(Request::Close { to });
            let result = match closed.await {
                // It has been closed before.
                Ok(Err(StoreError::Closed)) | Err(_) => Ok(()),
                Ok(result) => result,
            };
            lock.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever waits for jobs learns that there will be none.
            job_added.notify_one();
            result
        })
    }

    fn failed(&self) -> Pin<Box<dyn Future<Output = StoreError> + Send + 'static>> {
        let mut failed = self.failed.clone();
        Box::pin(async move {
            match failed.wait_for(Option::is_some).await.map(|error| error.clone()) {
                Ok(Some(error)) => error,
                // The writer ended in order, which is no failure.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests;
