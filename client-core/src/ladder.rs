//! What is known about the transports of this network, and when to try a better one.

use protocol::json;

use crate::client::Wanted;
use crate::{Client, Instant, Now, Output, Transport, Transports};

/// The name under which is kept what works here.
const NAME: &str = "way";
/// What is known about a network holds for so long, in ms.
const KNOWN_MS: u64 = 30 * 60_000;
/// A link that ends so soon after its `ready` has died young, in ms.
const YOUNG_MS: u64 = 30_000;
/// So many young deaths …
const DEATHS: u32 = 2;
/// … or so many where a link over it has lasted: then it is not killed for what it is …
const DEATHS_OF_LASTING: u32 = 5;
/// … within this time, in ms, condemn a transport …
const DEATHS_MS: u64 = 5 * 60_000;
/// … for so long, in ms.
const CONDEMNED_MS: u64 = 30 * 60_000;
/// Where WebSockets have worked, the first try comes after so long, in ms …
const PROVEN_FIRST_MS: u64 = 5_000;
/// … and the next ones after so long.
const PROVEN_MS: u64 = 45_000;

/// What is known about the transports here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    /// For WebSocket, SSE and long polls; short polls are always there.
    rungs: [Rung; 3],
    /// Climbs that have failed since a WebSocket was up.
    climbs: usize,
    proven: Proven,
    /// The transport of a link that has died young, until the gate says that it was not the server.
    suspect: Option<Transport>,
    /// What storage holds.
    kept: Option<(Transport, u64)>,
}

/// Whether a WebSocket has worked on this network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Proven {
    #[default]
    No,
    Yes,
}

/// What is known about one transport.
#[derive(Clone, Copy, Debug, Default)]
struct Rung {
    bad_until: Option<Instant>,
    /// When links over it began to die young, and how many have.
    deaths: Option<(Instant, u32)>,
    age: Age,
}

/// Whether a link has outlived its youth here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Age {
    #[default]
    Young,
    Lasting,
}

const RUNGS: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::LongPolling];

impl Ladder {
    /// Says whether a transport may be tried now.
    pub(crate) fn is_good(&self, transport: Transport, now: Instant) -> bool {
        let rung = self.rungs.get(transport as usize);
        rung.and_then(|rung| rung.bad_until).is_none_or(|until| until <= now)
    }

    /// Returns the best transport that may be tried now.
    pub(crate) fn best(&self, now: Instant) -> Transport {
        RUNGS.into_iter().find(|transport| self.is_good(*transport, now)).unwrap_or(Transport::Polling)
    }

    /// Returns the best transport above one that may be tried now.
    pub(crate) fn above(&self, transport: Transport, now: Instant) -> Option<Transport> {
        RUNGS.into_iter().find(|better| *better < transport && self.is_good(*better, now))
    }

    /// Returns when there is something better to try than the transport that is up.
    pub(crate) fn climb_at(&self, from: Transport, now: Instant) -> Option<Instant> {
        let better = RUNGS.iter().zip(&self.rungs).filter(|(transport, _)| **transport < from);
        better.map(|(_, rung)| rung.bad_until.unwrap_or(now)).min()
    }

    /// A transport did not become ready, though another did: it is left alone for a while.
    pub(crate) fn failed(&mut self, transport: Transport, now: Instant, config: &Transports) {
        let steps = &config.upgrade_after_ms;
        let delay = match (self.proven, self.climbs) {
            (Proven::Yes, 0) => PROVEN_FIRST_MS,
            (Proven::Yes, _) => PROVEN_MS,
            (Proven::No, climbs) => steps.get(climbs).or(steps.last()).copied().unwrap_or(PROVEN_MS),
        };
        let until = now.plus(delay);
        if let Some(rung) = self.rungs.get_mut(transport as usize) {
            rung.bad_until = rung.bad_until.max(Some(until));
        }
    }

