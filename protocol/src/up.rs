//! Frames from a client to the server.

use serde::{Deserialize, Serialize};

use crate::frame::frames;
use crate::{Secret, Timestamp};

frames! {
    /// What a client sends.
    pub enum ClientFrame {
        /// Who is there, and from which cursor on.
        "hello" => Hello(Hello),
        /// A new message.
        "message" => Message(SendMessage),
        /// Everything up to here has reached the page.
        "received" => Received(Watermark),
        /// Everything up to here has been seen by a person.
        "read" => Read(Watermark),
        /// Somebody types, or has stopped.
        "typing" => Typing(Typing),
        /// Asks for what comes after a cursor.
        "sync" => Sync(Sync),
        /// A fresh token, in band.
        "auth" => Auth(Auth),
        /// Asks for a pong.
        "ping" => Ping(Ping),
        /// Asks for ephemeral events: typing, presence, receipts.
        "subscribe" => Subscribe(Subscription),
        /// Ends subscriptions.
        "unsubscribe" => Unsubscribe(Subscription),
    }
}

/// The first frame of a client that resumes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Hello {
    /// The version of the wire, [`crate::VERSION`].
    pub v: u32,
    /// The visitor's key (`vk_…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// An operator's JWT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The frame ticket of an embed page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Secret>,
    /// The cursor: the last `seq` that was applied; without it the session starts at the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The epoch of the log that the cursor belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Ids of the messages that are in doubt; `ready` says which of them the log knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
    /// Who sends the ordered messages on this link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientInfo>,
}

/// The sender of ordered messages, and how it came here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ClientInfo {
    /// Made anew by every page load; `n` counts within it. Up to [`crate::limits::ID_BYTES`] characters.
    pub id: String,
    /// `websocket`, `sse`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub transport: String,
    /// Why this link was opened: `start`, `lost`, `wake`, `online`, `drain`, `upgrade`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A message on its way to the log.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SendMessage {
    /// The name that makes every retry harmless (UUIDv7); the server makes one for clients that give none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// 1, 2, 3 … within the client; the server takes them in this order only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// What was written, 1 to [`crate::limits::TEXT_CHARS`] characters.
    pub text: String,
}

/// A cumulative mark in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Watermark {
    /// The last `seq` it covers.
    pub seq: u64,
}

/// Whether the sender is typing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Typing {
    /// `true` while typing; it lapses after [`crate::limits::TYPING_MS`].
    pub on: bool,
}

/// Asks for a stretch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Sync {
    /// The cursor.
    pub after: u64,
    /// At most so many events; bounded by [`crate::limits::PAGE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// New credentials for an open link.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Auth {
    /// The new JWT.
    pub token: Secret,
}

/// Asks for a pong.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Ping {
    /// Comes back unchanged.
    #[serde(default)]
    pub timestamp: Timestamp,
}

/// A list of channels, see [`crate::CHANNELS`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Subscription {
    /// Names of channels.
    pub channels: Vec<String>,
}
