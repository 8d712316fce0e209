//! The reports: `chaos.json` for programs, `chaos.md` for people.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::outcome::{Bound, Ending, Short, percentile, round};
use super::scenario::Record;

/// What a whole run was.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed from which those of the scenarios come.
    pub seed: u64,
    /// Whether it was a short one.
    pub short: Short,
    /// What became of each scenario.
    pub records: Vec<Record>,
}

impl Run {
    /// Returns how many scenarios passed, failed and were skipped.
    pub fn counts(&self) -> [usize; 3] {
        [Ending::Passed, Ending::Failed, Ending::Skipped]
            .map(|ending| self.records.iter().filter(|record| record.ending == ending).count())
    }

    /// Returns the last line, as `cargo test` prints one.
    pub fn summary(&self) -> String {
        let [passed, failed, skipped] = self.counts();
        let word = if failed == 0 { "ok" } else { "FAILED" };
        format!("chaos result: {word}. {passed} passed; {failed} failed; {skipped} skipped; seed {}", self.seed)
    }

    /// Writes both reports into a folder.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let json = serde_json::to_string_pretty(&self.json()).map_err(io::Error::from)?;
        std::fs::write(folder.join("chaos.json"), json + "\n")?;
        std::fs::write(folder.join("chaos.md"), self.markdown())
    }

    fn json(&self) -> Value {
        let [passed, failed, skipped] = self.counts();
        let scenarios: Vec<Value> = self.records.iter().map(of_record).collect();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "suite": "chaos", "mode": mode(self.short), "seed": self.seed, "ended_at": since.as_secs(),
            "machine": machine(), "passed": passed, "failed": failed, "skipped": skipped, "scenarios": scenarios,
        })
    }

    fn markdown(&self) -> String {
        let [passed, failed, skipped] = self.counts();
        let mut text = format!(
            "# Chaos, {} run\n\n{passed} passed, {failed} failed, {skipped} skipped. Seed {}. {}.\n\nL lost, D shown twice, R \
             reordered, X crossed between dialogs, W second welcomes, F false answers, P phantoms.\n\n",
            mode(self.short),
            self.seed,
            machine()
        );
        text.push_str(
            "| Scenario | Ended | Faults | Sent | L/D/R/X | W/F/P | Success | Back p50, p99 | Seed |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for record in &self.records {
            let Record { scenario, ending, outcome, seed, .. } = record;
            let faults: Vec<String> = outcome.faults.iter().map(|(what, count)| format!("{count} {what}")).collect();
            let (sent, marks, more, back) = match &outcome.verdict {
                Some(verdict) => {
                    let back = verdict.back_us();
                    let ms =
                        |percent| percentile(&back, percent).map_or("–".into(), |us| format!("{} ms", us / 1_000));
                    (
                        verdict.sent.to_string(),
                        format!("{}/{}/{}/{}", verdict.lost, verdict.twice, verdict.reordered, verdict.crossed),
                        format!("{}/{}/{}", verdict.welcomes, verdict.false_answers, verdict.phantoms),
                        format!("{}, {}", ms(50), ms(99)),
                    )
                }
                None => ("–".into(), "–".into(), "–".into(), "–".into()),
            };
            let success = if *ending == Ending::Skipped {
                "–".into()
            } else {
                format!("{} %", floor(outcome.success_percent()))
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {sent} | {marks} | {more} | {success} | {back} | {seed} |",
                scenario.name,
                word(*ending),
                faults.join(", ")
            );
        }
        for record in &self.records {
            section(&mut text, record);
        }
        text
    }
}

fn section(text: &mut String, record: &Record) {
    let Record { scenario, ending, why, outcome, took, seed } = record;
    let _ = writeln!(text, "\n## {}\n\n{} {}\n", scenario.name, scenario.about, outcome.done);
    for figure in &outcome.figures {
        let (sign, bound) = match figure.bound {
            Bound::AtMost(bound) => ("at most", bound),
            Bound::AtLeast(bound) => ("at least", bound),
        };
        let (measured, unit) = (round(figure.measured), figure.unit);
        let reached = if figure.is_reached() { "reached" } else { "**not reached**" };
        let _ = writeln!(text, "- {}: {measured} {unit} ({sign} {} {unit}): {reached}", figure.what, round(bound));
    }
    let _ = writeln!(text, "- {}, {:.1} s, seed {seed}", word(*ending), took.as_secs_f64());
    for reason in why {
        let _ = writeln!(text, "- {}", reason.replace('\n', " / "));
    }
}

fn of_record(record: &Record) -> Value {
    let outcome = &record.outcome;
    let history = outcome.verdict.as_ref().map(|verdict| {
        let back = verdict.back_us();
        let ms = |us: Option<u64>| us.map(|us| round(us as f64 / 1_000.0));
        let recoveries: Vec<Value> = verdict
            .recoveries
            .iter()
            .map(|(what, recovery)| {
                json!({
                    "fault": what, "times": recovery.faults, "links_back": recovery.back_us.len(),
                    "noticed_p99_ms": ms(percentile(&recovery.noticed_us, 99)),
                    "back_p50_ms": ms(percentile(&recovery.back_us, 50)),
                    "back_p99_ms": ms(percentile(&recovery.back_us, 99)),
                    "back_max_ms": ms(recovery.back_us.last().copied()),
                })
            })
            .collect();
        json!({
            "sent": verdict.sent, "arrived": verdict.arrived, "declined": verdict.declined, "rewound": verdict.rewound,
            "logged": verdict.logged, "lost": verdict.lost, "twice": verdict.twice, "reordered": verdict.reordered,
            "crossed": verdict.crossed, "second_welcomes": verdict.welcomes, "false_answers": verdict.false_answers,
            "phantoms": verdict.phantoms, "never_back": verdict.never_back, "link_breaks": verdict.breaks,
            "back_p50_ms": ms(percentile(&back, 50)), "back_p99_ms": ms(percentile(&back, 99)),
            "answered_p50_ms": ms(percentile(&verdict.answered_us, 50)),
            "answered_p99_ms": ms(percentile(&verdict.answered_us, 99)),
            "delivered_p50_ms": ms(percentile(&verdict.delivered_us, 50)),
            "delivered_p99_ms": ms(percentile(&verdict.delivered_us, 99)),
            "recoveries": recoveries,
        })
    });
    let success = (record.ending != Ending::Skipped).then(|| floor(outcome.success_percent()));
    json!({
        "name": record.scenario.name, "about": record.scenario.about, "done": outcome.done,
        "ended": word(record.ending), "why": record.why, "seed": record.seed,
        "seconds": round(record.took.as_secs_f64()), "faults": outcome.faults,
        "success_rate_percent": success, "tried": outcome.success.1, "succeeded": outcome.success.0,
        "history": history, "figures": outcome.figures.iter().map(super::outcome::Figure::json).collect::<Vec<_>>(),
    })
}

/// Cuts a percentage off rather than round it up to a hundred.
fn floor(percent: f64) -> f64 {
    (percent * 1_000.0).floor() / 1_000.0
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Passed => "passed",
        Ending::Failed => "failed",
        Ending::Skipped => "skipped",
    }
}

fn mode(short: Short) -> &'static str {
    match short {
        Short::Yes => "short",
        Short::No => "full",
    }
}

/// Returns what the figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{cores} cores, {} {}, load {load} at the end", std::env::consts::OS, std::env::consts::ARCH)
}
