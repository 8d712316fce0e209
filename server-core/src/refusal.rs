//! Why a message was not taken.

use protocol::{Refused, ServerFrame, code};

/// Why a message was not taken, and whether the same one may be taken later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`protocol::code`].
    pub code: &'static str,
    /// What to do, for a developer.
    pub message: &'static str,
    /// Whether the same message may be taken later.
    pub retry: bool,
    /// Not before.
    pub retry_after_ms: Option<u32>,
    /// With the code `order`: the `n` that is taken next.
    pub expected: Option<u64>,
}

impl Refusal {
    /// A refusal for ever: the same message will not be taken later either.
    pub const fn terminal(code: &'static str, message: &'static str) -> Self {
        Self { code, message, retry: false, retry_after_ms: None, expected: None }
    }

    /// A refusal for now.
    pub const fn transient(code: &'static str, message: &'static str, retry_after_ms: u32) -> Self {
        Self { code, message, retry: true, retry_after_ms: Some(retry_after_ms), expected: None }
    }

    /// The `n` of a message is not the next one.
    pub const fn order(expected: u64) -> Self {
        Self {
            code: code::ORDER,
            message: "messages of one client are taken in the order of their n",
            retry: true,
            retry_after_ms: None,
            expected: Some(expected),
        }
    }

    /// The id is known with another text or from another author.
    pub const fn id_conflict() -> Self {
        Self::terminal(code::ID_CONFLICT, "this id is known with another text or from another author")
    }

    /// The file that a message names is not there for it.
    pub const fn file_not_found() -> Self {
        Self::terminal(code::FILE_NOT_FOUND, "this file is not there, or belongs to another message: upload it first")
    }

    /// The disk is full.
    pub const fn disk_full() -> Self {
        Self::transient(code::DISK_FULL, "the disk is full: nothing can be written now", 3_000)
    }

    /// The database does not answer.
    pub const fn store_unavailable() -> Self {
        Self::transient(code::STORE_UNAVAILABLE, "the database does not answer now", 2_000)
    }

    /// Faster than the limit allows.
    pub const fn rate_limited(retry_after_ms: u32) -> Self {
        Self::transient(code::RATE_LIMITED, "faster than this server takes messages", retry_after_ms)
    }

    /// Returns the frame that tells the sender of message `id`.
    pub fn into_frame(self, id: impl Into<String>) -> ServerFrame {
        ServerFrame::Refused(Refused {
            id: id.into(),
            code: self.code.into(),
            message: self.message.into(),
            retry: self.retry,
            retry_after_ms: self.retry_after_ms,
            expected: self.expected,
        })
    }
}