    /// A round of tries is over, and something better than this has failed.
    pub(crate) fn settled(&mut self) {
        self.climbs += 1;
    }

    /// An answer came over a WebSocket, so long after its `ready`.
    pub(crate) fn worked(&mut self, age_ms: u64) {
        self.outlives(Transport::WebSocket, age_ms);
        self.climbs = 0;
        self.proven = Proven::Yes;
        self.try_again();
    }

    /// Nothing is to be avoided any more.
    pub(crate) fn try_again(&mut self) {
        for rung in &mut self.rungs {
            rung.bad_until = None;
        }
    }

    /// A link has ended without a word, so long after its `ready`.
    pub(crate) fn died(&mut self, transport: Transport, age_ms: u64) {
        self.outlives(transport, age_ms);
        self.suspect = (age_ms < YOUNG_MS).then_some(transport);
    }

    fn outlives(&mut self, transport: Transport, age_ms: u64) {
        if age_ms >= YOUNG_MS
            && let Some(rung) = self.rungs.get_mut(transport as usize)
        {
            rung.age = Age::Lasting;
        }
    }

    /// The server was away: its links had to die.
    pub(crate) fn excuse(&mut self) {
        self.suspect = None;
    }

    /// The server was there all the time: what dies young again and again is killed by something in between.
    pub(crate) fn blame(&mut self, now: Instant) {
        let Some(transport) = self.suspect.take() else { return };
        let Some(rung) = self.rungs.get_mut(transport as usize) else { return };
        let (first, before) = rung.deaths.filter(|(first, _)| now.since(*first) < DEATHS_MS).unwrap_or((now, 0));
        rung.deaths = Some((first, before + 1));
        let many = if rung.age == Age::Young { DEATHS } else { DEATHS_OF_LASTING };
        if before + 1 >= many {
            *rung = Rung { bad_until: Some(now.plus(CONDEMNED_MS)), ..Rung::default() };
            if transport == Transport::WebSocket {
                self.proven = Proven::No;
            }
        }
    }

    /// Takes up what an earlier page has learned, unless it is old: a network changes.
    fn restore(&mut self, value: &str, now: Now, config: &Transports) {
        let (rung, at) = match json::from_str::<Vec<u64>>(value).as_deref() {
            Ok([rung, at]) => (usize::try_from(*rung).unwrap_or(RUNGS.len()), *at),
            Ok(_) | Err(_) => return,
        };
        let age_ms = now.wall.checked_sub(at).unwrap_or(KNOWN_MS);
        if age_ms >= KNOWN_MS {
            return;
        }
        if rung == 0 {
            self.proven = Proven::Yes;
        }
        let transport = RUNGS.get(rung).copied().unwrap_or(Transport::Polling);
        self.kept = Some((transport, at));
        let first = config.upgrade_after_ms.first().copied().unwrap_or(KNOWN_MS);
        for better in self.rungs.iter_mut().take(rung) {
            better.bad_until = Some(now.mono.plus(first.min(KNOWN_MS - age_ms)));
        }
    }
}

impl Client {
    /// Takes up what an earlier page has learned about this network.
    pub(crate) fn restore_way(&mut self, value: &str) {
        if self.wanted == Wanted::No {
            self.ladder.restore(value, self.now, &self.config.transports);
        }
    }

    /// Keeps what works here for the next page.
    pub(crate) fn keep_way(&mut self, transport: Transport) {
        let now = self.now.wall;
        let known = self.ladder.kept;
        if known.is_none_or(|(kept, at)| kept != transport || now.saturating_sub(at) > KNOWN_MS / 2) {
            self.ladder.kept = Some((transport, now));
            self.save(NAME, json::to_string(&[transport as u64, now][..]));
        }
    }

