//! An operator's inbox: hints of what changes in any dialog of the operator's sites.

use std::sync::Arc;
use std::task::{Context, Poll};

use protocol::{
    ClientFrame, DialogActivity, Drain, ErrorFrame, Heartbeat, InboxFrame, InboxReady, Ping, ServerFrame, VERSION,
    close, code,
};
use serde::Serialize;
use server_core::rate::Bucket;
use server_core::session::Ending;
use server_core::{Entry, Event, Millis, Now};

use super::decode::{self, Unreadable};
use super::link::Drained;
use super::links::{OpenLink, spread};
use super::outgoing::{Frame, Outgoing};
use super::question::Check;
use super::socket::Talk;
use super::timer::Timer;
use crate::admission::{Caller, OperatorIdentity};
use crate::app::App;
use crate::hub::{Arrival, Card, Letter, Mail, OpenInbox};
use crate::store::{Answer, Operator};

/// Characters of a message that a hint carries.
const PREVIEW_CHARS: usize = 200;
/// Frames that an inbox takes at once, and then each second.
const FRAMES: (u32, u32) = (20, 5);
/// Faults of the client in a row before it is closed.
const FAULTS: u32 = 100;

/// An operator's inbox on a socket.
pub(crate) struct Inbox {
    app: App,
    open: OpenLink,
    caller: Arc<Caller>,
    state: State,
    outgoing: Outgoing,
    timer: Timer,
    frames: Bucket,
    /// Unreadable or too many frames in a row.
    faults: u32,
    heartbeat_at: Millis,
    /// The question whether the operator is still one.
    look: Option<Answer<Option<Arc<Operator>>>>,
    stall_at: Millis,
    /// The moment to leave, and over how long all are spread.
    leave: Option<(Millis, u32)>,
    ending: Option<Ending>,
}

enum State {
    /// Nobody has said who is there, and must until then.
    Outside { until: Millis },
    /// A token is being checked; the first, or a fresh one.
    Checking { check: Check<OperatorIdentity>, inside: Option<Inside> },
    /// Hints are brought.
    Inside(Inside),
}

struct Inside {
    operator: OperatorIdentity,
    hints: Hints,
    _inbox: OpenInbox,
    _arrival: Arrival,
}

/// Whether every hint so far has reached the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hints {
    Complete,
    /// The client is told to read its list again as soon as it can take that.
    Lost,
}

impl Inbox {
    /// Opens an inbox; an operator whose token the address did not carry must say `hello`.
    pub(crate) fn new(app: App, open: OpenLink, caller: Arc<Caller>, operator: Option<OperatorIdentity>) -> Self {
        let now = app.now();
        let heartbeat_ms = Millis::from(app.limits().heartbeat_ms);
        let jitter = Millis::from(spread(open.card().id, app.limits().heartbeat_ms / 10));
        let mut inbox = Self {
            state: State::Outside { until: now.mono + Millis::from(app.limits().hello_ms) },
            outgoing: Outgoing::default(),
            timer: Timer::new(),
            frames: Bucket::new(FRAMES.0, FRAMES.1, now.mono),
            faults: 0,
            heartbeat_at: now.mono + heartbeat_ms - jitter,
            look: None,
            stall_at: Millis::MAX,
            leave: None,
            ending: None,
            app,
            open,
            caller,
        };
        if let Some(operator) = operator {
            inbox.enter(operator, now);
        }
        inbox
    }

    fn enter(&mut self, operator: OperatorIdentity, now: Now) {
        let card = self.open.card();
        let hub = self.app.hub();
        let inside = Inside {
            hints: Hints::Complete,
            _inbox: hub.open_inbox(operator.sites.clone(), card),
            _arrival: hub.arrive(operator.id, &operator.name, &operator.sites),
            operator,
        };
        self.state = State::Inside(inside);
        tracing::info!(tag = card.pool.tag(), link = card.id, "inbox opened");
        self.say_ready(now);
    }

    fn say_ready(&mut self, now: Now) {
        let heartbeat_ms = self.app.limits().heartbeat_ms;
        let ready = InboxReady { v: VERSION, heartbeat_ms, now: now.wall };
        self.say(&InboxFrame::Ready(ready), Frame::Answer);
    }

    fn say(&mut self, frame: &impl Serialize, kind: fn(String) -> Frame) {
        // Every frame of the wire can be written.
        if let Ok(text) = serde_json::to_string(frame) {
            self.outgoing.push(kind(text));
        }
    }

