//! What can go wrong between a request and its commit.

use std::fmt;

use protocol::code;
use server_core::Refusal;

/// Why the store gave no answer, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full: writes are refused, reads go on, and writing works again as soon as there is room.
    DiskFull,
    /// More requests wait than the queue takes; the same request may be sent again a little later.
    Overloaded {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// Another process holds the database for longer than the store waits.
    Locked,
    /// The database file is damaged.
    Corrupt {
        /// What SQLite says.
        message: String,
    },
    /// Whether the last transaction is durable is not known: the process must end and start again.
    ///
    /// No request of that transaction is answered, in one way or the other.
    Io {
        /// What SQLite says.
        message: String,
    },
    /// The store has been closed.
    Closed,
    /// The database refused the request for a reason that is a fault of the program.
    Internal {
        /// What SQLite says.
        message: String,
    },
}

impl StoreError {
    /// Returns the code that a client is told, one of [`protocol::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => code::DISK_FULL,
            Self::Overloaded { .. } => code::OVERLOADED,
            Self::Locked | Self::Corrupt { .. } | Self::Io { .. } | Self::Closed | Self::Internal { .. } => {
                code::STORE_UNAVAILABLE
            }
        }
    }

    /// Returns what the sender of a message is told; nothing where nobody knows whether it is durable.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::DiskFull => Some(Refusal::disk_full()),
            Self::Overloaded { retry_after_ms } => Some(Refusal::transient(
                code::OVERLOADED,
                "more messages wait to be stored than this server takes",
                *retry_after_ms,
            )),
            Self::Locked | Self::Corrupt { .. } | Self::Closed | Self::Internal { .. } => {
                Some(Refusal::store_unavailable())
            }
            Self::Io { .. } => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("the disk is full: nothing can be stored until there is room again"),
            Self::Overloaded { .. } => f.write_str("more messages wait to be stored than the queue takes"),
            Self::Locked => f.write_str("another process holds the database"),
            Self::Corrupt { message } => write!(f, "the database is damaged: {message}"),
            Self::Io { message } => write!(f, "the disk failed while storing: {message}"),
            Self::Closed => f.write_str("the store has been closed"),
            Self::Internal { message } => write!(f, "the database refused: {message}"),
        }
    }
}

impl std::error::Error for StoreError {}
