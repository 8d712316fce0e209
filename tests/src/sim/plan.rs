//! What a schedule will be like, drawn from its seed.

use server_core::Millis;

use super::Fault;
use super::blows::THEMES;
use super::random::Random;

const HOUR_MS: Millis = 3_600_000;

/// What a schedule will be like. Rates are in thousandths.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) duration_ms: Millis,
    pub(crate) visitors: usize,
    pub(crate) sites: u64,
    /// Times that somebody sends something.
    pub(crate) sends: u64,
    /// Messages at once, at most.
    pub(crate) burst: u64,
    /// Faults by action, and which ones.
    pub(crate) blows: u64,
    pub(crate) theme: &'static [Fault],
    pub(crate) latency_ms: (Millis, Millis),
    pub(crate) commit_ms: Millis,
    pub(crate) jam: u64,
    pub(crate) request_lost: u64,
    pub(crate) answer_lost: u64,
    pub(crate) request_repeated: u64,
    pub(crate) request_stale: u64,
    pub(crate) hint_lost: u64,
    pub(crate) hint_repeated: u64,
    pub(crate) hint_late: u64,
    pub(crate) timer_late: u64,
    pub(crate) timer_burst: u64,
    pub(crate) sockets_blocked: u64,
    pub(crate) streams_blocked: u64,
    pub(crate) polls_cut: u64,
    /// Servers that pages know.
    pub(crate) servers: usize,
    /// Whether a first server that goes away comes back.
    pub(crate) first_server: FirstServer,
    pub(crate) storage_absent: u64,
    pub(crate) operators: u64,
    pub(crate) second_tabs: u64,
    /// Frames in a connection's queue, and on their way.
    pub(crate) queue: usize,
    pub(crate) window: usize,
    /// Messages in an outbox.
    pub(crate) outbox: usize,
    /// Browsers whose site can say who somebody is.
    pub(crate) known: u64,
    /// Times that somebody logs in, out, or as somebody else.
    pub(crate) account_changes: u64,
    /// Second devices of those who can log in.
    pub(crate) second_devices: u64,
    /// Messages that bring a file.
    pub(crate) files: u64,
    /// Uploads that never arrive although the page believes it.
    pub(crate) uploads_lost: u64,
    /// What is only typed, and not sent yet.
    pub(crate) drafts: u64,
}

/// What becomes of the first of several servers, once it is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstServer {
    ComesBack,
    /// The second one does for good.
    StaysAway,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        // A schedule with every fault at once hides the plain ones: each is there half of the time.
        let rate = |random: &mut Random, most: u64| if random.chance(500) { random.between(1, most) } else { 0 };
        let mut other = random.fork();
        let latency_low = random.pick(&[1, 10, 40]);
        let latency_high = latency_low + random.pick(&[0, 20, 100, 400]);
        Self {
            // Few schedules last for a day and more: most happenings of those are heartbeats.
            duration_ms: match random.below(200) {
                0 => 31 * HOUR_MS,
                1 | 2 => 4 * HOUR_MS,
                _ => random.pick(&[20_000, 60_000, 60_000, 180_000, 600_000]),
            },
            visitors: random.pick(&[1, 1, 1, 2, 3]),
            sites: random.pick(&[1, 1, 2]),
            sends: random.between(2, 14),
            burst: random.pick(&[1, 1, 3, 8, 25]),
            blows: random.pick(&[0, 2, 4, 8, 16]),
            theme: random.pick(THEMES),
            latency_ms: (latency_low, latency_high),
            commit_ms: random.pick(&[1, 5, 50, 400]),
            jam: rate(random, 100),
            request_lost: rate(random, 150),
            answer_lost: rate(random, 150),
            request_repeated: rate(random, 150),
            request_stale: rate(random, 150),
            hint_lost: rate(random, 200),
            hint_repeated: rate(random, 200),
            hint_late: rate(random, 200),
            timer_late: rate(random, 150),
            timer_burst: rate(random, 100),
            sockets_blocked: rate(random, 600),
            streams_blocked: rate(random, 600),
            polls_cut: rate(random, 600),
            servers: random.pick(&[1, 1, 2]),
            first_server: random.pick(&[FirstServer::ComesBack, FirstServer::ComesBack, FirstServer::StaysAway]),
            storage_absent: rate(random, 200),
            operators: random.pick(&[0, 500, 1_000]),
            second_tabs: random.pick(&[0, 300, 800]),
            queue: random.pick(&[6, 24, 256]),
            window: random.pick(&[2, 8, 32]),
            outbox: random.pick(&[4, 1_000, 1_000]),
            known: other.pick(&[0, 0, 0, 600, 1_000]),
            account_changes: other.between(1, 8),
            second_devices: other.pick(&[0, 500, 1_000]),
            files: other.pick(&[0, 0, 0, 150, 500]),
            uploads_lost: other.pick(&[0, 0, 300]),
            drafts: other.pick(&[0, 0, 200]),
        }
    }
}
