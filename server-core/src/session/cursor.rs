//! Where a client wants to go on, and where it does.

use mutants::Mutant;
use protocol::{Hello, ResumeMode, limits};

/// Where a client wants to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last `seq` that it has; none: it goes on from the head.
    pub after: Option<u64>,
    /// The epoch of the log that it has, where it says so.
    pub epoch: Option<u64>,
}

impl Cursor {
    pub(super) fn of(hello: &Hello) -> Self {
        Self { after: hello.after, epoch: hello.epoch }
    }

    /// Returns how a session begins on a log of this epoch and head, and the last `seq` before its first one.
    ///
    /// Every store asks it too, to tell the hash of the log up to there.
    pub fn begin(&self, epoch: u64, head: u64) -> (ResumeMode, u64) {
        let Some(after) = self.after.filter(|_| !mutants::planted(Mutant::NoCursor)) else {
            return (ResumeMode::Delta, head);
        };
        let snapshot = head.saturating_sub(limits::SNAPSHOT_EVENTS);
        let other_log = self.epoch.is_some_and(|known| known != epoch) && !mutants::planted(Mutant::NoEpoch);
        if other_log || after > head {
            (ResumeMode::Reset, snapshot)
        } else if head - after > limits::RESUME_EVENTS {
            (ResumeMode::Snapshot, snapshot)
        } else if mutants::planted(Mutant::OffByOne) {
            (ResumeMode::Delta, (after + 1).min(head))
        } else {
            (ResumeMode::Delta, after)
        }
    }
}
