//! A session, a log in memory that answers it, and a clock: what goes in, and in lines what comes out.

use std::sync::Arc;

use protocol::{
    Author, AuthorKind, ClientFrame, ClientInfo, Hello, Message, Ping, Secret, SendMessage, ServerFrame, Stored,
    Timestamp, close,
};

use crate::access::{DialogFacts, DialogState, ScopedDialog, Sites, Who, authorize};
use crate::rate::Bucket;
use crate::session::{Config, Entrance, Input, Limits, Output, Session};
use crate::{Event, Now};

pub(super) const DIALOG: u64 = 17;

pub(super) fn scoped() -> (ScopedDialog, Author) {
    let who = Who::Operator { id: 1, name: "Ann".into(), sites: Sites::All };
    let facts = DialogFacts { id: DIALOG, site_id: 1, assistant_id: None, key_hash: None, state: DialogState::Present };
    (authorize(&who, Some(&facts)).expect("an operator of all sites"), who.author())
}

/// Returns the hash of the log up to a `seq`.
pub(super) fn hash(seq: u64) -> u64 {
    (1..=seq).fold(protocol::digest::EMPTY, |hash, seq| {
        protocol::digest::next(hash, seq, &format!("m{seq}"), AuthorKind::Visitor, "x")
    })
}

pub(super) fn event(seq: u64) -> Arc<Event> {
    let event = Event::message(Message {
        dialog_id: DIALOG,
        seq,
        id: format!("m{seq}"),
        author: Author { kind: AuthorKind::Visitor, name: String::new() },
        text: "x".into(),
        at: 5,
        file: None,
    });
    Arc::new(event.hashed(hash(seq)))
}

/// A session, a log that answers it, and a clock.
pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) now: Now,
    /// The log: its last `seq`.
    pub(super) head: u64,
    pub(super) epoch: u64,
    /// Questions about the log stay open.
    pub(super) hold: bool,
    pub(super) held: Vec<Output>,
}

impl Bench {
    pub(super) fn new(entrance: Entrance, head: u64) -> Self {
        Self::with(entrance, head, Limits::default())
    }

    pub(super) fn with(entrance: Entrance, head: u64, limits: Limits) -> Self {
        let config = Config {
            seed: 7,
            entrance,
            limits,
            messages: Bucket::new(5, 10, 0),
            spread_ms: 900,
            servers: Arc::from([]),
        };
        let now = Now { mono: 0, wall: 1_000_000 };
        Self { session: Session::new(config, now), now, head, epoch: 1, hold: false, held: Vec::new() }
    }

    pub(super) fn bare(head: u64) -> Self {
        Self::new(admitted(Hello::default(), &[]), head)
    }

