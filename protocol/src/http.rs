//! Bodies of the HTTP API.

use serde::{Deserialize, Serialize};

use crate::{Message, SendMessage, Stored};

/// `POST /api/{site,widget}/dialogs`: finds this visitor's dialog, or starts one with a first message.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct StartDialog {
    /// The first message; without it a dialog is found but never made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SendMessage>,
    /// The sender that `message.n` counts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// The answer to [`StartDialog`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct DialogLoaded {
    /// The visitor's dialog; none where none was made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialog_id: Option<u64>,
    /// What became of the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// The end of the log.
    pub page: Page,
}

/// A stretch of a dialog's log, and the answer of `GET …/messages`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Page {
    /// The epoch of the log.
    pub epoch: u64,
    /// The last `seq` of the log.
    pub head: u64,
    /// Messages by `seq`.
    pub messages: Vec<Message>,
    /// Whether there are older ones than the first of these.
    #[serde(default)]
    pub older: bool,
}

/// `POST …/messages`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct PostMessage {
    /// What was written.
    pub text: String,
    /// The name that makes a retry harmless; the server makes one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// 1, 2, 3 … within `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The sender that `n` counts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// The answer to [`PostMessage`]: 201 for a new message, 200 for one that was there.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct PostedMessage {
    /// The dialog it belongs to.
    pub dialog_id: u64,
    /// Its id.
    pub id: String,
    /// Its place in the log.
    pub seq: u64,
    /// When it was stored, ms since 1970.
    pub at: u64,
}

/// `GET /api/{site,widget}/config`: what the widget needs before any dialog exists.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SiteConfig {
    /// The name in the widget's header.
    pub name: String,
    /// The welcome message, shown while no dialog exists.
    #[serde(default)]
    pub welcome: String,
    /// The accent colour, `#rrggbb`.
    #[serde(default)]
    pub color: String,
    /// The shown name of the assistant that answers, if one does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub assistant: String,
    /// The names of the operators that are there now.
    #[serde(default)]
    pub operators: Vec<String>,
    /// Whether the site token alone opens dialogs (`visitor_auth = "open"`).
    #[serde(default)]
    pub open: bool,
}

/// `GET /health`; with `?ws=1` it is the gate that a client asks before it opens a socket.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Health {
    /// `ok`, `draining` or `degraded`.
    pub status: String,
    /// How long this client should wait before it opens its socket.
    #[serde(default)]
    pub retry_ms: u32,
}

/// Every error of the HTTP API.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ErrorDetail {
    /// One of [`crate::code`].
    pub code: String,
    /// What to do, for a developer.
    pub message: String,
    /// Not before, where trying again helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
}
