//! The simulator, in small: `cargo xtask sim` runs it at large.
//!
//! A seed stands for its schedule only as long as the simulator draws the same; what it has found is therefore walked
//! through by hand in `client-core/tests/found_by_the_simulator.rs`.

use tests::sim::{Options, Spread, Summary, run, sweep};

fn spread(from: u64, seeds: u64) -> Spread {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    Spread { from, seeds, threads, stop_at_first: false }
}

fn assert_clean(summary: &Summary) {
    assert!(summary.violations.is_empty(), "seeds and what was wrong: {:#?}", summary.violations);
}

#[test]
fn no_schedule_loses_doubles_reorders_or_crosses_a_message_and_every_fault_bites() {
    let summary = sweep(spread(1, 600), Options::default());
    assert_clean(&summary);
    assert_eq!(summary.toothless(), Vec::<&str>::new());
    assert!(summary.stored > summary.schedules);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let options = Options { trace: true, mutants: &[] };
    for seed in [3, 77, 1_234, 99_999] {
        let (one, other) = (run(seed, &options), run(seed, &options));
        assert!(one.trace.len() > 10, "seed {seed} has {} lines", one.trace.len());
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert_eq!(one.digest, run(seed, &Options::default()).digest, "seed {seed}, with and without lines");
    }
}
