//! The Rejoin wire, version 1: what travels between a client and a server, and nothing else.
//!
//! A frame is a JSON object with a `type`; an array of frames is a batch. The same frames travel over WebSocket, SSE,
//! long polling and plain POSTs. [`ClientFrame`] goes up, [`ServerFrame`] comes down, [`http`] holds the bodies of the
//! HTTP API, [`close`] the close codes, [`limits`] every bound that both sides must know, [`digest`] the rolling hash of a log, and [`json`] a reader and
//! writer small enough for a page. The server reads with serde_json; golden files hold the two together.
//!
//! This crate has no clock, no randomness and no IO. Every time on the wire is in milliseconds since 1970 (UTC).

pub mod close;
pub mod code;
pub mod digest;
mod down;
pub mod email;
mod frame;
pub mod http;
pub mod json;
pub mod limits;
mod measures;
mod secret;
mod timestamp;
mod up;
mod wire;

pub use down::{
    Author, AuthorKind, Bye, Channels, DialogActivity, DialogChange, Drain, ErrorFrame, File, FileLimits, Heartbeat,
    InboxFrame, InboxReady, Known, Limits, Message, MetricsReceived, Presence, Ready, Receipt, Refused, ResumeMode,
    ServerFrame, Stored, Synced, TypingBy,
};
pub use frame::Frame;
pub use measures::{Decimal, Measures};
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use up::{Auth, ClientFrame, ClientInfo, Hello, Metrics, Ping, SendMessage, Subscription, Sync, Typing, Watermark};

/// The version of the wire that this crate speaks.
pub const VERSION: u32 = 1;

/// The id of the welcome message; unique in its dialog, so a second one cannot exist.
pub const WELCOME_ID: &str = "welcome";

/// Channels that a dialog's socket can subscribe to; messages always come, without a subscription.
pub const CHANNELS: [&str; 3] = ["typing", "presence", "receipts"];
