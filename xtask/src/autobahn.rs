//! `cargo xtask autobahn`: the Autobahn suite's fuzzing client against the server's sockets.
//!
//! Our sockets speak the chat and no echo, so the suite talks to `tests/src/bin/echo.rs`: the same accept loop, upgrade
//! and sockets with another conversation on them. The suite is written for Python 2; without one the command says so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};
use crate::process::{answer, cargo, root, run as run_process, target};

/// The last one for Python 2.
const VIRTUALENV: &str = "virtualenv==20.15.1";
const SUITE: &str = "autobahntestsuite==25.10.1";
/// What a frame of the chat may have, and messages too.
const OWN_LIMIT: &str = "65536";
/// The name that the suite's reports use.
const AGENT: &str = "rejoin";

/// A Python 2, and the version of it that pyenv is to take.
struct Python {
    program: &'static str,
    pyenv: Option<String>,
}

/// The cases by how they ended.
#[derive(Default)]
struct Outcome {
    passed: Vec<String>,
    non_strict: Vec<String>,
    informational: Vec<String>,
    failed: Vec<String>,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (options, record) = match words[..] {
        [] => (vec![], None),
        ["--record"] => (vec![], Some(root().join("docs/autobahn.json"))),
        ["--own-limits"] => (vec!["--most-bytes", OWN_LIMIT], None),
        _ => return Err(Failure::Usage("options are --record or --own-limits".into())),
    };
    let Some(python) = Python::find() else {
        println!("skipped: the Autobahn suite needs Python 2.7 (as python2.7, python2, or by pyenv install 2.7.18)");
        return Ok(());
    };
    let folder = target().join("autobahn");
    python.install(&folder)?;
    run_process(&mut cargo(&["build", "--quiet", "-p", "tests", "--bin", "echo"]))?;
    let mut echo = start_echo(&options)?;
    let outcome = test(&folder, &mut echo);
    // The end of its input ends it.
    drop(echo.stdin.take());
    let _status = echo.wait();
    let outcome = outcome?;
    let report = outcome.report(&python.version());
    for path in [Some(root().join("reports/autobahn.json")), record].into_iter().flatten() {
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|error| Failure::at(&path, error))?;
        fs::write(&path, format!("{report:#}\n")).map_err(|error| Failure::at(&path, error))?;
    }
    outcome.judge()
}

fn test(folder: &Path, echo: &mut Child) -> Result<Outcome> {
    let mut address = String::new();
    if let Some(output) = echo.stdout.take() {
        let read = BufReader::new(output).read_line(&mut address);
        read.map_err(|error| Failure::new(error.to_string()))?;
    }
    let reports = folder.join("reports");
    let _old = fs::remove_dir_all(&reports);
    let plan = json!({
        "outdir": reports,
        "servers": [{"agent": AGENT, "url": address.trim(), "options": {"version": 18}}],
        "cases": ["*"],
        // Compression, which the server does not offer.
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    });
    let spec = folder.join("fuzzingclient.json");
    fs::write(&spec, plan.to_string()).map_err(|error| Failure::at(&spec, error))?;
    let log = fs::File::create(folder.join("wstest.log")).map_err(|error| Failure::at(folder, error))?;
    let mut suite = Command::new(folder.join("venv/bin/wstest"));
    suite.args(["-m", "fuzzingclient", "-s"]).arg(&spec).current_dir(folder);
    run_process(suite.stdout(log).stderr(Stdio::inherit()))?;
    let index = reports.join("index.json");
    let index = fs::read_to_string(&index).map_err(|error| Failure::at(&index, error))?;
    let index: Value = serde_json::from_str(&index).map_err(|error| Failure::new(error.to_string()))?;
    match index[AGENT].as_object() {
        Some(cases) if !cases.is_empty() => Ok(Outcome::of(cases)),
        Some(_) | None => Err(Failure::new("the suite has run no case")),
    }
}

fn start_echo(options: &[&str]) -> Result<Child> {
    let program = target().join("debug/echo");
    let mut command = Command::new(&program);
    command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|error| Failure::at(&program, error))
}

