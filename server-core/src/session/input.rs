//! Everything that can happen to a session.

use std::sync::Arc;

use protocol::{Author, ClientFrame, Known, Stored};

use crate::access::ScopedDialog;
use crate::{Ephemeral, Event, Refusal};

/// The number of a question; answers carry it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// Everything that can happen to a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// The client sent a frame; a batch is given frame by frame.
    Frame(ClientFrame),
    /// The client sent something that is not a frame; the link lives on.
    Unreadable {
        /// One of [`protocol::code`].
        code: &'static str,
        /// What was wrong and what to do.
        message: &'static str,
    },
    /// The answer to [`super::Output::Admit`] or [`super::Output::Renew`]: the credentials are good.
    Admitted {
        /// The question.
        ticket: Ticket,
        /// The dialog.
        dialog: ScopedDialog,
        /// Who writes.
        author: Author,
    },
    /// The other answer to [`super::Output::Admit`] or [`super::Output::Renew`].
    Denied {
        /// The question.
        ticket: Ticket,
        /// The close code.
        code: u16,
        /// One word.
        reason: &'static str,
    },
    /// The answer to [`super::Output::Resume`], read after the shell has subscribed to the dialog.
    Resumed {
        /// The question.
        ticket: Ticket,
        /// The epoch of the log.
        epoch: u64,
        /// The last `seq` of the log.
        head: u64,
        /// The hash of the log up to where the session begins: [`super::Cursor::begin`].
        hash: Option<u64>,
        /// Which of the pending ids the log knows.
        known: Vec<Known>,
        /// The last `n` taken from this client.
        last_n: u64,
    },
    /// The answer to [`super::Output::Read`]: what follows the cursor without a hole, and the head.
    Page {
        /// The question.
        ticket: Ticket,
        /// The events, by `seq`.
        events: Vec<Arc<Event>>,
        /// The last `seq` of the log.
        head: u64,
    },
    /// The answer to [`super::Output::Append`], after its commit.
    Appended {
        /// The id of the message.
        id: String,
        /// What became of it.
        result: Result<Stored, Refusal>,
    },
    /// The answer to [`super::Output::Head`].
    Head {
        /// The last `seq` of the dialog, as far as the shell knows.
        head: u64,
    },
    /// The store could not answer a question: the link is closed, to be tried again.
    StoreFailed,
    /// The hub brought a committed event; it may be late, repeated or out of order.
    Published(Arc<Event>),
    /// The hub brought something that only matters now, from somebody else.
    Ephemeral(Ephemeral),
    /// The connection's queue was full and has thrown away all events in it, durable or not; other frames stay.
    ///
    /// From that moment until it gives `Writable`, the shell drops every [`super::Output::Deliver`] as well.
    Congested {
        /// The last durable `seq` that was written since the last `ready` was written; 0 for none.
        written: u64,
    },
    /// The connection takes frames again.
    Writable,
    /// The server goes away.
    Drain {
        /// This connection is closed after so long.
        in_ms: u32,
        /// Over how long all clients are spread.
        spread_ms: u32,
    },
    /// The token that let this one in has expired.
    CredentialsExpired,
    /// The moment of [`super::Session::poll_timeout`] has come.
    Timeout,
}
