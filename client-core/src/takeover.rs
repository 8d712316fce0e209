//! The link that takes over from one that is still up: a better transport, another server, another moment.

use protocol::Drain;

use crate::connection::{FRESH_MS, Next, Phase, Why};
use crate::requests::Purpose;
use crate::trouble::Trouble;
use crate::{Client, Transport, path};

impl Client {
    /// The server will go: the next link is opened first, and this one left after.
    pub(crate) fn drain(&mut self, drain: Drain) {
        let half = u64::from(drain.in_ms) / 2;
        let at = self.now.mono.plus(self.rng.up_to(half));
        if let Phase::Online(online) = &mut self.phase {
            online.spread_ms = online.spread_ms.max(u64::from(drain.spread_ms));
            online.next_at = Some((at, Why::Drain));
        }
    }

    /// Begins what is due.
    pub(crate) fn next_timeout(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &self.phase else { return };
        match (online.next, online.next_at) {
            (Next::None, Some((at, why))) if at <= now => self.next_gate(why, self.servers.current()),
            (Next::None, _) if self.servers.check_at.is_some_and(|at| at <= now) => self.next_gate(Why::Return, 0),
            (Next::Opening { until, .. }, _) if until <= now => {
                self.trouble(Trouble::OpenTimeout, "next link");
                self.saw_failure();
                self.next_failed();
            }
            (Next::None | Next::Gate { .. } | Next::Opening { .. }, _) => {}
        }
    }

    /// Finds out whether a server is there, while the link is up.
    pub(crate) fn next_gate(&mut self, why: Why, server: usize) {
        if let Phase::Online(online) = &mut self.phase {
            online.next = Next::Gate { why, server };
            self.ask_at(server, Purpose::NextGate, path::gate(), path::GATE_TIMEOUT_MS);
        }
    }

    /// The gate of the next link was passed.
    pub(crate) fn next_passed(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &mut self.phase else { return };
        let Next::Gate { why, server } = online.next else { return };
        let transport = match why {
            Why::Upgrade => self.ladder.above(online.transport, now),
            Why::Start | Why::Lost | Why::Wake | Why::Online | Why::Drain | Why::Return => Some(self.ladder.best(now)),
        };
        match transport {
            Some(transport) => self.open_next(why, server, transport),
            None => {
                online.next = Next::None;
                self.climb_later();
            }
        }
    }

    fn open_next(&mut self, why: Why, server: usize, transport: Transport) {
        if why == Why::Upgrade && transport == Transport::LongPolling {
            return self.hold_again();
        }
        let transports = &self.config.transports;
        let until = self.now.mono.plus(match transport {
            Transport::Sse => transports.stream_after_ms,
            Transport::WebSocket | Transport::LongPolling | Transport::Polling => transports.open_timeout_ms,
        });
        let Some(link) = self.open(transport, server) else { return };
        if let Phase::Online(online) = &mut self.phase {
            online.next = Next::Opening { why, server, link, transport, until };
            if mutants::planted(mutants::Mutant::ClientBreakBeforeMake) {
                self.go_over();
            }
        }
    }

    /// The next link did not come about; this one stays, if it is still to be trusted.
    pub(crate) fn next_failed(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &mut self.phase else { return };
        let next = core::mem::replace(&mut online.next, Next::None);
        let from = online.transport;
        let (why, server) = match next {
            Next::None => return,
            Next::Gate { why, server } => (why, server),
            Next::Opening { why, server, link, transport, .. } => {
                self.leave(link);
                if transport < from {
                    self.ladder.failed(transport, now, &self.config.transports);
                    if why == Why::Upgrade
                        && let Some(transport) = self.ladder.above(from, now)
                    {
                        return self.open_next(why, server, transport);
                    }
                    self.ladder.settled();
                }
                (why, server)
            }
        };
        match why {
            Why::Drain => {
                let other = self.servers.after(server);
                if matches!(next, Next::Gate { .. }) && other != self.servers.current() {
                    return self.next_gate(why, other);
                }
                self.climb_later();
            }
            Why::Return if matches!(next, Next::Gate { .. }) && server + 1 < self.servers.current() => {
                self.next_gate(why, server + 1);
            }
            Why::Return => self.servers.check_later(now),
            Why::Wake | Why::Online if self.is_silent() => self.lost(Why::Wake),
            Why::Upgrade | Why::Start | Why::Lost | Why::Wake | Why::Online => self.climb_later(),
        }
    }

    fn is_silent(&self) -> bool {
        self.online().is_some_and(|online| online.pulse.silent_for(self.now.mono) > FRESH_MS)
    }

    /// Plans the next try of something better than what is up.
    fn climb_later(&mut self) {
        let now = self.now.mono;
        let Phase::Online(online) = &mut self.phase else { return };
        if let Some(better) = self.ladder.above(online.transport, now) {
            // Not even the gate has answered: that says nothing about the transport, but it is no time to try.
            self.ladder.failed(better, now, &self.config.transports);
        }
        online.next_at = self.ladder.climb_at(online.transport, now).map(|at| (at, Why::Upgrade));
    }
}
