//! All open links: their bound, their pools, and their farewell.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mutants::Mutant;
use server_core::Millis;
use tokio::sync::Notify;

use crate::bounds::Guest;
use crate::clock;
use crate::hub::{Card, Leave, Pool, Transport};

/// A refused client comes back after this and up to as much again.
const REFUSED_MS: u32 = 2_000;
/// A client that finds a draining server's gate closed asks again after this and up to as much again.
const CLOSED_MS: u32 = 300;
/// Links that may be opened each second before the gate begins to space them out; as many as come back by their own dice
/// after a break, see [`Links::spread_ms`].
const OPENED_PER_S: u64 = 2_000;
/// The longest that the gate makes a client wait.
const GATE_MS: u64 = 30_000;

/// All open links.
#[derive(Debug)]
pub(crate) struct Links {
    most: usize,
    open: Mutex<HashMap<u64, Arc<Card>>>,
    counts: [AtomicUsize; Pool::ALL.len()],
    next_id: AtomicU64,
    draining: AtomicBool,
    /// The moment on the monotonic clock, in µs, that the gate gives to the next client.
    gate: AtomicU64,
    /// Tells when a link has gone.
    gone: Notify,
}

/// One open link among all; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct OpenLink {
    links: Arc<Links>,
    card: Arc<Card>,
    /// Its places among those of its address, its site and its visitor.
    guests: Vec<Guest>,
}

/// Where the clients of a server that leaves go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onward {
    /// To the next server at the same address, as soon as this one is gone.
    Here,
    /// To other servers, which are there already.
    Elsewhere,
}

/// Why there is no place for one more link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// There are as many as the server takes.
    Full {
        /// When to try again.
        retry_ms: u32,
    },
    /// The server is going away.
    Draining {
        /// When to try again.
        retry_ms: u32,
    },
}

impl Links {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
            counts: Default::default(),
            next_id: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            gate: AtomicU64::new(0),
            gone: Notify::new(),
        })
    }

    /// Counts one more link in its pool, and in no other.
    ///
    /// # Errors
    /// [`NoPlace`], and nothing is counted.
    pub(crate) fn open(self: &Arc<Self>, pool: Pool, transport: Transport) -> Result<OpenLink, NoPlace> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        // Looked at under the lock: a link that comes while `drain` goes through them is either refused or told.
        if self.is_draining() {
            return Err(NoPlace::Draining { retry_ms: REFUSED_MS / 2 + spread(id, REFUSED_MS) });
        }
        if open.len() >= self.most && !mutants::planted(Mutant::EndlessConnections) {
            return Err(NoPlace::Full { retry_ms: REFUSED_MS + spread(id, REFUSED_MS) });
        }
        let card = Arc::new(Card::new(id, pool, transport, clock::wall()));
        open.insert(id, Arc::clone(&card));
        self.counts[pool as usize].fetch_add(1, Ordering::Relaxed);
        Ok(OpenLink { links: Arc::clone(self), card, guests: Vec::new() })
    }

    /// Returns the number of links in a pool.
    pub(crate) fn count(&self, pool: Pool) -> usize {
        self.counts[pool as usize].load(Ordering::Relaxed)
    }

    /// Returns the number of all links.
    pub(crate) fn total(&self) -> usize {
        Pool::ALL.into_iter().map(|pool| self.count(pool)).sum()
    }

    /// Returns the most links that are taken.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Returns whether one more link would be refused for their number.
    pub(crate) fn is_full(&self) -> bool {
        self.total() >= self.most
    }

    /// Returns how widely clients should spread their first try after a break, by the number of links.
    pub(crate) fn spread_ms(&self) -> u32 {
        u32::try_from(self.total() / 2).unwrap_or(u32::MAX).clamp(250, 3_000)
    }

    /// Gives a client its own moment to open a link: at once, or in so many ms when a herd is at the gate.
    pub(crate) fn gate_ms(&self, now: Millis) -> u32 {
        let now = now.saturating_mul(1_000);
        let step = 1_000_000 / OPENED_PER_S;
        // Those who only ask and never come do not close it for longer than anybody is told to wait.
        let last = now.saturating_add(GATE_MS.saturating_mul(1_000));
        let next = |given: u64| Some(given.clamp(now, last).saturating_add(step));
        let given = self.gate.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(now);
        let ms = given.saturating_sub(now) / 1_000;
        // A wait that nobody would notice is none.
        if ms < 50 { 0 } else { u32::try_from(ms.min(GATE_MS)).unwrap_or(u32::MAX) }
    }

    /// Returns when a client that has found the gate closed may ask again: the next server may be there soon.
    pub(crate) fn closed_ms(&self) -> u32 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let least = if self.is_draining() { CLOSED_MS } else { REFUSED_MS };
        least + spread(id, least)
    }

    /// Refuses links from now on and tells every open one to leave, each at its own moment; returns how long it takes
    /// until the last of these, at most `most_ms`.
    pub(crate) fn drain(&self, onward: Onward, most_ms: u32) -> u32 {
        let spread_ms = self.spread_ms();
        let open = self.lock();
        self.draining.store(true, Ordering::Relaxed);
        let links = u32::try_from(open.len()).unwrap_or(u32::MAX);
        let leave_ms = match onward {
            // The sooner all are gone, the sooner the next server can begin. They come back spread by their own dice.
            Onward::Here => (links / 8).saturating_add(100),
            // Each opens its next link in the first half of its time.
            Onward::Elsewhere => links.saturating_add(200),
        };
        let leave_ms = leave_ms.min(most_ms);
        for card in open.values() {
            let in_ms = if mutants::planted(Mutant::DrainAtOnce) { 0 } else { spread(card.id, leave_ms) };
            card.leave(Leave { in_ms, spread_ms });
        }
        leave_ms
    }

    /// Waits until no link is open.
    pub(crate) async fn all_gone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.total() == 0 {
                return;
            }
            gone.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Card>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenLink {
    /// Holds a place for as long as the link is open.
    pub(crate) fn hold(&mut self, guest: impl IntoIterator<Item = Guest>) {
        self.guests.extend(guest);
    }

    /// Returns what everybody may know about the link.
    pub(crate) fn card(&self) -> &Arc<Card> {
        &self.card
    }
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.links.lock().remove(&self.card.id);
        self.links.counts[self.card.pool as usize].fetch_sub(1, Ordering::Relaxed);
        self.links.gone.notify_waiters();
    }
}

