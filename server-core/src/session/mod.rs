//! One connection's session: frames and answers of the store in, commands out.

mod config;
mod cursor;
mod dialog;
mod frames;
mod input;
mod output;
mod timers;

use std::collections::VecDeque;

use mutants::Mutant;
use protocol::{Author, ClientFrame, ErrorFrame, Hello, ServerFrame, close};

pub use config::{Config, Entrance, Limits};
pub use cursor::Cursor;
pub use input::{Input, Ticket};
pub use output::{Ending, Output};

use crate::access::ScopedDialog;
use crate::rate::Bucket;
use crate::{Millis, Now};
use dialog::{Flow, Inside};
use frames::Channels;
use timers::Timers;

/// One connection's session.
///
/// Every [`Session::new`] and [`Session::handle`] must be followed by draining [`Session::poll_output`] to `None`, and
/// then by asking [`Session::poll_timeout`] when to call again. A spurious [`Input::Timeout`] does nothing. After
/// [`Output::Close`] it ignores everything.
#[derive(Debug)]
pub struct Session {
    config: Config,
    state: State,
    timers: Timers,
    channels: Channels,
    /// What the client may still send beside messages.
    frames: Bucket,
    /// Refusals for speed, less the messages that were taken since.
    refusals: u32,
    /// Unreadable frames in a row.
    unreadable: u32,
    flow: Flow,
    /// The highest `seq` that anybody has told of: the hub, the head, a page.
    hint: u64,
    received: u64,
    read: u64,
    /// Messages that the store has not answered yet.
    appends: usize,
    /// The question about a fresh token.
    renewal: Option<Ticket>,
    next_ticket: u32,
    made_ids: u64,
    outputs: VecDeque<Output>,
}

/// Where a connection stands.
#[derive(Debug)]
enum State {
    /// Nobody has said who is there.
    Outside,
    /// The credentials are being checked.
    Admitting { ticket: Ticket, hello: Box<Hello>, waiting: Vec<ClientFrame> },
    /// The log is being asked where it ends.
    Resuming { ticket: Ticket, member: Member, hello: Box<Hello>, waiting: Vec<ClientFrame> },
    /// Events are delivered as they come.
    Inside(Inside),
    /// The end was told.
    Closed,
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
struct Member {
    dialog: ScopedDialog,
    author: Author,
    /// The sender of ordered messages.
    client: Option<String>,
}

impl Session {
    /// Begins a session as `config.entrance` says.
    pub fn new(mut config: Config, now: Now) -> Self {
        let limits = config.limits;
        let entrance = std::mem::replace(&mut config.entrance, Entrance::Hello);
        let mut session = Self {
            timers: Timers::new(config.seed, limits, now.mono),
            state: State::Outside,
            channels: Channels::default(),
            frames: Bucket::new(limits.frames_burst, limits.frames_per_s, now.mono),
            refusals: 0,
            unreadable: 0,
            flow: Flow::Open,
            hint: 0,
            received: 0,
            read: 0,
            appends: 0,
            renewal: None,
            next_ticket: 0,
            made_ids: 0,
            outputs: VecDeque::new(),
            config,
        };
        match entrance {
            Entrance::Hello => {}
            Entrance::Admitted { dialog, author, hello, channels } => {
                session.timers.admitted();
                session.subscribe(&channels);
                let client = session.client_of(&hello);
                session.resume(Member { dialog, author, client }, hello, Vec::new());
            }
            Entrance::Post { dialog, author, client } => {
                session.timers.never();
                let client = client.filter(|id| crate::id::check(id).is_ok());
                session.state = State::Inside(Inside::post(Member { dialog, author, client }));
            }
        }
        session
    }

