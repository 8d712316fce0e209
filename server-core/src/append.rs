//! What a message does to the log: a function from looked-up facts to rows.

use mutants::Mutant;
use protocol::{Author, AuthorKind, File, Stored, WELCOME_ID};

use crate::{Millis, Refusal};

/// A message on its way to the log, checked and with its author.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// Its name, unique in the dialog for ever.
    pub id: String,
    /// 1, 2, 3 … within `client`; without it (or without `client`) the order is not checked.
    pub n: Option<u64>,
    /// The sender that `n` counts for.
    pub client: Option<String>,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub text: String,
    /// The id of the file that goes with it.
    pub file: Option<String>,
}

/// What the store knows inside the transaction that will write the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    /// The last `seq` of the dialog, 0 where it is empty.
    pub head: u64,
    /// What the dialog has under this id.
    pub known: Option<KnownMessage>,
    /// The last `n` taken from this client, 0 for one that is not known.
    pub last_n: u64,
    /// The welcome text of the dialog's site, where it has one.
    pub welcome: Option<&'a str>,
    /// The file that the message names, where it is there, may be used by its author and is not used yet.
    pub file: Option<&'a File>,
    /// The wall clock.
    pub at: Millis,
}

/// A message that the log has under the id in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMessage {
    /// Its place.
    pub seq: u64,
    /// When it was stored, wall clock.
    pub at: Millis,
    /// Whether text and kind of author are those of the new message.
    pub same: Sameness,
}

/// Whether a message known under an id is the one that arrives again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// Same text, same file, same kind of author: a replay.
    Replay,
    /// Something else under the same id.
    Other,
}

/// One row to be inserted.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the log.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub text: String,
    /// What was sent with it.
    pub file: Option<File>,
    /// When, wall clock.
    pub at: Millis,
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The log has it already: answer with its place.
    Duplicate {
        /// Its place.
        seq: u64,
        /// When it was stored.
        at: Millis,
        /// The client's `last_n` to be written, where it moves.
        last_n: Option<u64>,
    },
    /// The id is known with other contents.
    Conflict,
    /// Its `n` is not the next one.
    Order {
        /// The one that is.
        expected: u64,
    },
    /// The file that it names is not there for it.
    NoFile,
    /// Insert these rows, the message's own last, and set the head to its `seq`.
    Append {
        /// The welcome message where it is due, then the message.
        rows: Vec<Row>,
        /// The client's `last_n` to be written, where it counts.
        last_n: Option<u64>,
    },
}

impl Decision {
    /// Returns the answer to the sender, to be given only after the commit.
    ///
    /// # Errors
    /// The refusal, when the message was not taken.
    pub fn answer(&self, id: &str) -> Result<Stored, Refusal> {
        match self {
            Self::Duplicate { seq, at, .. } => Ok(Stored { id: id.into(), seq: *seq, at: *at, duplicate: true }),
            Self::Conflict => Err(Refusal::id_conflict()),
            Self::Order { expected } => Err(Refusal::order(*expected)),
            Self::NoFile => Err(Refusal::file_not_found()),
            Self::Append { rows, .. } => match rows.last() {
                Some(row) => Ok(Stored { id: id.into(), seq: row.seq, at: row.at, duplicate: false }),
                None => Err(Refusal::store_unavailable()),
            },
        }
    }
}

/// Decides what `message` does to a dialog of which `facts` hold.
///
/// A known id is answered with its place and never stored twice, whatever its `n`. A new one is taken when its `n` is
/// the next of its client, or when it has none. The first message of a visitor in an empty dialog also writes the
/// site's welcome, as `seq` 1.
pub fn decide(message: &NewMessage, facts: &Facts<'_>) -> Decision {
    let n = message.client.as_ref().and(message.n);
    let expected = facts.last_n + 1;
    if let Some(known) = facts.known.filter(|_| !mutants::planted(Mutant::NoIds)) {
        return match known.same {
            Sameness::Replay => {
                Decision::Duplicate { seq: known.seq, at: known.at, last_n: n.filter(|n| *n == expected) }
            }
            Sameness::Other => Decision::Conflict,
        };
    }
    if n.is_some_and(|n| n != expected) && !mutants::planted(Mutant::NoOrder) {
        return Decision::Order { expected };
    }
    if message.file.is_some() && facts.file.is_none() && !mutants::planted(Mutant::NoFileCheck) {
        return Decision::NoFile;
    }
    let mut rows = Vec::with_capacity(2);
    let mut head = facts.head;
    if let Some(text) = facts.welcome.filter(|_| welcome_is_due(head, n) && message.author.kind == AuthorKind::Visitor)
    {
        head += 1;
        let (id, text) = (WELCOME_ID.into(), text.into());
        rows.push(Row { seq: head, id, author: system(), text, file: None, at: facts.at });
    }
    rows.push(Row {
        seq: head + 1,
        id: message.id.clone(),
        author: message.author.clone(),
        text: message.text.clone(),
        file: facts.file.cloned(),
        at: facts.at,
    });
    Decision::Append { rows, last_n: n }
}

/// Says whether the welcome belongs in front of a message: where the dialog is empty.
fn welcome_is_due(head: u64, n: Option<u64>) -> bool {
    head == 0 || (mutants::planted(Mutant::ManyWelcomes) && n == Some(1))
}

fn system() -> Author {
    Author { kind: AuthorKind::System, name: String::new() }
}

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