    /// Another network: nothing is known about it.
    pub(crate) fn forget_way(&mut self) {
        if self.ladder.kept.is_some() {
            self.outputs.push_back(Output::Remove { name: String::from(NAME) });
        }
        self.ladder = Ladder::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Transports = Transports {
        open_timeout_ms: 1,
        fallback_after_ms: 1,
        stream_after_ms: 1,
        upgrade_after_ms: [60_000, 300_000, 1_800_000],
    };

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    /// Lets one transport fail again and again; returns after how long each next try comes.
    fn delays(ladder: &mut Ladder, tries: usize) -> Vec<u64> {
        let mut now = at(0);
        let mut delays = Vec::new();
        for _ in 0..tries {
            ladder.failed(Transport::WebSocket, now, &CONFIG);
            ladder.settled();
            let next = ladder.climb_at(Transport::Sse, now).expect("there is something better");
            delays.push(next.since(now));
            now = next;
        }
        delays
    }

    #[test]
    fn tries_become_rare_and_stay_frequent_where_a_websocket_has_worked() {
        assert_eq!(delays(&mut Ladder::default(), 4), [60_000, 300_000, 1_800_000, 1_800_000]);
        let mut proven = Ladder::default();
        proven.worked(0);
        assert_eq!(delays(&mut proven, 3), [5_000, 45_000, 45_000]);
    }

    /// Lets WebSockets die at these moments, at this age; returns whether they may still be tried.
    fn dying(ladder: &mut Ladder, deaths: &[(u64, u64)]) -> Vec<bool> {
        let one = |(now, age_ms): &(u64, u64)| {
            ladder.died(Transport::WebSocket, *age_ms);
            ladder.blame(at(*now));
            ladder.is_good(Transport::WebSocket, at(*now))
        };
        deaths.iter().map(one).collect()
    }

    #[test]
    fn two_young_deaths_within_five_minutes_condemn_a_transport_for_half_an_hour() {
        let mut ladder = Ladder::default();
        let deaths = [(0, 29_000), (300_000, 1), (600_000, 29_999), (600_001, 1)];
        assert_eq!(dying(&mut ladder, &deaths), [true, true, true, false]);
        assert_eq!(ladder.best(at(600_001)), Transport::Sse);
        assert_eq!(ladder.climb_at(Transport::Sse, at(600_001)), Some(at(2_400_001)));
        assert!(ladder.is_good(Transport::WebSocket, at(2_400_001)));
    }

    #[test]
    fn where_a_link_has_lasted_it_takes_five() {
        let mut ladder = Ladder::default();
        let deaths = [(0, 30_000), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)];
        assert_eq!(dying(&mut ladder, &deaths), [true, true, true, true, true, false]);
        let mut ladder = Ladder::default();
        ladder.worked(30_000);
        assert_eq!(dying(&mut ladder, &deaths[1..4]), [true, true, true]);
    }

    #[test]
    fn a_server_that_was_away_condemns_nothing() {
        let mut ladder = Ladder::default();
        for now in 0..5 {
            ladder.died(Transport::WebSocket, 1);
            ladder.excuse();
            ladder.blame(at(now));
        }
        assert_eq!(ladder.best(at(5)), Transport::WebSocket);
    }

    #[test]
    fn what_was_learned_half_an_hour_ago_counts_for_nothing() {
        let now = Now { mono: at(0), wall: 10_000_000 };
        for (age_ms, best) in
            [(0, Transport::LongPolling), (1_799_999, Transport::LongPolling), (1_800_000, Transport::WebSocket)]
        {
            let mut ladder = Ladder::default();
            ladder.restore(&json::to_string(&[2, now.wall - age_ms][..]), now, &CONFIG);
            assert_eq!(ladder.best(at(0)), best, "after {age_ms} ms");
            assert_eq!(ladder.best(at(60_000)), Transport::WebSocket, "never for ever");
        }
        let mut ladder = Ladder::default();
        ladder.restore(&json::to_string(&[3, now.wall + 1][..]), now, &CONFIG);
        assert_eq!(ladder.best(at(0)), Transport::WebSocket, "a clock that went back tells nothing");
    }
}
