//! The link: which one is open, which is being opened, and what comes when it breaks.

use mutants::Mutant;

use crate::client::{Loading, Wanted};
use crate::pulse::Pulse;
use crate::{Client, Config, Instant, LinkId, Output, Transport, message_id};

/// The page's own reasons to reconnect are spread over this, in ms.
pub(crate) const SOON_MS: u64 = 250;
/// A link that held for so long wipes the slate clean, in ms.
const HEALTHY_MS: u64 = 10_000;
/// Links that die young are opened so seldom at most, in ms.
const FLAPPING_MS: u64 = 4_000;
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
    pub(crate) why: Why,
    pub(crate) socket: Try,
    pub(crate) stream: Try,
    pub(crate) fallback_at: Option<Instant>,
    pub(crate) until: Instant,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
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
    pub(crate) spread_ms: u64,
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
    pub(crate) bad_until: Option<Instant>,
    proven: Option<Instant>,
}

impl Sockets {
    fn usable(&self, now: Instant) -> bool {
        self.bad_until.is_none_or(|until| until <= now)
    }

    /// Notes that SSE was ready and the WebSocket was not; returns when to try it again.
    pub(crate) fn failed(&mut self, now: Instant, config: &Config) -> Instant {
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

    pub(crate) fn worked(&mut self, now: Instant) {
        *self = Self { failures: 0, bad_until: None, proven: Some(now) };
    }

    pub(crate) fn try_again(&mut self) {
        self.bad_until = None;
    }
}

impl Why {
    pub(crate) fn word(self) -> &'static str {
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

    pub(crate) fn online(&self) -> Option<&Online> {
        if let Phase::Online(online) = &self.phase { Some(online) } else { None }
    }

    pub(crate) fn opening(&self) -> Option<&Opening> {
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

    pub(crate) fn links(&self) -> [Option<LinkId>; 2] {
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
        match self.phase {
            Phase::Idle if self.has_dialog() => self.proceed(Why::Start),
            // Somebody is here: whatever froze the page has passed.
            Phase::Frozen => self.wake(Why::Wake),
            Phase::Idle
            | Phase::Loading
            | Phase::Waiting { .. }
            | Phase::Gate { .. }
            | Phase::Opening(_)
            | Phase::Online(_)
            | Phase::Unauthorized
            | Phase::Stopped => {}
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
    pub(crate) fn let_go(&mut self) {
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
        if matches!(self.phase, Phase::Frozen) {
            self.wake(Why::Wake);
        }
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
            // It was begun over another network.
            Phase::Loading | Phase::Gate { .. } | Phase::Opening(_) if why == Why::Online => {
                self.pause(soon, Then::Gate, why);
            }
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
        self.saw_break();
        self.let_go();
        self.lost_at = Some(self.lost_at.unwrap_or(self.now.mono));
        self.phase = Phase::Waiting { until, then, why };
    }

    /// The link broke: the first try comes within the spread that the server sized by its load.
    pub(crate) fn lost(&mut self, why: Why) {
        let now = self.now.mono;
        let spread_ms = self.online().map_or(SOON_MS, |online| online.spread_ms);
        let mut delay = self.rng.up_to(spread_ms);
        if why == Why::Lost && self.online().is_some_and(|online| now.since(online.since) < HEALTHY_MS) {
            // The second link in a row that dies young: opening them as fast as the network allows heals nothing.
            if self.attempts > 0 {
                delay = delay.max(self.backoff.next(&self.config.reconnect, &mut self.rng).min(FLAPPING_MS));
            }
            self.attempts += 1;
        }
        let until = now.plus(delay);
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

    pub(crate) fn open(&mut self, transport: Transport) -> Try {
        let Some(dialog_id) = self.dialog_id else { return Try::Failed };
        let link = self.new_link();
        let path = match transport {
            Transport::WebSocket => self.config.side.socket(dialog_id),
            Transport::Sse => {
                let (after, epoch) = (self.timeline.cursor(), self.timeline.epoch());
                self.config.side.events(dialog_id, &self.sender(link), after, epoch)
            }
        };
        self.outputs.push_back(Output::Open { link, transport, path });
        self.saw_opening(link, transport);
        Try::Open(link)
    }

    /// Names the sender of a link's messages: each link counts them anew.
    ///
    /// What is still in the pipe of a link before has that link's numbers, and can neither take the place of a message
    /// that is sent again nor overtake it.
    pub(crate) fn sender(&self, link: LinkId) -> String {
        let mut sender = self.client_id.clone();
        if mutants::planted(Mutant::ClientOneSender) {
            return sender;
        }
        sender.push('-');
        message_id::push_hex(&mut sender, u64::from(link.0), 32, 0);
        sender
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
}

impl Try {
    fn link(self) -> Option<LinkId> {
        match self {
            Self::Open(link) => Some(link),
            Self::Untried | Self::Failed => None,
        }
    }
}