    fn fault(&mut self, code: &str, message: &str) {
        let error = ErrorFrame { code: code.into(), message: message.into() };
        self.say(&ServerFrame::Error(error), Frame::Answer);
        self.faults += 1;
        if self.faults >= FAULTS {
            self.end(Ending { code: close::BAD_FRAMES, reason: "bad_frames", retry_ms: None });
        }
    }

    fn take_frame(&mut self, frame: ClientFrame) {
        let now = self.app.now();
        if self.frames.take(now.mono).is_err() {
            return self.fault(code::RATE_LIMITED, "more frames a second than this server takes");
        }
        match frame {
            ClientFrame::Ping(Ping { timestamp }) => {
                self.faults = 0;
                self.say(&ServerFrame::pong(timestamp), Frame::Answer);
            }
            ClientFrame::Hello(hello) if hello.v != VERSION => {
                self.end(Ending { code: close::VERSION, reason: code::UNSUPPORTED_VERSION, retry_ms: None });
            }
            ClientFrame::Hello(hello) => self.check(hello.token),
            ClientFrame::Auth(auth) => self.check(Some(auth.token)),
            ClientFrame::Message(_)
            | ClientFrame::Received(_)
            | ClientFrame::Read(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Sync(_)
            | ClientFrame::Subscribe(_)
            | ClientFrame::Unsubscribe(_)
            | ClientFrame::Metrics(_) => {
                self.fault(
                    code::UNKNOWN_TYPE,
                    "an inbox takes ping, hello and auth; dialogs have sockets of their own",
                );
            }
        }
    }

    fn check(&mut self, token: Option<protocol::Secret>) {
        let (app, caller) = (self.app.clone(), Arc::clone(&self.caller));
        let check: Check<OperatorIdentity> = Box::pin(async move { caller.operator(&app, token.as_ref()).await });
        let before = std::mem::replace(&mut self.state, State::Outside { until: Millis::MAX });
        self.state = match before {
            State::Outside { .. } => State::Checking { check, inside: None },
            State::Inside(inside) => State::Checking { check, inside: Some(inside) },
            // The question before is not answered: this one takes its place.
            State::Checking { inside, .. } => State::Checking { check, inside },
        };
    }

    fn take_check(&mut self, now: Now, context: &mut Context<'_>) {
        let State::Checking { check, .. } = &mut self.state else { return };
        let Poll::Ready(checked) = check.as_mut().poll(context) else { return };
        let before = std::mem::replace(&mut self.state, State::Outside { until: Millis::MAX });
        let inside = match before {
            State::Checking { inside, .. } => inside,
            State::Inside(inside) => Some(inside),
            State::Outside { .. } => None,
        };
        match (checked, inside) {
            (Err(error), _) => self.end(error.ending()),
            (Ok(operator), Some(inside)) if operator.id != inside.operator.id => {
                self.end(Ending { code: close::UNAUTHORIZED, reason: code::UNAUTHORIZED, retry_ms: None });
            }
            (Ok(operator), Some(mut inside)) => {
                inside.operator.expires_at = operator.expires_at;
                inside.operator.token_epoch = operator.token_epoch;
                self.state = State::Inside(inside);
            }
            (Ok(operator), None) => self.enter(operator, now),
        }
    }

    fn take_mail(&mut self, now: Now, context: &Context<'_>) {
        let Mail { letters, lost, leave, rekeyed: _ } = self.open.card().take(context);
        for letter in letters {
            match letter {
                Letter::Activity { site_id, event } if self.outgoing.is_low() => {
                    self.say(&InboxFrame::Activity(activity(site_id, &event)), Frame::Passing);
                }
                Letter::Activity { .. } => self.note_lost(),
                // For dialogs.
                Letter::Event(_) | Letter::Ephemeral(_) => {}
            }
        }
        if lost > 0 {
            self.note_lost();
        }
        if let Some(leave) = leave {
            self.leave = Some((now.mono + Millis::from(leave.in_ms), leave.spread_ms));
            let drain = Drain { in_ms: leave.in_ms, spread_ms: leave.spread_ms };
            self.say(&ServerFrame::Drain(drain), Frame::Answer);
        }
    }

    fn note_lost(&mut self) {
        if let State::Inside(inside) | State::Checking { inside: Some(inside), .. } = &mut self.state {
            inside.hints = Hints::Lost;
        }
    }

    fn take_time(&mut self, now: Now) {
        match &self.state {
            State::Outside { until } if now.mono >= *until => {
                self.end(Ending { code: close::NO_HELLO, reason: "no_hello", retry_ms: Some(1_000) });
            }
            State::Inside(inside) if now.wall >= inside.operator.expires_at => {
                self.end(Ending { code: close::EXPIRED, reason: "expired", retry_ms: None });
            }
            State::Outside { .. } | State::Checking { .. } | State::Inside(_) => {}
        }
        if let Some((_, spread_ms)) = self.leave.filter(|(at, _)| now.mono >= *at) {
            let retry_ms = Some(spread(self.open.card().id, spread_ms));
            self.end(Ending { code: close::DRAINING, reason: code::DRAINING, retry_ms });
        }
        if now.mono >= self.heartbeat_at {
            self.heartbeat_at = now.mono + Millis::from(self.app.limits().heartbeat_ms);
            self.look = self.inside().map(|inside| self.app.store().operator(inside.operator.id));
            self.say(&ServerFrame::Heartbeat(Heartbeat { timestamp: now.wall, head: 0, hash: None }), Frame::Passing);
        }
    }

    /// Ends the inbox of an operator who was taken away, or changed.
    fn take_look(&mut self, context: &mut Context<'_>) {
        let Some(Poll::Ready(known)) = self.look.as_mut().map(|look| look.as_mut().poll(context)) else { return };
        self.look = None;
        // Without an answer it is asked again with the next heartbeat.
        let Ok(known) = known else { return };
        if let Some(ending) = self.inside().and_then(|inside| inside.operator.ending(known.as_deref())) {
            self.end(ending);
        }
    }

    fn inside(&self) -> Option<&Inside> {
        match &self.state {
            State::Inside(inside) => Some(inside),
            State::Checking { inside, .. } => inside.as_ref(),
            State::Outside { .. } => None,
        }
    }

    fn deadline(&self, now: Now) -> Millis {
        let state = match &self.state {
            State::Outside { until } => *until,
            State::Checking { .. } => Millis::MAX,
            State::Inside(inside) => now.mono.saturating_add(inside.operator.expires_at.saturating_sub(now.wall)),
        };
        let leave = self.leave.map_or(Millis::MAX, |(at, _)| at);
        state.min(leave).min(self.heartbeat_at).min(self.stall_at)
    }
}

impl Talk for Inbox {
    fn take_text(&mut self, text: &str) {
        decode::frames(text, |frame| match frame {
            Ok(frame) => self.take_frame(frame),
            Err(unreadable) => self.take_unreadable(unreadable),
        });
    }

