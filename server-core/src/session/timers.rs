//! When a session must be called again.

use mutants::Mutant;

use super::Limits;
use crate::Millis;

/// A timer that comes later than this shows that the whole process stood still: what clients sent meanwhile is unread.
const LATE_MS: Millis = 5_000;

/// When a session must be called again, and its source of jitter.
#[derive(Debug)]
pub(super) struct Timers {
    hello_at: Option<Millis>,
    heartbeat_at: Option<Millis>,
    silence_at: Option<Millis>,
    drain: Option<(Millis, u32)>,
    heartbeat_ms: u32,
    /// None: nobody listens for silence.
    silence_ms: Option<u32>,
    random: u64,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The `hello` did not come.
    Hello,
    /// A heartbeat is to be sent.
    Heartbeat,
    /// The client has said nothing for too long.
    Silence,
    /// The time of the drain is over.
    Drained {
        /// Over how long all clients are spread.
        spread_ms: u32,
    },
}

impl Timers {
    pub(super) fn new(seed: u64, limits: Limits, now: Millis) -> Self {
        let mut timers = Self {
            hello_at: (!mutants::planted(Mutant::NoHelloTimeout)).then(|| now.saturating_add(limits.hello_ms.into())),
            heartbeat_at: None,
            silence_at: None,
            drain: None,
            heartbeat_ms: limits.heartbeat_ms,
            silence_ms: Some(limits.silence_ms),
            random: seed,
        };
        timers.beat(now);
        timers
    }

    pub(super) fn admitted(&mut self) {
        self.hello_at = None;
    }

    pub(super) fn never(&mut self) {
        self.hello_at = None;
        self.heartbeat_at = None;
        self.silence_ms = None;
    }

    /// Notes a frame of a client that speaks by itself: from now on its silence means something.
    pub(super) fn spoke(&mut self, now: Millis) {
        self.silence_at = self.silence_ms.map(|ms| now.saturating_add(ms.into()));
    }

    /// Notes any frame.
    pub(super) fn heard(&mut self, now: Millis) {
        if self.silence_at.is_some() {
            self.spoke(now);
        }
    }

    pub(super) fn drain(&mut self, now: Millis, in_ms: u32, spread_ms: u32) {
        self.drain = Some((now.saturating_add(in_ms.into()), spread_ms));
    }

    /// Returns the next moment and its reason.
    pub(super) fn next(&self) -> Option<(Millis, &'static str)> {
        let moments = [
            (self.hello_at, "hello"),
            (self.heartbeat_at, "heartbeat"),
            (self.silence_at, "silence"),
            (self.drain.map(|(at, _)| at), "drain"),
        ];
        moments.into_iter().filter_map(|(at, why)| Some((at?, why))).min_by_key(|(at, _)| *at)
    }

    /// Takes the next thing that is due, if one is; the rest stays due.
    pub(super) fn due(&mut self, now: Millis) -> Option<Due> {
        if let Some((at, spread_ms)) = self.drain
            && at <= now
        {
            return Some(Due::Drained { spread_ms });
        }
        if self.hello_at.is_some_and(|at| at <= now) {
            self.hello_at = None;
            return Some(Due::Hello);
        }
        if let Some(at) = self.silence_at
            && at <= now
        {
            if now - at < LATE_MS {
                return Some(Due::Silence);
            }
            self.spoke(now);
        }
        if self.heartbeat_at.is_some_and(|at| at <= now) {
            self.beat(now);
            return Some(Due::Heartbeat);
        }
        None
    }

    /// Returns a number below `bound`, or 0.
    pub(super) fn random_below(&mut self, bound: u32) -> u32 {
        // splitmix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u64::from(bound) * (z >> 32)) >> 32) as u32
    }

    fn beat(&mut self, now: Millis) {
        let tenth = self.heartbeat_ms / 10;
        let interval = self.heartbeat_ms - tenth + self.random_below(2 * tenth + 1);
        self.heartbeat_at = Some(now.saturating_add(interval.into()));
    }
}