/// Returns a number below `below` that differs widely between neighbours.
pub(crate) fn spread(id: u64, below: u32) -> u32 {
    // The 32 high bits of a product with the golden ratio are spread evenly for consecutive numbers.
    let hash = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    u32::try_from((hash * u64::from(below)) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_counted_in_its_own_pool_and_in_no_other() {
        let links = Links::new(10);
        for pool in Pool::ALL {
            let link = links.open(pool, Transport::WebSocket).unwrap();
            for other in Pool::ALL {
                assert_eq!(links.count(other), usize::from(other == pool));
            }
            drop(link);
            assert_eq!(links.total(), 0);
        }
    }

    #[test]
    fn the_next_link_is_refused_until_one_has_gone() {
        let links = Links::new(1);
        let first = links.open(Pool::Site, Transport::WebSocket).unwrap();
        let refused = links.open(Pool::Admin, Transport::Sse).unwrap_err();
        let ending = crate::error::ApiError::from(refused).ending();
        assert_eq!(ending.code, protocol::close::OVERLOADED);
        assert!(ending.close_reason().len() <= 123);
        drop(first);
        assert!(links.open(Pool::Admin, Transport::Sse).is_ok());
    }

    #[test]
    fn a_drain_tells_every_link_its_own_moment_and_lets_no_other_in() {
        let links = Links::new(1_000);
        let open: Vec<_> = (0..500).map(|_| links.open(Pool::Site, Transport::WebSocket).unwrap()).collect();
        assert_eq!(links.drain(Onward::Elsewhere, 5_000), 700);
        let context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut moments: Vec<_> = open.iter().map(|link| link.card().take(&context).leave.unwrap()).collect();
        moments.sort_by_key(|leave| leave.in_ms);
        assert!(moments.iter().all(|leave| leave.spread_ms == 250 && leave.in_ms < 700));
        // Evenly: each tenth of the time has about a tenth of them.
        let first_tenth = moments.iter().filter(|leave| leave.in_ms < 70).count();
        assert!((40..=60).contains(&first_tenth), "{first_tenth}");
        assert!(matches!(links.open(Pool::Site, Transport::Sse), Err(NoPlace::Draining { .. })));
    }

    #[test]
    fn a_drain_takes_as_long_as_there_are_links_and_less_where_the_next_server_waits() {
        let links = Links::new(3_000);
        assert_eq!(links.drain(Onward::Here, 5_000), 100);
        let _open: Vec<_> = {
            let links = Links::new(3_000);
            let open: Vec<_> = (0..2_000).map(|_| links.open(Pool::Site, Transport::WebSocket).unwrap()).collect();
            assert_eq!(links.drain(Onward::Here, 5_000), 350);
            assert_eq!(links.drain(Onward::Elsewhere, 5_000), 2_200);
            assert_eq!(links.drain(Onward::Elsewhere, 1_000), 1_000);
            open
        };
    }

    #[test]
    fn the_gate_spaces_a_herd_out_and_forgets_it() {
        let links = Links::new(10);
        assert_eq!(links.gate_ms(1_000), 0);
        let waits: Vec<_> = (0..2_000).map(|_| links.gate_ms(1_000)).collect();
        assert_eq!(waits.iter().filter(|ms| **ms == 0).count(), 99);
        assert_eq!(waits.last(), Some(&1_000));
        assert_eq!(links.gate_ms(5_000), 0);
    }

    #[test]
    fn a_flood_of_questions_closes_the_gate_for_no_longer_than_anybody_is_told_to_wait() {
        let links = Links::new(10);
        let longest = (0..200_000).map(|_| links.gate_ms(1_000)).max();
        assert_eq!(longest.map(u64::from), Some(GATE_MS));
        assert_eq!(links.gate_ms(1_000 + GATE_MS), 0);
    }
}
