//! `cargo xtask mutants`: plants each bug in turn, and wants the tests to catch it.

mod plan;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mutants::Mutant;

use crate::failure::{Failure, Result};
use crate::process::{cargo, root, run as run_process, target};
use plan::{PLAN, Row};

/// Names the bugs that a process of the build with planted bugs has; no other build reads it.
const VARIABLE: &str = "REJOIN_MUTANT";
/// A test that has not ended by then waits for what will never come.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows at the same time.
const WORKERS: usize = 3;
/// Schedules in which the simulator has to notice.
const SEEDS: &str = "4000";

/// A file of tests, or the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suite {
    Simulator,
    /// Inside of client-core.
    Client,
    /// `client-core/tests/client`.
    ClientJourneys,
    /// Inside of server-core.
    ServerCore,
    /// Inside of server, the store among it.
    Store,
    /// `tests/tests/server`: the real server over real sockets.
    Sockets,
    /// `tests/tests/program.rs`: the real program.
    Program,
    /// `tests/tests/properties`: what must hold for every input.
    Properties,
}

/// What a suite said.
enum Said {
    /// All of so many tests have passed.
    Passed(usize),
    /// This one has failed, first.
    Failed(String),
}

/// The build that has the bugs in it.
struct Build {
    /// The file of each suite.
    files: Vec<(Suite, PathBuf)>,
    /// The program itself.
    program: PathBuf,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let known = |name: &String| Mutant::ALL.iter().any(|mutant| mutant.name() == name);
    match args {
        [word] if word == "--list" => {
            Mutant::ALL.iter().for_each(|mutant| println!("{:<26} {}", mutant.name(), mutant.what()));
            Ok(())
        }
        _ if args.iter().all(known) => check(args),
        _ => Err(Failure::Usage("every argument is the name of a mutant; `--list` names them".into())),
    }
}

/// Wants every bug to be caught, or each of those that are named.
pub(crate) fn check(names: &[String]) -> Result<()> {
    every_mutant_has_a_row()?;
    let wanted =
        |row: &&Row| names.is_empty() || row.mutants.iter().any(|it| names.iter().any(|name| it.name() == name));
    let rows: Vec<&Row> = PLAN.iter().filter(wanted).collect();
    no_release_has_them()?;
    let build = Build::new()?;
    println!("without a bug");
    let tests: BTreeSet<_> = rows.iter().flat_map(|row| row.tests).collect();
    let tests: Vec<_> = tests.into_iter().collect();
    each(&tests, |(suite, filter)| match build.ask(*suite, filter, "")? {
        Said::Passed(_) => Ok(true),
        Said::Failed(test) => {
            Err(Failure::new(format!("{test} fails without any bug: what it says of one means nothing")))
        }
    })?;
    let survived = each(&rows, |row| build.catches(row))?;
    if survived > 0 {
        return Err(Failure::new(format!("{survived} planted bugs were not caught by every test that should")));
    }
    Ok(())
}

/// Asks the same of all, of several at the same time: most tests wait for what a bug keeps from coming.
///
/// Returns of how many it is not so.
fn each<T: Sync>(all: &[T], is_so: impl Fn(&T) -> Result<bool> + Sync) -> Result<usize> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut not = 0;
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            not += usize::from(!is_so(one)?);
        }
        Ok(not)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let ended = |worker: std::thread::ScopedJoinHandle<'_, Result<usize>>| {
            worker.join().unwrap_or_else(|_| Err(Failure::new("a worker panicked")))
        };
        workers.into_iter().map(ended).sum()
    })
}

fn every_mutant_has_a_row() -> Result<()> {
    let planned = |mutant: &&Mutant| !PLAN.iter().any(|row| row.mutants == [**mutant]);
    match Mutant::ALL.iter().find(planned) {
        Some(mutant) => Err(Failure::new(format!("no test is named that catches {}", mutant.name()))),
        None => Ok(()),
    }
}

/// No build without debug assertions compiles with a bug in it, and the program that was built has none.
fn no_release_has_them() -> Result<()> {
    let words = ["check", "--quiet", "--release", "-p", "mutants", "--features", "mutants/planted"];
    let refused = cargo(&words).stderr(Stdio::null()).status().map_err(|error| Failure::new(error.to_string()))?;
    if refused.success() {
        return Err(Failure::new("a release compiles with planted bugs in it"));
    }
    let program = target().join("release/rejoin");
    let names_them = |bytes: Vec<u8>| bytes.windows(VARIABLE.len()).any(|window| window == VARIABLE.as_bytes());
    match fs::read(&program).is_ok_and(names_them) {
        true => Err(Failure::at(&program, "the program has planted bugs in it")),
        false => Ok(()),
    }
}

