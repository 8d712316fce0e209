//! The shell of one session: carries its inputs in and its commands out, whatever the transport.

mod inputs;
mod outputs;

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use protocol::{ClientFrame, ClientInfo, Hello};
use server_core::rate::Bucket;
use server_core::session::{Config, Ending, Entrance, Input, Session};
use server_core::{Millis, Now};

use super::decode::{self, Unreadable};
use super::links::OpenLink;
use super::outgoing::{Frame, Outgoing};
use super::question::Question;
use super::socket::Talk;
use super::timer::Timer;
use crate::admission::{Admission, Caller};
use crate::app::App;
use crate::bounds::Guest;
use crate::hub::{Arrival, Card, Membership};

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
    /// When it is asked next whether the operator is still one.
    look_at: Millis,
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
    _guest: Option<Guest>,
    arrival: Option<Arrival>,
}

/// Whether events are queued.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The queue was thrown away; it must be empty before the log is read again.
    Congested,
    /// Nobody has asked the log where it ends yet.
    Waiting,
    /// Whose link it is has no right to the dialog any more: not another word of it is told.
    Shut,
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
        let look_at = app.clock().mono() + Millis::from(app.limits().heartbeat_ms);
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
            look_at,
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

    /// Lets an operator count as there for so long after this link, which has ended in order.
    pub(crate) fn stay_present(&mut self, time: Duration) {
        if let Some(arrival) = self.presence.take().and_then(|inside| inside.arrival) {
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                drop(arrival);
            });
        }
    }

    /// Returns whether every question is answered: then the answer to a POST is complete.
    pub(crate) fn is_settled(&self) -> bool {
        self.ending.is_some() || (self.session.is_settled() && self.questions.is_empty())
    }

    /// Ends without another word of the dialog: what waits to be written may have come after the link's right was gone.
    fn shut(&mut self, ending: Ending) {
        self.flow = Flow::Shut;
        self.outgoing = Outgoing::default();
        self.questions = Vec::new();
        self.end(ending);
    }

    /// Returns whether it is being asked if the link still has a right to the dialog: all else waits for the answer.
    fn is_in_question(&self) -> bool {
        self.questions.iter().any(Question::is_of_right)
    }

    fn step(&mut self, now: Now, input: Input) {
        self.session.handle(now, input);
        self.carry_out(now);
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
            // First: nothing that came after the time of a link was over leaves by it, however late it is read.
            let timed = self.take_time(now);
            let heard = self.take_letters(now, context);
            let answered = self.take_answers(now, context);
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
        // While its right is in question nothing is read: the answer wakes it.
        let reads = !self.is_in_question() && self.questions.iter().any(waits);
        match self.has_frames() || reads {
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
