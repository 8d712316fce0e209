//! Everything that a session asks of its shell.

use std::sync::Arc;

use protocol::{Bye, Hello, Measures, Secret, ServerFrame, close};

use super::{Cursor, Ticket};
use crate::append::NewMessage;
use crate::{Ephemeral, Event};

/// Everything that a session asks of its shell.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send this frame.
    Transmit(ServerFrame),
    /// Send this event's frame.
    Deliver(Arc<Event>),
    /// Check these credentials together with what the address carried; answer `Admitted` or `Denied`.
    Admit {
        /// The question.
        ticket: Ticket,
        /// The first frame.
        hello: Hello,
    },
    /// Check a fresh token; answer `Admitted` or `Denied`.
    Renew {
        /// The question.
        ticket: Ticket,
        /// The token.
        token: Secret,
    },
    /// Subscribe to the dialog of the admission, then look up; answer `Resumed`.
    Resume {
        /// The question.
        ticket: Ticket,
        /// Where the client wants to go on.
        cursor: Cursor,
        /// The ids in doubt.
        pending: Vec<String>,
        /// The client whose last `n` is asked for.
        client: Option<String>,
    },
    /// Read the log; answer `Page`.
    Read {
        /// The question.
        ticket: Ticket,
        /// The cursor.
        after: u64,
        /// At most so many events.
        limit: u64,
    },
    /// Tell the dialog's head at once, from memory; answer `Head`.
    Head,
    /// Append this message; answer `Appended` after the commit. The order of these is kept.
    Append(NewMessage),
    /// Note how far this side has come, and publish the receipt that results.
    Mark {
        /// The last `seq` that has reached the page.
        received: u64,
        /// The last `seq` that a person has seen.
        read: u64,
    },
    /// Tell the other sessions of the dialog.
    Publish(Ephemeral),
    /// These channels are new: bring their present state by `Ephemeral`.
    Subscribed(Vec<&'static str>),
    /// The client's own figures: keep them where somebody wants them, and answer with [`ServerFrame::MetricsReceived`].
    Metrics(Measures),
    /// End the connection after what was sent before; nothing follows.
    Close(Ending),
}

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// A close code of [`protocol::close`].
    pub code: u16,
    /// One word.
    pub reason: &'static str,
    /// When to come back, where that makes sense.
    pub retry_ms: Option<u32>,
}

impl Ending {
    /// Returns what stands in the close frame, JSON of at most 123 bytes.
    pub fn close_reason(&self) -> String {
        let retry = self.retry_ms.map(|ms| format!("\"retry_ms\":{ms},")).unwrap_or_default();
        format!("{{{retry}\"reason\":\"{}\"}}", self.reason)
    }

    /// Returns the frame that says the same on a transport without close codes.
    pub fn bye(&self) -> ServerFrame {
        let retry = match close::action(self.code) {
            close::Action::Done | close::Action::Stop => false,
            close::Action::Spread | close::Action::BackOff | close::Action::Renew | close::Action::Reconnect => true,
        };
        ServerFrame::Bye(Bye { code: self.code, reason: self.reason.into(), retry, after_ms: self.retry_ms })
    }
}
