//! Whether the other end is alive: any frame counts, silence is measured by the clock.

use mutants::Mutant;

use crate::{Heartbeat, Instant};

/// No answer is awaited for less, in ms.
const WAIT_FLOOR_MS: u64 = 1_000;
/// Nor for longer, once a round trip was measured, in ms.
const WAIT_CEILING_MS: u64 = 5_000;
/// Awaited before any round trip was measured, in ms.
const WAIT_UNKNOWN_MS: u64 = 1_500;
/// A POST is given no less, in ms: three times as long as a question over a socket …
const PATIENCE_FLOOR_MS: u64 = 3 * WAIT_FLOOR_MS;
/// … and so long before any round trip was measured, in ms.
const PATIENCE_UNKNOWN_MS: u64 = 3_500;
/// A round trip counts for as much as four times the usual one, and for so much at least, in ms.
const USUAL_MS: u64 = 200;
/// The first round trip counts for no more, in ms: it is all that is known, and may have been held up.
const FIRST_MS: u64 = 1_000;
/// The heartbeat of the server may be late by a tenth and by this, in ms.
const LATE_MS: u64 = 1_000;

/// The pulse of one link.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    heard_at: Instant,
    asked_at: Instant,
    server_interval_ms: u64,
    line: Line,
    probe: Probe,
}

/// How long the way there and back takes; it outlives the links over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Eight times the smoothed round trip, in ms; 0 while none was measured.
    smoothed_x8: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// Nothing is awaited.
    Quiet,
    /// An answer is due; `left` more questions will be asked before the link is dead.
    Asked { until: Instant, left: u32, awaits: Awaits },
}

/// What ends the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// Anything at all.
    Sign,
    /// What the server says only when it has heard us: the other direction may be dead while this one lives.
    Answer,
}

/// What to do about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Alive,
    Ask,
    Dead,
}

impl Pulse {
    pub(crate) fn new(now: Instant, server_interval_ms: u64, line: Line) -> Self {
        Self { heard_at: now, asked_at: now, server_interval_ms, line, probe: Probe::Quiet }
    }

    /// Returns what is known of the line.
    pub(crate) fn line(&self) -> Line {
        self.line
    }

