//! What everybody may know about one link, and its mailbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};

use server_core::access::KeyHash;
use server_core::{Ephemeral, Event, Millis};

/// Letters that wait in one mailbox.
const LETTERS: usize = 256;
/// Bytes of their frames.
const LETTER_BYTES: usize = 256 * 1024;

/// The pools in which links are counted, each in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    /// Operators.
    Admin,
    /// Visitors in an iframe.
    Widget,
    /// Visitors by direct embed.
    Site,
}

impl Pool {
    /// Every pool, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Admin, Self::Widget, Self::Site];

    /// Returns the tag of log lines.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Widget => "Widget",
            Self::Site => "Site",
        }
    }

    /// Returns its name in answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Widget => "widget",
            Self::Site => "site",
        }
    }
}

/// How a link reaches its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A socket.
    WebSocket,
    /// Server-sent events.
    Sse,
    /// A request that waits for news.
    LongPolling,
    /// A request that does not wait.
    Polling,
}

impl Transport {
    /// Returns whether a link lives for one request only, so that its coming and going says nothing.
    pub(crate) const fn is_poll(self) -> bool {
        match self {
            Self::WebSocket | Self::Sse => false,
            Self::LongPolling | Self::Polling => true,
        }
    }

    /// Returns its name in answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::LongPolling => "long-polling",
            Self::Polling => "polling",
        }
    }
}

/// What the hub has for a link.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// An event of its dialog has become durable.
    Event(Arc<Event>),
    /// Something that only matters now.
    Ephemeral(Arc<Ephemeral>),
    /// For the inbox: an event of some dialog of this site has become durable.
    Activity {
        /// The site.
        site_id: u64,
        /// The event.
        event: Arc<Event>,
    },
}

/// The server goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    /// This link is closed after so long.
    pub(crate) in_ms: u32,
    /// Over how long all links are spread.
    pub(crate) spread_ms: u32,
}

/// One link, as the rest of the server sees it.
#[derive(Debug)]
pub(crate) struct Card {
    /// Its number, never used again.
    pub(crate) id: u64,
    /// Where it is counted.
    pub(crate) pool: Pool,
    /// How it reaches its client.
    pub(crate) transport: Transport,
    /// When it came, wall clock.
    pub(crate) since: Millis,
    /// The last durable `seq` that was written to it; 0: none.
    written: AtomicU64,
    /// The last `seq` that its page said it has; 0: none.
    received: AtomicU64,
    /// The client that it belongs to, where it said so.
    client: OnceLock<Box<str>>,
    mailbox: Mutex<Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    letters: VecDeque<Letter>,
    bytes: usize,
    lost: u64,
    leave: Option<Leave>,
    rekeyed: Option<KeyHash>,
    reader: Option<Waker>,
}

impl Letter {
    /// Returns the bytes of its frame.
    fn bytes(&self) -> usize {
        match self {
            Self::Event(event) | Self::Activity { event, .. } => event.json.len(),
            // Names and a few numbers.
            Self::Ephemeral(_) => 128,
        }
    }
}

impl Mailbox {
    fn lose_one(&mut self) {
        let ephemeral = self.letters.iter().position(|letter| matches!(letter, Letter::Ephemeral(_)));
        if let Some(lost) = self.letters.remove(ephemeral.unwrap_or(0)) {
            self.bytes -= lost.bytes();
            self.lost += 1;
        }
    }
}

/// What was in a mailbox.
#[derive(Debug)]
pub(crate) struct Mail {
    /// The letters, the oldest first.
    pub(crate) letters: VecDeque<Letter>,
    /// How many were lost before them, because the mailbox was full.
    pub(crate) lost: u64,
    /// The server goes away.
    pub(crate) leave: Option<Leave>,
    /// The dialog is kept under this key now.
    pub(crate) rekeyed: Option<KeyHash>,
}

impl Card {
    pub(crate) fn new(id: u64, pool: Pool, transport: Transport, since: Millis) -> Self {
        Self {
            id,
            pool,
            transport,
            since,
            written: AtomicU64::new(0),
            received: AtomicU64::new(0),
            client: OnceLock::new(),
            mailbox: Mutex::default(),
        }
    }

    /// Notes the client that the link belongs to; the first one stays.
    pub(crate) fn note_client(&self, client: &str) {
        self.client.get_or_init(|| client.into());
    }

    /// Returns whether the link belongs to this client.
    pub(crate) fn is_of(&self, client: &str) -> bool {
        self.client.get().is_some_and(|own| **own == *client)
    }

