//! Many schedules, and what became of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mutants::Mutant;

use super::{Counts, Fault, run};

/// Every so many seeds one is run twice, to see that it gives the same schedule.
const REPEATED: u64 = 100;

/// How a schedule is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether lines are kept.
    pub trace: bool,
    /// Bugs that are planted, in a build that can.
    pub mutants: &'static [Mutant],
}

/// What became of one schedule.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What was wrong first, if anything.
    pub violation: Option<String>,
    /// Which faults have bitten.
    pub counts: Counts,
    /// Happenings.
    pub steps: u64,
    /// Messages that outboxes have taken.
    pub written: u64,
    /// Messages that were committed.
    pub stored: u64,
    /// When the last page was back after the last fault.
    pub slowest_return_ms: u64,
    /// Stands for everything that was told, in order.
    pub digest: u64,
    /// What happened, in lines, if they were kept.
    pub trace: Vec<String>,
}

/// Plants bugs for this thread, in a build that can.
pub(crate) fn plant(mutants: &'static [Mutant]) {
    #[cfg(feature = "mutants")]
    mutants::plant(mutants);
    #[cfg(not(feature = "mutants"))]
    assert_eq!(mutants, &[], "this build has no planted bugs: it needs the feature `mutants`");
}

/// Which seeds to run, and on how many threads.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub threads: usize,
    /// Whether the first violation ends the run.
    pub stop_at_first: bool,
}

/// What became of many schedules.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Schedules run.
    pub schedules: u64,
    /// Which faults have bitten.
    pub counts: Counts,
    /// Happenings.
    pub steps: u64,
    /// Messages that outboxes have taken.
    pub written: u64,
    /// Messages that were committed.
    pub stored: u64,
    /// When the last page of all was back after the last fault.
    pub slowest_return_ms: u64,
    /// The violations, by seed.
    pub violations: Vec<(u64, String)>,
}

impl Summary {
    /// Returns the kinds of faults that have never bitten: with one of them the run is void.
    pub fn toothless(&self) -> Vec<&'static str> {
        Fault::ALL.iter().filter(|fault| self.counts.of(**fault) == 0).map(|fault| fault.name()).collect()
    }

    fn add(&mut self, outcome: Outcome) {
        self.schedules += 1;
        self.counts.add(&outcome.counts);
        self.steps += outcome.steps;
        self.written += outcome.written;
        self.stored += outcome.stored;
        self.slowest_return_ms = self.slowest_return_ms.max(outcome.slowest_return_ms);
        if let Some(violation) = outcome.violation {
            self.violations.push((outcome.seed, violation));
        }
    }
}

/// Runs many seeds on several threads.
pub fn sweep(spread: Spread, options: Options) -> Summary {
    let next = AtomicU64::new(spread.from);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..spread.threads.max(1) {
            scope.spawn(|| {
                let mut mine = Summary::default();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= spread.from.saturating_add(spread.seeds) {
                        break;
                    }
                    let outcome = run(seed, &options);
                    let again = seed.is_multiple_of(REPEATED).then(|| run(seed, &options).digest);
                    let differs = again.is_some_and(|digest| digest != outcome.digest);
                    mine.add(outcome);
                    if differs {
                        mine.violations.push((seed, "the same seed gave another schedule".into()));
                    }
                    if spread.stop_at_first && !mine.violations.is_empty() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                merge(&total, mine);
            });
        }
    });
    let mut total = total.into_inner().unwrap_or_default();
    total.violations.sort();
    total
}

fn merge(total: &Mutex<Summary>, mine: Summary) {
    let Ok(mut total) = total.lock() else { return };
    total.schedules += mine.schedules;
    total.counts.add(&mine.counts);
    total.steps += mine.steps;
    total.written += mine.written;
    total.stored += mine.stored;
    total.slowest_return_ms = total.slowest_return_ms.max(mine.slowest_return_ms);
    total.violations.extend(mine.violations);
}
