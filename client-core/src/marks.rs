//! How far this side has received and read, how far the other has, and who types.

use protocol::{AuthorKind, ClientFrame, Receipt, Typing, TypingBy, Watermark, limits};

use crate::{Client, Instant, Panel, Transport};

/// Marks are gathered for so long before they are sent, in ms.
const GATHER_MS: u64 = 300;
/// The same beside an SSE link, where each costs a request.
const GATHER_SSE_MS: u64 = 2_000;
/// Typing is said again after so long, in ms.
const TYPING_AGAIN_MS: u64 = 3_000;

/// The marks of both sides.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub(crate) panel: Panel,
    pub(crate) page_is_visible: bool,
    /// The last `seq` that a person here has seen; unknown before the first load.
    read: Option<u64>,
    read_sent: u64,
    received_sent: u64,
    pub(crate) due: Option<Instant>,
    other: Receipt,
    typing: Option<(String, Instant)>,
    typing_said_at: Option<Instant>,
    pub(crate) operators: Vec<String>,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            panel: Panel::Closed,
            page_is_visible: true,
            read: None,
            read_sent: 0,
            received_sent: 0,
            due: None,
            other: Receipt::default(),
            typing: None,
            typing_said_at: None,
            operators: Vec::new(),
        }
    }
}

impl Marks {
    pub(crate) fn restore(&mut self, read: Option<u64>) {
        self.read = self.read.max(read);
    }

    /// What was there before this page knew of marks counts as read.
    pub(crate) fn loaded(&mut self, head: u64) {
        // A log that is shorter than what was read is another log.
        self.read = Some(self.read.map_or(head, |read| read.min(head)));
    }

    /// Forgets what belonged to another log or link.
    pub(crate) fn reopened(&mut self) {
        self.unsent();
        self.typing = None;
        self.typing_said_at = None;
    }

    /// What was sent may not have arrived.
    pub(crate) fn unsent(&mut self) {
        self.read_sent = 0;
        self.received_sent = 0;
    }

    pub(crate) fn forget(&mut self) {
        self.other = Receipt::default();
        self.reopened();
    }

    pub(crate) fn read(&self) -> u64 {
        self.read.unwrap_or(0)
    }

    pub(crate) fn other(&self) -> Receipt {
        self.other
    }

    pub(crate) fn learn_receipt(&mut self, receipt: Receipt, own: AuthorKind) {
        if receipt.who == own {
            // Read on another device, or in another tab.
            self.read = self.read.max(Some(receipt.read));
        } else {
            self.other.received = self.other.received.max(receipt.received).max(receipt.read);
            self.other.read = self.other.read.max(receipt.read);
        }
    }

    pub(crate) fn learn_typing(&mut self, typing: TypingBy, now: Instant) {
        // A visitor may have no name, and types all the same.
        let name = if typing.author.name.is_empty() { String::from("…") } else { typing.author.name };
        self.typing = typing.on.then(|| (name, now.plus(limits::TYPING_MS)));
    }

    /// A message ends the typing before it.
    pub(crate) fn end_typing(&mut self) {
        self.typing = None;
    }

    pub(crate) fn typing(&self, now: Instant) -> &str {
        self.typing.as_ref().filter(|(_, until)| now < *until).map_or("", |(name, _)| name)
    }

    pub(crate) fn typing_ends(&self) -> Option<Instant> {
        self.typing.as_ref().map(|(_, until)| *until)
    }

    pub(crate) fn lapse(&mut self, now: Instant) {
        if self.typing.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.typing = None;
        }
    }

    fn is_looked_at(&self) -> bool {
        self.panel == Panel::Open && self.page_is_visible
    }
}

impl Client {
    /// Counts everything here as read, if a person looks at it.
    pub(crate) fn mark_read(&mut self) {
        let cursor = self.timeline.cursor();
        if self.marks.is_looked_at() && self.marks.read.is_some_and(|read| read < cursor) {
            self.marks.read = Some(cursor);
            self.save("read", protocol::json::to_string(&cursor));
        }
    }

    /// Sends marks that have moved, gathered.
    pub(crate) fn mark(&mut self) {
        let Some(transport) = self.transport() else { return };
        let (cursor, read) = (self.timeline.cursor(), self.marks.read());
        let moved = cursor > self.marks.received_sent || read > self.marks.read_sent;
        if !moved {
            self.marks.due = None;
            return;
        }
        let now = self.now.mono;
        let gather = if transport == Transport::WebSocket { GATHER_MS } else { GATHER_SSE_MS };
        let due = *self.marks.due.get_or_insert(now.plus(gather));
        if now < due {
            return;
        }
        self.marks.due = None;
        let mut frames = Vec::new();
        if cursor > self.marks.received_sent {
            self.marks.received_sent = cursor;
            frames.push(ClientFrame::Received(Watermark { seq: cursor }));
        }
        if read > self.marks.read_sent && read <= cursor {
            frames.push(ClientFrame::Read(Watermark { seq: read }));
        }
        self.marks.read_sent = read;
        if !frames.is_empty() {
            self.transmit(&frames, Vec::new());
        }
    }

    /// Tells the other side that somebody types here, or no longer does.
    pub(crate) fn say_typing(&mut self, had_text: bool) {
        // Beside an SSE link it would cost a request for every few letters.
        if self.transport() != Some(Transport::WebSocket) {
            return;
        }
        let now = self.now.mono;
        let on = !self.draft.is_empty();
        let fresh = self.marks.typing_said_at.is_some_and(|at| now.since(at) < TYPING_AGAIN_MS);
        if (on && !fresh) || (!on && had_text && self.marks.typing_said_at.is_some()) {
            self.marks.typing_said_at = on.then_some(now);
            self.transmit(&[ClientFrame::Typing(Typing { on })], Vec::new());
        }
    }
}
