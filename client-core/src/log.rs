//! What happened, as entries for a developer to read: numbers and words of our own, so that no secret and no text of a
//! person can be among them.

use std::collections::VecDeque;

use crate::health::Status;
use crate::trouble::{Action, Class, Severity, Trouble};
use crate::{LinkId, Transport};

/// Entries that are kept.
const KEPT_ENTRIES: usize = 100;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, ms since 1970.
    pub at: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A link is being opened.
    Opening {
        /// Which.
        link: LinkId,
        /// How.
        transport: Transport,
    },
    /// A link is ready.
    Ready {
        /// Which.
        link: LinkId,
        /// How.
        transport: Transport,
        /// Why it was opened, as in `hello`.
        why: &'static str,
    },
    /// The link is gone; another one is wanted.
    Broke {
        /// Which.
        link: LinkId,
        /// How long it held, in ms.
        held_ms: u64,
    },
    /// A link is ready again.
    Recovered {
        /// After so long without one, in ms.
        after_ms: u64,
    },
    /// A lesser transport has taken over.
    FellBack {
        /// Which.
        transport: Transport,
        /// Why not the best one.
        because: &'static str,
    },
    /// A ping was answered.
    RoundTrip {
        /// After so long, in ms.
        ms: u64,
    },
    /// An event came a second time, and was dropped.
    Duplicate {
        /// Its place in the log.
        seq: u64,
    },
    /// An event came before the one that it follows.
    Gap {
        /// Its place in the log.
        seq: u64,
    },
    /// The health is another one now.
    Health {
        /// Which.
        status: Status,
        /// From 0 to 100.
        score: u32,
    },
    /// Something went wrong.
    Trouble {
        /// What.
        trouble: Trouble,
        /// What is done about it.
        action: Action,
        /// What it happened to, in one word.
        context: &'static str,
    },
}

/// How much an entry matters; each level holds those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// The usual course.
    Info,
    /// It heals by itself.
    Warn,
    /// A person notices, or it does not heal by itself.
    Error,
}

/// The last entries, oldest first, and from which level on the page wants to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    pub(crate) told: Option<Level>,
}

impl Log {
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= KEPT_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

impl What {
    /// Returns how much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::Opening { .. } | Self::RoundTrip { .. } | Self::Duplicate { .. } => Level::Debug,
            Self::Ready { .. } | Self::Recovered { .. } => Level::Info,
            Self::Broke { .. } | Self::FellBack { .. } | Self::Gap { .. } => Level::Warn,
            Self::Health { status, .. } => match status {
                Status::Healthy => Level::Info,
                Status::Warning => Level::Warn,
                Status::Critical => Level::Error,
            },
            Self::Trouble { trouble, .. } => match trouble.class().severity() {
                Severity::Medium => Level::Warn,
                Severity::High | Severity::Critical => Level::Error,
            },
        }
    }
}

/// A value of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datum {
    /// A number.
    Number(u64),
    /// A word of ours.
    Word(&'static str),
}

