//! The one timer of a client, or of the lobby before it.

use client_core::{Instant, Now};

use crate::browser::{Function, clear_timeout, mono_ms, set_timeout, wall_ms};

/// Calls back when something is due; it ends with its owner.
pub(crate) struct Timer {
    due: Option<Instant>,
    handle: f64,
    callback: Function,
}

/// A browser takes 2³¹ − 1 ms at most; a timer that comes too early does no harm.
const TIMER_MAX_MS: u64 = 1 << 30;

impl Timer {
    /// Makes one that is not set.
    pub(crate) fn new(callback: Function) -> Self {
        Self { due: None, handle: 0.0, callback }
    }

    /// Takes note that it has run down.
    pub(crate) fn rang(&mut self) {
        self.due = None;
    }

    /// Sets it anew, or stops it.
    pub(crate) fn set(&mut self, due: Option<Instant>) {
        if due == self.due {
            return;
        }
        clear_timeout(self.handle);
        self.due = due;
        if let Some(due) = due {
            let ms = due.since(now().mono).min(TIMER_MAX_MS);
            self.handle = set_timeout(&self.callback, ms as f64);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(self.handle);
    }
}

/// Returns what both clocks show.
pub(crate) fn now() -> Now {
    Now { mono: Instant::from_millis(mono_ms() as u64), wall: wall_ms() as u64 }
}
