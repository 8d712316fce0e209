//! What a client notes about its own link; it decides nothing.

use protocol::http::ErrorBody;
use protocol::json;

use crate::connection::{Next, Phase, Why};
use crate::health::{Figures, Health, Status};
use crate::log::{Entry, Log, What};
use crate::opening::Try;
use crate::report::Told;
use crate::trouble::{Action, Class, Trouble};
use crate::window::{Outcome, Window};
use crate::{Client, Event, Instant, LinkId, Transport};

/// Round trips that are kept.
const ROUND_TRIPS: usize = 32;
/// Breaks that are kept.
const BREAKS: usize = 32;
/// Stability is the share of this time, in ms …
const STABILITY_MS: u64 = 300_000;
/// … or of this, while the first link is younger, in ms.
const STABILITY_LEAST_MS: u64 = 60_000;
/// The share that was lost is that of so many at the least: one of two says little.
const ANSWERS_LEAST: u32 = 20;
/// So is the share of errors: a break of a second brings three or four of them.
const OUTCOMES_LEAST: u32 = 50;
/// A ping that has no answer after so long has failed, in ms: the next one is no impatient question.
const UNANSWERED_MS: u64 = 1_000;

/// What is counted from the start of the page on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Links that were opened.
    pub connection_attempts: u32,
    /// Links that became ready.
    pub connection_successes: u32,
    /// Links that did not.
    pub connection_failures: u32,
    /// Links that became ready after one had broken.
    pub reconnections: u32,
    /// Pings, or heartbeats of the server, that did not come in time.
    pub heartbeat_failures: u32,
    /// Links that became ready on another transport than a WebSocket.
    pub fallback_activations: u32,
    /// Events that came a second time and were dropped.
    pub duplicates: u32,
    /// Events that came before the one that they follow.
    pub gaps: u32,
    /// Disagreements with the server about the log.
    pub audit_failures: u32,
    /// How long there was no link before one became ready again, in ms, all breaks together.
    pub recovery_ms: u32,
    /// Messages that are not known to be stored; not a sum, but what it is now.
    pub buffer_size: u32,
    /// The smoothed round trip, in ms; as it is now.
    pub average_latency_ms: u32,
    /// Errors among all that was tried in the last five minutes, in ‰; as it is now.
    pub error_permille: u32,
    /// Everything that went wrong, by [`Class`] in its order.
    pub errors: [u32; 6],
}

/// How good the link is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// The smoothed round trip, in ms; 0 while none was measured.
    pub round_trip_ms: u32,
    /// The last round trips, oldest first, in ms.
    pub round_trips_ms: Vec<u32>,
    /// Pings and messages without an answer, of the last five minutes, in ‰.
    pub loss_permille: u32,
    /// Errors among all that was tried in the last five minutes, in ‰.
    pub error_permille: u32,
    /// How much of the last five minutes there was a link, where one was wanted, in ‰.
    pub stability_permille: u32,
    /// The transport of the link; none without a link.
    pub transport: Option<Transport>,
    /// Why it is this transport: `first_choice`, or what is wrong with the better ones.
    pub because: &'static str,
    /// How long there has been no link, where one is wanted, in ms.
    pub away_ms: u32,
    /// How long the last breaks took, oldest first, in ms.
    pub recoveries_ms: Vec<u32>,
}

/// Everything that is noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telemetry {
    pub(crate) counters: Counters,
    pub(crate) log: Log,
    outcomes: Window,
    answers: Window,
    beats: Window,
    audits: Window,
    /// Eight times the smoothed round trip, in ms.
    smoothed_x8: u64,
    round_trips_ms: Vec<u32>,
    breaks: Vec<Break>,
    /// When the first link was ready.
    since: Option<Instant>,
    because: &'static str,
    /// Pings without an answer on this link, and when the last one was sent.
    open_pings: u32,
    pinged_at: Instant,
    /// The health that the page was told.
    told: (Status, u32),
    pub(crate) figures_told: Told,
}

/// A time without a link.
#[derive(Clone, Copy, Debug)]
struct Break {
    until: Instant,
    ms: u64,
}

impl Client {
    /// Returns how good the link is.
    pub fn quality(&self) -> Quality {
        let (telemetry, now) = (&self.telemetry, self.now.mono);
        let figures = self.figures();
        Quality {
            round_trip_ms: figures.round_trip_ms,
            round_trips_ms: telemetry.round_trips_ms.clone(),
            loss_permille: telemetry.answers.permille(now, ANSWERS_LEAST),
            error_permille: figures.error_permille,
            stability_permille: figures.stability_permille,
            transport: self.transport(),
            because: self.because_now(),
            away_ms: figures.away_ms,
            recoveries_ms: telemetry.breaks.iter().map(|gone| clip(gone.ms)).collect(),
        }
    }