    /// Drains, answers the questions, and returns a line for everything that the client or the hub would see.
    pub(super) fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.session.poll_output() {
            let question = matches!(
                output,
                Output::Resume { .. } | Output::Read { .. } | Output::Admit { .. } | Output::Append(_)
            );
            if self.hold && question {
                self.held.push(output);
            } else if let Some(line) = self.perform(output) {
                lines.push(line);
            }
        }
        lines
    }

    pub(super) fn release(&mut self) -> Vec<String> {
        self.hold = false;
        let mut lines = Vec::new();
        for output in std::mem::take(&mut self.held) {
            lines.extend(self.perform(output));
        }
        lines.extend(self.drain());
        lines
    }

    pub(super) fn perform(&mut self, output: Output) -> Option<String> {
        let (dialog, author) = scoped();
        match output {
            Output::Admit { ticket, hello } => {
                let good = hello.token.as_ref().is_some_and(|token| token.expose() == "good");
                let answer = if good {
                    Input::Admitted { ticket, dialog, author }
                } else {
                    Input::Denied { ticket, code: close::NOT_FOUND, reason: "dialog_not_found" }
                };
                self.session.handle(self.now, answer);
                None
            }
            Output::Renew { ticket, token } => {
                let answer = if token.expose() == "good" {
                    Input::Admitted { ticket, dialog, author }
                } else {
                    Input::Denied { ticket, code: close::UNAUTHORIZED, reason: "unauthorized" }
                };
                self.session.handle(self.now, answer);
                None
            }
            Output::Resume { ticket, cursor, client, .. } => {
                let hash = Some(hash(cursor.begin(self.epoch, self.head).1));
                let last_n = if client.is_some() { 3 } else { 0 };
                let answer =
                    Input::Resumed { ticket, epoch: self.epoch, head: self.head, hash, known: Vec::new(), last_n };
                self.session.handle(self.now, answer);
                None
            }
            Output::Read { ticket, after, limit } => {
                let events = (after + 1..=self.head).take(limit as usize).map(event).collect();
                self.session.handle(self.now, Input::Page { ticket, events, head: self.head });
                None
            }
            Output::Append(message) => {
                self.head += 1;
                let stored = Stored { id: message.id.clone(), seq: self.head, at: 5, duplicate: false };
                self.session.handle(self.now, Input::Appended { id: message.id, result: Ok(stored) });
                None
            }
            Output::Head => {
                self.session.handle(self.now, Input::Head { head: self.head });
                None
            }
            Output::Transmit(frame) => Some(line(&frame)),
            Output::Deliver(event) => Some(format!("event {}", event.seq)),
            Output::Mark { received, read } => Some(format!("mark {received} {read}")),
            Output::Publish(ephemeral) => Some(format!("publish {}", ephemeral.channel())),
            Output::Subscribed(channels) => Some(format!("state of {}", channels.join(" "))),
            Output::Metrics(measures) => Some(format!("metrics {}", measures.0.len())),
            Output::Close(ending) => Some(format!("close {} {}", ending.code, ending.reason)),
        }
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<String> {
        self.session.handle(self.now, input);
        self.drain()
    }

    pub(super) fn frame(&mut self, frame: ClientFrame) -> Vec<String> {
        self.input(Input::Frame(frame))
    }

    pub(super) fn hello(&mut self, after: Option<u64>, epoch: Option<u64>) -> Vec<String> {
        self.frame(ClientFrame::Hello(hello(after, epoch)))
    }

    /// Publishes what is appended.
    pub(super) fn append(&mut self) -> Vec<String> {
        self.head += 1;
        self.input(Input::Published(event(self.head)))
    }

    /// Lets time pass, with every timeout on its way.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<String> {
        let until = self.now.mono + ms;
        let mut lines = Vec::new();
        while let Some((at, _)) = self.session.poll_timeout().filter(|(at, _)| *at <= until) {
            self.advance(at);
            lines.extend(self.input(Input::Timeout));
        }
        self.advance(until);
        lines
    }

    pub(super) fn advance(&mut self, to: u64) {
        self.now.wall += to - self.now.mono;
        self.now.mono = to;
    }
}

pub(super) fn line(frame: &ServerFrame) -> String {
    match frame {
        ServerFrame::Ready(ready) => {
            format!("ready {:?} head {} next {} n {}", ready.mode, ready.head, ready.next, ready.last_n).to_lowercase()
        }
        ServerFrame::Synced(synced) => format!("synced {}", synced.head),
        ServerFrame::Stored(stored) => format!("stored {} {}", stored.id, stored.seq),
        ServerFrame::Refused(refused) => format!("refused {} {}", refused.id, refused.code),
        ServerFrame::Heartbeat(heartbeat) => format!("heartbeat {}", heartbeat.head),
        ServerFrame::Error(error) => format!("error {}", error.code),
        ServerFrame::Drain(drain) => format!("drain {} {}", drain.in_ms, drain.spread_ms),
        ServerFrame::Subscribed(channels) => format!("subscribed {} {}", channels.channels.join(" "), channels.status),
        ServerFrame::Unsubscribed(channels) => format!("unsubscribed {}", channels.channels.join(" ")),
        ServerFrame::Pong(ping) => format!("pong {:?}", ping.timestamp),
        ServerFrame::Message(_)
        | ServerFrame::Dialog(_)
        | ServerFrame::Receipt(_)
        | ServerFrame::Typing(_)
        | ServerFrame::Presence(_)
        | ServerFrame::MetricsReceived(_)
        | ServerFrame::Bye(_) => protocol::Frame::kind(frame).into(),
    }
}

pub(super) fn hello(after: Option<u64>, epoch: Option<u64>) -> Hello {
    Hello {
        v: 1,
        token: Some(Secret::new("good")),
        after,
        epoch,
        client: Some(ClientInfo { id: "c1".into(), ..ClientInfo::default() }),
        ..Hello::default()
    }
}

pub(super) fn admitted(hello: Hello, channels: &[&str]) -> Entrance {
    let (dialog, author) = scoped();
    Entrance::Admitted {
        dialog,
        author,
        hello: Box::new(hello),
        channels: channels.iter().map(|name| (*name).into()).collect(),
    }
}

pub(super) fn message(id: &str) -> ClientFrame {
    ClientFrame::Message(SendMessage { id: Some(id.into()), n: None, text: "hi".into(), file: None })
}

pub(super) fn ping() -> ClientFrame {
    ClientFrame::Ping(Ping { timestamp: Timestamp::Int(7) })
}

pub(super) fn events(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|seq| format!("event {seq}")).collect()
}