    /// Advances the session by one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        if matches!(self.state, State::Closed) {
            return;
        }
        match input {
            Input::Frame(frame) => self.on_frame(now, frame),
            Input::Unreadable { code, message } => self.on_unreadable(now, code, message),
            Input::Admitted { ticket, dialog, author } => self.on_admitted(ticket, dialog, author),
            Input::Denied { ticket, code, reason } => self.on_denied(ticket, code, reason),
            Input::Resumed { ticket, epoch, head, hash, known, last_n } => {
                self.on_resumed(now, ticket, dialog::Log { epoch, head, hash, known, last_n });
            }
            Input::Page { ticket, events, head } => self.on_page(ticket, events, head),
            Input::Appended { id, result } => self.on_appended(id, result),
            Input::Head { head } => self.on_head(now, head),
            Input::StoreFailed => self.close(close::STORE_UNAVAILABLE, "store_unavailable", Some(2_000)),
            Input::Published(event) => self.on_published(event),
            Input::Ephemeral(ephemeral) => self.on_ephemeral(ephemeral),
            Input::Congested { written } => self.on_congested(written),
            Input::Writable => self.on_writable(),
            Input::Drain { in_ms, spread_ms } => self.on_drain(now, in_ms, spread_ms),
            Input::CredentialsExpired => self.close(close::EXPIRED, "expired", None),
            Input::Timeout => self.on_timeout(now),
        }
    }

    /// Returns the next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to call with [`Input::Timeout`] next, on the monotonic clock, and why.
    pub fn poll_timeout(&self) -> Option<(Millis, &'static str)> {
        match self.state {
            State::Closed => None,
            State::Outside | State::Admitting { .. } | State::Resuming { .. } | State::Inside(_) => self.timers.next(),
        }
    }

    /// Returns whether every question to the store has been answered: then the answer to a POST is complete.
    pub fn is_settled(&self) -> bool {
        match &self.state {
            State::Outside | State::Closed => true,
            State::Admitting { .. } | State::Resuming { .. } => false,
            State::Inside(inside) => self.appends == 0 && inside.reads.is_empty() && self.renewal.is_none(),
        }
    }

    /// Returns how many things the session keeps for later: its bound is part of [`Limits`].
    pub fn held(&self) -> usize {
        let state = match &self.state {
            State::Outside | State::Closed => 0,
            State::Admitting { waiting, .. } | State::Resuming { waiting, .. } => waiting.len(),
            State::Inside(inside) => inside.reads.len(),
        };
        state + self.outputs.len()
    }

    /// Ends the session and gives the bucket back that it was made with.
    pub fn into_bucket(self) -> Bucket {
        self.config.messages
    }

    fn transmit(&mut self, frame: ServerFrame) {
        self.outputs.push_back(Output::Transmit(frame));
    }

    fn error(&mut self, code: &'static str, message: &'static str) {
        self.transmit(ServerFrame::Error(ErrorFrame { code: code.into(), message: message.into() }));
    }

    fn close(&mut self, code: u16, reason: &'static str, retry_ms: Option<u32>) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Close(Ending { code, reason, retry_ms }));
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        Ticket(self.next_ticket)
    }

    fn on_drain(&mut self, now: Now, in_ms: u32, spread_ms: u32) {
        match self.state {
            State::Outside | State::Admitting { .. } | State::Resuming { .. } => self.close_drained(spread_ms),
            State::Inside(_) => {
                self.timers.drain(now.mono, in_ms, spread_ms);
                self.transmit(ServerFrame::Drain(protocol::Drain { in_ms, spread_ms }));
            }
            State::Closed => {}
        }
    }

    fn close_drained(&mut self, spread_ms: u32) {
        let retry_ms = self.timers.random_below(spread_ms);
        self.close(close::DRAINING, "draining", Some(retry_ms));
    }

    fn on_timeout(&mut self, now: Now) {
        match self.timers.due(now.mono) {
            None => {}
            Some(timers::Due::Hello) => {
                if matches!(self.state, State::Outside) {
                    self.close(close::NO_HELLO, "no_hello", Some(1_000));
                }
            }
            Some(timers::Due::Silence) => self.close(close::SILENT, "silent", None),
            Some(timers::Due::Drained { spread_ms }) => self.close_drained(spread_ms),
            Some(timers::Due::Heartbeat) => self.beat(),
        }
    }

    /// Asks where the log ends: the answer is the heartbeat.
    fn beat(&mut self) {
        let due = matches!(self.state, State::Inside(_)) && self.flow == Flow::Open;
        if due && !mutants::planted(Mutant::NoHeartbeat) {
            self.outputs.push_back(Output::Head);
        }
    }
}

#[cfg(test)]
mod tests;