    /// Puts a letter into the mailbox; never waits.
    ///
    /// A full mailbox loses its oldest letter. The newest event always gets through: its `seq` shows the gap, and the
    /// session reads the log.
    pub(crate) fn post(&self, letter: Letter) {
        let bytes = letter.bytes();
        let reader = {
            let mut mailbox = self.lock();
            while !mailbox.letters.is_empty()
                && (mailbox.letters.len() >= LETTERS || mailbox.bytes + bytes > LETTER_BYTES)
            {
                mailbox.lose_one();
            }
            mailbox.bytes += bytes;
            mailbox.letters.push_back(letter);
            mailbox.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Tells the link to leave.
    pub(crate) fn leave(&self, leave: Leave) {
        let reader = {
            let mut mailbox = self.lock();
            mailbox.leave = Some(leave);
            mailbox.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Tells the link that its dialog is kept under this key now.
    pub(crate) fn rekey(&self, key_hash: KeyHash) {
        let reader = {
            let mut mailbox = self.lock();
            mailbox.rekeyed = Some(key_hash);
            mailbox.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Takes all letters; where there are none, the task of `context` is woken by the next.
    pub(crate) fn take(&self, context: &Context<'_>) -> Mail {
        let mut mailbox = self.lock();
        let letters = std::mem::take(&mut mailbox.letters);
        mailbox.bytes = 0;
        let lost = std::mem::take(&mut mailbox.lost);
        let mail = Mail { letters, lost, leave: mailbox.leave.take(), rekeyed: mailbox.rekeyed.take() };
        match &mut mailbox.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        mail
    }

    pub(crate) fn note_written(&self, seq: u64) {
        self.written.store(seq, Ordering::Relaxed);
    }

    pub(crate) fn note_received(&self, seq: u64) {
        self.received.fetch_max(seq, Ordering::Relaxed);
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Mailbox> {
        // A mailbox is whole after every statement: a panic elsewhere cannot have left it half done.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use protocol::{AuthorKind, Message, TypingBy};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn event(seq: u64) -> Letter {
        event_of(seq, "x")
    }

    fn event_of(seq: u64, text: &str) -> Letter {
        let author = protocol::Author { kind: AuthorKind::Visitor, name: String::new() };
        let message =
            Message { dialog_id: 1, seq, id: format!("m{seq}"), author, text: text.into(), at: 0, file: None };
        Letter::Event(Arc::new(Event::message(message)))
    }

    fn typing() -> Letter {
        let author = protocol::Author { kind: AuthorKind::Operator, name: "A".into() };
        Letter::Ephemeral(Arc::new(Ephemeral::Typing(TypingBy { author, on: true })))
    }

    fn card() -> Card {
        Card::new(1, Pool::Site, Transport::WebSocket, 0)
    }

    fn seqs(letters: &VecDeque<Letter>) -> Vec<u64> {
        let seq = |letter: &Letter| match letter {
            Letter::Event(event) | Letter::Activity { event, .. } => Some(event.seq),
            Letter::Ephemeral(_) => None,
        };
        letters.iter().filter_map(seq).collect()
    }

    #[test]
    fn a_full_mailbox_loses_what_is_passing_first_and_never_the_newest_event() {
        let card = card();
        card.post(event(1));
        card.post(typing());
        for seq in 2..=LETTERS as u64 + 10 {
            card.post(event(seq));
        }
        let Mail { letters, lost, .. } = card.take(&Context::from_waker(Waker::noop()));
        assert_eq!(lost, 11);
        assert_eq!(letters.len(), LETTERS);
        let seqs = seqs(&letters);
        assert_eq!(seqs.len(), LETTERS);
        assert_eq!(seqs.last(), Some(&(LETTERS as u64 + 10)));
    }

    #[test]
    fn large_events_are_bounded_by_their_bytes() {
        let card = card();
        for seq in 1..=50 {
            card.post(event_of(seq, &"x".repeat(10_000)));
        }
        let Mail { letters, lost, .. } = card.take(&Context::from_waker(Waker::noop()));
        assert!(letters.iter().map(Letter::bytes).sum::<usize>() <= LETTER_BYTES);
        assert_eq!(letters.len() as u64 + lost, 50);
        assert_eq!(seqs(&letters).last(), Some(&50));
    }

    #[test]
    fn a_reader_is_woken_once_for_all_letters_that_wait() {
        let card = card();
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        let context = Context::from_waker(&waker);
        assert!(card.take(&context).letters.is_empty());
        card.post(event(1));
        card.post(event(2));
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
        assert_eq!(seqs(&card.take(&context).letters), [1, 2]);
        card.leave(Leave { in_ms: 5, spread_ms: 10 });
        assert_eq!(counted.0.load(Ordering::Relaxed), 2);
        assert_eq!(card.take(&context).leave, Some(Leave { in_ms: 5, spread_ms: 10 }));
    }
}
