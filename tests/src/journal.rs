//! What a server logs, kept apart for each test.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::subscriber::set_global_default;

/// The lines of one server.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static OWN: RefCell<Option<Journal>> = const { RefCell::new(None) };
}

/// Lines of threads that belong to no server that is known.
static STRAY: OnceLock<Journal> = OnceLock::new();
/// Lines of all threads together.
static ALL: OnceLock<Journal> = OnceLock::new();
static STARTED: OnceLock<()> = OnceLock::new();

impl Journal {
    /// Keeps what this thread logs from now on.
    pub fn keep(&self) {
        STARTED.get_or_init(|| {
            let subscriber = server::logging::subscriber("info,server=debug", || Writer).expect("the filter is right");
            set_global_default(subscriber).expect("nobody else logs");
        });
        OWN.with(|own| *own.borrow_mut() = Some(self.clone()));
    }

    /// Returns what was logged so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Returns the lines that hold all of these parts.
    pub fn lines(&self, parts: &[&str]) -> Vec<String> {
        let text = self.text();
        text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned).collect()
    }

    /// Returns what threads of no known server have logged.
    pub fn stray() -> String {
        STRAY.get_or_init(Self::default).text()
    }

    /// Returns what all servers of this process have logged.
    pub fn everything() -> String {
        ALL.get_or_init(Self::default).text()
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ALL.get_or_init(Journal::default).push(bytes);
        OWN.with(|own| match &*own.borrow() {
            Some(journal) => journal.push(bytes),
            None => STRAY.get_or_init(Journal::default).push(bytes),
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
