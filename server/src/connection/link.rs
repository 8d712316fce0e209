//! The shell of one session: carries its inputs in and its commands out, whatever the transport.

use std::sync::Arc;
use std::task::{Context, Poll};

use protocol::{AuthorKind, ClientFrame, ClientInfo, Hello, Presence, Receipt, ServerFrame, json};
use server_core::access::Side;
use server_core::rate::Bucket;
use server_core::session::{Config, Ending, Entrance, Input, Output, Session, Ticket};
use server_core::{Ephemeral, Millis, Now};

use super::decode::{self, Unreadable};
use super::links::OpenLink;
use super::outgoing::{Frame, Outgoing, Pushed};
use super::question::{Outcome, Question};
use super::socket::Talk;
use super::timer::Timer;
use crate::admission::{Admission, Caller};
use crate::app::App;
use crate::hub::{Arrival, Card, Letter, Mail, Membership};
use crate::store::{Marks, Resumed};

/// Questions to the store that may be open before the client is not read any more.
const OPEN_QUESTIONS: usize = 128;

/// How a client came to a dialog's address.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Who calls.
    pub(crate) caller: Arc<Caller>,
    /// The dialog of the address.
    pub(crate) dialog_id: u64,
    /// There already, where address and headers carried enough.
    pub(crate) admission: Option<Admission>,
    /// What the query said in place of a frame.
    pub(crate) hello: Hello,
    /// Channels that the query subscribed to.
    pub(crate) channels: Vec<String>,
    /// From the system's random source.
    pub(crate) seed: u64,
}

/// The shell of one session.
pub(crate) struct Link {
    app: App,
    caller: Arc<Caller>,
    dialog_id: u64,
    session: Session,
    questions: Vec<Question>,
    outgoing: Outgoing,
    flow: Flow,
    timer: Timer,
    admission: Option<Box<Admission>>,
    presence: Option<Box<Inside>>,
    /// Channels that were subscribed to before the session was ready to hear of them.
    early_channels: Vec<&'static str>,
    /// Another deadline, of the transport.
    stall_at: Millis,
    ending: Option<Ending>,
    open: Place,
}

/// Where the link is counted.
enum Place {
    /// Among the links.
    Open(OpenLink),
    /// Nowhere: the answer to a POST. What it tells the others is not told to this link of the same client.
    Post { same_client: u64 },
}

/// The link's places in the hub.
struct Inside {
    _membership: Membership,
    _arrival: Option<Arrival>,
}

/// Whether events are queued.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The queue was thrown away; it must be empty before the log is read again.
    Congested,
    /// Nobody has asked the log where it ends yet.
    Waiting,
}

impl Link {
    /// Begins a session over an open link.
    pub(crate) fn new(app: App, open: OpenLink, entry: Entry) -> Self {
        if let Some(client) = &entry.hello.client {
            open.card().note_client(&client.id);
        }
        let entrance = match &entry.admission {
            None => Entrance::Hello,
            Some(admission) => Entrance::Admitted {
                dialog: admission.dialog,
                author: admission.author.clone(),
                hello: Box::new(entry.hello),
                channels: entry.channels,
            },
        };
        let bucket = Bucket::new(app.messages_burst(), app.limits().told.messages_per_s, app.clock().mono());
        let config = config(&app, entry.seed, entrance, bucket);
        let session = Session::new(config, app.now());
        Self::with(app, Place::Open(open), entry.caller, entry.dialog_id, entry.admission, session)
    }

    /// Begins a session for one POST, whose messages were counted already.
    pub(crate) fn post(
        app: App,
        caller: Arc<Caller>,
        admission: Admission,
        client: Option<ClientInfo>,
        seed: u64,
    ) -> Self {
        let dialog_id = admission.dialog.id();
        let client = client.map(|client| client.id);
        let same_client = client.as_deref().map_or(0, |client| app.hub().link_of(dialog_id, client));
        let author = admission.author.clone();
        let entrance = Entrance::Post { dialog: admission.dialog, author, client };
        let session = Session::new(config(&app, seed, entrance, Bucket::new(u32::MAX, 1, 0)), app.now());
        Self::with(app, Place::Post { same_client }, caller, dialog_id, Some(admission), session)
    }

    fn with(
        app: App,
        open: Place,
        caller: Arc<Caller>,
        dialog_id: u64,
        admission: Option<Admission>,
        session: Session,
    ) -> Self {
        let mut link = Self {
            app,
            caller,
            dialog_id,
            session,
            questions: Vec::new(),
            outgoing: Outgoing::default(),
            flow: Flow::Waiting,
            timer: Timer::new(),
            admission: None,
            presence: None,
            early_channels: Vec::new(),
            stall_at: Millis::MAX,
            ending: None,
            open,
        };
        if let Some(admission) = admission {
            link.admission = Some(Box::new(admission));
            link.carry_out(link.app.now());
        }
        link
    }

