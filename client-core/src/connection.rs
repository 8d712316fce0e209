//! The link: which one is open, which is being opened, and what comes when it breaks.

use protocol::{
    CHANNELS, ClientFrame, ClientInfo, Drain, Hello, Ping, Ready, Subscription, Timestamp, VERSION, close, json,
};

use crate::client::{Loading, Settled, Wanted};
use crate::pulse::Pulse;
use crate::{Client, Config, End, Event, Instant, LinkId, Output, Side, Transport};

/// The page's own reasons to reconnect are spread over this, in ms.
const SOON_MS: u64 = 250;
/// A link that held for so long wipes the slate clean, in ms.
const HEALTHY_MS: u64 = 10_000;
/// A stream that was heard from so lately needs no proof on waking, in ms.
const FRESH_MS: u64 = 5_000;
/// A client whose WebSockets used to work tries the next one after so long, in ms.
const PROVEN_UPGRADE_MS: u64 = 5_000;

/// Where the link stands; each state owns its data.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// None is wanted, or there is nothing to link to.
    Idle,
    /// The dialog and its history are being asked for.
    Loading,
    /// A pause.
    Waiting { until: Instant, then: Then, why: Why },
    /// A cheap request finds out whether the server is there.
    Gate { why: Why },
    /// One or two links are being opened; the first that is ready wins.
    Opening(Opening),
    /// A link is ready.
    Online(Box<Online>),
    /// The page is frozen or on its way out.
    Frozen,
    /// New credentials are awaited.
    Unauthorized,
    /// Ended for good.
    Stopped,
}

/// What follows a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Gate,
    /// The gate was passed already; it named the moment.
    Proceed,
}

/// Why a link is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Start,
    Lost,
    Wake,
    Online,
    Drain,
    Upgrade,
}

/// Links that are being opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    why: Why,
    socket: Try,
    stream: Try,
    pub(crate) fallback_at: Option<Instant>,
    pub(crate) until: Instant,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    Untried,
    Open(LinkId),
    Failed,
}

/// A link that is ready.
#[derive(Clone, Debug)]
pub(crate) struct Online {
    pub(crate) link: LinkId,
    pub(crate) transport: Transport,
    pub(crate) since: Instant,
    pub(crate) pulse: Pulse,
    pub(crate) catching: Catching,
    spread_ms: u64,
    pub(crate) next: Next,
    pub(crate) next_at: Option<(Instant, Why)>,
}

/// Whether the stretch of the log behind the cursor is still coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Catching {
    Up,
    Done,
}

/// The link that will take over from one that is still up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    None,
    Gate { why: Why },
    Opening { link: LinkId, until: Instant },
}

/// What is known about WebSockets here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets {
    failures: usize,
    bad_until: Option<Instant>,
    proven: Option<Instant>,
}

impl Sockets {
    fn usable(&self, now: Instant) -> bool {
        self.bad_until.is_none_or(|until| until <= now)
    }

    /// Notes that SSE was ready and the WebSocket was not; returns when to try it again.
    fn failed(&mut self, now: Instant, config: &Config) -> Instant {
        let steps = &config.transports.upgrade_after_ms;
        let delay = match steps.get(self.failures) {
            Some(first) if self.failures == 0 && self.proven.is_some() => PROVEN_UPGRADE_MS.min(*first),
            Some(delay) => *delay,
            None => steps.last().copied().unwrap_or(60_000),
        };
        self.failures += 1;
        let until = now.plus(delay);
        self.bad_until = Some(until);
        until
    }

    fn worked(&mut self, now: Instant) {
        *self = Self { failures: 0, bad_until: None, proven: Some(now) };
    }

    pub(crate) fn try_again(&mut self) {
        self.bad_until = None;
    }
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Lost => "lost",
            Self::Wake => "wake",
            Self::Online => "online",
            Self::Drain => "drain",
            Self::Upgrade => "upgrade",
        }
    }
}

impl Client {
    /// Returns the link that is ready.
    pub(crate) fn link(&self) -> Option<LinkId> {
        self.online().map(|online| online.link)
    }

    fn online(&self) -> Option<&Online> {
        if let Phase::Online(online) = &self.phase { Some(online) } else { None }
    }

