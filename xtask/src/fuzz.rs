//! `cargo xtask fuzz`: the fuzzers of `tests/fuzz`, one after the other.
//!
//! They need cargo-fuzz, which is fetched from crates.io, a C++ compiler for libFuzzer, and a compiler that takes flags
//! of a nightly one: `RUSTC_BOOTSTRAP` makes the pinned one do so. No sanitizer is built in: no code of ours is unsafe,
//! and the invariants panic by themselves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};
use crate::process::{answer, root, run as run_process, target};

const VERSION: &str = "0.13.2";
/// What each of them asks stands in `tests/src/probe`.
const FUZZERS: [&str; 8] = ["frames", "bodies", "sse", "session", "client", "tokens", "names", "uploads"];
/// Each of them runs for so long.
const SECONDS: &str = "60";
/// Bytes of the longest input.
const MOST_BYTES: &str = "1600";

/// What one fuzzer said in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    executions: u64,
    /// Edges of the code that were walked.
    coverage: u64,
    /// Inputs that each walk somewhere else.
    corpus: u64,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let (mut seconds, mut wanted) = (SECONDS.to_owned(), Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match (word.as_str(), FUZZERS.iter().find(|fuzzer| **fuzzer == *word)) {
            ("--seconds", _) => {
                let number = words.next().filter(|number| number.parse::<u64>().is_ok_and(|number| number > 0));
                seconds = number.ok_or_else(|| Failure::Usage("--seconds needs a number".into()))?.clone();
            }
            (_, Some(fuzzer)) => wanted.push(*fuzzer),
            (other, None) => return Err(Failure::Usage(format!("`{other}` is none of {}", FUZZERS.join(", ")))),
        }
    }
    let wanted = if wanted.is_empty() { FUZZERS.to_vec() } else { wanted };
    let cargo_fuzz = set_up()?;
    let mut found = 0;
    println!("{:<10} {:>12} {:>9} {:>7} {:>9}", "fuzzer", "executions", "coverage", "corpus", "findings");
    for fuzzer in wanted {
        let told = fuzz(&cargo_fuzz, fuzzer, &seconds)?;
        let findings = findings_of(fuzzer)?;
        found += findings.len();
        let Told { executions, coverage, corpus } = told;
        println!("{fuzzer:<10} {executions:>12} {coverage:>9} {corpus:>7} {:>9}", findings.len());
        findings.iter().for_each(|finding| println!("  {}", finding.display()));
    }
    match found {
        0 => Ok(()),
        found => Err(Failure::new(format!(
            "{found} findings: put each into tests/fuzz/findings/FUZZER under a name that says what it is, see it fail \
             by `cargo test -p tests --test properties`, then mend it"
        ))),
    }
}

/// Makes sure of cargo-fuzz, and returns it.
fn set_up() -> Result<PathBuf> {
    if ["c++", "g++", "clang++"].iter().all(|compiler| answer(compiler, &["--version"]).is_none()) {
        return Err(Failure::new(
            "there is no C++ compiler, which libFuzzer needs.\n  Debian, Ubuntu: sudo apt-get install g++",
        ));
    }
    let tools = target().join("tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        println!("installing cargo-fuzz {VERSION} into {}", tools.display());
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", "cargo-fuzz", "--version", VERSION, "--root"]).arg(&tools);
        run_process(install.current_dir(root()))?;
    }
    Ok(program)
}

/// Builds and runs one fuzzer; what it learns is kept in `target`, what is worth keeping is put into the corpus by hand.
fn fuzz(cargo_fuzz: &Path, fuzzer: &str, seconds: &str) -> Result<Told> {
    let (learned, findings) = (target().join("fuzz/learned").join(fuzzer), folder_of_findings(fuzzer));
    for folder in [&learned, &findings] {
        fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
    }
    let mut command = Command::new(cargo_fuzz);
    command
        .args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", "--target-dir"])
        .arg(target().join("fuzz"))
        .arg(fuzzer)
        .args([learned, root().join("tests/fuzz/corpus").join(fuzzer)])
        .args(["--", "-print_final_stats=1"])
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MOST_BYTES}")])
        // A slash at the end: each is a file of that folder.
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUST_BACKTRACE", "0")
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Failure::at(cargo_fuzz, error))?;
    let mut told = Told::default();
    let mut last = Vec::new();
    if let Some(output) = child.stderr.take() {
        for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
            told.learn(&line);
            last.push(line);
        }
    }
    let status = child.wait().map_err(|error| Failure::new(error.to_string()))?;
    if !status.success() {
        let from = last.len().saturating_sub(40);
        last[from..].iter().for_each(|line| println!("{line}"));
        if told.executions == 0 && findings_of(fuzzer)?.is_empty() {
            return Err(Failure::new(format!("the fuzzer of {fuzzer} does not run")));
        }
    }
    Ok(told)
}

fn folder_of_findings(fuzzer: &str) -> PathBuf {
    target().join("fuzz/findings").join(fuzzer)
}

fn findings_of(fuzzer: &str) -> Result<Vec<PathBuf>> {
    let folder = folder_of_findings(fuzzer);
    let entries = fs::read_dir(&folder).map_err(|error| Failure::at(&folder, error))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

impl Told {
    /// Reads `#138052 DONE cov: 517 ft: 1621 corp: 319/21Kb …`, whatever stands in place of `DONE`.
    fn learn(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix('#') else { return };
        let mut words = rest.split_whitespace();
        let Some(executions) = words.next().and_then(|number| number.parse().ok()) else { return };
        self.executions = executions;
        while let Some(word) = words.next() {
            let figure = match word {
                "cov:" => &mut self.coverage,
                "corp:" => &mut self.corpus,
                _ => continue,
            };
            let number = words.next().and_then(|number| number.split('/').next()?.parse().ok());
            *figure = number.unwrap_or(*figure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fuzzer_tells_is_read() {
        let mut told = Told::default();
        told.learn("INFO: seed corpus: files: 52");
        told.learn("#53\tINITED cov: 400 ft: 900 corp: 50/9000b exec/s: 0 rss: 30Mb");
        told.learn("#138052\tDONE   cov: 517 ft: 1621 corp: 319/21Kb lim: 280 exec/s: 8628 rss: 28Mb");
        told.learn("###### Recommended dictionary. ######");
        assert_eq!(told, Told { executions: 138_052, coverage: 517, corpus: 319 });
    }
}