impl Entry {
    /// Returns which part of the client tells it.
    pub fn component(&self) -> &'static str {
        match self.what {
            What::Opening { .. } | What::Ready { .. } | What::Broke { .. } | What::Recovered { .. } => "link",
            What::FellBack { .. } => "ladder",
            What::RoundTrip { .. } => "pulse",
            What::Duplicate { .. } | What::Gap { .. } => "timeline",
            What::Health { .. } => "health",
            What::Trouble { trouble, .. } => trouble.component(),
        }
    }

    /// Returns what happened, in one word.
    pub fn event(&self) -> &'static str {
        match self.what {
            What::Opening { .. } => "opening",
            What::Ready { .. } => "ready",
            What::Broke { .. } => "broke",
            What::Recovered { .. } => "recovered",
            What::FellBack { .. } => "fell_back",
            What::RoundTrip { .. } => "round_trip",
            What::Duplicate { .. } => "duplicate",
            What::Gap { .. } => "gap",
            What::Health { .. } => "health",
            What::Trouble { trouble, .. } => trouble.word(),
        }
    }

    /// Returns what belongs to it, by name.
    pub fn data(&self) -> Vec<(&'static str, Datum)> {
        use Datum::{Number, Word};
        match self.what {
            What::Opening { link, transport } => {
                vec![("link", Number(u64::from(link.0))), ("transport", Word(transport.word()))]
            }
            What::Ready { link, transport, why } => {
                vec![("link", Number(u64::from(link.0))), ("transport", Word(transport.word())), ("why", Word(why))]
            }
            What::Broke { link, held_ms } => {
                vec![("link", Number(u64::from(link.0))), ("held_ms", Number(held_ms))]
            }
            What::Recovered { after_ms } => vec![("after_ms", Number(after_ms))],
            What::FellBack { transport, because } => {
                vec![("transport", Word(transport.word())), ("because", Word(because))]
            }
            What::RoundTrip { ms } => vec![("ms", Number(ms))],
            What::Duplicate { seq } | What::Gap { seq } => vec![("seq", Number(seq))],
            What::Health { status, score } => {
                vec![("status", Word(status.word())), ("score", Number(u64::from(score)))]
            }
            What::Trouble { .. } => Vec::new(),
        }
    }
}

impl Level {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Returns the level of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.word() == word)
    }
}

impl Class {
    /// Returns its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::ConnectionTimeout => "CONNECTION_TIMEOUT",
            Self::AuthenticationFailed => "AUTHENTICATION_FAILED",
            Self::ServerOverload => "SERVER_OVERLOAD",
            Self::NetworkError => "NETWORK_ERROR",
            Self::ProtocolError => "PROTOCOL_ERROR",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Severity {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Action {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reconnect => "reconnect",
            Self::Reauthenticate => "reauthenticate",
            Self::BackOff => "back_off",
            Self::Retry => "retry",
            Self::Continue => "continue",
            Self::GiveUp => "give_up",
        }
    }
}

impl Trouble {
    /// Returns it in one word.
    pub fn word(self) -> &'static str {
        self.words().0
    }

    /// Returns it in a sentence.
    pub fn message(self) -> &'static str {
        self.words().2
    }

    fn component(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::OpenTimeout => ("open_timeout", "link", "a link was not ready in time"),
            Self::RequestTimeout => ("request_timeout", "request", "a request was not answered in time"),
            Self::Silence => ("silence", "pulse", "nothing was heard for too long"),
            Self::NoAnswer => ("no_answer", "outbox", "a message was not answered on a link that lives"),
            Self::Gap => ("gap_unfilled", "timeline", "the rest of the log did not come"),
            Self::Broken => ("broken", "link", "the link ended without a word"),
            Self::Unreachable => ("unreachable", "request", "a request ended without an answer"),
            Self::Closed(_) => ("closed", "link", "the link was closed"),
            Self::Status(_) => ("refused", "request", "the server refused a request"),
            Self::Foreign(_) => ("foreign_answer", "request", "something else than the server has answered"),
            Self::Gone(_) => ("dialog_gone", "dialog", "there is no such dialog, or it is not for this client"),
            Self::BadFrame => ("bad_frame", "link", "a frame could not be read"),
            Self::OtherDialog => ("other_dialog", "link", "a frame for another dialog was dropped"),
            Self::Limited => ("limited", "outbox", "the server does not take a message now"),
            Self::Order => ("order", "outbox", "a message came out of its order"),
            Self::Refused => ("message_refused", "outbox", "the server will never take a message"),
            Self::Misread => ("misread", "link", "the server could not read a frame"),
            Self::Audit => ("audit_failed", "timeline", "the log here is not the log there"),
            Self::Storage => ("storage", "storage", "something could not be kept beyond the page"),
        }
    }
}
