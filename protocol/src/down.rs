//! Frames from the server to a client.

use crate::frame::frames;
use crate::wire::{wire, words};
use crate::{Ping, Timestamp};

frames! {
    /// What a server sends.
    pub enum ServerFrame {
        /// The session is let in, and from where it goes on.
        "ready" => Ready(Ready),
        /// A message of the log.
        "message" => Message(Message),
        /// Another durable event of the log.
        "dialog" => Dialog(DialogChange),
        /// The end of a stretch that was asked for.
        "synced" => Synced(Synced),
        /// The answer to a message: it is durable.
        "stored" => Stored(Stored),
        /// The answer to a message that was not taken.
        "refused" => Refused(Refused),
        /// How far the other side has come.
        "receipt" => Receipt(Receipt),
        /// Somebody else types.
        "typing" => Typing(TypingBy),
        /// Which operators are there.
        "presence" => Presence(Presence),
        /// The server's own sign of life.
        "heartbeat" => Heartbeat(Heartbeat),
        /// The answer to a ping.
        "pong" => Pong(Ping),
        /// This server will go: open the next link, then leave this one.
        "drain" => Drain(Drain),
        /// A frame was not understood; the link lives on.
        "error" => Error(ErrorFrame),
        /// The channels that are subscribed now.
        "subscribed" => Subscribed(Channels),
        /// The channels that no longer are.
        "unsubscribed" => Unsubscribed(Channels),
        /// The answer to figures.
        "metrics_received" => MetricsReceived(MetricsReceived),
        /// What a close code says, for transports that have none.
        "bye" => Bye(Bye),
    }
}

frames! {
    /// What an operator's inbox (`/ws/inbox`) sends: hints of what changes in any dialog of the operator's sites.
    ///
    /// Only hints: some may be lost when many come at once, and a list that must be right is asked for again
    /// (`GET /api/dialogs`) after `inbox` and after a gap in the heads. The inbox also sends `heartbeat`, `pong`,
    /// `drain` and `error`, as every socket does, and takes `ping` and `auth`.
    pub enum InboxFrame {
        /// The inbox is open from here on.
        "inbox" => Ready(InboxReady),
        /// A dialog has a new event.
        "dialog_activity" => Activity(DialogActivity),
    }
}

wire! {
    /// The inbox is open.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct InboxReady {
        /// The version of the wire.
        pub v: u32,
        /// The interval of the server's heartbeat.
        pub heartbeat_ms: u32,
        /// The server's wall clock, ms since 1970.
        pub now: u64,
    }
}

wire! {
    /// A dialog has a new event.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogActivity {
        /// The dialog.
        pub dialog_id: u64,
        /// Its site.
        pub site_id: u64,
        /// The last `seq` of its log.
        pub head: u64,
        /// Who wrote or did it.
        pub author: Author,
        /// The beginning of the message, up to 200 characters; empty for other events.
        pub preview: String [optional],
        /// When it was stored, ms since 1970.
        pub at: u64,
    }
}

wire! {
    /// The first answer of a session.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Ready {
        /// The version of the wire.
        pub v: u32,
        /// The dialog of this session.
        pub dialog_id: u64,
        /// Changes when the log was replaced by an older one (a restored backup).
        pub epoch: u64,
        /// The last `seq` of the log.
        pub head: u64,
        /// How the session goes on.
        pub mode: ResumeMode,
        /// The `seq` that comes next on this link: the cursor of the client is one less.
        pub next: u64,
        /// The [`crate::digest`] of the log up to that cursor, where the server knows it.
        pub hash: Option<u64> [optional],
        /// Which of the pending ids the log knows.
        pub known: Vec<Known> [optional],
        /// The last `n` taken from this client.
        pub last_n: u64 [default],
        /// The interval of the server's heartbeat.
        pub heartbeat_ms: u32,
        /// How widely clients should spread their first try after a break.
        pub spread_ms: u32,
        /// Where else to go, best first; empty: only here.
        pub servers: Vec<String> [optional],
        /// What the server takes.
        pub limits: Limits [default],
        /// The server's wall clock, ms since 1970.
        pub now: u64,
    }
}

words! {
    /// What a session brings after `ready`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum ResumeMode {
        /// Exactly what comes after the cursor.
        #[default]
        Delta = "delta",
        /// Too far behind: the last ones only, older ones on request.
        Snapshot = "snapshot",
        /// Another log: forget what you have.
        Reset = "reset",
    }
}

wire! {
    /// A pending message that the log knows.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Known {
        /// Its id.
        pub id: String,
        /// Its place in the log.
        pub seq: u64,
        /// When it was stored, ms since 1970.
        pub at: u64,
    }
}

wire! {
    /// What the server takes from one client.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Limits {
        /// Characters in a message.
        pub text_chars: u32,
        /// Bytes in a frame.
        pub frame_bytes: u32,
        /// Messages a second, sustained.
        pub messages_per_s: u32,
        /// The files that the site takes; none where it takes none.
        pub files: Option<FileLimits> [optional],
    }
}

wire! {
    /// The files that a site takes.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FileLimits {
        /// Bytes in one file.
        pub bytes: u64,
        /// Only images.
        pub images: bool [optional],
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_chars: crate::limits::TEXT_CHARS,
            frame_bytes: crate::limits::FRAME_BYTES,
            messages_per_s: crate::limits::MESSAGES_PER_S,
            files: None,
        }
    }
}

