//! When a client wants to be called next, and what it does then.

use mutants::Mutant;
use protocol::{ClientFrame, Sync};

use crate::connection::{Catching, Next, Phase, Then, Why};
use crate::outbox::State;
use crate::pulse::Verdict;
use crate::trouble::Trouble;
use crate::{Client, Instant, Transport};

/// A gap is asked for after so long, in ms.
const GAP_MS: u64 = 250;
/// A stream may lag so far behind the answers to POSTs, in ms.
const GAP_SSE_MS: u64 = 3_000;
/// A gap that is not filled by then costs the link, in ms; one that no link fills is given twice as long each time …
const GAP_GIVE_UP_MS: u64 = 5_000;
/// … so many times.
const GAP_DOUBLINGS: u32 = 7;
/// A message that a living link has not answered by then is asked for on a new one, in ms.
const STUCK_MS: u64 = 20_000;
/// A message is "not confirmed yet" after so long, in ms.
pub(crate) const UNCONFIRMED_MS: u64 = 5_000;
/// The banner appears after so long without a link, in ms.
pub(crate) const BANNER_MS: u64 = 2_000;

type Due = Option<(Instant, &'static str)>;

impl Client {
    /// Returns when to call with [`crate::Input::Timeout`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let requests = self.requests.due().map(|at| (at, "request"));
        let settings = self.site_again_at.map(|at| (at, "settings"));
        let hold = self.hold_until.map(|at| (at, "flush"));
        let typing = self.marks.typing_ends().map(|at| (at, "typing"));
        let stuck = self.stuck_at().map(|at| (at, "stuck"));
        let rest = self.rest_due().map(|at| (at, "rest"));
        let doubt = self.doubt_due().map(|at| (at, "token"));
        let address = self.address_due().map(|at| (at, "contact"));
        let hours = self.site.as_ref().and_then(|site| crate::staffing::change_in_ms(site, self.now.wall));
        let hours = hours.map(|ms| (self.now.mono.plus(ms), "hours"));
        let all = [
            doubt,
            address,
            hours,
            stuck,
            rest,
            self.phase_due(),
            self.gap_due(),
            self.screen_due(),
            requests,
            settings,
            hold,
            typing,
        ];
        all.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn phase_due(&self) -> Due {
        match &self.phase {
            Phase::Waiting { until, .. } => Some((*until, "reconnect")),
            Phase::Opening(opening) => {
                let fallback = opening.fallback_at.map(|at| (at, "fallback"));
                earlier(fallback, Some((opening.until, "open")))
            }
            Phase::Online(online) => {
                let sign = match online.transport {
                    Transport::WebSocket | Transport::Sse => {
                        Some((online.pulse.due(&self.config.heartbeat), "heartbeat"))
                    }
                    Transport::LongPolling | Transport::Polling => online.polls.at.map(|at| (at, "poll")),
                };
                let next = match online.next {
                    Next::None => earlier(
                        online.next_at.map(|(at, _)| (at, "next link")),
                        self.servers.check_at.map(|at| (at, "better server")),
                    ),
                    Next::Gate { .. } => None,
                    Next::Opening { until, .. } => Some((until, "next link")),
                };
                earlier(earlier(sign, next), self.marks.due.map(|at| (at, "marks")))
            }
            Phase::Idle | Phase::Loading | Phase::Gate { .. } | Phase::Frozen | Phase::Stopped => None,
            Phase::Unauthorized => self.identity.ask_at.map(|at| (at, "token")),
        }
    }

    fn gap_due(&self) -> Due {
        if mutants::planted(Mutant::ClientNoSync) {
            return None;
        }
        let (Phase::Online(online), Some((_, since))) = (&self.phase, self.behind_since) else { return None };
        let (cursor, times) = self.stale;
        let stale = if cursor == self.timeline.cursor() { times.min(GAP_DOUBLINGS) } else { 0 };
        let wait = match online.transport {
            _ if self.asked_for_gap.is_some() || online.catching == Catching::Up => GAP_GIVE_UP_MS << stale,
            Transport::WebSocket => GAP_MS,
            Transport::Sse | Transport::LongPolling | Transport::Polling => GAP_SSE_MS << stale,
        };
        Some((since.plus(wait), "gap"))
    }

    /// The screen changes by time alone: the banner appears, a message becomes doubtful.
    fn screen_due(&self) -> Due {
        let now = self.now.mono;
        let banner = self.lost_at.map(|at| at.plus(BANNER_MS));
        let doubt = self.outbox.items().iter().filter_map(|item| match item.state {
            State::Sent { at, .. } => Some(at.plus(UNCONFIRMED_MS)),
            State::Fresh | State::Doubtful | State::Expired | State::Refused => None,
        });
        doubt.chain(banner).filter(|at| *at > now).min().map(|at| (at, "screen"))
    }

    /// Does what is due; a call that comes too early does nothing.
    pub(crate) fn timeout(&mut self) {
        let now = self.now.mono;
        self.expire_requests();
        if self.site_again_at.is_some_and(|at| at <= now) {
            self.site_again_at = None;
            self.ask_settings();
        }
        self.marks.lapse(now);
        self.rest();
        self.doubt_lasts();
        match &self.phase {
            Phase::Waiting { until, .. } if *until <= now => self.waited(),
            Phase::Opening(opening) if opening.until <= now => {
                self.trouble(Trouble::OpenTimeout, "link");
                for _ in self.links().into_iter().flatten() {
                    self.saw_failure();
                }
                self.opening_failed();
            }
            Phase::Opening(opening) if opening.fallback_at.is_some_and(|at| at <= now) => self.fall_back(),
            Phase::Online(_) => self.online_timeout(),
            Phase::Unauthorized => self.ask_token_again(),
            Phase::Idle
            | Phase::Loading
            | Phase::Waiting { .. }
            | Phase::Gate { .. }
            | Phase::Opening(_)
            | Phase::Frozen
            | Phase::Stopped => {}
        }
    }

    /// A pause is over.
    pub(crate) fn waited(&mut self) {
        let Phase::Waiting { then, why, .. } = self.phase else { return };
        match then {
            Then::Gate if mutants::planted(Mutant::ClientNoGate) => self.proceed(why),
            Then::Gate => self.gate(why),
            Then::Proceed => self.proceed(why),
        }
    }

    fn online_timeout(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &mut self.phase else { return };
        match (online.transport, online.pulse.check(now, &self.config.heartbeat)) {
            // Each of its requests has a time of its own.
            (Transport::LongPolling | Transport::Polling, _) => self.poll_timeout_due(),
            (_, Verdict::Alive) => {}
            (Transport::WebSocket, Verdict::Ask) => self.ping(),
            // A stream cannot be asked; the server's own heartbeat is overdue.
            (Transport::Sse, Verdict::Ask) if online.pulse.is_overdue(now) => return self.fell_silent(),
            (Transport::Sse, Verdict::Ask) => online.pulse.rest(),
            (Transport::WebSocket | Transport::Sse, Verdict::Dead) => return self.fell_silent(),
        }
        if self.stuck_at().is_some_and(|at| at <= now) {
            return self.lost_by(Trouble::NoAnswer);
        }
        self.next_timeout();
        self.gap_timeout();
    }

    fn fell_silent(&mut self) {
        self.trouble(Trouble::Silence, "link");
        self.killed();
    }

    fn lost_by(&mut self, trouble: Trouble) {
        self.trouble(trouble, "link");
        self.lost(Why::Lost);
    }

    /// The link lives, but something that was sent over it has no answer: it is never sent twice on one socket.
    fn stuck_at(&self) -> Option<Instant> {
        let link = self.link()?;
        let sent_at = |state| match state {
            State::Sent { link: over, at } if over == link => Some(at),
            State::Sent { .. } | State::Fresh | State::Doubtful | State::Expired | State::Refused => None,
        };
        let oldest = self.outbox.items().iter().filter_map(|item| sent_at(item.state)).min()?;
        Some(oldest.plus(STUCK_MS))
    }

    fn gap_timeout(&mut self) {
        let now = self.now.mono;
        let (Some((at, _)), Phase::Online(online)) = (self.gap_due(), &self.phase) else { return };
        if now < at {
            return;
        }
        let after = self.timeline.cursor();
        let can_ask = self.asked_for_gap.is_none() && online.catching == Catching::Done;
        match online.transport {
            Transport::WebSocket if can_ask => {
                self.asked_for_gap = Some(now);
                self.transmit(&[ClientFrame::Sync(Sync { after, limit: None })], Vec::new());
            }
            Transport::LongPolling | Transport::Polling if can_ask => {
                self.asked_for_gap = Some(now);
                self.poll_now();
            }
            // A stream cannot be asked for the rest, but a new one begins with it.
            Transport::WebSocket | Transport::Sse | Transport::LongPolling | Transport::Polling => {
                let (cursor, times) = self.stale;
                self.stale = (after, if cursor == after { times + 1 } else { 1 });
                self.lost_by(Trouble::Gap);
            }
        }
    }
}

fn earlier(one: Due, other: Due) -> Due {
    [one, other].into_iter().flatten().min_by_key(|(at, _)| *at)
}
