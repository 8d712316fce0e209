//! The link: which one is open, which is being opened, and what comes when it breaks.

use crate::client::Wanted;
use crate::opening::Opening;
use crate::polling::Polls;
use crate::pulse::Pulse;
use crate::requests::Purpose;
use crate::servers::Failure;
use crate::{Client, Instant, LinkId, Output, Transport};

/// The page's own reasons to reconnect are spread over this, in ms.
pub(crate) const SOON_MS: u64 = 250;
/// A link that held for so long wipes the slate clean, in ms.
const HEALTHY_MS: u64 = 10_000;
/// Links that die young are opened so seldom at most, in ms.
const FLAPPING_MS: u64 = 4_000;
/// A stream that was heard from so lately needs no proof, in ms.
pub(crate) const FRESH_MS: u64 = 5_000;

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
    /// Up to three links are being opened; the first that is ready wins.
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
    /// A better server is there again.
    Return,
}

/// A link that is ready.
#[derive(Clone, Debug)]
pub(crate) struct Online {
    pub(crate) link: LinkId,
    pub(crate) transport: Transport,
    pub(crate) since: Instant,
    pub(crate) pulse: Pulse,
    pub(crate) polls: Polls,
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
    Gate { why: Why, server: usize },
    Opening { why: Why, server: usize, link: LinkId, transport: Transport, until: Instant },
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
            Self::Return => "return",
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

    /// Returns every link that is up or being opened.
    pub(crate) fn links(&self) -> [Option<LinkId>; 3] {
        if let Some(opening) = self.opening() {
            return opening.links();
        }
        let next = self.online().and_then(|online| match online.next {
            Next::Opening { link, .. } => Some(link),
            Next::None | Next::Gate { .. } => None,
        });
        [self.link(), next, None]
    }

    /// The application wants a link.
    pub(crate) fn start(&mut self) {
        self.wanted = Wanted::Yes;
        self.ask_settings();
        match self.phase {
            Phase::Idle if self.awaits_token() => self.ask_token(),
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
        self.site_again_at = None;
        self.let_go();
        self.lost_at = None;
        self.phase = Phase::Idle;
    }

    /// No timer will run for a while: nothing may depend on one.
    pub(crate) fn freeze(&mut self) {
        match self.phase {
            Phase::Idle | Phase::Unauthorized | Phase::Stopped | Phase::Frozen => {}
            Phase::Loading | Phase::Waiting { .. } | Phase::Gate { .. } | Phase::Opening(_) | Phase::Online(_) => {
                // What went over a socket is on its way; a request would end with the page.
                let is_told = self.transport() == Some(Transport::WebSocket);
                self.let_go();
                self.lost_at = None;
                self.phase = Phase::Frozen;
                if !is_told {
                    self.last_words();
                }
            }
        }
    }

    /// Lets go of every link and request; what was on its way is in doubt.
    pub(crate) fn let_go(&mut self) {
        for link in self.links().into_iter().flatten() {
            self.leave(link);
        }
        self.abort_requests();
        self.in_doubt();
    }

    /// Lets go of one link.
    pub(crate) fn leave(&mut self, link: LinkId) {
        // A poll's link is nothing but its request.
        if !self.abort(&Purpose::Poll { link }) {
            self.outputs.push_back(Output::Drop { link });
        }
    }

    /// What was on its way may have arrived, or not.
    pub(crate) fn in_doubt(&mut self) {
        self.outbox.put_back(None);
        self.marks.reopened();
        self.behind_since = None;
        self.asked_for_gap = None;
    }

    /// A person does not want to wait.
    pub(crate) fn try_now(&mut self) {
        self.attempts = 0;
        self.backoff.reset();
        match self.transport() {
            // There is a link, and a better one is wanted.
            Some(Transport::Sse | Transport::LongPolling | Transport::Polling) => {
                self.forget_way();
                self.wake(Why::Online);
            }
            Some(Transport::WebSocket) | None => {}
        }
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
                if why == Why::Online && online.transport != Transport::WebSocket {
                    online.next_at = Some((soon, Why::Upgrade));
                }
                let silent_ms = online.pulse.silent_for(now);
                match online.transport {
                    Transport::WebSocket if silent_ms > SOON_MS => {
                        online.pulse.wake(now, &self.config.heartbeat);
                        self.ping();
                    }
                    // A stream cannot be asked: another one is opened, and this one left when that is ready.
                    Transport::Sse if silent_ms > FRESH_MS && online.next == Next::None => {
                        let server = self.servers.current();
                        self.next_gate(why, server);
                    }
                    Transport::LongPolling | Transport::Polling => self.poll_now(),
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
        if self.go_over() {
            return;
        }
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

    /// The link has ended without a word of the server: something in between may have killed it.
    pub(crate) fn killed(&mut self) {
        if let Some(online) = self.online() {
            let (transport, age_ms) = (online.transport, self.now.mono.since(online.since));
            self.ladder.died(transport, age_ms);
        }
        self.lost(Why::Lost);
    }

    /// A try has failed: the next one comes later, at another server perhaps.
    pub(crate) fn back_off(&mut self, at_least_ms: u64) {
        if self.go_over() {
            return;
        }
        self.attempts += 1;
        self.servers.strike(Failure::Fast);
        let delay = self.backoff.next(&self.config.reconnect, &mut self.rng).max(at_least_ms);
        self.pause(self.now.mono.plus(delay), Then::Gate, Why::Lost);
    }
}
