//! What waits to be written to one client, with a bound.

use std::collections::VecDeque;
use std::sync::Arc;

use mutants::Mutant;
use server_core::Event;

/// Frames that may wait.
const FRAMES: usize = 256;
/// Bytes that may wait.
const BYTES: usize = 256 * 1024;
/// Below this, more of the log is read.
const LOW_BYTES: usize = 64 * 1024;

/// One frame that waits.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// `ready`: the sequence begins anew.
    Ready(String),
    /// An event of the log.
    Event(Arc<Event>),
    /// The end of a stretch of events; means nothing without them.
    Synced(String),
    /// Worth something only now: the first to be dropped.
    Passing(String),
    /// A heartbeat, which is dropped as what is passing, and is no news.
    Beat(String),
    /// An answer to what the client sent; never dropped, because a client that does not read is not read either.
    Answer(String),
}

impl Frame {
    /// Returns its JSON.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Ready(text) | Self::Synced(text) | Self::Passing(text) | Self::Beat(text) | Self::Answer(text) => {
                text
            }
            Self::Event(event) => &event.json,
        }
    }
}

/// What became of a frame that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits, or was dropped because it was passing.
    Fine,
    /// The queue was full: every event in it was thrown away, this one too.
    Overflow {
        /// The last durable `seq` that was taken out since the last `ready` was; 0: none.
        written: u64,
    },
}

/// A bounded queue of frames.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The last durable `seq` that was taken out since the last `ready` was; 0: none.
    written: u64,
}

impl Outgoing {
    /// Puts a frame at the end.
    pub(crate) fn push(&mut self, frame: Frame) -> Pushed {
        let size = frame.text().len();
        let fits = |queue: &Self| {
            (queue.frames.len() < FRAMES && queue.bytes + size <= BYTES) || mutants::planted(Mutant::EndlessQueue)
        };
        if !fits(self) {
            match frame {
                Frame::Passing(_) | Frame::Beat(_) => return Pushed::Fine,
                Frame::Ready(_) | Frame::Synced(_) | Frame::Answer(_) => {}
                Frame::Event(_) => {
                    self.keep(|frame| !matches!(frame, Frame::Passing(_) | Frame::Beat(_)));
                    if !fits(self) {
                        self.keep(|frame| !matches!(frame, Frame::Event(_) | Frame::Synced(_)));
                        // What was written before a `ready` that still waits says nothing about what comes after that.
                        let is_anew = self.frames.iter().any(|frame| matches!(frame, Frame::Ready(_)));
                        return Pushed::Overflow { written: if is_anew { 0 } else { self.written } };
                    }
                }
            }
        }
        self.bytes += size;
        self.frames.push_back(frame);
        Pushed::Fine
    }

    /// Takes the first frame out; it counts as written from here on.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.text().len();
        match &frame {
            Frame::Ready(_) => self.written = 0,
            Frame::Event(event) => self.written = event.seq,
            Frame::Synced(_) | Frame::Passing(_) | Frame::Beat(_) | Frame::Answer(_) => {}
        }
        if self.frames.is_empty() && self.frames.capacity() > 16 {
            // An idle link should not keep the room of its busiest moment.
            self.frames = VecDeque::new();
        }
        Some(frame)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns whether there is room for another page of the log.
    pub(crate) fn is_low(&self) -> bool {
        self.bytes < LOW_BYTES && self.frames.len() < FRAMES / 2
    }

    fn keep(&mut self, wanted: impl Fn(&Frame) -> bool) {
        self.frames.retain(wanted);
        self.bytes = self.frames.iter().map(|frame| frame.text().len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Author, Message};

    use super::*;

    fn event(seq: u64, text: &str) -> Frame {
        let id = format!("m{seq}");
        let message =
            Message { dialog_id: 1, seq, id, author: Author::default(), text: text.into(), at: 0, file: None };
        Frame::Event(Arc::new(Event::message(message)))
    }

    fn kinds(queue: &mut Outgoing) -> String {
        let mut kinds = String::new();
        while let Some(frame) = queue.pop() {
            kinds.push(match frame {
                Frame::Ready(_) => 'r',
                Frame::Event(_) => 'e',
                Frame::Synced(_) => 's',
                Frame::Passing(_) => 'p',
                Frame::Beat(_) => 'b',
                Frame::Answer(_) => 'a',
            });
        }
        kinds
    }

    #[test]
    fn what_is_passing_goes_first_and_then_all_events_but_never_an_answer() {
        let mut queue = Outgoing::default();
        queue.push(Frame::Answer("{}".into()));
        queue.push(Frame::Passing("{}".into()));
        queue.push(Frame::Synced("{}".into()));
        for seq in 1..=253 {
            assert_eq!(queue.push(event(seq, "x")), Pushed::Fine);
        }
        // Full: something passing is not taken, and makes room for an event.
        assert_eq!(queue.push(Frame::Passing("{}".into())), Pushed::Fine);
        assert_eq!(queue.push(event(254, "x")), Pushed::Fine);
        queue.push(Frame::Answer("{}".into()));
        assert_eq!(queue.push(event(255, "x")), Pushed::Overflow { written: 0 });
        assert_eq!(kinds(&mut queue), "aa");
    }

    #[test]
    fn what_was_written_before_a_ready_that_waits_is_not_taken_for_what_comes_after_it() {
        let mut queue = Outgoing::default();
        queue.push(event(100, "x"));
        queue.pop();
        queue.push(Frame::Ready("{}".into()));
        let mut pushed = (6..1_000).map(|seq| queue.push(event(seq, "x")));
        assert_eq!(pushed.find(|pushed| *pushed != Pushed::Fine), Some(Pushed::Overflow { written: 0 }));
        assert_eq!(kinds(&mut queue), "r");
    }

    #[test]
    fn the_bound_in_bytes_holds_too_and_the_last_written_event_is_known() {
        let mut queue = Outgoing::default();
        queue.push(Frame::Ready("{}".into()));
        let text = "x".repeat(10_000);
        queue.push(event(7, &text));
        queue.pop();
        queue.pop();
        let mut seq = 8;
        let overflow = loop {
            match queue.push(event(seq, &text)) {
                Pushed::Fine if seq > 1_000 => panic!("ten megabytes wait, and there is room for more"),
                Pushed::Fine => seq += 1,
                overflow @ Pushed::Overflow { .. } => break overflow,
            }
        };
        assert_eq!(overflow, Pushed::Overflow { written: 7 });
        assert_eq!(seq, 8 + 25);
        assert!(queue.is_empty() && queue.is_low());
        queue.push(Frame::Ready("{}".into()));
        queue.pop();
        assert_eq!(queue.written, 0);
    }
}