    fn opening(&self) -> Option<&Opening> {
        if let Phase::Opening(opening) = &self.phase { Some(opening) } else { None }
    }

    /// Returns how the ready link travels.
    pub(crate) fn transport(&self) -> Option<Transport> {
        self.online().map(|online| online.transport)
    }

    /// Says whether a link is of any interest still.
    pub(crate) fn knows(&self, link: LinkId) -> bool {
        self.links().contains(&Some(link))
    }

    fn links(&self) -> [Option<LinkId>; 2] {
        if let Some(opening) = self.opening() {
            return [opening.socket.link(), opening.stream.link()];
        }
        let next = self.online().and_then(|online| match online.next {
            Next::Opening { link, .. } => Some(link),
            Next::None | Next::Gate { .. } => None,
        });
        [self.link(), next]
    }

    /// The application wants a link.
    pub(crate) fn start(&mut self) {
        self.wanted = Wanted::Yes;
        self.ask_settings();
        if matches!(self.phase, Phase::Idle) && self.has_dialog() {
            self.proceed(Why::Start);
        }
    }

    /// The application wants no link.
    pub(crate) fn stop(&mut self) {
        self.wanted = Wanted::No;
        self.let_go();
        self.lost_at = None;
        self.phase = Phase::Idle;
    }

    /// No timer will run for a while: nothing may depend on one.
    pub(crate) fn freeze(&mut self) {
        match self.phase {
            Phase::Idle | Phase::Unauthorized | Phase::Stopped | Phase::Frozen => {}
            Phase::Loading | Phase::Waiting { .. } | Phase::Gate { .. } | Phase::Opening(_) | Phase::Online(_) => {
                self.let_go();
                self.lost_at = None;
                self.phase = Phase::Frozen;
            }
        }
    }

    /// Lets go of every link and request; what was on its way is in doubt.
    fn let_go(&mut self) {
        for link in self.links().into_iter().flatten() {
            self.outputs.push_back(Output::Drop { link });
        }
        self.abort_requests();
        self.outbox.put_back(None);
        self.marks.reopened();
        self.behind_since = None;
        self.asked_for_gap = None;
    }

    /// A person does not want to wait.
    pub(crate) fn try_now(&mut self) {
        self.attempts = 0;
        self.backoff.reset();
        if let Phase::Waiting { until, .. } = &mut self.phase {
            *until = self.now.mono;
            self.waited();
        }
    }

    /// The page woke up, or the network changed: nothing that is open is to be trusted.
    pub(crate) fn wake(&mut self, why: Why) {
        let now = self.now.mono;
        let soon = now.plus(self.rng.up_to(SOON_MS));
        match &mut self.phase {
            Phase::Online(online) => {
                if why == Why::Online && online.transport == Transport::Sse {
                    online.next_at = Some((soon, Why::Upgrade));
                }
                let silent_ms = online.pulse.silent_for(now);
                match online.transport {
                    Transport::WebSocket if silent_ms > SOON_MS => {
                        online.pulse.wake(now, &self.config.heartbeat);
                        self.ping();
                    }
                    Transport::Sse if silent_ms > FRESH_MS => self.pause(soon, Then::Gate, why),
                    Transport::WebSocket | Transport::Sse => {}
                }
            }
            Phase::Waiting { until, then: Then::Gate, why: old } => {
                *until = soon.min(*until);
                *old = why;
            }
            Phase::Frozen => self.pause(soon, Then::Gate, why),
            Phase::Idle
            | Phase::Loading
            | Phase::Waiting { .. }
            | Phase::Gate { .. }
            | Phase::Opening(_)
            | Phase::Unauthorized
            | Phase::Stopped => {}
        }
    }

    /// Lets go of everything and waits.
    pub(crate) fn pause(&mut self, until: Instant, then: Then, why: Why) {
        if let Phase::Online(online) = &self.phase
            && self.now.mono.since(online.since) >= HEALTHY_MS
        {
            self.attempts = 0;
            self.backoff.reset();
        }
        self.let_go();
        self.lost_at = Some(self.lost_at.unwrap_or(self.now.mono));
        self.phase = Phase::Waiting { until, then, why };
    }