impl Build {
    fn new() -> Result<Self> {
        let packages = ["-p", "client-core", "-p", "server-core", "-p", "server", "-p", "tests"];
        let mut files = Vec::new();
        let mut build = cargo(&["test", "--no-run", "--quiet", "--message-format=json-render-diagnostics"]);
        let output = build
            .args(packages)
            .args(["--features", "tests/mutants"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::new(error.to_string()))?;
        if !output.status.success() {
            return Err(Failure::new("the tests do not compile with planted bugs"));
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            files.extend(Suite::of_message(line));
        }
        run_process(&mut cargo(&[
            "build",
            "--quiet",
            "-p",
            "server",
            "-p",
            "mutants",
            "--features",
            "mutants/planted",
        ]))?;
        // Under a name of its own: the next build puts the program without bugs back into its place.
        let program = target().join("debug/rejoin-with-bugs");
        fs::copy(target().join("debug/rejoin"), &program).map_err(|error| Failure::at(&program, error))?;
        let mut sim = cargo(&["build", "--quiet", "--profile", "sim", "-p", "tests", "--no-default-features"]);
        run_process(sim.args(["--features", "mutants", "--bin", "sim"]))?;
        let simulator = target().join("sim/sim-with-bugs");
        fs::copy(target().join("sim/sim"), &simulator).map_err(|error| Failure::at(&simulator, error))?;
        files.push((Suite::Simulator, simulator));
        Ok(Self { files, program })
    }

    /// Plants the bugs of a row, and prints which test has caught them.
    fn catches(&self, row: &Row) -> Result<bool> {
        let names: Vec<&str> = row.mutants.iter().map(|mutant| mutant.name()).collect();
        let names = names.join(",");
        let mut caught = true;
        for (suite, filter) in row.tests {
            let begun = Instant::now();
            let said = self.ask(*suite, filter, &names)?;
            let seconds = begun.elapsed().as_secs_f64();
            let what = match said {
                Said::Failed(test) => test,
                Said::Passed(_) => {
                    caught = false;
                    format!("NOT CAUGHT by {suite:?} {filter}")
                }
            };
            println!("{names:<34} {seconds:>5.1} s  {what}");
        }
        Ok(caught)
    }

    /// Runs the tests of a suite whose names begin so, with these bugs.
    fn ask(&self, suite: Suite, filter: &str, mutants: &str) -> Result<Said> {
        let file = self.files.iter().find(|(known, _)| *known == suite).map(|(_, file)| file);
        let file = file.ok_or_else(|| Failure::new(format!("{suite:?} was not built")))?;
        let mut command = Command::new(file);
        match suite {
            Suite::Simulator => command.args(["--seeds", SEEDS, "--stop-at-first"]),
            Suite::Client
            | Suite::ClientJourneys
            | Suite::ServerCore
            | Suite::Store
            | Suite::Sockets
            | Suite::Program
            | Suite::Properties => command.args([filter, "--test-threads=4"]),
        };
        command.current_dir(root().join(suite.folder())).env(VARIABLE, mutants).env("REJOIN_BIN", &self.program);
        let said = listen(&mut command, &format!("{suite:?} {filter} {mutants}").replace([' ', ',', ':'], "-"))?;
        match said {
            Said::Passed(0) => Err(Failure::new(format!("{suite:?} has no test `{filter}`"))),
            Said::Passed(_) => Ok(said),
            Said::Failed(test) if test.is_empty() => Ok(Said::Failed(format!("{suite:?} {filter}"))),
            Said::Failed(test) => Ok(Said::Failed(test)),
        }
    }
}

/// Runs tests or the simulator to the end, and reads what was wrong first.
fn listen(command: &mut Command, name: &str) -> Result<Said> {
    let folder = target().join("mutants");
    fs::create_dir_all(&folder).map_err(|error| Failure::at(&folder, error))?;
    let heard = folder.join(format!("{name}.log"));
    let log = fs::File::create(&heard).map_err(|error| Failure::at(&heard, error))?;
    let same = log.try_clone().map_err(|error| Failure::at(&heard, error))?;
    let mut child =
        command.stdout(log).stderr(same).spawn().map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| Failure::new(error.to_string()))? {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ended = child.kill();
            let _reaped = child.wait();
            return Err(Failure::new(format!(
                "tests had to be stopped after {} s: they hang, and say nothing",
                PATIENCE.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = fs::read(&heard).map_err(|error| Failure::at(&heard, error))?;
    let text = String::from_utf8_lossy(&text);
    if status.success() {
        let tests = text.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ok")).count();
        let schedules = usize::from(text.contains("violations: 0"));
        return Ok(Said::Passed(tests + schedules));
    }
    Ok(Said::Failed(first_failure(&text)))
}

/// The first test that has failed, or what the simulator saw.
fn first_failure(text: &str) -> String {
    let of_test = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let of_schedule = |line: &str| Some(format!("simulator, {}", line.strip_prefix("  seed ")?));
    text.lines().find_map(|line| of_test(line).or_else(|| of_schedule(line))).unwrap_or_default()
}

impl Suite {
    /// Where its tests are run, as Cargo does it.
    fn folder(self) -> &'static Path {
        Path::new(match self {
            Self::Client | Self::ClientJourneys => "client-core",
            Self::ServerCore => "server-core",
            Self::Store => "server",
            Self::Simulator | Self::Sockets | Self::Program | Self::Properties => "tests",
        })
    }

    /// Reads which suite a message of Cargo is about, and its file.
    fn of_message(line: &str) -> Option<(Self, PathBuf)> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let file = PathBuf::from(message["executable"].as_str()?);
        let manifest = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?;
        let suite = match (manifest, message["target"]["kind"][0].as_str()?, message["target"]["name"].as_str()?) {
            ("client-core", "lib", _) => Self::Client,
            ("client-core", "test", "client") => Self::ClientJourneys,
            ("server-core", "lib", _) => Self::ServerCore,
            ("server", "lib", _) => Self::Store,
            ("tests", "test", "server") => Self::Sockets,
            ("tests", "test", "program") => Self::Program,
            ("tests", "test", "properties") => Self::Properties,
            _ => return None,
        };
        Some((suite, file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_a_test_that_is_to_catch_it() {
        assert!(every_mutant_has_a_row().is_ok());
        assert!(PLAN.iter().all(|row| !row.tests.is_empty()));
    }

    #[test]
    fn the_first_failure_is_read_out_of_what_tests_and_simulator_print() {
        assert_eq!(first_failure("test a::b ... ok\ntest a::c ... FAILED\ntest d ... FAILED\n"), "a::c");
        assert_eq!(first_failure("violations: 1\n  seed 7: lost\n"), "simulator, 7: lost");
        assert_eq!(first_failure("thread panicked"), "");
    }
}