wire! {
    /// A message of the log.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Message {
        /// The dialog it belongs to.
        pub dialog_id: u64,
        /// Its place: 1, 2, 3 … without holes.
        pub seq: u64,
        /// The name its sender gave it.
        pub id: String,
        /// Who wrote it.
        pub author: Author,
        /// What was written, as text and never as markup.
        pub text: String,
        /// When it was stored, ms since 1970.
        pub at: u64,
        /// What was sent with it; then the text may be empty.
        pub file: Option<File> [optional],
    }
}

wire! {
    /// An image or another file that was sent with a message; its bytes never change.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct File {
        /// The name its sender gave it for the machine, at its upload.
        pub id: String,
        /// The name that is shown; it ends as its type does.
        pub name: String,
        /// What it is, as the server saw by its first bytes: `image/png`.
        pub mime: String,
        /// Bytes.
        pub size: u64,
        /// Pixels, of an image.
        pub width: Option<u32> [optional],
        /// Pixels, of an image.
        pub height: Option<u32> [optional],
    }
}

wire! {
    /// Who wrote or did something.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Author {
        /// The kind of author.
        pub kind: AuthorKind,
        /// The name that is shown.
        pub name: String [optional],
    }
}

words! {
    /// The kinds of authors.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub enum AuthorKind {
        /// The visitor of the site.
        #[default]
        Visitor = "visitor",
        /// A person who answers.
        Operator = "operator",
        /// An automatic assistant.
        Assistant = "assistant",
        /// The site itself, as in the welcome message.
        System = "system",
    }
}

wire! {
    /// A durable event that is not a message.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogChange {
        /// The dialog it belongs to.
        pub dialog_id: u64,
        /// Its place in the same order as the messages.
        pub seq: u64,
        /// `assigned`, `closed`, `reopened`, …; unknown ones are skipped by the client.
        pub change: String,
        /// Who did it.
        pub author: Author [default],
        /// When, ms since 1970.
        pub at: u64 [default],
    }
}

wire! {
    /// The end of a stretch of the log.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Synced {
        /// The last `seq` of the log.
        pub head: u64,
        /// The [`crate::digest`] of the log up to `head`, where the server knows it.
        pub hash: Option<u64> [optional],
    }
}

wire! {
    /// A message is durable.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Stored {
        /// Its id.
        pub id: String,
        /// Its place in the log.
        pub seq: u64,
        /// When it was stored, ms since 1970.
        pub at: u64,
        /// It had been stored before.
        pub duplicate: bool [optional],
    }
}

wire! {
    /// A message was not taken.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Refused {
        /// Its id, or empty where it had none.
        pub id: String,
        /// One of [`crate::code`].
        pub code: String,
        /// What to do, for a developer.
        pub message: String,
        /// Whether the same message may be taken later.
        pub retry: bool,
        /// Not before.
        pub retry_after_ms: Option<u32> [optional],
        /// With the code `order`: the `n` that the server takes next.
        pub expected: Option<u64> [optional],
    }
}

wire! {
    /// How far one side has come.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Receipt {
        /// Which side.
        pub who: AuthorKind,
        /// The last `seq` that has reached its page.
        pub received: u64,
        /// The last `seq` that it has seen.
        pub read: u64,
    }
}

wire! {
    /// Somebody types, or has stopped.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct TypingBy {
        /// Who.
        pub author: Author,
        /// `true` while typing.
        pub on: bool,
    }
}

wire! {
    /// The operators that are connected to the dialog's site.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Presence {
        /// Their shown names, each once.
        pub operators: Vec<String>,
    }
}

wire! {
    /// The server's own sign of life.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Heartbeat {
        /// The server's wall clock, ms since 1970.
        pub timestamp: u64,
        /// The last `seq` of the dialog, so that a lost hint is noticed.
        pub head: u64 [default],
        /// The [`crate::digest`] of the log up to `head`, where the server knows it.
        pub hash: Option<u64> [optional],
    }
}

wire! {
    /// This server will go.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Drain {
        /// This link is closed after so long.
        pub in_ms: u32,
        /// Over how long all clients are spread.
        pub spread_ms: u32,
    }
}

wire! {
    /// A frame was not understood.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct ErrorFrame {
        /// One of [`crate::code`].
        pub code: String,
        /// What was wrong and what to do, for a developer.
        pub message: String,
    }
}

wire! {
    /// The channels of a subscription.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Channels {
        /// Their names.
        pub channels: Vec<String>,
        /// Always `ok`.
        pub status: String,
    }
}

wire! {
    /// Figures have come.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct MetricsReceived {
        /// `ok`, or `off` where nobody wants them.
        pub status: String,
        /// The server's wall clock, ms since 1970.
        pub timestamp: u64,
    }
}

wire! {
    /// The link ends here.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Bye {
        /// A close code of [`crate::close`].
        pub code: u16,
        /// Why, in one word.
        pub reason: String,
        /// Whether to come back.
        pub retry: bool,
        /// Not before.
        pub after_ms: Option<u32> [optional],
    }
}

impl ServerFrame {
    /// Returns the pong to a ping.
    pub fn pong(timestamp: Timestamp) -> Self {
        Self::Pong(Ping { timestamp })
    }
}