    /// The link broke: the first try comes within the spread that the server sized by its load.
    pub(crate) fn lost(&mut self, why: Why) {
        let spread_ms = self.online().map_or(SOON_MS, |online| online.spread_ms);
        let until = self.now.mono.plus(self.rng.up_to(spread_ms));
        self.pause(until, Then::Gate, why);
    }

    /// A try has failed: the next one comes later.
    pub(crate) fn back_off(&mut self, at_least_ms: u64) {
        self.attempts += 1;
        let delay = self.backoff.next(&self.config.reconnect, &mut self.rng).max(at_least_ms);
        self.pause(self.now.mono.plus(delay), Then::Gate, Why::Lost);
    }

    /// Opens the link, after the dialog was loaded.
    pub(crate) fn proceed(&mut self, why: Why) {
        if self.loading == Loading::Todo {
            return self.load();
        }
        let now = self.now.mono;
        let until = now.plus(self.config.transports.open_timeout_ms);
        let mut opening = Opening { why, socket: Try::Untried, stream: Try::Untried, fallback_at: None, until };
        if self.sockets.usable(now) {
            opening.socket = self.open(Transport::WebSocket);
            opening.fallback_at = Some(now.plus(self.config.transports.fallback_after_ms));
        } else {
            opening.stream = self.open(Transport::Sse);
        }
        self.phase = Phase::Opening(opening);
    }

    fn open(&mut self, transport: Transport) -> Try {
        let Some(dialog_id) = self.dialog_id else { return Try::Failed };
        let link = self.new_link();
        let path = match transport {
            Transport::WebSocket => self.config.side.socket(dialog_id),
            Transport::Sse => {
                let (after, epoch) = (self.timeline.cursor(), self.timeline.epoch());
                self.config.side.events(dialog_id, &self.client_id, after, epoch)
            }
        };
        self.outputs.push_back(Output::Open { link, transport, path });
        Try::Open(link)
    }

    /// The WebSocket takes too long or has failed: SSE is tried beside it.
    pub(crate) fn fall_back(&mut self) {
        let Phase::Opening(mut opening) = self.phase else { return };
        opening.fallback_at = None;
        if opening.stream == Try::Untried {
            opening.stream = self.open(Transport::Sse);
        }
        self.phase = Phase::Opening(opening);
    }

    /// A WebSocket is open: it says who is there.
    pub(crate) fn opened(&mut self, link: LinkId) {
        if !self.knows(link) {
            return;
        }
        if self.link() == Some(link) || self.opening().is_some_and(|opening| opening.socket != Try::Open(link)) {
            return;
        }
        let next_why = self.online().and_then(|online| online.next_at).map_or(Why::Upgrade, |(_, why)| why);
        let why = self.opening().map_or(next_why, |opening| opening.why);
        let ticket = match &self.config.side {
            Side::Widget { ticket, .. } if !ticket.is_empty() => Some(protocol::Secret::new(ticket.clone())),
            Side::Widget { .. } | Side::Site { .. } | Side::Operator { .. } => None,
        };
        let credential = Some(self.config.credential.clone());
        let (key, token) = if self.is_visitor() { (credential, None) } else { (None, credential) };
        let client =
            ClientInfo { id: self.client_id.clone(), transport: String::from("websocket"), why: why.word().into() };
        let hello = Hello {
            v: VERSION,
            key,
            token,
            ticket,
            after: Some(self.timeline.cursor()),
            epoch: self.timeline.epoch(),
            pending: self.outbox.doubtful(),
            client: Some(client),
        };
        let channels = CHANNELS.iter().map(|channel| String::from(*channel)).collect();
        let frames = [ClientFrame::Hello(hello), ClientFrame::Subscribe(Subscription { channels })];
        self.outputs.push_back(Output::Transmit { link, text: json::to_string(&frames[..]) });
    }