    /// Notes that a frame came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        if !matches!(self.probe, Probe::Asked { awaits: Awaits::Answer, .. }) {
            self.probe = Probe::Quiet;
        }
    }

    /// Notes that the server has heard us.
    pub(crate) fn answered(&mut self) {
        self.probe = Probe::Quiet;
    }

    /// Returns how long a request that was answered at once so far may take, in ms.
    pub(crate) fn patience(&self) -> u64 {
        let smoothed_x8 = self.line.smoothed_x8;
        if smoothed_x8 == 0 { PATIENCE_UNKNOWN_MS } else { (smoothed_x8 * 3 / 2).max(PATIENCE_FLOOR_MS) }
    }

    /// Notes how long a ping took.
    pub(crate) fn measured(&mut self, round_trip_ms: u64) {
        // One answer that was held up somewhere says little about the line: a line that is slow says so again.
        let known = self.line.smoothed_x8;
        let usual = if known == 0 { FIRST_MS } else { (known / 2).max(USUAL_MS) };
        let sample = round_trip_ms.clamp(1, usual);
        self.line.smoothed_x8 = if known == 0 { sample * 8 } else { known - known / 8 + sample };
    }

    /// Says whether even the server's own heartbeat should have come by now.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        now >= self.overdue_at()
    }

    fn overdue_at(&self) -> Instant {
        self.heard_at.plus(self.server_interval_ms * 11 / 10 + LATE_MS)
    }

    /// Goes on listening without having asked.
    pub(crate) fn rest(&mut self) {
        self.probe = Probe::Quiet;
    }

    pub(crate) fn silent_for(&self, now: Instant) -> u64 {
        now.since(self.heard_at)
    }

    /// Notes that an answer is due, because something was sent that will be answered.
    pub(crate) fn expect(&mut self, now: Instant, config: &Heartbeat) {
        if self.probe == Probe::Quiet {
            let left = config.failure_threshold.saturating_sub(1);
            self.probe = Probe::Asked { until: now.plus(self.wait(config)), left, awaits: Awaits::Answer };
        }
    }

    /// Asks once, at once: the machine may have slept, or the network changed.
    pub(crate) fn wake(&mut self, now: Instant, config: &Heartbeat) {
        self.asked_at = now;
        let mut until = now.plus(self.wait(config).max(WAIT_UNKNOWN_MS));
        if let Probe::Asked { until: asked, left: 0, .. } = self.probe
            && asked > now
        {
            // Woken again before the answer to the last question was due.
            until = asked.min(until);
        }
        self.probe = Probe::Asked { until, left: 0, awaits: Awaits::Sign };
    }

    fn wait(&self, config: &Heartbeat) -> u64 {
        let wait = if self.line.smoothed_x8 == 0 { WAIT_UNKNOWN_MS } else { self.line.smoothed_x8 / 2 };
        wait.clamp(WAIT_FLOOR_MS, WAIT_CEILING_MS).min(config.timeout_ms)
    }

    /// Returns when [`Pulse::check`] has something to say.
    pub(crate) fn due(&self, config: &Heartbeat) -> Instant {
        if mutants::planted(Mutant::ClientNoPulse) {
            return Instant::from_millis(u64::MAX / 4);
        }
        match self.probe {
            Probe::Asked { until, .. } => until,
            Probe::Quiet => self.overdue_at().min(self.asked_at.plus(config.interval_ms)),
        }
    }

    /// Judges the silence.
    pub(crate) fn check(&mut self, now: Instant, config: &Heartbeat) -> Verdict {
        if now < self.due(config) {
            return Verdict::Alive;
        }
        let (left, awaits) = match self.probe {
            Probe::Quiet => (config.failure_threshold.saturating_sub(1), Awaits::Sign),
            Probe::Asked { left: 0, .. } => return Verdict::Dead,
            Probe::Asked { left, awaits, .. } => (left - 1, awaits),
        };
        self.asked_at = now;
        self.probe = Probe::Asked { until: now.plus(self.wait(config)), left, awaits };
        Verdict::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Heartbeat = Heartbeat { interval_ms: 30_000, timeout_ms: 10_000, failure_threshold: 3 };

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    /// Runs the pulse on in silence; returns when it asked and when it gave up.
    fn silence(pulse: &mut Pulse) -> (Vec<u64>, u64) {
        let mut asked = Vec::new();
        loop {
            let due = pulse.due(&CONFIG);
            match pulse.check(due, &CONFIG) {
                Verdict::Alive => panic!("due at {due:?} and nothing to say"),
                Verdict::Ask => asked.push(due.as_millis()),
                Verdict::Dead => return (asked, due.as_millis()),
            }
        }
    }

    #[test]
    fn a_dead_link_is_noticed_within_30_s_when_idle() {
        let mut pulse = Pulse::new(at(0), 20_000, Line::default());
        pulse.measured(50);
        assert_eq!(silence(&mut pulse), (vec![23_000, 24_000, 25_000], 26_000));
        let mut unmeasured = Pulse::new(at(0), 20_000, Line::default());
        assert!(silence(&mut unmeasured).1 <= 30_000);
    }

    #[test]
    fn a_dead_link_is_noticed_within_4_s_after_a_send_and_5_s_after_a_wake() {
        let mut pulse = Pulse::new(at(0), 20_000, Line::default());
        pulse.measured(50);
        pulse.expect(at(10_000), &CONFIG);
        assert_eq!(silence(&mut pulse).1, 13_000);
        pulse.wake(at(50_000), &CONFIG);
        assert_eq!(silence(&mut pulse), (vec![], 51_500));
    }

    #[test]
    fn a_slow_link_is_given_time() {
        let mut pulse = Pulse::new(at(0), 20_000, Line::default());
        pulse.measured(900);
        pulse.expect(at(0), &CONFIG);
        assert_eq!(pulse.due(&CONFIG), at(3_600));
        pulse.answered();
        assert_eq!(pulse.check(at(3_600), &CONFIG), Verdict::Alive);
    }

    #[test]
    fn one_answer_that_was_held_up_does_not_make_the_line_a_slow_one() {
        let mut pulse = Pulse::new(at(0), 20_000, Line::default());
        pulse.measured(20);
        pulse.measured(3_000);
        pulse.expect(at(10_000), &CONFIG);
        assert_eq!(silence(&mut pulse).1, 13_000);
        for _ in 0..20 {
            pulse.measured(1_000);
        }
        pulse.answered();
        pulse.expect(at(20_000), &CONFIG);
        assert!(pulse.due(&CONFIG) > at(23_000), "a slow line is known as one in time");
    }

    #[test]
    fn a_first_answer_that_was_held_up_does_not_either_on_a_line_that_is_known() {
        let mut before = Pulse::new(at(0), 20_000, Line::default());
        before.measured(20);
        let mut pulse = Pulse::new(at(5_000), 20_000, before.line());
        pulse.measured(3_000);
        assert_eq!(pulse.patience(), 3_000);
        pulse.expect(at(10_000), &CONFIG);
        assert_eq!(silence(&mut pulse).1, 13_000);
    }

    #[test]
    fn a_sign_of_life_is_no_answer_and_an_answer_is_a_sign_of_life() {
        let mut pulse = Pulse::new(at(0), 20_000, Line::default());
        pulse.measured(50);
        pulse.expect(at(0), &CONFIG);
        pulse.heard(at(900));
        assert_eq!(pulse.check(at(1_000), &CONFIG), Verdict::Ask);
        pulse.answered();
        assert_eq!(pulse.check(at(2_000), &CONFIG), Verdict::Alive);
        pulse.wake(at(50_000), &CONFIG);
        pulse.heard(at(50_100));
        assert_eq!(pulse.check(at(51_500), &CONFIG), Verdict::Alive);
    }
}
