//! Carrying the write-ahead log over into the database, beside the writer, so that no message waits for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::{OpenError, open};

/// Pages of 4 KiB in the write-ahead log before it is carried over.
const PAGES: i32 = 4_000;

/// Pages that are added before it is tried again, where a reader was in the way.
const MORE_PAGES: i32 = 1_000;

/// Whether room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    None,
    /// A log that begins anew needs no new room on the disk, one that grows does.
    RoomIsShort,
}

/// The thread that carries over, seen from the writer.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicI32>,
    ask: Option<SyncSender<()>>,
    carried: Receiver<()>,
    /// At so many pages it is asked for next.
    due_at: i32,
    /// Whether it is asked for at any number of pages.
    urgency: Urgency,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread; `conn` is the writer's, which from now on only counts what it adds to the log.
    pub(super) fn start(data: &Path, conn: &mut Connection) -> Result<Self, OpenError> {
        let pages = Arc::new(AtomicI32::new(0));
        let count = Arc::clone(&pages);
        // Takes the place of SQLite's own hook, which carries over inside the COMMIT that comes to the limit.
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            count.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let own = open::connect(&data.join(open::DATABASE))?;
        let (ask, asked) = sync_channel(1);
        let (done, carried) = sync_channel(1);
        let run = move || {
            while asked.recv().is_ok() {
                carry_over(&own);
                // Full: the writer has not looked yet, and will see the one that is there.
                let _seen_later = done.try_send(());
            }
        };
        let thread = std::thread::Builder::new().name("store-checkpoint".into()).spawn(run);
        let thread = thread.map_err(|error| OpenError::Directory { path: data.to_owned(), error })?;
        Ok(Self { pages, ask: Some(ask), carried, due_at: PAGES, urgency: Urgency::None, thread: Some(thread) })
    }

    /// Has the log carried over soon, however short it is: the disk is full, or was a moment ago.
    pub(super) fn hurry(&mut self) {
        self.urgency = Urgency::RoomIsShort;
    }

    /// Is called between two transactions of the writer.
    pub(super) fn turn(&mut self, conn: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if self.carried.try_recv().is_ok() {
            // Only what was added meanwhile is left to carry, which is little; then the log begins anew.
            carry_over(conn);
            self.due_at = pages + MORE_PAGES;
        } else if self.urgency == Urgency::RoomIsShort {
            self.ask();
        } else if pages < PAGES {
            self.due_at = PAGES;
        } else if pages >= self.due_at {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let Some(ask) = &self.ask else { return };
        match ask.try_send(()) {
            Ok(()) | Err(TrySendError::Disconnected(())) => {
                self.due_at = i32::MAX;
                self.urgency = Urgency::None;
            }
            Err(TrySendError::Full(())) => {}
        }
    }

    /// Ends the thread after what it does.
    pub(super) fn stop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn carry_over(conn: &Connection) {
    // A full disk may stop it; then the log grows, and what is in it is as durable as before.
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::debug!(%error, "the write-ahead log was not carried over");
    }
}