    fn take_unreadable(&mut self, unreadable: Unreadable) {
        self.fault(unreadable.code, unreadable.message);
    }

    fn is_reading(&self) -> bool {
        self.ending.is_none() && self.outgoing.is_low()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        let now = self.app.now();
        self.take_mail(now, context);
        if self.ending.is_none() {
            self.take_check(now, context);
            self.take_time(now);
            self.take_look(context);
        }
        let deadline = if self.ending.is_some() { self.stall_at } else { self.deadline(now) };
        self.timer.arm(self.app.clock(), deadline, context);
    }

    fn next_frame(&mut self) -> Option<Frame> {
        self.outgoing.pop()
    }

    fn has_frames(&self) -> bool {
        !self.outgoing.is_empty()
    }

    fn note_drained(&mut self) -> Drained {
        let State::Inside(inside) = &mut self.state else { return Drained::Idle };
        if inside.hints == Hints::Complete {
            return Drained::Idle;
        }
        inside.hints = Hints::Complete;
        self.say_ready(self.app.now());
        Drained::GoesOn
    }

    fn set_stall(&mut self, stall_at: Option<Millis>) {
        self.stall_at = stall_at.unwrap_or(Millis::MAX);
    }

    fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        // Whoever leaves does not count as there.
        self.state = State::Outside { until: Millis::MAX };
    }

    fn card(&self) -> Option<&Arc<Card>> {
        Some(self.open.card())
    }

    fn dialog_id(&self) -> u64 {
        0
    }

    fn app(&self) -> &App {
        &self.app
    }
}

fn activity(site_id: u64, event: &Event) -> DialogActivity {
    let (author, preview) = match &event.entry {
        Entry::Message(message) => {
            let preview = match &message.file {
                Some(file) if message.text.is_empty() => format!("📎 {}", file.name),
                Some(_) | None => message.text.chars().take(PREVIEW_CHARS).collect(),
            };
            (message.author.clone(), preview)
        }
        Entry::Change(change) => (change.author.clone(), String::new()),
    };
    DialogActivity { dialog_id: event.dialog_id, site_id, head: event.seq, author, preview, at: event.at }
}
