//! What was done and seen: one JSON line for each operation and observer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, µs since the history began.
    pub at_us: u64,
    /// Who did or saw it; [`NEMESIS`] and [`LOG`] are no clients.
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// Who breaks things.
pub const NEMESIS: &str = "nemesis";
/// The log of the server, read at the end.
pub const LOG: &str = "log";

/// A message on a screen, in a frame or in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its place in the log; 0 on a screen while it has none.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// Its label: the first word of what was written.
    pub text: String,
}

/// What somebody did or saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A person sent a message.
    Sent {
        /// Its label.
        text: String,
    },
    /// The client gave a message its id.
    Named {
        /// The id.
        id: String,
        /// Its label.
        text: String,
    },
    /// The client told the person that a message was not taken.
    Declined {
        /// Its label.
        text: String,
    },
    /// The client was told that a message is durable.
    Stored {
        /// The dialog of the client.
        dialog: u64,
        /// The log that its link had announced.
        epoch: u64,
        /// The id.
        id: String,
        /// The place that was promised.
        seq: u64,
    },
    /// A message came over the wire.
    Seen {
        /// The dialog that the frame names.
        dialog: u64,
        /// The log that its link had announced.
        epoch: u64,
        /// The message.
        #[serde(flatten)]
        row: Row,
    },
    /// A message was added at the end of the screen, at its place in the log.
    Shown {
        /// The dialog of the client.
        dialog: u64,
        /// The message.
        #[serde(flatten)]
        row: Row,
    },
    /// The whole screen, where it did not only grow, and at the end.
    Screen {
        /// The dialog of the client.
        dialog: u64,
        /// From the top; what has no place in the log yet comes last.
        rows: Vec<Row>,
        /// Whether nothing comes after it.
        last: bool,
    },
    /// The client's link is in another state.
    Link {
        /// As the client calls it; what begins with `Online` is up.
        state: String,
    },
    /// The server's log, as an operator reads it at the end.
    Logged {
        /// The dialog.
        dialog: u64,
        /// The log.
        epoch: u64,
        /// The message.
        #[serde(flatten)]
        row: Row,
    },
    /// Something was broken.
    Fault {
        /// What.
        what: String,
    },
    /// The path is whole again.
    Healed {
        /// What was broken.
        what: String,
    },
    /// An older log was put in place of the log: what came after it is gone by intention.
    PutBack,
}

/// A history that is being written; its clones write the same one.
#[derive(Clone, Debug)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: Instant,
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
    lines: AtomicU64,
}

impl History {
    /// Begins a history in a new file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = Mutex::new(BufWriter::with_capacity(1 << 20, File::create(path)?));
        let lines = AtomicU64::new(0);
        Ok(Self(Arc::new(Inner { begun: Instant::now(), path: path.into(), file, lines })))
    }

    /// Writes a line; the file's bytes reach the disk with [`History::read`].
    ///
    /// # Panics
    /// The disk is full: a history with holes proves nothing.
    pub fn tell(&self, who: &str, fact: Fact) {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at_us = u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let line = Line { at_us, who: who.into(), fact };
        serde_json::to_writer(&mut *file, &line).expect("the history can be written");
        file.write_all(b"\n").expect("the history can be written");
        self.0.lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many lines there are.
    pub fn lines(&self) -> u64 {
        self.0.lines.load(Ordering::Relaxed)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Finishes writing, and returns its lines from the beginning.
    ///
    /// # Errors
    /// The file cannot be written or read.
    pub fn read(&self) -> io::Result<impl Iterator<Item = io::Result<Line>> + use<>> {
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
        read(&self.0.path)
    }
}

/// Returns the lines of a file.
///
/// # Errors
/// The file cannot be read, or a line is none of a history.
pub fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Line>> + use<>> {
    let lines = BufReader::with_capacity(1 << 20, File::open(path)?).lines();
    Ok(lines.map(|line| serde_json::from_str(&line?).map_err(io::Error::from)))
}

/// Returns the label of a text: its first word, where the rest of it is the padding that [`padded`] gave it.
pub fn label(text: &str) -> String {
    let Some((label, rest)) = text.split_once(' ') else { return text.into() };
    if padded(label, text.len()) == text { label.into() } else { format!("garbled:{label}:{}", rest.len()) }
}

/// Returns a text of so many bytes that begins with a label.
pub fn padded(label: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes.max(label.len()));
    text.push_str(label);
    if bytes > label.len() + 1 {
        text.push(' ');
        // The end is the label again: what was cut or mixed does not have it.
        let filling = bytes - text.len();
        text.extend(label.chars().cycle().take(filling));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::begin(&directory.path().join("folder/history.jsonl")).unwrap();
        let row = Row { seq: 1, id: "a".into(), text: "0.v.1".into() };
        let facts = [
            Fact::Sent { text: "0.v.1".into() },
            Fact::Stored { dialog: 7, epoch: 3, id: "a".into(), seq: 1 },
            Fact::Seen { dialog: 7, epoch: 3, row: row.clone() },
            Fact::Screen { dialog: 7, rows: vec![row], last: true },
            Fact::PutBack,
        ];
        for fact in &facts {
            history.tell("v0", fact.clone());
        }
        let read: Vec<Line> = history.read().unwrap().map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|line| line.fact.clone()).collect::<Vec<_>>(), facts);
        assert!(read.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
        assert_eq!(history.lines(), 5);
    }

    #[test]
    fn a_label_is_known_by_its_padding_and_a_garbled_text_is_not_the_message() {
        for bytes in [0, 5, 6, 7, 8, 100, 1_000] {
            let text = padded("0.v.1", bytes);
            assert_eq!(label(&text), "0.v.1", "{text}");
            assert!(text.len() == bytes.max(5) || bytes == 6, "{bytes}: {text}");
        }
        assert!(label(&padded("0.v.1", 100).replace("0.v.10", "0.v.20")).starts_with("garbled:"));
        assert_eq!(label("Welcome to Alpha!"), "garbled:Welcome:9");
    }
}
