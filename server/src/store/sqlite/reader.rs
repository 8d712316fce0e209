//! Threads that read, each with a connection of its own; what they see is always a committed state.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::{fault, open};
use crate::store::{Answer, StoreError};

/// Reads that may wait.
const MOST_WAITING: usize = 16_384;

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads and what waits for them.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    added: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Read>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Readers {
    /// Starts `count` threads on the database at `path`.
    pub(super) fn start(path: &Path, count: usize) -> Result<Self, open::OpenError> {
        let queue = Arc::new(Queue::default());
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let mut conn = open::connect(path)?;
            conn.execute_batch("PRAGMA query_only = ON")?;
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name(format!("store-reader-{number}")).spawn(move || {
                while let Some(read) = queue.next() {
                    read(&mut conn);
                }
            });
            threads.push(thread.map_err(|error| open::OpenError::Directory { path: path.to_owned(), error })?);
        }
        Ok(Self { queue, threads: Mutex::new(threads) })
    }

    /// Queues a read; all that it reads is of one moment, no earlier than this call.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (to, answer) = oneshot::channel();
        let queued = self.queue.push(Box::new(move |conn| {
            // A fault of one question must not take the thread from all others.
            let read = AssertUnwindSafe(|| in_one_moment(conn, read));
            let result = match catch_unwind(read) {
                Ok(result) => result.map_err(|error| fault::before_commit(&error)),
                Err(_) => Err(StoreError::Internal { message: "a read has panicked".into() }),
            };
            let _gone = to.send(result);
        }));
        Box::pin(async move {
            queued?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    /// Ends the threads after what waits.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.queue.added.notify_all();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ended = thread.join();
        }
    }
}

fn in_one_moment<T>(
    conn: &mut Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let result = read(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, read: Read) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.waiting.len() >= MOST_WAITING {
            return Err(StoreError::Overloaded { retry_after_ms: 1_000 });
        }
        state.waiting.push_back(read);
        drop(state);
        self.added.notify_one();
        Ok(())
    }

    /// Waits for the next read; none when the queue is closed and empty.
    fn next(&self) -> Option<Read> {
        let mut state = self.lock();
        loop {
            if let Some(read) = state.waiting.pop_front() {
                return Some(read);
            }
            if state.closed {
                return None;
            }
            state = self.added.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
