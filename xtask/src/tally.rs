//! What several runners counted, summed up.

use std::fmt::Write;

use crate::failure::{Failure, Result};

/// How many tests of one runner ended how.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; …`, the last line of each test binary.
    pub(crate) fn of_cargo_line(line: &str) -> Option<Self> {
        let (_, figures) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut counts = Self::default();
        for figure in figures.split(';') {
            let (number, what) = figure.trim().split_once(' ')?;
            match what {
                "passed" => counts.passed = number.parse().ok()?,
                "failed" => counts.failed = number.parse().ok()?,
                "ignored" => counts.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(counts)
    }

    /// Reads `chaos result: ok. 5 passed; 0 failed; 1 skipped; …`, the last line of the chaos suite.
    pub(crate) fn of_chaos_line(line: &str) -> Option<Self> {
        let (_, figures) = line.trim().strip_prefix("chaos result: ")?.split_once(". ")?;
        let mut figures = figures.split("; ");
        let mut figure = |what: &str| figures.next()?.strip_suffix(what)?.trim().parse().ok();
        Some(Self { passed: figure("passed")?, failed: figure("failed")?, skipped: figure("skipped")? })
    }

    /// Reads the `stats` of Playwright's JSON report. A test that passed only when repeated has failed.
    pub(crate) fn of_playwright(report: &str) -> Option<Self> {
        let report: serde_json::Value = serde_json::from_str(report).ok()?;
        let figure = |name: &str| report["stats"][name].as_u64();
        Some(Self {
            passed: figure("expected")?,
            failed: figure("unexpected")? + figure("flaky")?,
            skipped: figure("skipped")?,
        })
    }
}

/// The runners so far, each with its counts and, when something is wrong, why.
#[derive(Default)]
pub(crate) struct Tally {
    rows: Vec<(&'static str, Counts, Option<String>)>,
}

impl Tally {
    /// Runs something that either succeeds or does not: it counts as one test.
    pub(crate) fn check(&mut self, name: &'static str, check: impl FnOnce() -> Result<()>) -> Passed {
        self.runner(name, |counts| {
            check()?;
            counts.passed = 1;
            Ok(())
        })
    }

    /// Runs something that counts its own tests. When it fails without a failed test, that is one.
    pub(crate) fn runner(&mut self, name: &'static str, run: impl FnOnce(&mut Counts) -> Result<()>) -> Passed {
        println!("\n== {name}");
        let mut counts = Counts::default();
        let outcome = run(&mut counts);
        if outcome.is_err() && counts.failed == 0 {
            counts.failed = 1;
        }
        let why = outcome.err().map(|failure| failure.message().to_owned());
        if let Some(why) = &why {
            println!("{name}: {why}");
        }
        let passed = if counts.failed == 0 { Passed::Yes } else { Passed::No };
        self.rows.push((name, counts, why));
        passed
    }

    /// Prints a line for each runner and the sum, and fails when anything has failed.
    pub(crate) fn finish(self) -> Result<()> {
        let (table, sum) = self.table();
        print!("\n== summary\n{table}");
        if sum.failed > 0 {
            return Err(Failure::new("not everything passed"));
        }
        Ok(())
    }

    fn table(&self) -> (String, Counts) {
        let mut table = String::new();
        let mut sum = Counts::default();
        for (name, counts, why) in &self.rows {
            sum.add(*counts);
            let Counts { passed, failed, skipped } = counts;
            let _ = write!(table, "{name:<22} {passed:>5} passed {failed:>5} failed {skipped:>5} skipped");
            let _ = writeln!(table, "{}", why.as_ref().map(|why| format!("  ({why})")).unwrap_or_default());
        }
        let Counts { passed, failed, skipped } = sum;
        let _ = writeln!(table, "{passed} passed, {failed} failed, {skipped} skipped");
        (table, sum)
    }
}

/// Whether a runner was content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Passed {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_test_binary_is_read() {
        let check = |line: &str, expected: Option<[u64; 3]>| {
            let found = Counts::of_cargo_line(line);
            assert_eq!(found.map(|it| [it.passed, it.failed, it.skipped]), expected, "{line}");
        };
        check(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            Some([5, 0, 1]),
        );
        check(
            "test result: FAILED. 4 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
            Some([4, 3, 0]),
        );
        check("test a_result_is_ok ... ok", None);
        check("running 5 tests", None);
    }

    #[test]
    fn the_last_line_of_the_chaos_suite_is_read() {
        let counts = Counts::of_chaos_line("chaos result: FAILED. 24 passed; 1 failed; 2 skipped; seed 7");
        assert_eq!(counts, Some(Counts { passed: 24, failed: 1, skipped: 2 }));
        assert_eq!(Counts::of_chaos_line("scenario outages ... ok"), None);
        assert_eq!(Counts::of_chaos_line("chaos result: ok. nothing"), None);
    }

    #[test]
    fn playwrights_report_is_read_and_a_flaky_test_has_failed() {
        let report = r#"{"stats":{"expected":7,"skipped":2,"unexpected":1,"flaky":1}}"#;
        let counts = Counts { passed: 7, failed: 2, skipped: 2 };
        assert_eq!(Counts::of_playwright(report), Some(counts));
        assert_eq!(Counts::of_playwright("{}"), None);
        assert_eq!(Counts::of_playwright(""), None);
    }

    #[test]
    fn a_runner_that_breaks_before_it_counts_is_one_failure() {
        let mut tally = Tally::default();
        let passed = tally.check("fine", || Ok(()));
        assert_eq!(passed, Passed::Yes);
        let passed = tally.runner("broken", |_| Err(Failure::new("it does not compile")));
        assert_eq!(passed, Passed::No);
        let (table, sum) = tally.table();
        assert_eq!(sum, Counts { passed: 1, failed: 1, skipped: 0 });
        assert!(table.ends_with("\n1 passed, 1 failed, 0 skipped\n"), "{table}");
        assert!(tally.finish().is_err());
    }
}