impl Python {
    fn find() -> Option<Self> {
        let is_two = |it: &Self| it.version().contains("Python 2.7");
        let plain = ["python2.7", "python2"].map(|program| Self { program, pyenv: None });
        let versions = answer("pyenv", &["versions", "--bare"]).unwrap_or_default();
        let version = versions.lines().map(str::trim).find(|version| version.starts_with("2.7")).map(str::to_owned);
        let by_pyenv = version.map(|version| Self { program: "python2", pyenv: Some(version) });
        plain.into_iter().chain(by_pyenv).find(is_two)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        if let Some(version) = &self.pyenv {
            command.env("PYENV_VERSION", version);
        }
        command
    }

    /// Python 2 prints its version to the error output.
    fn version(&self) -> String {
        let output = self.command().arg("--version").stdin(Stdio::null()).output();
        output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Makes sure of the suite, in a virtual environment of its own.
    fn install(&self, folder: &Path) -> Result<()> {
        if folder.join("venv/bin/wstest").is_file() {
            return Ok(());
        }
        println!("installing the Autobahn suite into {}", folder.display());
        fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
        let (tools, venv): (PathBuf, PathBuf) = (folder.join("tools"), folder.join("venv"));
        let quiet = ["--quiet", "--disable-pip-version-check"];
        if !tools.join("virtualenv").is_dir() {
            let mut pip = self.command();
            run_process(pip.args(["-m", "pip", "install"]).args(quiet).arg("--target").arg(&tools).arg(VIRTUALENV))?;
        }
        run_process(self.command().args(["-m", "virtualenv", "--quiet"]).arg(&venv).env("PYTHONPATH", &tools))?;
        run_process(Command::new(venv.join("bin/pip")).arg("install").args(quiet).arg(SUITE))
    }
}

impl Outcome {
    fn of(cases: &Map<String, Value>) -> Self {
        let mut outcome = Self::default();
        for (case, told) in cases {
            let list = match (told["behavior"].as_str(), told["behaviorClose"].as_str()) {
                (Some("OK"), Some("OK")) => &mut outcome.passed,
                (Some("NON-STRICT"), Some("OK")) => &mut outcome.non_strict,
                (Some("INFORMATIONAL"), Some("OK" | "INFORMATIONAL")) => &mut outcome.informational,
                _ => &mut outcome.failed,
            };
            list.push(case.clone());
        }
        for list in [&mut outcome.passed, &mut outcome.non_strict, &mut outcome.informational, &mut outcome.failed] {
            list.sort_by_key(|case| case.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>());
        }
        outcome
    }

    fn report(&self, python: &str) -> Value {
        json!({
            "date": answer("date", &["-u", "+%Y-%m-%d"]),
            "suite": SUITE.replace("==", " "),
            "python": python,
            "rust": answer("rustc", &["--version"]),
            "tungstenite": version_of("tungstenite"),
            "hyper": version_of("hyper"),
            "cases": self.passed.len() + self.non_strict.len() + self.informational.len() + self.failed.len(),
            "passed": self.passed.len(),
            "non_strict": self.non_strict,
            "informational": self.informational,
            "failed": self.failed,
        })
    }

    fn judge(&self) -> Result<()> {
        let Self { passed, non_strict, informational, failed } = self;
        println!("passed         {}", passed.len());
        println!("non-strict     {}  {}", non_strict.len(), non_strict.join(" "));
        println!("informational  {}  {}", informational.len(), informational.join(" "));
        println!("failed         {}  {}", failed.len(), failed.join(" "));
        if failed.is_empty() { Ok(()) } else { Err(Failure::new("not every case passed")) }
    }
}

/// The version of a library, as `Cargo.lock` has it.
fn version_of(library: &str) -> Option<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{library}\"\nversion = \""))?;
    Some(rest.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_did_anything_but_what_is_allowed_has_failed() {
        let cases = json!({
            "1.10": {"behavior": "OK", "behaviorClose": "OK"},
            "1.9": {"behavior": "OK", "behaviorClose": "OK"},
            "2": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
            "3": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"},
            "4": {"behavior": "OK", "behaviorClose": "FAILED BY CLIENT"},
            "5": {"behavior": "FAILED", "behaviorClose": "OK"},
            "6": {},
        });
        let outcome = Outcome::of(cases.as_object().expect("an object"));
        assert_eq!(outcome.passed, ["1.9", "1.10"]);
        assert_eq!((outcome.non_strict, outcome.informational), (vec!["2".to_owned()], vec!["3".to_owned()]));
        assert_eq!(outcome.failed, ["4", "5", "6"]);
    }
}
