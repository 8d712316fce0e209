//! What became of a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::checker::Verdict;

/// What became of a scenario that was played.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was done, in one sentence.
    pub done: String,
    /// What the nemesis has done, and how often.
    pub faults: BTreeMap<&'static str, u64>,
    /// Faults without which the run is void.
    pub must_bite: Vec<&'static str>,
    /// What the history shows, where clients talked.
    pub verdict: Option<Verdict>,
    /// What was tried, and what of it went as it should.
    pub success: (u64, u64),
    /// What was measured, and what it should be.
    pub figures: Vec<Figure>,
    /// What is wrong beside the history and the figures.
    pub problems: Vec<String>,
}

/// Something that was measured.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What.
    pub what: String,
    /// The value.
    pub measured: f64,
    /// What it should be.
    pub bound: Bound,
    /// `ms`, `s`, `%`, `MiB`, or nothing.
    pub unit: &'static str,
    /// How strictly it is held.
    pub rigour: Rigour,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

/// How strictly a figure is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rigour {
    /// A miss fails the run, always.
    Always,
    /// A miss fails a full run; a machine that is busy with other things misses it now and then.
    InFull,
    /// It is a time, or a share of the machine: a short run, which shares its machine with others, may take so many times
    /// as long before it fails.
    Times(u32),
}

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything is as it should be.
    Passed,
    /// Something is not.
    Failed,
    /// This machine cannot do it.
    Skipped,
}

impl Figure {
    /// Returns whether the figure is reached.
    pub fn is_reached(&self) -> bool {
        self.bound.holds(self.measured, 1.0)
    }

    /// Returns whether it is so far away that the run fails.
    pub fn fails(&self, short: Short) -> bool {
        let slack = match (self.rigour, short) {
            (Rigour::InFull, Short::Yes) => return false,
            (Rigour::Always, _) | (Rigour::InFull | Rigour::Times(_), Short::No) => 1.0,
            (Rigour::Times(times), Short::Yes) => f64::from(times),
        };
        !self.bound.holds(self.measured, slack)
    }

    /// Returns the figure as JSON.
    pub fn json(&self) -> Value {
        let (word, bound) = match self.bound {
            Bound::AtMost(bound) => ("at_most", bound),
            Bound::AtLeast(bound) => ("at_least", bound),
        };
        json!({
            "what": self.what, "measured": round(self.measured), word: bound, "unit": self.unit,
            "reached": self.is_reached(),
        })
    }
}

/// Whether a run is a short one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// Minutes, on a machine that may be busy.
    Yes,
    /// As long as it takes.
    No,
}

impl Bound {
    fn holds(self, measured: f64, slack: f64) -> bool {
        match self {
            Self::AtMost(bound) => measured <= bound * slack,
            Self::AtLeast(bound) => measured * slack >= bound,
        }
    }
}

impl Outcome {
    /// Begins with what was done.
    pub fn of(done: impl Into<String>) -> Self {
        Self { done: done.into(), ..Self::default() }
    }

    /// Adds what the history shows; the share of what was sent and has arrived is the success.
    #[must_use]
    pub fn judged(mut self, verdict: Verdict) -> Self {
        let wrong = verdict.violations().min(verdict.sent);
        self.success = (verdict.arrived.min(verdict.sent - wrong), verdict.sent - verdict.declined - verdict.rewound);
        self.success.0 = self.success.0.min(self.success.1);
        self.verdict = Some(verdict);
        self
    }