    /// A session begins: whatever else was open or being opened is let go.
    pub(crate) fn ready(&mut self, link: LinkId, ready: Ready) {
        let is_stream = self.opening().is_some_and(|opening| opening.stream == Try::Open(link));
        let transport = match self.transport() {
            Some(transport) if self.link() == Some(link) => transport,
            _ if is_stream => Transport::Sse,
            _ => Transport::WebSocket,
        };
        if self.dialog_id != Some(ready.dialog_id) {
            return self.attempt_failed(link, 0);
        }
        for other in self.links().into_iter().flatten().filter(|other| *other != link) {
            self.outputs.push_back(Output::Drop { link: other });
        }
        let now = self.now.mono;
        let next_at = match (transport, &self.phase) {
            (Transport::Sse, Phase::Opening(opening)) if opening.socket != Try::Untried => {
                Some((self.sockets.failed(now, &self.config), Why::Upgrade))
            }
            (Transport::Sse, _) => Some((self.sockets.bad_until.unwrap_or(now), Why::Upgrade)),
            (Transport::WebSocket, _) => None,
        };
        self.take_up(&ready);
        self.phase = Phase::Online(Box::new(Online {
            link,
            transport,
            since: now,
            pulse: Pulse::new(now, u64::from(ready.heartbeat_ms)),
            catching: Catching::Up,
            spread_ms: u64::from(ready.spread_ms).max(SOON_MS),
            next: Next::None,
            next_at,
        }));
        self.lost_at = None;
        self.hold_until = None;
        if transport == Transport::WebSocket {
            self.ping();
        }
    }

    /// Takes up what a session says about the log and about the messages in doubt.
    fn take_up(&mut self, ready: &Ready) {
        if self.timeline.epoch().is_some_and(|epoch| epoch != ready.epoch) {
            self.settled.clear();
            self.marks.forget();
        }
        self.timeline.resume(ready);
        let cursor = self.timeline.cursor();
        self.settled.retain(|settled| settled.seq > cursor);
        for known in &ready.known {
            if let Some(item) = self.forget(&known.id)
                && known.seq > cursor
            {
                self.settled.push(Settled { id: item.id, seq: known.seq, text: item.text, at: known.at });
            }
        }
        self.outbox.put_back(None);
        self.outbox.renumber(ready.last_n);
        self.marks.reopened();
        self.behind_since = None;
        self.watch_gap();
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        let sent_at = i64::try_from(self.now.mono.as_millis()).unwrap_or(0);
        self.transmit(&[ClientFrame::Ping(Ping { timestamp: Timestamp::Int(sent_at) })], Vec::new());
    }

    pub(crate) fn pong(&mut self, timestamp: &Timestamp) {
        let now = self.now.mono;
        if let (Phase::Online(online), Timestamp::Int(sent_at)) = (&mut self.phase, timestamp) {
            let sent_at = Instant::from_millis(u64::try_from(*sent_at).unwrap_or(0));
            online.pulse.measured(now.since(sent_at));
            self.sockets.worked(now);
        }
    }

    /// The server will go: the next link is opened first, and this one left after.
    pub(crate) fn drain(&mut self, drain: Drain) {
        let half = u64::from(drain.in_ms) / 2;
        let at = self.now.mono.plus(self.rng.up_to(half));
        if let Phase::Online(online) = &mut self.phase {
            online.spread_ms = online.spread_ms.max(u64::from(drain.spread_ms));
            online.next_at = Some((at, Why::Drain));
        }
    }

    /// Opens the next link while this one is up, its gate being passed.
    pub(crate) fn open_next(&mut self) {
        let until = self.now.mono.plus(self.config.transports.open_timeout_ms);
        let Try::Open(link) = self.open(Transport::WebSocket) else { return };
        if let Phase::Online(online) = &mut self.phase {
            online.next = Next::Opening { link, until };
        }
    }

    /// The next link did not come about; this one stays.
    pub(crate) fn next_failed(&mut self) {
        let now = self.now.mono;
        if let Phase::Online(online) = &mut self.phase {
            if let Next::Opening { link, .. } = online.next {
                self.outputs.push_back(Output::Drop { link });
            }
            online.next = Next::None;
            online.next_at = match online.transport {
                Transport::Sse => Some((self.sockets.failed(now, &self.config), Why::Upgrade)),
                Transport::WebSocket => None,
            };
        }
    }

