//! One sleep for all deadlines of a link.

use std::pin::Pin;
use std::task::{Context, Poll};

use server_core::Millis;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;

/// Wakes its task at the earliest of its deadlines, and sometimes too early.
#[derive(Debug)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Millis,
}

impl Timer {
    pub(super) const fn new() -> Self {
        Self { sleep: None, armed: Millis::MAX }
    }

    /// Sees to it that the task is woken at `deadline` or before.
    pub(super) fn arm(&mut self, clock: &Clock, deadline: Millis, context: &mut Context<'_>) {
        // A deadline that moves away, as that of a busy link always does, costs nothing: the sleep stays as it is and
        // is set anew when it ends.
        let mut armed = self.armed <= deadline;
        loop {
            if !armed {
                let at = Instant::from_std(clock.instant(deadline));
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(at),
                    None => self.sleep = Some(Box::pin(sleep_until(at))),
                }
                self.armed = deadline;
            }
            let Some(sleep) = &mut self.sleep else { return };
            match sleep.as_mut().poll(context) {
                Poll::Pending => return,
                // In the past: the caller looks at its deadlines again.
                Poll::Ready(()) if armed => armed = false,
                Poll::Ready(()) => {
                    self.armed = Millis::MAX;
                    context.waker().wake_by_ref();
                    return;
                }
            }
        }
    }
}
