//! What stands around a session: its store, its hub, its queue and its clock.

use std::sync::Arc;

use protocol::{Author, AuthorKind, Message, Stored, close, digest};
use server_core::access::{DialogFacts, DialogState, ScopedDialog, Sites, Who, authorize};
use server_core::append::{Facts, KnownMessage, NewMessage, Sameness, decide};
use server_core::rate::Bucket;
use server_core::session::{Config, Cursor, Entrance, Input, Limits, Output, Session, Ticket};
use server_core::{Event, Now};

use super::check::Client;
use super::{Log, hash};
use crate::probe::Step;

const DIALOG: u64 = 17;
/// The log has not been put back, ever.
const EPOCH: u64 = 1;
/// Outputs after one input: a page of the log, and an answer for each frame that waited.
const MOST_OUTPUTS: usize = 400;
/// Things that a session keeps: frames that wait for `ready`, or questions.
const MOST_HELD: usize = 70;

/// A question that the session has asked.
enum Question {
    Admit(Ticket),
    Renew(Ticket),
    Resume(Ticket, Cursor),
    Read { ticket: Ticket, after: u64, limit: u64 },
    Append(NewMessage),
}

/// A session, and all that it talks to.
pub(super) struct Shell {
    session: Session,
    now: Now,
    log: Log,
    last_n: u64,
    questions: Vec<Question>,
    client: Client,
}

impl Shell {
    pub(super) fn new([kind, a, b, c]: Step) -> Self {
        let (dialog, author) = scoped();
        let hello = protocol::Hello { after: Some(b.into()).filter(|_| a % 2 == 0), ..protocol::Hello::default() };
        let post = kind % 4 == 2;
        let entrance = match kind % 4 {
            0 => Entrance::Admitted { dialog, author, hello: Box::new(hello), channels: Vec::new() },
            2 => Entrance::Post { dialog, author, client: Some("c".into()) },
            _ => Entrance::Hello,
        };
        let config = Config {
            seed: c.into(),
            entrance,
            limits: Limits::default(),
            messages: Bucket::new(5, 10, 0),
            spread_ms: 900,
            servers: Arc::from([]),
        };
        let now = Now { mono: 0, wall: 1_000_000 };
        let session = Session::new(config, now);
        let mut shell =
            Self { session, now, log: Log::new(), last_n: 0, questions: Vec::new(), client: Client::new(post) };
        (0..u64::from(c % 16)).for_each(|_| shell.somebody_writes());
        shell.drain();
        shell
    }

