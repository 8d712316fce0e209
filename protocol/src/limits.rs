//! Bounds that both sides must know; the unit is the last word of each name.

/// Bytes in one frame, or in one batch.
pub const FRAME_BYTES: u32 = 64 * 1024;

/// Characters in one message. Ten thousand, each escaped, still fit into one frame.
pub const TEXT_CHARS: u32 = 10_000;

/// Bytes in an id that a client made.
pub const ID_BYTES: usize = 64;

/// Messages a second from one client, sustained.
pub const MESSAGES_PER_S: u32 = 100;

/// Messages that one client may send at once.
pub const MESSAGES_BURST: u32 = 200;

/// Frames in one batch.
pub const BATCH_FRAMES: usize = 500;

/// Ids in `pending` of one `hello`.
pub const PENDING_IDS: usize = 1_000;

/// Levels of nesting in JSON.
pub const JSON_DEPTH: usize = 32;

/// Further behind than this, a resume becomes a snapshot.
pub const RESUME_EVENTS: u64 = 200;

/// Events in a snapshot.
pub const SNAPSHOT_EVENTS: u64 = 50;

/// Events in one page of the log.
pub const PAGE: u64 = 100;

/// Messages in an outbox.
pub const OUTBOX_MESSAGES: usize = 1_000;

/// Bytes of text in an outbox.
pub const OUTBOX_BYTES: usize = 1024 * 1024;

/// How long an outbox keeps a message.
pub const OUTBOX_MS: u64 = 24 * 3_600_000;

/// How long `typing` holds without being said again.
pub const TYPING_MS: u64 = 6_000;

/// How long a socket may wait with its `hello`.
pub const HELLO_MS: u64 = 5_000;

/// The interval of the server's heartbeat, before its jitter of a tenth.
pub const HEARTBEAT_MS: u32 = 20_000;

/// The longest that a poll waits for news, in seconds.
pub const POLL_WAIT_S: u64 = 25;

/// Figures in one `metrics`.
pub const MEASURES: usize = 32;

/// Bytes in the name of a figure.
pub const MEASURE_NAME_BYTES: usize = 64;