    /// A link that is not ready yet has ended; it never will be.
    pub(crate) fn attempt_failed(&mut self, link: LinkId, at_least_ms: u64) {
        let Phase::Opening(mut opening) = self.phase else {
            if self.knows(link) && self.link() != Some(link) {
                self.next_failed();
            }
            return;
        };
        if opening.socket == Try::Open(link) {
            opening.socket = Try::Failed;
        }
        if opening.stream == Try::Open(link) {
            opening.stream = Try::Failed;
        }
        self.outputs.push_back(Output::Drop { link });
        self.phase = Phase::Opening(opening);
        match (opening.socket, opening.stream) {
            _ if at_least_ms > 0 => self.back_off(at_least_ms),
            (Try::Failed, Try::Untried) => self.fall_back(),
            (Try::Open(_), _) | (_, Try::Open(_)) => {}
            (Try::Failed | Try::Untried, Try::Failed | Try::Untried) => self.back_off(0),
        }
    }

    /// A link has ended.
    pub(crate) fn closed(&mut self, link: LinkId, end: &End) {
        if !self.knows(link) {
            return;
        }
        match end {
            End::Socket { code, reason } => {
                let reason: close::Reason = json::from_str(reason).unwrap_or_default();
                self.end(link, *code, &reason.reason, reason.retry_ms);
            }
            End::Refused { status, body } => self.link_refused(link, *status, body),
            End::Broken => self.broken(link, 0),
        }
    }

    pub(crate) fn broken(&mut self, link: LinkId, at_least_ms: u64) {
        if self.link() != Some(link) {
            self.attempt_failed(link, at_least_ms);
        } else if at_least_ms > 0 {
            self.back_off(at_least_ms);
        } else {
            self.lost(Why::Lost);
        }
    }

    /// The server ended a link, with a code that says what to do.
    pub(crate) fn end(&mut self, link: LinkId, code: u16, reason: &str, retry_ms: Option<u32>) {
        let retry_ms = u64::from(retry_ms.unwrap_or(0));
        match close::action(code) {
            close::Action::Done => {
                self.let_go();
                self.phase = Phase::Stopped;
            }
            close::Action::Stop => self.refused_for_good(code, reason),
            close::Action::Renew => self.renew(),
            close::Action::Spread if self.link() == Some(link) => {
                if let Phase::Online(online) = &mut self.phase {
                    online.spread_ms = online.spread_ms.max(retry_ms);
                }
                self.lost(Why::Drain);
            }
            close::Action::BackOff if self.link() == Some(link) => self.back_off(retry_ms),
            close::Action::Spread | close::Action::BackOff => self.attempt_failed(link, retry_ms.max(1)),
            close::Action::Reconnect => self.broken(link, retry_ms),
        }
    }

    /// The credential is not taken: an operator can give another one, a visitor's key is all there is.
    pub(crate) fn renew(&mut self) {
        if self.is_visitor() {
            return self.refused_for_good(401, protocol::code::UNAUTHORIZED);
        }
        self.let_go();
        self.phase = Phase::Unauthorized;
        self.emit(Event::CredentialsNeeded);
    }

    /// The application has other credentials.
    pub(crate) fn credential(&mut self, secret: protocol::Secret) {
        self.config.credential = secret.clone();
        if matches!(self.phase, Phase::Unauthorized) {
            self.proceed(Why::Start);
        } else if !self.is_visitor() && self.transport() == Some(Transport::WebSocket) {
            self.transmit(&[ClientFrame::Auth(protocol::Auth { token: secret })], Vec::new());
        }
    }

    /// The server will not have this page, whatever is tried; but a dialog that is gone may begin anew.
    pub(crate) fn refused_for_good(&mut self, code: u16, reason: &str) {
        let is_gone = code == close::NOT_FOUND || reason == protocol::code::DIALOG_NOT_FOUND;
        if is_gone && self.is_visitor() && self.dialog_id.is_some() {
            self.forget_dialog();
            return self.back_off(0);
        }
        self.let_go();
        self.phase = Phase::Stopped;
        self.emit(Event::Refused { code, reason: String::from(reason) });
    }
}

impl Try {
    fn link(self) -> Option<LinkId> {
        match self {
            Self::Open(link) => Some(link),
            Self::Untried | Self::Failed => None,
        }
    }
}