    pub(crate) fn because_now(&self) -> &'static str {
        if self.online().is_some() { self.telemetry.because } else { "" }
    }

    /// Judges whether all is well with the link.
    pub fn health(&self) -> Health {
        Health::of(&self.figures())
    }

    fn figures(&self) -> Figures {
        let (telemetry, now) = (&self.telemetry, self.now.mono);
        Figures {
            error_permille: telemetry.outcomes.permille(now, OUTCOMES_LEAST),
            round_trip_ms: clip(telemetry.smoothed_x8 / 8),
            heartbeat_failures: telemetry.beats.bad(now),
            stability_permille: self.stability_permille(),
            away_ms: clip(self.lost_at.map_or(0, |at| now.since(at))),
            audit_failures: telemetry.audits.bad(now),
        }
    }

    /// Returns what was counted.
    pub fn counters(&self) -> Counters {
        let Figures { round_trip_ms: average_latency_ms, error_permille, .. } = self.figures();
        let buffer_size = clip(self.unsettled() as u64);
        Counters { buffer_size, average_latency_ms, error_permille, ..self.telemetry.counters }
    }

    /// Returns the last entries of the log, oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Entry> {
        self.telemetry.log.entries()
    }

    fn stability_permille(&self) -> u32 {
        let now = self.now.mono;
        let Some(since) = self.telemetry.since else { return 1_000 };
        let span = now.since(since).clamp(STABILITY_LEAST_MS, STABILITY_MS);
        // How much of a break that ended so long ago, and took so long, lies within the span.
        let within = |ago_ms: u64, ms: u64| ms.min(span.saturating_sub(ago_ms));
        let ended = self.telemetry.breaks.iter().map(|gone| within(now.since(gone.until), gone.ms));
        let away = ended.chain(self.lost_at.map(|at| within(0, now.since(at)))).sum::<u64>();
        clip(1_000 - away.min(span) * 1_000 / span)
    }

    /// Notes what happened, and tells the page that asked for it.
    pub(crate) fn note(&mut self, what: What) {
        let entry = Entry { at: self.now.wall, what };
        let log = &mut self.telemetry.log;
        log.push(entry);
        if log.told.is_some_and(|level| what.level() >= level) {
            self.emit(Event::Log(entry));
        }
    }

    /// Notes that something went wrong; whoever calls this does what [`Trouble::action`] says.
    pub(crate) fn trouble(&mut self, trouble: Trouble, context: &'static str) {
        let class = trouble.class();
        let mut action = trouble.action();
        // A visitor's key is all there is. And the dialog of a visitor begins anew, that of an operator does not.
        let (renews, begins_anew) = (action == Action::Reauthenticate, matches!(trouble, Trouble::Gone(_)));
        if (self.is_visitor() && renews) || (!self.is_visitor() && begins_anew) {
            action = Action::GiveUp;
        }
        let (telemetry, now) = (&mut self.telemetry, self.now.mono);
        if let Some(count) = telemetry.counters.errors.get_mut(class as usize) {
            *count += 1;
        }
        telemetry.outcomes.count(now, Outcome::Bad, 1);
        if trouble == Trouble::Silence {
            telemetry.missed_beat(now);
        } else if trouble == Trouble::Audit {
            telemetry.counters.audit_failures += 1;
            telemetry.audits.count(now, Outcome::Bad, 1);
        }
        self.note(What::Trouble { trouble, action, context });
    }

    /// Notes that a link was closed, with a code that says whether something is wrong.
    pub(crate) fn saw_close(&mut self, code: u16) {
        if let Some(trouble) = Trouble::of_close(code) {
            self.trouble(trouble, "link");
        }
    }

    /// Notes that a request was answered with an error.
    pub(crate) fn saw_status(&mut self, status: u16, body: &str, context: &'static str) {
        let reason = json::from_str::<ErrorBody>(body).ok().map(|body| body.error.code);
        self.trouble(Trouble::of_status(status, reason.as_deref()), context);
    }

    /// Notes that something went as it should.
    pub(crate) fn went_well(&mut self) {
        self.telemetry.outcomes.count(self.now.mono, Outcome::Good, 1);
    }

    /// Notes that a link is being opened.
    pub(crate) fn saw_opening(&mut self, link: LinkId, transport: Transport) {
        self.telemetry.counters.connection_attempts += 1;
        self.note(What::Opening { link, transport });
    }

    /// Notes that a link that was being opened never became ready.
    pub(crate) fn saw_failure(&mut self) {
        self.telemetry.counters.connection_failures += 1;
    }

    /// Notes that a link is ready, before it takes its place.
    pub(crate) fn saw_ready(&mut self, link: LinkId, transport: Transport) {
        let now = self.now.mono;
        let because = self.because(transport);
        let why = self.opening().map_or_else(|| self.next_why(), |opening| opening.why).word();
        let counters = &mut self.telemetry.counters;
        counters.connection_successes += 1;
        self.went_well();
        self.telemetry.open_pings = 0;
        self.telemetry.because = because;
        self.note(What::Ready { link, transport, why });
        if transport != Transport::WebSocket {
            self.telemetry.counters.fallback_activations += 1;
            self.note(What::FellBack { transport, because });
        }
        let first = self.telemetry.since.is_none();
        self.telemetry.since.get_or_insert(now);
        if let (Some(at), false) = (self.lost_at, first) {
            let ms = now.since(at);
            let counters = &mut self.telemetry.counters;
            counters.reconnections += 1;
            counters.recovery_ms = counters.recovery_ms.saturating_add(clip(ms));
            self.telemetry.figures_told.note_return();
            push_bounded(&mut self.telemetry.breaks, Break { until: now, ms }, BREAKS);
            self.note(What::Recovered { after_ms: ms });
        }
    }

    /// Why the transport that has become ready is not a better one.
    fn because(&self, transport: Transport) -> &'static str {
        if transport == Transport::WebSocket {
            return "first_choice";
        }
        match self.opening().map(|opening| (opening.socket, opening.stream)) {
            Some((_, Try::Failed)) if transport > Transport::Sse => "stream_failed",
            Some((_, Try::Open(_))) if transport > Transport::Sse => "stream_held_back",
            Some((_, Try::Untried)) if transport > Transport::Sse => "stream_avoided",
            Some((Try::Failed, _)) => "websocket_failed",
            Some((Try::Open(_), _)) => "websocket_slow",
            Some((Try::Untried, _)) | None => "websocket_avoided",
        }
    }

    fn next_why(&self) -> Why {
        match self.online().map(|online| online.next) {
            Some(Next::Opening { why, .. } | Next::Gate { why, .. }) => why,
            Some(Next::None) | None => Why::Upgrade,
        }
    }

    /// Notes that the link is given up for another one.
    pub(crate) fn saw_break(&mut self) {
        let Phase::Online(online) = &self.phase else { return };
        let (link, held_ms) = (online.link, self.now.mono.since(online.since));
        let unanswered = self.telemetry.open_pings + clip(self.outbox.on_their_way() as u64);
        self.telemetry.answers.count(self.now.mono, Outcome::Bad, unanswered);
        self.telemetry.open_pings = 0;
        self.note(What::Broke { link, held_ms });
    }

    /// Notes that a ping goes out.
    pub(crate) fn saw_ping(&mut self) {
        let (telemetry, now) = (&mut self.telemetry, self.now.mono);
        if telemetry.open_pings > 0 && now.since(telemetry.pinged_at) >= UNANSWERED_MS {
            telemetry.missed_beat(now);
        }
        telemetry.open_pings += 1;
        telemetry.pinged_at = now;
    }

    /// Notes that a ping was answered.
    pub(crate) fn saw_pong(&mut self, ms: u64) {
        let (telemetry, now) = (&mut self.telemetry, self.now.mono);
        telemetry.open_pings = telemetry.open_pings.saturating_sub(1);
        telemetry.answers.count(now, Outcome::Good, 1);
        telemetry.beats.count(now, Outcome::Good, 1);
        self.went_well();
        self.saw_round_trip(ms);
    }

    /// Notes how long an answer took that comes at once.
    pub(crate) fn saw_round_trip(&mut self, ms: u64) {
        let telemetry = &mut self.telemetry;
        let sample = ms.clamp(1, 60_000);
        let smoothed = telemetry.smoothed_x8;
        telemetry.smoothed_x8 = if smoothed == 0 { sample * 8 } else { smoothed - smoothed / 8 + sample };
        push_bounded(&mut telemetry.round_trips_ms, clip(sample), ROUND_TRIPS);
        self.note(What::RoundTrip { ms });
        self.emit(Event::Quality);
    }

    /// Notes that a message was answered.
    pub(crate) fn saw_stored(&mut self) {
        self.telemetry.answers.count(self.now.mono, Outcome::Good, 1);
        self.went_well();
    }

    /// Notes how an event of the log came.
    pub(crate) fn saw_event(&mut self, seq: u64) {
        let (cursor, is_behind) = (self.timeline.cursor(), self.behind_since.is_some());
        if seq <= cursor {
            self.telemetry.counters.duplicates += 1;
            self.note(What::Duplicate { seq });
        } else if seq > cursor + 1 && !is_behind {
            self.telemetry.counters.gaps += 1;
            self.note(What::Gap { seq });
        }
    }

    /// Tells the page when the score of its health has changed.
    pub(crate) fn tell_health(&mut self) {
        if self.telemetry.since.is_none() {
            return;
        }
        let health = self.health();
        let told = core::mem::replace(&mut self.telemetry.told, (health.status, health.score));
        if health.status != told.0 {
            self.note(What::Health { status: health.status, score: health.score });
        }
        if health.score != told.1 {
            self.emit(Event::Quality);
        }
    }
}

impl Telemetry {
    fn missed_beat(&mut self, now: Instant) {
        self.counters.heartbeat_failures += 1;
        self.beats.count(now, Outcome::Bad, 1);
    }
}

impl Class {
    /// All of them, in the order of [`Counters::errors`].
    pub const ALL: [Self; 6] = [
        Self::ConnectionTimeout,
        Self::AuthenticationFailed,
        Self::ServerOverload,
        Self::NetworkError,
        Self::ProtocolError,
        Self::Unknown,
    ];
}

fn clip(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn push_bounded<T>(items: &mut Vec<T>, item: T, most: usize) {
    if items.len() >= most {
        items.remove(0);
    }
    items.push(item);
}
