//! What a client tells of its link: to its page whenever it changes, and to the server where the site wants to know.

use protocol::{ClientFrame, Decimal, Measures, Metrics};

use crate::connection::Phase;
use crate::health::Issue;
use crate::{Client, Instant, Status, Transport};

/// The server is told so often at most, in ms …
const EVERY_MS: u64 = 60_000;
/// … but after a break so soon after the last time, in ms.
const AFTER_BREAK_MS: u64 = 10_000;
/// A link has something to tell when it is so old, in ms.
const FIRST_MS: u64 = 5_000;

/// How good the link is, in one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The judgement.
    pub status: Status,
    /// From 0 to 100, all is well.
    pub score: u32,
    /// What is not as it should be.
    pub issues: Vec<Issue>,
    /// The transport of the link; none without a link.
    pub transport: Option<Transport>,
    /// Why it is this transport.
    pub because: &'static str,
    /// All figures, by name: ms, ‰ and counts.
    pub figures: [(&'static str, u32); FIGURES],
}

const FIGURES: usize = 16;
/// So many of them, the last ones, are counted from the start of the page on.
const COUNTED: usize = 10;

/// What the server was told last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    at: Option<Instant>,
    counted: [u32; COUNTED],
    /// A link has come back since.
    is_back: bool,
}

impl Told {
    /// A link has come back after a break.
    pub(crate) fn note_return(&mut self) {
        self.is_back = true;
    }
}

impl Client {
    /// Returns how good the link is, in one piece.
    pub fn report(&self) -> Report {
        let health = self.health();
        let figures = self.all_figures(health.score);
        let (transport, because) = (self.transport(), self.because_now());
        Report { status: health.status, score: health.score, issues: health.issues, transport, because, figures }
    }

    fn all_figures(&self, score: u32) -> [(&'static str, u32); FIGURES] {
        let (quality, counters) = (self.quality(), self.counters());
        [
            ("score", score),
            ("round_trip_ms", quality.round_trip_ms),
            ("loss_permille", quality.loss_permille),
            ("error_permille", quality.error_permille),
            ("stability_permille", quality.stability_permille),
            ("buffer_size", counters.buffer_size),
            ("connection_attempts", counters.connection_attempts),
            ("connection_successes", counters.connection_successes),
            ("connection_failures", counters.connection_failures),
            ("reconnections", counters.reconnections),
            ("recovery_ms", counters.recovery_ms),
            ("heartbeat_failures", counters.heartbeat_failures),
            ("fallback_activations", counters.fallback_activations),
            ("duplicates", counters.duplicates),
            ("gaps", counters.gaps),
            ("audit_failures", counters.audit_failures),
        ]
    }

    /// Tells the server, where the site wants to know and it is time.
    ///
    /// What is counted is told as what has come since the last time: whoever adds it up has the sum over all pages.
    pub(crate) fn tell_figures(&mut self) {
        let is_wanted = self.site.as_ref().is_some_and(|site| site.metrics);
        let Phase::Online(online) = &self.phase else { return };
        let (now, told) = (self.now.mono, self.telemetry.figures_told);
        let due = match told.at {
            Some(at) => at.plus(if told.is_back { AFTER_BREAK_MS } else { EVERY_MS }),
            None => online.since.plus(FIRST_MS),
        };
        if !is_wanted || now < due {
            return;
        }
        let mut figures = self.all_figures(self.health().score);
        let mut counted = told.counted;
        for ((_, value), last) in figures[FIGURES - COUNTED..].iter_mut().zip(&mut counted) {
            let total = *value;
            *value = total - *last;
            *last = total;
        }
        self.telemetry.figures_told = Told { at: Some(now), counted, is_back: false };
        let data = figures.iter().map(|(name, value)| (String::from(*name), Decimal::whole(*value)));
        self.transmit(&[ClientFrame::Metrics(Metrics { data: Measures(data.collect()) })], Vec::new());
    }
}
