//! Polls: requests that stand in for a link where nothing else passes.

use protocol::http::ErrorBody;
use protocol::{Ready, json};

use crate::connection::{Next, Phase, Why};
use crate::requests::Purpose;
use crate::{Authorization, Call, Client, Instant, LinkId, Transport, path};

/// The server holds a long poll for so long, in s.
const HOLD_S: u64 = protocol::limits::POLL_WAIT_S;
/// A held poll that was answered earlier, and brought nothing, was not held, in ms.
const UNHELD_MS: u64 = 1_000;
/// After the first such answer the next poll comes so much later, in ms; after each further one twice as much.
const UNHELD_PAUSE_MS: u64 = 250;
/// Short polls are so far apart while something happens, in ms …
const PAUSE_MS: u64 = 3_000;
/// … and so far at most, in ms.
const PAUSE_MAX_MS: u64 = 30_000;

/// The polls of one link.
#[derive(Clone, Debug)]
pub(crate) struct Polls {
    /// When the next one is asked; none while one is under way.
    pub(crate) at: Option<Instant>,
    asked: Asked,
    asked_at: Instant,
    /// The cursor with which it was asked.
    after: u64,
    pause_ms: u64,
}

/// How the last poll was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// To be answered at once.
    Short,
    /// To be held.
    Held,
    /// To be answered at once, after a held one has failed: is it the holding, or the whole way?
    AfterCut,
}

impl Polls {
    pub(crate) fn new(now: Instant) -> Self {
        Self { at: Some(now), asked: Asked::Short, asked_at: now, after: 0, pause_ms: 0 }
    }
}

impl Client {
    /// Asks for what comes after the cursor, to be held for so long.
    pub(crate) fn ask_poll(&mut self, link: LinkId, server: usize, hold_s: u64) {
        let Some(dialog_id) = self.dialog_id else { return };
        let mut path = self.config.side.stretch(dialog_id, path::POLL, &self.stretch(link));
        path.push_str("&wait=");
        path::push_number(&mut path, hold_s);
        let call = Call { path, body: None, auth: Authorization::Bearer };
        self.ask_at(server, Purpose::Poll { link }, call, self.config.request_timeout_ms + hold_s * 1_000);
    }

    fn poll(&mut self, asked: Asked) {
        let (now, after, server) = (self.now.mono, self.timeline.cursor(), self.servers.current());
        let Phase::Online(online) = &mut self.phase else { return };
        let link = online.link;
        online.polls = Polls { at: None, asked, asked_at: now, after, ..online.polls };
        self.ask_poll(link, server, if asked == Asked::Held { HOLD_S } else { 0 });
    }

    /// Asks again, if it is time.
    pub(crate) fn poll_timeout_due(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &self.phase else { return };
        if online.polls.at.is_none_or(|at| at > now) {
            return;
        }
        match online.transport {
            Transport::LongPolling => self.poll(Asked::Held),
            Transport::Polling => self.poll(Asked::Short),
            Transport::WebSocket | Transport::Sse => {}
        }
    }

    /// Something may have happened, or nothing that is under way is to be trusted: asks at once.
    pub(crate) fn poll_now(&mut self) {
        let Phase::Online(online) = &self.phase else { return };
        let (link, asked, waits) = (online.link, online.polls.asked, online.polls.at.is_some());
        if waits || asked == Asked::Held {
            self.abort(&Purpose::Poll { link });
            self.poll(Asked::Short);
        }
    }

    /// Somebody is here: answers are awaited sooner.
    pub(crate) fn poll_soon(&mut self) {
        let soon = self.now.mono.plus(PAUSE_MS);
        if let Phase::Online(online) = &mut self.phase
            && online.transport == Transport::Polling
        {
            online.polls.pause_ms = 0;
            online.polls.at = online.polls.at.map(|at| at.min(soon));
        }
    }

    /// A poll was answered.
    pub(crate) fn on_poll(&mut self, link: LinkId, status: u16, body: &str) {
        if !self.knows(link) {
            return;
        }
        if (200..300).contains(&status) {
            self.received(link, body);
            if self.link() == Some(link) {
                self.poll_answered();
            } else if self.knows(link) {
                self.attempt_failed(link, 0);
            }
            return;
        }
        let error = json::from_str::<ErrorBody>(body).ok().map(|body| body.error);
        match error {
            // What stands in between may be tired of waiting; it says nothing about us.
            None => self.poll_failed(link),
            Some(_) => self.link_refused(link, status, body),
        }
    }

    fn poll_answered(&mut self) {
        let (now, cursor) = (self.now.mono, self.timeline.cursor());
        let Phase::Online(online) = &mut self.phase else { return };
        let polls = &mut online.polls;
        if polls.asked == Asked::AfterCut {
            return self.hold_fails();
        }
        let is_new = cursor > polls.after;
        match online.transport {
            Transport::LongPolling => {
                let idle = polls.asked == Asked::Held && !is_new && now.since(polls.asked_at) < UNHELD_MS;
                polls.pause_ms = if idle { (polls.pause_ms * 2).clamp(UNHELD_PAUSE_MS, PAUSE_MAX_MS) } else { 0 };
            }
            Transport::Polling => {
                let longer = (polls.pause_ms * 3 / 2).clamp(PAUSE_MS, PAUSE_MAX_MS);
                polls.pause_ms = if is_new { PAUSE_MS } else { longer };
            }
            Transport::WebSocket | Transport::Sse => return,
        }
        polls.at = Some(now.plus(polls.pause_ms));
        self.poll_timeout_due();
    }

    /// Held polls are cut here, while short ones are answered.
    fn hold_fails(&mut self) {
        let now = self.now.mono;
        self.ladder.failed(Transport::LongPolling, now, &self.config.transports);
        self.ladder.settled();
        let climb_at = self.ladder.climb_at(Transport::Polling, now);
        if let Phase::Online(online) = &mut self.phase {
            online.transport = Transport::Polling;
            online.polls.pause_ms = PAUSE_MS;
            online.polls.at = Some(now.plus(PAUSE_MS));
            if online.next == Next::None {
                online.next_at = climb_at.map(|at| (at, Why::Upgrade));
            }
        }
        self.keep_way(Transport::Polling);
    }

    /// Holds polls again, where they failed a while ago.
    pub(crate) fn hold_again(&mut self) {
        let now = self.now.mono;
        if let Phase::Online(online) = &mut self.phase {
            online.transport = Transport::LongPolling;
            online.polls.pause_ms = 0;
            online.next = Next::None;
            online.next_at = self.ladder.climb_at(Transport::LongPolling, now).map(|at| (at, Why::Upgrade));
            if online.polls.at.is_some() {
                self.poll(Asked::Held);
            }
        }
    }

    /// A poll got no answer, or none of ours.
    pub(crate) fn poll_failed(&mut self, link: LinkId) {
        let Phase::Online(online) = &self.phase else { return self.attempt_failed(link, 0) };
        if online.link != link {
            self.attempt_failed(link, 0);
        } else if online.polls.asked == Asked::Held {
            self.poll(if mutants::planted(mutants::Mutant::ClientNoShortPolls) {
                Asked::Short
            } else {
                Asked::AfterCut
            });
        } else {
            self.killed();
        }
    }

    /// The next poll of a link that is up says where the log stands.
    pub(crate) fn poll_goes_on(&mut self, ready: &Ready) {
        if self.timeline.epoch().is_some_and(|epoch| epoch != ready.epoch) {
            // What is on its way up belongs to a log that is gone.
            return self.lost(Why::Lost);
        }
        self.go_on(ready);
        self.watch_gap();
    }
}