    /// Takes a frame of the client.
    pub(crate) fn take_frame(&mut self, frame: ClientFrame) {
        self.step(self.app.now(), Input::Frame(frame));
    }

    /// Returns whether every question is answered: then the answer to a POST is complete.
    pub(crate) fn is_settled(&self) -> bool {
        self.ending.is_some() || (self.session.is_settled() && self.questions.is_empty())
    }

    fn step(&mut self, now: Now, input: Input) {
        self.session.handle(now, input);
        self.carry_out(now);
    }

    fn take_letters(&mut self, now: Now, context: &Context<'_>) -> bool {
        // Letters that were lost show as a gap, and the session reads the log.
        let Some(Mail { letters, leave, .. }) = self.card().map(|card| card.take(context)) else { return false };
        let heard = !letters.is_empty() || leave.is_some();
        for letter in letters {
            match letter {
                Letter::Event(event) => self.step(now, Input::Published(event)),
                Letter::Ephemeral(ephemeral) => self.step(now, Input::Ephemeral((*ephemeral).clone())),
                // For the inbox only.
                Letter::Activity { .. } => {}
            }
        }
        if let Some(leave) = leave {
            self.step(now, Input::Drain { in_ms: leave.in_ms, spread_ms: leave.spread_ms });
        }
        heard
    }

