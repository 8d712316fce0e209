//! What a session is made with.

use std::sync::Arc;

use protocol::{Author, Hello};

use crate::access::ScopedDialog;
use crate::rate::Bucket;

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// 64 bits from the system's random source: the jitter, and the ids of messages whose senders give none.
    pub seed: u64,
    /// How the connection comes in.
    pub entrance: Entrance,
    /// The bounds that this server sets.
    pub limits: Limits,
    /// The messages that this client may still send now; shells that keep one for each visitor put it in here and take
    /// it back with [`super::Session::into_bucket`].
    pub messages: Bucket,
    /// How widely clients should spread their first try after a break, by the server's load now.
    pub spread_ms: u32,
    /// Where else to go, best first.
    pub servers: Arc<[String]>,
}

/// How a connection comes in.
#[derive(Clone, Debug)]
pub enum Entrance {
    /// The address carried too little, or asked for it with `hello=1`: the first frame must be `hello`.
    Hello,
    /// The address and the headers carried enough: live at once.
    Admitted {
        /// The dialog.
        dialog: ScopedDialog,
        /// Who writes.
        author: Author,
        /// What the query said in place of a frame: cursor, epoch, client. [`Hello::default`] starts at the head.
        hello: Box<Hello>,
        /// Channels that the query subscribed to.
        channels: Vec<String>,
    },
    /// A POST of frames: nothing is resumed and nothing is delivered but answers.
    Post {
        /// The dialog.
        dialog: ScopedDialog,
        /// Who writes.
        author: Author,
        /// The sender that the `n` of the messages counts for; a `hello` in front of the batch may name it too.
        client: Option<String>,
    },
}

/// The bounds that this server sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// What `ready` tells the client.
    pub told: protocol::Limits,
    /// The interval of the heartbeat, before its jitter of a tenth.
    pub heartbeat_ms: u32,
    /// How long a connection may wait with its `hello`.
    pub hello_ms: u32,
    /// A link that has sent a ping or a `hello`, and then nothing for so long, is given up.
    pub silence_ms: u32,
    /// Frames that are not messages, a second.
    pub frames_per_s: u32,
    /// Frames that are not messages, at once.
    pub frames_burst: u32,
    /// Refusals for speed, less what was taken meanwhile, before the link is closed.
    pub refusals: u32,
    /// Unreadable frames in a row, before the link is closed.
    pub unreadable: u32,
    /// Frames that may wait for `ready`.
    pub waiting_frames: usize,
    /// Questions of the client about the log that may be open at once.
    pub open_reads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            told: protocol::Limits::default(),
            heartbeat_ms: protocol::limits::HEARTBEAT_MS,
            hello_ms: 5_000,
            silence_ms: 90_000,
            frames_per_s: 50,
            frames_burst: 200,
            refusals: 1_000,
            unreadable: 100,
            waiting_frames: 64,
            open_reads: 8,
        }
    }
}
