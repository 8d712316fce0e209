//! A person's machine: its clocks, its network and the storage that its pages share.

use std::collections::{BTreeMap, BTreeSet};

use client_core::Instant;
use server_core::Millis;

use super::Happening;

/// The wall clock at the beginning, ms since 1970.
pub(crate) const WALL_START: Millis = 1_790_000_000_000;

/// A person's machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Whose it is; none for an operator's.
    pub(crate) visitor: Option<usize>,
    pub(crate) power: Power,
    /// For how long the monotonic clock has stood still so far.
    slept_ms: Millis,
    /// How far the wall clock is off.
    pub(crate) skew_ms: i64,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) sockets: Sockets,
    pub(crate) streams: Streams,
    /// A proxy cuts what was held for longer, in ms.
    pub(crate) polls_cut_ms: Option<Millis>,
    pub(crate) storage: Storage,
    /// Who is logged in at the site in this browser.
    pub(crate) account: Option<u64>,
    /// Log-outs in this browser so far.
    pub(crate) era: u32,
    /// Whom its pages have been since the last log-out.
    pub(crate) present: BTreeSet<u64>,
    /// Log-outs before, of pages that had nothing to lose by those after, and heard of none.
    pub(crate) strays: BTreeSet<u32>,
    /// Whether some log-out could not be told to the other pages: they go on with what they had.
    pub(crate) told: LogOutTold,
    /// What came while it was asleep.
    pub(crate) deferred: Vec<Happening>,
}

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Awake,
    Asleep { since: Millis },
}

/// Whether a machine has a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    Up,
    /// Everything waits, or fails.
    Down,
}

/// Whether the other pages could be told of every log-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogOutTold {
    Yes,
    /// Storage took nothing, or there is none.
    No,
}

/// Whether a proxy lets WebSockets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sockets {
    Pass,
    /// The handshake fails.
    Refused,
    /// The handshake never ends.
    Swallowed,
    /// The socket opens, and nothing passes through it.
    Mute,
    /// The socket opens, works, and is killed.
    Killed,
}

/// Whether a proxy lets streams through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    Pass,
    /// The head comes, and nothing behind it.
    Buffered,
    /// A page of the proxy comes instead.
    Refused,
}

impl Machine {
    pub(crate) fn new(visitor: Option<usize>) -> Self {
        Self {
            visitor,
            power: Power::Awake,
            slept_ms: 0,
            skew_ms: 0,
            clock: Clock::Forward,
            network: Network::Up,
            sockets: Sockets::Pass,
            streams: Streams::Pass,
            polls_cut_ms: None,
            storage: Storage::default(),
            account: None,
            era: 0,
            present: BTreeSet::new(),
            strays: BTreeSet::new(),
            told: LogOutTold::Yes,
            deferred: Vec::new(),
        }
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.power == Power::Awake
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.is_awake() && self.network == Network::Up
    }

    pub(crate) fn now(&self, now: Millis) -> client_core::Now {
        let wall = (WALL_START + now).saturating_add_signed(self.skew_ms);
        client_core::Now { mono: Instant::from_millis(now - self.slept_ms), wall }
    }

    /// Returns the true moment of a moment of the monotonic clock, if the machine stays awake.
    pub(crate) fn moment(&self, at: Instant) -> Millis {
        at.as_millis() + self.slept_ms
    }

    pub(crate) fn wake(&mut self, now: Millis) {
        if let Power::Asleep { since } = self.power {
            self.slept_ms += now - since;
            self.power = Power::Awake;
        }
    }
}

/// Storage that the pages of one site share on one machine.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) room: Room,
    /// The last writes, each with the value that it replaced: what a crash may lose.
    log: Vec<(Millis, String, Option<String>)>,
}

/// Whether a wall clock was ever put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Forward,
    WentBack,
}

/// Whether storage takes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    #[default]
    Some,
    /// New values fail.
    Full,
    /// There is no storage at all.
    Absent,
}

/// The value could not be kept.
pub(crate) struct NotKept;

/// Writes older than this have reached the disk.
const VOLATILE_MS: Millis = 2_000;

impl Storage {
    pub(crate) fn save(&mut self, now: Millis, name: &str, value: String) -> Result<(), NotKept> {
        if self.room != Room::Some {
            return Err(NotKept);
        }
        let old = self.values.insert(name.into(), value);
        self.note(now, name, old);
        Ok(())
    }

    pub(crate) fn remove(&mut self, now: Millis, name: &str) {
        if self.room == Room::Absent {
            return;
        }
        let old = self.values.remove(name);
        self.note(now, name, old);
    }

    fn note(&mut self, now: Millis, name: &str, old: Option<String>) {
        self.log.retain(|(at, _, _)| at + VOLATILE_MS > now);
        self.log.push((now, name.into(), old));
    }

    pub(crate) fn volatile(&self, now: Millis) -> usize {
        self.log.iter().filter(|(at, _, _)| at + VOLATILE_MS > now).count()
    }

    /// Loses the last writes; returns the names of the values that are gone.
    pub(crate) fn lose(&mut self, writes: usize) -> Vec<String> {
        let mut gone = Vec::new();
        for _ in 0..writes {
            let Some((_, name, old)) = self.log.pop() else { break };
            match old {
                Some(value) => {
                    self.values.insert(name, value);
                }
                None => {
                    self.values.remove(&name);
                    gone.push(name);
                }
            }
        }
        gone
    }
}
