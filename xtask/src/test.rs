//! `cargo xtask test`: every test there is, after its own set-up.

use std::fs;

use crate::build::{self, Mode};
use crate::failure::{Failure, Result};
use crate::process::{cargo, node, root, run as run_process, run_watching};
use crate::tally::{Counts, Passed, Tally};
use crate::{chaos, mutants, setup, sim, size, tidy};

/// Seeds for the simulator within the tests: enough to find a planted fault, in under two minutes.
const SEEDS: &str = "20000";
/// Where `playwright.config.mjs` puts the JSON report.
const E2E_REPORT: &str = "e2e/results/results.json";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut tally = Tally::default();
    match words[..] {
        [] => everything(&mut tally),
        ["rust"] => {
            let _ = tally.check("web assets", || build::assets(Mode::Release));
            rust(&mut tally);
        }
        ["e2e"] => {
            let built = build(&mut tally);
            e2e(&mut tally, built);
            webkit(&mut tally, built);
        }
        ["sim"] => simulator(&mut tally),
        ["chaos"] => {
            let built = build(&mut tally);
            scenarios(&mut tally, built);
        }
        [word] => return Err(Failure::Usage(format!("`{word}` is none of rust, e2e, sim, chaos"))),
        [_, more, ..] => return Err(Failure::Usage(format!("unexpected argument `{more}`"))),
    }
    tally.finish()
}

/// All tests. One that fails does not keep the others from running.
pub(crate) fn everything(tally: &mut Tally) {
    let built = build(tally);
    after_build(tally, built);
}

/// Builds what the tests look at from outside.
pub(crate) fn build(tally: &mut Tally) -> Passed {
    tally.check("build", || build::everything(Mode::Release).map(|_| ()))
}

/// All tests, of what has been built.
pub(crate) fn after_build(tally: &mut Tally, built: Passed) {
    rust(tally);
    let _ = tally.check("tidy", tidy::check);
    let _ = tally.check("size", || {
        needs(built)?;
        size::check()
    });
    simulator(tally);
    let _ = tally.check("mutants", || mutants::check(&[]));
    e2e(tally, built);
    webkit(tally, built);
}

fn rust(tally: &mut Tally) {
    let _ = tally.runner("cargo test", |counts| {
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
        run_watching(&mut command, |line| {
            if let Some(more) = Counts::of_cargo_line(line) {
                counts.add(more);
            }
        })
    });
}

fn simulator(tally: &mut Tally) {
    let _ = tally.check("simulator", || run_process(sim::simulator().args(["--seeds", SEEDS])));
}

fn scenarios(tally: &mut Tally, built: Passed) {
    let _ = tally.runner("chaos", |counts| {
        needs(built)?;
        chaos::short(counts)
    });
}

fn e2e(tally: &mut Tally, built: Passed) {
    let _ = tally.runner("playwright", |counts| {
        needs(built)?;
        setup::for_browsers()?;
        setup::for_package_tests()?;
        if let Some(why) = setup::for_php() {
            println!("skipped, the plugin for WordPress: {why}");
        }
        let report = root().join(E2E_REPORT);
        // An old report must not speak for a run that broke before it wrote one.
        let _ = fs::remove_file(&report);
        let outcome = run_process(
            node("node_modules/@playwright/test/cli.js").arg("test").env("REJOIN_BIN", build::binary(Mode::Release)),
        );
        let read = fs::read_to_string(&report).ok();
        match read.as_deref().and_then(Counts::of_playwright) {
            Some(found) => *counts = found,
            None if outcome.is_ok() => return Err(Failure::at(&report, "no readable report")),
            None => {}
        }
        outcome
    });
}

/// The journeys in WebKit; where there is none, they are skipped with the reason.
fn webkit(tally: &mut Tally, built: Passed) {
    let _ = tally.runner("webkit", |counts| {
        needs(built)?;
        setup::for_package_tests()?;
        if let Some(why) = setup::for_webkit()? {
            println!("skipped: {why}");
            counts.skipped = 1;
            return Ok(());
        }
        run_process(node("e2e/webkit/smoke.mjs").env("REJOIN_BIN", build::binary(Mode::Release)))?;
        counts.passed = 1;
        Ok(())
    });
}

fn needs(built: Passed) -> Result<()> {
    match built {
        Passed::Yes => Ok(()),
        Passed::No => Err(Failure::new("not run, because the build failed")),
    }
}