    fn take_answers(&mut self, now: Now, context: &mut Context<'_>) -> bool {
        let mut answered = false;
        let mut index = 0;
        while index < self.questions.len() {
            if let Question::ReadLater { ticket, after, limit } = self.questions[index]
                && self.outgoing.is_low()
                && let Some(admission) = &self.admission
            {
                let answer = self.app.store().read(admission.dialog, after, limit);
                self.questions[index] = Question::Read { ticket, answer };
            }
            match self.questions[index].poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(outcome) => {
                    // The others keep their order: messages are answered in the order in which they came.
                    drop(self.questions.remove(index));
                    self.take_outcome(now, outcome);
                    answered = true;
                }
            }
        }
        if self.questions.is_empty() && self.questions.capacity() > 8 {
            // An idle link should not keep the room of its busiest moment.
            self.questions = Vec::new();
        }
        answered
    }

    fn take_outcome(&mut self, now: Now, outcome: Outcome) {
        match outcome {
            Outcome::Input(input) => self.step(now, input),
            Outcome::Admitted(ticket, admission) => {
                let (dialog, author) = (admission.dialog, admission.author.clone());
                self.admission = Some(admission);
                self.step(now, Input::Admitted { ticket, dialog, author });
            }
            Outcome::Renewed(ticket, operator) => {
                let Some(admission) = &mut self.admission else { return };
                let same = admission.operator.as_ref().is_some_and(|before| before.id == operator.id);
                let (dialog, author) = (admission.dialog, admission.author.clone());
                if same {
                    admission.operator = Some(*operator);
                    self.step(now, Input::Admitted { ticket, dialog, author });
                } else {
                    let code = protocol::close::UNAUTHORIZED;
                    self.step(now, Input::Denied { ticket, code, reason: protocol::code::UNAUTHORIZED });
                }
            }
            Outcome::Resumed(ticket, Resumed { epoch, head, known, last_n }) => {
                self.app.hub().note_head(self.dialog_id, head);
                if self.flow == Flow::Waiting {
                    self.flow = Flow::Open;
                }
                self.step(now, Input::Resumed { ticket, epoch, head, known, last_n });
                let channels = std::mem::take(&mut self.early_channels);
                self.bring(&channels, now);
            }
            Outcome::Marked(marks) => {
                if let Some(admission) = &self.admission {
                    let receipt = receipt(marks, admission.dialog.side());
                    self.app.hub().tell(self.dialog_id, Ephemeral::Receipt(receipt), self.own_number());
                }
            }
            Outcome::Marks(marks) => {
                if let Some(admission) = &self.admission {
                    let other = match admission.dialog.side() {
                        Side::Visitor => Side::Operator,
                        Side::Operator => Side::Visitor,
                    };
                    self.step(now, Input::Ephemeral(Ephemeral::Receipt(receipt(marks, other))));
                }
            }
            Outcome::Nothing => {}
        }
    }

    fn take_time(&mut self, now: Now) -> bool {
        if self.expires_in(now) == Some(0) {
            if let Some(operator) = self.admission.as_mut().and_then(|admission| admission.operator.as_mut()) {
                operator.expires_at = Millis::MAX;
            }
            self.step(now, Input::CredentialsExpired);
            return true;
        }
        let before = self.session.poll_timeout();
        if before.is_none_or(|(at, _)| at > now.mono) {
            return false;
        }
        self.step(now, Input::Timeout);
        // A deadline that stays would keep this loop turning: it is looked at again when the timer says so.
        self.session.poll_timeout() != before
    }

    fn deadline(&self, now: Now) -> Millis {
        let session = self.session.poll_timeout().map_or(Millis::MAX, |(at, _)| at);
        let expiry = self.expires_in(now).map_or(Millis::MAX, |ms| now.mono.saturating_add(ms));
        session.min(expiry).min(self.stall_at)
    }

    /// Returns the ms until the operator's token expires.
    fn expires_in(&self, now: Now) -> Option<Millis> {
        let operator = self.admission.as_ref()?.operator.as_ref()?;
        (operator.expires_at != Millis::MAX).then(|| operator.expires_at.saturating_sub(now.wall))
    }

    /// Carries out everything that the session asks for.
    fn carry_out(&mut self, now: Now) {
        while let Some(output) = self.session.poll_output() {
            self.perform(now, output);
        }
    }

    fn perform(&mut self, now: Now, output: Output) {
        match output {
            Output::Transmit(frame) => self.transmit(&frame),
            Output::Deliver(event) => {
                // What follows a queue that was thrown away would leave a hole.
                if self.flow != Flow::Congested
                    && let Pushed::Overflow { written } = self.outgoing.push(Frame::Event(event))
                {
                    self.flow = Flow::Congested;
                    self.session.handle(now, Input::Congested { written });
                }
            }
            Output::Admit { ticket, hello } => {
                if let (Some(client), Some(card)) = (&hello.client, self.card()) {
                    card.note_client(&client.id);
                }
                let (app, caller, dialog_id) = (self.app.clone(), Arc::clone(&self.caller), self.dialog_id);
                let answer = Box::pin(async move { caller.admit(&app, dialog_id, Some(&hello)).await });
                self.questions.push(Question::Admit { ticket, answer });
            }
            Output::Renew { ticket, token } => {
                let (app, caller) = (self.app.clone(), Arc::clone(&self.caller));
                let answer = Box::pin(async move { caller.operator(&app, Some(&token)).await });
                self.questions.push(Question::Renew { ticket, answer });
            }
            Output::Resume { ticket, pending, client } => self.resume(ticket, pending, client),
            Output::Read { ticket, after, limit } => self.questions.push(Question::ReadLater { ticket, after, limit }),
            Output::Head => {
                let head = self.app.hub().head(self.dialog_id);
                self.session.handle(now, Input::Head { head });
            }
            Output::Append(message) => {
                if let Some(admission) = &self.admission {
                    let id = message.id.clone();
                    let answer = self.app.store().append(admission.dialog, message);
                    self.questions.push(Question::Append { id, answer });
                }
            }
            Output::Mark { received, read } => {
                if let Some(card) = self.card() {
                    card.note_received(received);
                }
                if let Some(admission) = &self.admission {
                    let answer = self.app.store().mark(admission.dialog, received, read);
                    self.questions.push(Question::Mark { answer });
                }
            }
            Output::Publish(ephemeral) => self.app.hub().tell(self.dialog_id, ephemeral, self.own_number()),
            Output::Subscribed(channels) => match self.flow {
                Flow::Waiting => self.early_channels = channels,
                Flow::Open | Flow::Congested => self.bring(&channels, now),
            },
            Output::Close(ending) => self.end(ending),
        }
    }

    fn transmit(&mut self, frame: &ServerFrame) {
        // Only a pong can carry a fraction, which the small writer does not know.
        let text = serde_json::to_string(frame).unwrap_or_else(|_| json::to_string(frame));
        let frame = match frame {
            ServerFrame::Ready(_) => Frame::Ready(text),
            ServerFrame::Synced(_) if self.flow == Flow::Congested => return,
            ServerFrame::Synced(_) => Frame::Synced(text),
            ServerFrame::Receipt(_) | ServerFrame::Typing(_) | ServerFrame::Presence(_) | ServerFrame::Heartbeat(_) => {
                Frame::Passing(text)
            }
            ServerFrame::Message(_)
            | ServerFrame::Dialog(_)
            | ServerFrame::Stored(_)
            | ServerFrame::Refused(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Drain(_)
            | ServerFrame::Error(_)
            | ServerFrame::Subscribed(_)
            | ServerFrame::Unsubscribed(_)
            | ServerFrame::Bye(_) => Frame::Answer(text),
        };
        self.outgoing.push(frame);
    }

    /// Subscribes to the dialog, then asks the log where it ends: what comes in between is heard.
    fn resume(&mut self, ticket: Ticket, pending: Vec<String>, client: Option<String>) {
        let Some(admission) = &self.admission else { return };
        if let (None, Place::Open(open)) = (&self.presence, &self.open) {
            let hub = self.app.hub();
            let arrival = admission.operator.as_ref().map(|who| hub.arrive(who.id, &who.name, &who.sites));
            let membership = hub.join(self.dialog_id, admission.site_id, open.card());
            self.presence = Some(Box::new(Inside { _membership: membership, _arrival: arrival }));
            tracing::info!(
                tag = open.card().pool.tag(),
                link = open.card().id,
                dialog = self.dialog_id,
                transport = open.card().transport.name(),
                "link opened"
            );
        }
        let answer = self.app.store().resume(admission.dialog, pending, client);
        self.questions.push(Question::Resume { ticket, answer });
    }

    /// Brings the present state of channels that were subscribed to just now.
    fn bring(&mut self, channels: &[&'static str], now: Now) {
        let Some(admission) = &self.admission else { return };
        if channels.contains(&"receipts") {
            let answer = self.app.store().marks(admission.dialog);
            self.questions.push(Question::Marks { answer });
        }
        if channels.contains(&"presence") {
            let operators = self.app.hub().operators(admission.site_id);
            self.session.handle(now, Input::Ephemeral(Ephemeral::Presence(Presence { operators })));
            self.carry_out(now);
        }
    }

    /// Returns the number of the link that is not told what this one tells.
    fn own_number(&self) -> u64 {
        match &self.open {
            Place::Open(open) => open.card().id,
            Place::Post { same_client } => *same_client,
        }
    }
}

impl Talk for Link {
    fn take_text(&mut self, text: &str) {
        let now = self.app.now();
        decode::frames(text, |frame| match frame {
            Ok(frame) => self.step(now, Input::Frame(frame)),
            Err(unreadable) => self.step(now, unreadable.into()),
        });
    }

    fn take_unreadable(&mut self, unreadable: Unreadable) {
        self.step(self.app.now(), unreadable.into());
    }

    fn is_reading(&self) -> bool {
        self.ending.is_none() && self.questions.len() < OPEN_QUESTIONS && self.outgoing.is_low()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        loop {
            let now = self.app.now();
            let heard = self.take_letters(now, context);
            let answered = self.take_answers(now, context);
            let timed = self.take_time(now);
            if !heard && !answered && !timed {
                break;
            }
        }
        let deadline = self.deadline(self.app.now());
        self.timer.arm(self.app.clock(), deadline, context);
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.outgoing.pop()?;
        if let (Frame::Event(event), Some(card)) = (&frame, self.card()) {
            card.note_written(event.seq);
        }
        Some(frame)
    }

    fn has_frames(&self) -> bool {
        !self.outgoing.is_empty()
    }

    fn note_drained(&mut self) -> Drained {
        if self.flow == Flow::Congested && self.outgoing.is_empty() {
            self.flow = Flow::Open;
            self.step(self.app.now(), Input::Writable);
        }
        let waits = |question: &Question| matches!(question, Question::ReadLater { .. });
        match self.has_frames() || self.questions.iter().any(waits) {
            true => Drained::GoesOn,
            false => Drained::Idle,
        }
    }

    fn set_stall(&mut self, stall_at: Option<Millis>) {
        self.stall_at = stall_at.unwrap_or(Millis::MAX);
    }

    fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        // Whoever is still there is told no more, and does not count as there.
        self.presence = None;
    }

    fn app(&self) -> &App {
        &self.app
    }

    fn dialog_id(&self) -> u64 {
        self.dialog_id
    }

    fn card(&self) -> Option<&Arc<Card>> {
        match &self.open {
            Place::Open(open) => Some(open.card()),
            Place::Post { .. } => None,
        }
    }
}

/// Whether a transport that has written everything has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It has not.
    Idle,
    /// It has: the log is read again.
    GoesOn,
}

fn config(app: &App, seed: u64, entrance: Entrance, messages: Bucket) -> Config {
    let (limits, spread_ms) = (app.limits(), app.links().spread_ms());
    Config { seed, entrance, limits, messages, spread_ms, servers: Arc::clone(app.servers()) }
}

fn receipt(marks: Marks, side: Side) -> Receipt {
    let (who, mark) = match side {
        Side::Visitor => (AuthorKind::Visitor, marks.visitor),
        Side::Operator => (AuthorKind::Operator, marks.operator),
    };
    Receipt { who, received: mark.received, read: mark.read }
}
