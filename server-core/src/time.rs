//! Time as an argument.

/// Milliseconds: since an arbitrary start where monotonic, since 1970 (UTC) where wall clock.
pub type Millis = u64;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: all deadlines.
    pub mono: Millis,
    /// The wall clock, since 1970: what is shown and stored.
    pub wall: Millis,
}
