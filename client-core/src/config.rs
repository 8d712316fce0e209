//! What a client is told when it is made.

use protocol::{Secret, limits};

/// Everything that can be set; [`Config::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who this client is, and for which dialog.
    pub side: Side,
    /// The visitor's key (`vk_…`) or the operator's JWT.
    pub credential: Secret,
    /// How broken links are opened again.
    pub reconnect: Reconnect,
    /// How a dead link is noticed.
    pub heartbeat: Heartbeat,
    /// How unsent messages are kept.
    pub buffer: Buffer,
    /// How links are opened.
    pub transports: Transports,
    /// An answer to a request is awaited for so long, in ms.
    pub request_timeout_ms: u64,
    /// Base addresses (`https://a.example`) of servers over the same data, the best first. Paths of outputs begin with that of
    /// the server that is meant; where this is empty they begin with `/`.
    pub servers: Vec<String>,
}

/// Who a client is; it decides the paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A visitor, on a page that embeds the widget directly.
    Site {
        /// The public name of the site.
        site_token: String,
    },
    /// A visitor, in an iframe.
    Widget {
        /// The assistant whose site this is.
        assistant_id: u64,
        /// The page around the iframe, already percent-encoded.
        parent_origin: String,
        /// The ticket from the embed page; empty where there is none.
        ticket: String,
    },
    /// An operator.
    Operator {
        /// The dialog that is open on the screen.
        dialog_id: u64,
    },
}

/// How broken links are opened again.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// After so many failures the state is "offline"; slow tries go on.
    pub max_attempts: u32,
    /// The bound of the first delay, in ms.
    pub initial_delay_ms: u64,
    /// The bound of a delay is that of the last one times this, in hundredths.
    pub multiplier_percent: u64,
    /// No delay is longer, in ms.
    pub max_delay_ms: u64,
    /// Whether delays are drawn below their bound.
    pub jitter: Jitter,
}

/// How delays are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Evenly between a floor and the bound.
    Full,
    /// The bound itself.
    None,
}

/// How a dead link is noticed.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// A ping is sent so often, in ms.
    pub interval_ms: u64,
    /// No answer is awaited for longer, in ms; a measured round trip shortens it.
    pub timeout_ms: u64,
    /// After so many unanswered pings the link is dead.
    pub failure_threshold: u32,
}

/// How unsent messages are kept.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Messages at most.
    pub max_messages: usize,
    /// Bytes of text at most.
    pub max_bytes: usize,
    /// What was put back is sent again after so long, in ms.
    pub flush_interval_ms: u64,
    /// Messages in one batch.
    pub batch: usize,
}

/// How links are opened.
#[derive(Clone, Copy, Debug)]
pub struct Transports {
    /// A link that is not ready by then is given up, in ms.
    pub open_timeout_ms: u64,
    /// A WebSocket that is not ready by then gets an SSE link beside it, in ms.
    pub fallback_after_ms: u64,
    /// A stream that has brought nothing by then gets a poll beside it, in ms.
    pub stream_after_ms: u64,
    /// When a client tries a better transport than the one that is up; the last one repeats, in ms.
    pub upgrade_after_ms: [u64; 3],
}

impl Config {
    /// Returns the defaults for a client.
    pub fn new(side: Side, credential: Secret) -> Self {
        Self {
            side,
            credential,
            reconnect: Reconnect {
                max_attempts: 10,
                initial_delay_ms: 1_000,
                multiplier_percent: 150,
                max_delay_ms: 30_000,
                jitter: Jitter::Full,
            },
            heartbeat: Heartbeat { interval_ms: 30_000, timeout_ms: 10_000, failure_threshold: 3 },
            buffer: Buffer {
                max_messages: limits::OUTBOX_MESSAGES,
                max_bytes: limits::OUTBOX_BYTES,
                flush_interval_ms: 5_000,
                batch: 10,
            },
            transports: Transports {
                open_timeout_ms: 10_000,
                fallback_after_ms: 2_500,
                stream_after_ms: 3_000,
                upgrade_after_ms: [60_000, 300_000, 1_800_000],
            },
            request_timeout_ms: 5_000,
            servers: Vec::new(),
        }
    }
}