    pub(super) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = Now { mono: self.now.mono + ms, wall: self.now.wall + ms };
    }

    pub(super) fn input(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.drain();
    }

    /// Lets the next timer be due.
    pub(super) fn due(&mut self) {
        let Some((at, why)) = self.session.poll_timeout() else { return };
        self.pass(at.saturating_sub(self.now.mono));
        for _ in 0..8 {
            self.input(Input::Timeout);
            if self.session.poll_timeout().is_none_or(|(at, _)| at > self.now.mono) {
                return;
            }
        }
        panic!("the timer of {why} is due for ever");
    }

    pub(super) fn somebody_writes(&mut self) {
        let id = format!("x{}", self.head() + 1);
        let author = Author { kind: AuthorKind::Operator, name: "Bob".into() };
        self.store(id, author, "theirs".into());
    }

    fn store(&mut self, id: String, author: Author, text: String) -> Stored {
        let seq = self.head() + 1;
        let before = hash(&self.log, seq - 1);
        let hash = digest::next(before, seq, &id, author.kind, &text);
        let message = Message { dialog_id: DIALOG, seq, id: id.clone(), author, text, at: self.now.wall, file: None };
        self.log.push(Arc::new(Event::message(message).hashed(hash)));
        Stored { id, seq, at: self.now.wall, duplicate: false }
    }

    /// The hub brings an event, an old one perhaps, or one of another dialog.
    pub(super) fn publish(&mut self, which: u64, whose: u8) {
        if self.log.is_empty() {
            return;
        }
        let back = if whose.is_multiple_of(4) { which } else { which % 3 };
        let index = self.log.len() - 1 - usize::try_from(back % self.head()).expect("small");
        let mut event = Arc::clone(&self.log[index]);
        if whose == 255 {
            event = Arc::new(Event { dialog_id: DIALOG + 1, ..Event::clone(&event) });
        }
        self.input(Input::Published(event));
    }

    /// The client reads too slowly: what was not written is thrown away.
    pub(super) fn congest(&mut self, which: u64) {
        if let Some(written) = self.client.congest(which) {
            self.input(Input::Congested { written });
        }
    }

    pub(super) fn writable(&mut self) {
        if self.client.writable() {
            self.input(Input::Writable);
        }
    }

    /// Answers a question to which there is none.
    pub(super) fn answer_nobody(&mut self, kind: u8, ticket: u64) {
        let ticket = Ticket(u32::try_from(ticket).unwrap_or_default() | 1 << 31);
        let (dialog, author) = scoped();
        let events = self.log.first().into_iter().cloned().collect();
        self.input(match kind % 4 {
            0 => Input::Admitted { ticket, dialog, author },
            1 => Input::Denied { ticket, code: close::NOT_FOUND, reason: "dialog_not_found" },
            2 => Input::Resumed { ticket, epoch: EPOCH, head: 3, hash: None, known: Vec::new(), last_n: 0 },
            _ => Input::Page { ticket, events, head: 1 },
        });
    }

    /// Answers one of the open questions; messages are answered in their order.
    pub(super) fn answer(&mut self, which: usize, b: u8, c: u8) {
        if self.questions.is_empty() {
            return;
        }
        let which = which % self.questions.len();
        let is_append = |question: &Question| matches!(question, Question::Append(_));
        let first = self.questions.iter().position(is_append).filter(|_| is_append(&self.questions[which]));
        let question = self.questions.remove(first.unwrap_or(which));
        let denied = [b, c] == [255, 255];
        let (dialog, author) = scoped();
        let input = match question {
            Question::Admit(ticket) | Question::Renew(ticket) if denied => {
                Input::Denied { ticket, code: close::UNAUTHORIZED, reason: "unauthorized" }
            }
            Question::Admit(ticket) | Question::Renew(ticket) => Input::Admitted { ticket, dialog, author },
            Question::Resume(ticket, cursor) => {
                let head = self.head();
                let base = self.client.resumes(cursor, EPOCH, head);
                let hash = Some(hash(&self.log, base)).filter(|_| !c.is_multiple_of(4));
                Input::Resumed { ticket, epoch: EPOCH, head, hash, known: Vec::new(), last_n: self.last_n }
            }
            Question::Read { ticket, after, limit } => {
                let limit = usize::try_from(limit.min(1 + u64::from(b))).expect("small");
                let after = usize::try_from(after).unwrap_or(usize::MAX);
                let events = self.log.iter().skip(after).take(limit).cloned().collect();
                Input::Page { ticket, events, head: self.head() }
            }
            Question::Append(message) => {
                let id = message.id.clone();
                let result = self.append(&message);
                Input::Appended { id, result }
            }
        };
        self.input(input);
    }

    fn append(&mut self, message: &NewMessage) -> Result<Stored, server_core::Refusal> {
        let known = self.log.iter().find_map(|event| match &event.entry {
            server_core::Entry::Message(known) if known.id == message.id => Some(known),
            server_core::Entry::Message(_) | server_core::Entry::Change(_) => None,
        });
        let known = known.map(|known| {
            let same = known.text == message.text && known.author.kind == message.author.kind;
            let same = if same { Sameness::Replay } else { Sameness::Other };
            KnownMessage { seq: known.seq, at: known.at, same }
        });
        let facts =
            Facts { head: self.head(), known, last_n: self.last_n, welcome: None, at: self.now.wall, file: None };
        let decision = decide(message, &facts);
        if let server_core::append::Decision::Append { rows, last_n } = &decision {
            self.last_n = last_n.unwrap_or(self.last_n);
            for row in rows {
                self.store(row.id.clone(), row.author.clone(), row.text.clone());
            }
        }
        decision.answer(&message.id)
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.session.poll_output() {
            outputs += 1;
            assert!(outputs <= MOST_OUTPUTS, "one input has {outputs} outputs");
            match output {
                Output::Admit { ticket, .. } => self.questions.push(Question::Admit(ticket)),
                Output::Renew { ticket, .. } => self.questions.push(Question::Renew(ticket)),
                Output::Resume { ticket, cursor, .. } => self.questions.push(Question::Resume(ticket, cursor)),
                Output::Read { ticket, after, limit } => {
                    assert!((1..=protocol::limits::PAGE).contains(&limit), "a page of {limit}");
                    self.questions.push(Question::Read { ticket, after, limit });
                }
                Output::Append(message) => {
                    assert!(server_core::id::check(&message.id).is_ok(), "{:?} is an id", message.id);
                    assert!(server_core::text::check(&message.text).is_ok(), "{:?} is a text", message.text);
                    self.questions.push(Question::Append(message));
                }
                // From memory, which may know less than the log.
                Output::Head => self.session.handle(self.now, Input::Head { head: self.head() }),
                Output::Transmit(frame) => self.client.hears(&frame, &self.log),
                Output::Deliver(event) => {
                    assert_eq!(event.dialog_id, DIALOG, "an event of another dialog");
                    assert_eq!(Some(&event), self.log.get(event.seq as usize - 1), "what is delivered is in the log");
                    self.client.gets(&event);
                }
                Output::Mark { received, read } => self.client.marks(received, read),
                Output::Close(_) => self.client.ends(),
                Output::Publish(_) | Output::Subscribed(_) | Output::Metrics(_) => {}
            }
            assert!(!self.client.is_over() || self.session.poll_output().is_none(), "something follows the end");
        }
        assert!(self.session.held() <= MOST_HELD, "{} things are kept", self.session.held());
        assert!(!self.client.is_over() || self.session.poll_timeout().is_none(), "a timer runs after the end");
    }

    /// Answers everything, and lets heartbeats pass: then the client has the whole log.
    pub(super) fn settle(&mut self) {
        for _ in 0..3 {
            self.answer_all();
            self.writable();
            self.answer_all();
            if self.client.is_post() {
                assert!(self.client.is_over() || self.session.is_settled(), "a POST is never answered");
                return;
            }
            self.due();
        }
        self.answer_all();
        self.client.has_all(self.head());
    }

    fn answer_all(&mut self) {
        for _ in 0..10_000 {
            if self.questions.is_empty() {
                return;
            }
            self.answer(0, 254, 1);
        }
        panic!("the session asks for ever");
    }
}

fn scoped() -> (ScopedDialog, Author) {
    let who = Who::Operator { id: 1, name: "Ann".into(), sites: Sites::All };
    let facts = DialogFacts { id: DIALOG, site_id: 1, assistant_id: None, key_hash: None, state: DialogState::Present };
    (authorize(&who, Some(&facts)).expect("an operator of all sites"), who.author())
}
