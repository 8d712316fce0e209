//! Everything a client asks its driver to do.

use protocol::Secret;

use crate::{Entry, LinkId, RequestId};

/// Everything a [`crate::Client`] asks its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Keep a value beyond the page, under this name; answer [`crate::Input::SaveFailed`] if it cannot be kept.
    Save {
        /// Unique among the values of this client.
        name: String,
        /// Any text.
        value: String,
    },
    /// Forget a value.
    Remove {
        /// Its name.
        name: String,
    },
    /// Open a link.
    Open {
        /// The tag of everything that this link will tell.
        link: LinkId,
        /// How: a WebSocket or a stream. Polls are plain requests, and need nothing here.
        transport: Transport,
        /// Path and query behind the base address of a server; see [`crate::Config::servers`].
        path: String,
    },
    /// Let go of a link; nothing it tells afterwards counts.
    Drop {
        /// Which.
        link: LinkId,
    },
    /// Send text over a WebSocket.
    Transmit {
        /// Which.
        link: LinkId,
        /// A frame or a batch.
        text: String,
    },
    /// Make a request; answer with [`crate::Input::Answered`] or [`crate::Input::Unanswered`].
    Request {
        /// The tag of its answer.
        request: RequestId,
        /// What to ask.
        call: Call,
    },
    /// Abort a request; no answer is awaited.
    Abort {
        /// Which.
        request: RequestId,
    },
    /// From now on keep values apart from everybody else's under this tag, and answer [`crate::Input::Person`] with those that
    /// are there.
    Person {
        /// Letters and digits.
        tag: String,
    },
    /// Forget what other persons than that of [`Output::Person`] have left, and what is of nobody and goes with this key; but for the
    /// messages that were not sent (`o:`) and are young enough to be sent one day.
    Forget {
        /// The key from before this person was known, which was brought along; what goes with another stays.
        key: Option<Secret>,
    },
    /// Tell the application.
    Event(Event),
}

/// How frames travel, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Both ways on one socket.
    WebSocket,
    /// Down as server-sent events over `fetch`, up as POSTs; sent with the credential as a bearer token.
    Sse,
    /// Down as the answers of requests that the server holds until there is something, up as POSTs.
    LongPolling,
    /// The same with requests that are answered at once.
    Polling,
}

impl Transport {
    /// Returns its word, as in `hello`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::LongPolling => "long-polling",
            Self::Polling => "polling",
        }
    }
}

/// One HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Path and query behind the base address of a server; see [`crate::Config::servers`].
    pub path: String,
    /// The body of a POST (`application/json`); none for a GET.
    pub body: Option<String>,
    /// Whether the credential goes along as a bearer token.
    pub auth: Authorization,
}

/// Whether a request carries the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `Authorization: Bearer …`.
    Bearer,
    /// Nothing.
    None,
}

/// What the application hears. The view says the rest: see [`crate::Client::view`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message of the other side was applied for the first time on this page, live and not from history.
    Message {
        /// Its place in the log.
        seq: u64,
    },
    /// The dialog and its history are there; the socket is opened after this.
    DialogLoaded {
        /// The dialog.
        dialog_id: u64,
    },
    /// The server wants other credentials; give [`crate::Input::Credential`].
    CredentialsNeeded,
    /// The server refuses this page for good; `reason` tells the site's owner why, in one word.
    Refused {
        /// The close code, or the HTTP status.
        code: u16,
        /// One word, as in `protocol::code`.
        reason: String,
    },
    /// The log here was not the log at the server; it is being loaded again, at most once a minute.
    AuditFailed {
        /// Up to where they were compared.
        seq: u64,
    },
    /// The server does not have the file that a message brings; the message is given up, and out of the view. Whoever has the bytes may
    /// bring them again, with another message.
    FileLost {
        /// A [`protocol::File`] as JSON.
        file: String,
    },
    /// The site has a language for pages that name none that is spoken, as in BCP 47.
    Locale(String),
    /// A round trip was measured, or the health has another score: see [`crate::Client::report`].
    Quality,
    /// Something happened, of a level that the page asked for by [`crate::Input::Log`].
    Log(Entry),
}
