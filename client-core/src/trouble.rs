//! What can go wrong, to which class it belongs, and what is done about it: the one place that decides this.

use protocol::{close, code};

/// Something that went wrong, as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A link was not ready in time.
    OpenTimeout,
    /// A request was not answered in time.
    RequestTimeout,
    /// A link was silent for too long.
    Silence,
    /// The link lives, but a message that went over it has no answer.
    NoAnswer,
    /// The log goes on, but the rest did not come.
    Gap,
    /// A link ended without a word.
    Broken,
    /// A request could not be made, or ended without an answer.
    Unreachable,
    /// A WebSocket was closed, or a `bye` said the same, with this code.
    Closed(u16),
    /// The server refused a request with this status.
    Status(u16),
    /// What stands between us and the server answered with this status.
    Foreign(u16),
    /// There is no such dialog, or it is not for us.
    Gone(u16),
    /// A frame could not be read.
    BadFrame,
    /// A frame was for another dialog.
    OtherDialog,
    /// The server did not take a message now: too fast, too full.
    Limited,
    /// The server did not take a message at this place in the order.
    Order,
    /// The server will never take this message.
    Refused,
    /// The server could not read a frame of ours.
    Misread,
    /// The log here is not the log there.
    Audit,
    /// Something could not be kept beyond the page.
    Storage,
}

/// The classes of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An answer did not come in time.
    ConnectionTimeout,
    /// The server does not let us in.
    AuthenticationFailed,
    /// The server has too much to do.
    ServerOverload,
    /// The way to the server is broken.
    NetworkError,
    /// What came, or what we sent, was not as agreed.
    ProtocolError,
    /// None of the others.
    Unknown,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It heals by itself, mostly unseen.
    Medium,
    /// A person notices.
    High,
    /// It does not heal by itself.
    Critical,
}

/// What the client does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Opens a link anew, through the gate.
    Reconnect,
    /// Asks the page for new credentials.
    Reauthenticate,
    /// Waits, and longer each time.
    BackOff,
    /// Does the same again: the log, the dialog or the message is asked for, or sent, anew.
    Retry,
    /// Notes it and goes on.
    Continue,
    /// Stops and tells the page: the server says that nothing will help.
    GiveUp,
}

impl Trouble {
    /// Reads the status of a refused request; `reason` is the code of its body, `None` where the body is not ours.
    pub(crate) fn of_status(status: u16, reason: Option<&str>) -> Self {
        match reason {
            Some(code::DIALOG_NOT_FOUND) => Self::Gone(status),
            Some(_) => Self::Status(status),
            None => Self::Foreign(status),
        }
    }

    /// Reads a close code; `None` where all is well.
    pub(crate) fn of_close(code: u16) -> Option<Self> {
        match close::action(code) {
            close::Action::Done | close::Action::Spread => None,
            _ if code == close::NOT_FOUND => Some(Self::Gone(code)),
            close::Action::Stop | close::Action::BackOff | close::Action::Renew | close::Action::Reconnect => {
                Some(Self::Closed(code))
            }
        }
    }

    /// Reads the code of a message that was not taken.
    pub(crate) fn of_refusal(reason: &str, retry: bool) -> Self {
        match reason {
            code::ORDER => Self::Order,
            _ if retry => Self::Limited,
            _ => Self::Refused,
        }
    }

    /// Returns its class.
    pub fn class(self) -> Class {
        match self {
            Self::OpenTimeout | Self::RequestTimeout | Self::Silence | Self::NoAnswer | Self::Gap => {
                Class::ConnectionTimeout
            }
            Self::Broken | Self::Unreachable => Class::NetworkError,
            Self::Closed(code) => Self::closed(code),
            Self::Gone(_) => Class::AuthenticationFailed,
            Self::Status(status) => match status {
                401 | 403 | 404 => Class::AuthenticationFailed,
                408 => Class::ConnectionTimeout,
                429 | 500..=599 => Class::ServerOverload,
                _ => Class::ProtocolError,
            },
            Self::Foreign(status) => match status {
                408 | 504 => Class::ConnectionTimeout,
                429 | 503 => Class::ServerOverload,
                _ => Class::NetworkError,
            },
            Self::Limited => Class::ServerOverload,
            Self::BadFrame | Self::Order | Self::Refused | Self::Misread | Self::Audit => Class::ProtocolError,
            Self::OtherDialog | Self::Storage => Class::Unknown,
        }
    }

    fn closed(code: u16) -> Class {
        match (close::action(code), code) {
            // Both ends must speak the same; 1002 and so on are said by the browser or by what stands in between.
            (_, close::BAD_FRAMES | close::VERSION | close::TOO_BIG | 1002 | 1003 | 1007 | 1010) => {
                Class::ProtocolError
            }
            (close::Action::Stop | close::Action::Renew, _) => Class::AuthenticationFailed,
            (close::Action::BackOff, _) => Class::ServerOverload,
            (_, 1001..=1999) => Class::NetworkError,
            (close::Action::Done | close::Action::Spread | close::Action::Reconnect, _) => Class::Unknown,
        }
    }

    /// Returns what is done about it; a visitor's key is all there is, so that it cannot be renewed.
    pub fn action(self) -> Action {
        match self {
            Self::Closed(code) if close::action(code) == close::Action::Stop => Action::GiveUp,
            Self::Status(400 | 403 | 404) | Self::Refused => Action::GiveUp,
            Self::Gone(_) => Action::Retry,
            // Whatever it meant: without a link nothing goes on.
            Self::Closed(_) if self.class() == Class::Unknown => Action::Reconnect,
            Self::OpenTimeout
            | Self::RequestTimeout
            | Self::Silence
            | Self::NoAnswer
            | Self::Gap
            | Self::Broken
            | Self::Unreachable
            | Self::Closed(_)
            | Self::Status(_)
            | Self::Foreign(_)
            | Self::BadFrame
            | Self::OtherDialog
            | Self::Limited
            | Self::Order
            | Self::Misread
            | Self::Audit
            | Self::Storage => self.class().action(),
        }
    }

    /// Returns the number that came with it; 0 for none.
    pub fn code(self) -> u16 {
        match self {
            Self::Closed(code) | Self::Status(code) | Self::Foreign(code) | Self::Gone(code) => code,
            Self::OpenTimeout
            | Self::RequestTimeout
            | Self::Silence
            | Self::NoAnswer
            | Self::Gap
            | Self::Broken
            | Self::Unreachable
            | Self::BadFrame
            | Self::OtherDialog
            | Self::Limited
            | Self::Order
            | Self::Refused
            | Self::Misread
            | Self::Audit
            | Self::Storage => 0,
        }
    }
}

impl Class {
    /// Returns how bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::AuthenticationFailed => Severity::Critical,
            Self::ConnectionTimeout | Self::NetworkError => Severity::High,
            Self::ServerOverload | Self::ProtocolError | Self::Unknown => Severity::Medium,
        }
    }

    /// Returns what is done about it, where the server has not said that nothing will help.
    pub fn action(self) -> Action {
        match self {
            Self::ConnectionTimeout | Self::NetworkError => Action::Reconnect,
            Self::AuthenticationFailed => Action::Reauthenticate,
            Self::ServerOverload => Action::BackOff,
            Self::ProtocolError => Action::Retry,
            Self::Unknown => Action::Continue,
        }
    }
}
