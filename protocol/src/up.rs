//! Frames from a client to the server.

use crate::frame::frames;
use crate::wire::wire;
use crate::{Measures, Secret, Timestamp};

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
        /// Figures of the sender's own, by name.
        "metrics" => Metrics(Metrics),
    }
}

wire! {
    /// The first frame of a client that resumes.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Hello {
        /// The version of the wire, [`crate::VERSION`].
        pub v: u32,
        /// The visitor's key (`vk_…`).
        pub key: Option<Secret> [optional],
        /// An operator's JWT.
        pub token: Option<Secret> [optional],
        /// The frame ticket of an embed page.
        pub ticket: Option<Secret> [optional],
        /// The cursor: the last `seq` that was applied; without it the session starts at the head.
        pub after: Option<u64> [optional],
        /// The epoch of the log that the cursor belongs to.
        pub epoch: Option<u64> [optional],
        /// Ids of the messages that are in doubt; `ready` says which of them the log knows.
        pub pending: Vec<String> [optional],
        /// Who sends the ordered messages on this link.
        pub client: Option<ClientInfo> [optional],
    }
}

wire! {
    /// The sender of ordered messages, and how it came here.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct ClientInfo {
        /// Made anew for every link; `n` counts within it. Up to [`crate::limits::ID_BYTES`] characters.
        pub id: String,
        /// `websocket`, `sse`, …
        pub transport: String [optional],
        /// Why this link was opened: `start`, `lost`, `wake`, `online`, `drain`, `upgrade`, …
        pub why: String [optional],
    }
}

wire! {
    /// A message on its way to the log.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct SendMessage {
        /// The name that makes every retry harmless (UUIDv7); the server makes one for clients that give none.
        pub id: Option<String> [optional],
        /// 1, 2, 3 … within the client; the server takes them in this order only.
        pub n: Option<u64> [optional],
        /// What was written, 1 to [`crate::limits::TEXT_CHARS`] characters; with a file it may be empty.
        pub text: String,
        /// The id of a file that was uploaded before.
        pub file: Option<String> [optional],
    }
}

wire! {
    /// A cumulative mark in the log.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Watermark {
        /// The last `seq` it covers.
        pub seq: u64,
    }
}

wire! {
    /// Whether the sender is typing.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Typing {
        /// `true` while typing; it lapses after [`crate::limits::TYPING_MS`].
        pub on: bool,
    }
}

wire! {
    /// Asks for a stretch of the log.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Sync {
        /// The cursor.
        pub after: u64,
        /// At most so many events; bounded by [`crate::limits::PAGE`].
        pub limit: Option<u64> [optional],
    }
}

wire! {
    /// New credentials for an open link.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Auth {
        /// The new JWT.
        pub token: Secret,
    }
}

wire! {
    /// Asks for a pong.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Ping {
        /// Comes back unchanged.
        pub timestamp: Timestamp [default],
    }
}

wire! {
    /// A list of channels, see [`crate::CHANNELS`].
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Subscription {
        /// Names of channels.
        pub channels: Vec<String>,
    }
}

wire! {
    /// Figures of the sender's own.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Metrics {
        /// By name.
        pub data: Measures,
    }
}
