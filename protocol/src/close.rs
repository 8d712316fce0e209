//! Close codes: the range says what the client does.

use crate::wire::wire;

/// All done; the client stops.
pub const DONE: u16 = 1000;
/// A frame was larger than the limit.
pub const TOO_BIG: u16 = 1009;
/// The page's origin is not on the site's list; fixed by clients in the field.
pub const FORBIDDEN_ORIGIN: u16 = 4003;
/// This server is going away.
pub const DRAINING: u16 = 4100;
/// The dialog lives elsewhere.
pub const MOVED: u16 = 4101;
/// The server has as many connections as it takes.
pub const OVERLOADED: u16 = 4200;
/// The client did not read what it was sent.
pub const TOO_SLOW: u16 = 4201;
/// The client did not answer for too long.
pub const SILENT: u16 = 4202;
/// No `hello` within its time.
pub const NO_HELLO: u16 = 4203;
/// The client went on sending after it was refused for its rate.
pub const TOO_FAST: u16 = 4204;
/// The database cannot be written or read now.
pub const STORE_UNAVAILABLE: u16 = 4205;
/// The token has expired.
pub const EXPIRED: u16 = 4300;
/// The token is missing, forged or revoked.
pub const UNAUTHORIZED: u16 = 4301;
/// Too many frames that could not be read.
pub const BAD_FRAMES: u16 = 4400;
/// No such dialog, or not for this client: the two look the same.
pub const NOT_FOUND: u16 = 4404;
/// No such site or assistant.
pub const UNKNOWN_SITE: u16 = 4405;
/// The client speaks a version of the wire that the server does not.
pub const VERSION: u16 = 4406;

/// What a client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stop; nothing is wrong.
    Done,
    /// Stop, and tell the page why.
    Stop,
    /// Come back, spread over the time the server gave.
    Spread,
    /// Come back later.
    BackOff,
    /// Ask for new credentials, then come back.
    Renew,
    /// Come back.
    Reconnect,
}

/// Returns what a client does after a close with this code.
pub const fn action(code: u16) -> Action {
    match code {
        DONE => Action::Done,
        FORBIDDEN_ORIGIN | 4400..=4499 => Action::Stop,
        4100..=4199 => Action::Spread,
        4200..=4299 => Action::BackOff,
        4300..=4399 => Action::Renew,
        _ => Action::Reconnect,
    }
}

wire! {
    /// What a close reason holds, as JSON of at most 123 bytes.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Reason {
        /// Why, in one word: one of [`crate::code`], mostly.
        pub reason: String [default],
        /// Not before, in ms.
        pub retry_ms: Option<u32> [optional],
    }
}
