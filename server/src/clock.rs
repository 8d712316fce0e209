//! The two clocks of the process.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use server_core::{Millis, Now};

/// The monotonic clock since the start, and the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Returns this moment on both clocks.
    pub(crate) fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    /// Returns this moment on the monotonic clock.
    pub(crate) fn mono(&self) -> Millis {
        millis(self.start.elapsed().as_millis())
    }

    /// Returns the moment at which the monotonic clock will show `mono`.
    pub(crate) fn instant(&self, mono: Millis) -> Instant {
        // A century from now is as good as never, and does not overflow.
        self.start + std::time::Duration::from_millis(mono.min(100 * 365 * 86_400_000))
    }
}

/// Returns ms since 1970 (UTC); 0 on a clock that stands before.
pub(crate) fn wall() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| millis(time.as_millis()))
}

fn millis(value: u128) -> Millis {
    Millis::try_from(value).unwrap_or(Millis::MAX)
}