    /// Adds faults, of which the named ones must have happened.
    #[must_use]
    pub fn bitten(mut self, faults: BTreeMap<&'static str, u64>, must: &[&'static str]) -> Self {
        self.faults.extend(faults);
        self.must_bite.extend(must);
        self
    }

    /// Adds a figure.
    #[must_use]
    pub fn figure(mut self, what: &str, measured: f64, bound: Bound, unit: &'static str, rigour: Rigour) -> Self {
        self.figures.push(Figure { what: what.into(), measured, bound, unit, rigour });
        self
    }

    /// Adds a percentile of times, which may be exceeded by a factor in a short run.
    #[must_use]
    pub fn time(self, what: &str, sorted_us: &[u64], percent: usize, at_most_ms: u64, times: u32) -> Self {
        let Some(us) = percentile(sorted_us, percent) else { return self };
        let what = format!("{what} p{percent}");
        self.figure(&what, us as f64 / 1_000.0, Bound::AtMost(at_most_ms as f64), "ms", Rigour::Times(times))
    }

    /// Adds the recoveries from one kind of fault; without any the run is void.
    #[must_use]
    pub fn back(mut self, fault: &str, percent: usize, at_most_ms: u64, times: u32) -> Self {
        let recovery = self.verdict.as_ref().and_then(|verdict| verdict.recoveries.get(fault));
        let back_us = recovery.map(|recovery| recovery.back_us.clone()).unwrap_or_default();
        if back_us.is_empty() {
            self.problems.push(format!("void: nobody was away because of: {fault}"));
        }
        self.time(&format!("back after: {fault}"), &back_us, percent, at_most_ms, times)
    }

    /// Adds problems.
    #[must_use]
    pub fn problems(mut self, problems: impl IntoIterator<Item = String>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Returns everything that makes the scenario fail, in words.
    pub fn failures(&self, short: Short) -> Vec<String> {
        let mut failures = self.problems.clone();
        for fault in self.must_bite.iter().filter(|fault| self.faults.get(*fault).is_none_or(|count| *count == 0)) {
            failures.push(format!("void: no {fault}"));
        }
        if let Some(verdict) = &self.verdict {
            if verdict.sent == 0 {
                failures.push("void: nothing was sent".into());
            }
            if !verdict.is_clean() {
                failures.push(format!("{} violations in the history", verdict.violations()));
            }
            if verdict.never_back > 0 {
                failures.push(format!("{} clients never came back", verdict.never_back));
            }
            if !verdict.is_clean() || verdict.never_back > 0 {
                failures.extend(verdict.examples.iter().cloned());
            }
        }
        for figure in self.figures.iter().filter(|figure| figure.fails(short)) {
            failures.push(format!("{}: {} {}", figure.what, round(figure.measured), figure.unit));
        }
        failures
    }

    /// Returns the share of what went as it should, in percent.
    pub fn success_percent(&self) -> f64 {
        let (good, all) = self.success;
        if all == 0 { 0.0 } else { good as f64 / all as f64 * 100.0 }
    }
}

/// Returns a percentile of sorted values; none of none.
pub fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Returns a number with three digits behind the point at most.
pub fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// Returns whole µs.
pub fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(change: impl FnOnce(&mut Verdict)) -> Verdict {
        let mut verdict = Verdict { sent: 10, arrived: 10, ..Verdict::default() };
        change(&mut verdict);
        verdict
    }

    #[test]
    fn a_scenario_fails_for_each_of_its_reasons() {
        let fine = || Outcome::of("cut").judged(verdict(|_| {})).bitten([("cuts", 3)].into(), &["cuts"]);
        assert_eq!(fine().failures(Short::No), [""; 0]);
        let rows: [(Outcome, &str); 6] = [
            (fine().bitten([("kills", 0)].into(), &["kills"]), "void: no kills"),
            (fine().bitten([].into(), &["drops"]), "void: no drops"),
            (Outcome::of("cut").judged(Verdict::default()), "void: nothing was sent"),
            (fine().judged(verdict(|verdict| verdict.lost = 1)), "1 violations"),
            (fine().judged(verdict(|verdict| verdict.never_back = 2)), "2 clients never came back"),
            (fine().problems(["the server said ERROR".into()]), "ERROR"),
        ];
        for (outcome, why) in rows {
            let failures = outcome.failures(Short::Yes);
            assert!(failures.iter().any(|failure| failure.contains(why)), "{why}: {failures:?}");
        }
    }

    #[test]
    fn a_time_is_held_strictly_in_a_full_run_and_loosely_in_a_short_one() {
        let times: Vec<u64> = (1..=100).map(|ms| ms * 1_000).collect();
        let outcome = |at_most_ms| Outcome::of("cut").time("back", &times, 99, at_most_ms, 4);
        assert_eq!(outcome(99).failures(Short::No), [""; 0]);
        assert_eq!(outcome(98).failures(Short::No), ["back p99: 99 ms"]);
        assert_eq!(outcome(98).failures(Short::Yes), [""; 0]);
        assert_eq!(outcome(20).failures(Short::Yes), ["back p99: 99 ms"]);
        assert!(!outcome(98).figures[0].is_reached());
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[1, 2, 3, 4], 50), Some(2));
        assert_eq!(percentile(&[1, 2, 3, 4], 100), Some(4));
    }

    #[test]
    fn success_is_the_share_of_what_was_taken_and_has_arrived() {
        let outcome = Outcome::of("cut").judged(verdict(|verdict| {
            verdict.arrived = 8;
            verdict.declined = 1;
            verdict.lost = 1;
        }));
        assert_eq!(outcome.success, (8, 9));
        assert_eq!(Outcome::of("nothing").success_percent(), 0.0);
    }
}
