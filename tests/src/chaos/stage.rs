//! Where a scenario plays: a server as a process, the proxy before it, and the history.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::bites::Bites;
use super::checker::{self, Verdict};
use super::crowd::{Crowd, Scene};
use super::history::{Fact, History, LOG, NEMESIS, Row, label};
use super::proxy::Proxy;
use super::scenario::Call;
use super::witness::Glance;
use crate::app::{OPERATORS, directory, make_world};
use crate::binary::{self, Binary, Printed};
use crate::http::Ask;

/// How long a crowd may take to settle when all is whole again.
pub const SETTLE: Duration = Duration::from_secs(40);

/// A server, the way to it, and what is known about it.
#[derive(Debug)]
pub struct Stage {
    /// The way to it.
    pub proxy: Proxy,
    /// What was done and seen.
    pub history: History,
    /// What the nemesis has done.
    pub bites: Bites,
    /// Where the server listens.
    pub address: SocketAddr,
    server: Option<Binary>,
    data: PathBuf,
    _directory: Option<TempDir>,
    program: Program,
    token: String,
    printed: Vec<Printed>,
}

/// How the server is started.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Options of `rejoin serve`.
    pub options: Vec<String>,
    /// More variables.
    pub env: Vec<(String, String)>,
    /// The data directory; a new one in memory, unless it is named.
    pub data: Option<PathBuf>,
}

impl Stage {
    /// Starts a server and lays a proxy before it.
    ///
    /// # Errors
    /// The history cannot be written, or the server gives no token.
    pub async fn set(call: &Call, program: Program) -> Result<Self, String> {
        let history = History::begin(&call.history()).map_err(|error| error.to_string())?;
        let (directory, data) = match &program.data {
            Some(data) => (None, data.clone()),
            None => {
                let directory = directory();
                let data = directory.path().join("data");
                (Some(directory), data)
            }
        };
        if !data.join("rejoin.db").exists() {
            make_world(&data);
        }
        let bites = Bites::default();
        let server = Binary::start(serve(&data, &program)).await;
        let output = binary::run(&data, &["operator", "token", OPERATORS[0].0]).await;
        let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if token.is_empty() {
            return Err(binary::printed(&output));
        }
        let proxy = Proxy::start(server.address, call.seed, bites.clone()).await;
        let (address, printed) = (server.address, vec![server.printed().clone()]);
        let server = Some(server);
        Ok(Self { proxy, history, bites, address, server, data, _directory: directory, program, token, printed })
    }

    /// Returns what a page needs.
    pub fn scene(&self) -> Scene {
        Scene { server: self.proxy.address, history: self.history.clone(), token: self.token.clone() }
    }

    /// Returns the data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns a token of an operator who may see every site.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Writes into the history that something is broken now.
    pub fn fault(&self, what: &str) {
        self.history.tell(NEMESIS, Fact::Fault { what: what.into() });
    }

    /// Writes into the history that the path is whole again.
    pub fn healed(&self, what: &str) {
        self.history.tell(NEMESIS, Fact::Healed { what: what.into() });
    }

    /// Returns the running server.
    ///
    /// # Panics
    /// It does not run.
    pub fn server(&self) -> &Binary {
        self.server.as_ref().expect("the server runs")
    }

    /// Sends the server a signal.
    pub fn signal(&self, signal: Signal) {
        self.server().signal(signal);
    }

    /// Stops the server wherever it is, and waits until no thread of it is within the kernel any more.
    ///
    /// # Errors
    /// It does not stop in time.
    pub async fn hold_still(&self) -> Result<(), String> {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.server().id());
        let still = || {
            let tasks = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
            tasks.map(|task| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default()).all(|stat| {
                let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
                state == Some("T")
            })
        };
        let waiting = async {
            while !still() {
                tokio::time::sleep(Duration::from_millis(2)).await
            }
        };
        timeout(crate::PATIENCE, waiting).await.map_err(|_| "the server does not stop".to_owned())
    }

    /// Kills the server as `kill -9` does.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
            self.bites.add("kills");
        }
    }

    /// Waits until the server has ended by itself; returns its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let (status, _) = self.server.take()?.ended().await;
        status.code()
    }

    /// Starts the server again on the same data; returns how long it took until it could store.
    ///
    /// It has another port, for somebody else may have taken the old one: the proxy leads there.
    pub async fn start_again(&mut self) -> Duration {
        let begun = Instant::now();
        let server = Binary::start(serve(&self.data, &self.program)).await;
        self.address = server.address;
        self.proxy.lead_to(server.address);
        self.printed.push(server.printed().clone());
        self.server = Some(server);
        let ready = async { while !self.is_ready().await {} };
        let _it_says_so_at_the_end = timeout(crate::PATIENCE, ready).await;
        begun.elapsed()
    }

    /// Returns whether the server says that it can store.
    pub async fn is_ready(&self) -> bool {
        Ask::new(self.address, "GET", "/ready").attempt().await.is_ok_and(|answer| answer.status == 200)
    }

    /// Changes how the server is started from now on.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Returns the server's resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server().id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }

    /// Returns for how many seconds the server has computed.
    pub fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server().id())).unwrap_or_default();
        // After the name in brackets; user and system time are the 14th and 15th of all.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }

    /// Lets the crowd come to rest, adds its last screens and the log to the history, and judges it.
    ///
    /// # Errors
    /// The log or the history cannot be read.
    pub async fn judge(&self, crowd: &Crowd) -> Result<Verdict, String> {
        let unsettled = crowd.until_settled(SETTLE).await.err();
        let mut heads = BTreeMap::new();
        for dialog in crowd.dialogs() {
            heads.insert(dialog, self.read_log(dialog).await?);
        }
        // Who polls hears of the end of a log only with the next poll. Who never does is missing it on the screen.
        let is_level =
            |glance: &Glance| glance.dialog.and_then(|id| heads.get(&id)).is_none_or(|head| glance.cursor >= *head);
        let _those_that_stay_behind_are_judged = crowd.until(SETTLE, is_level).await;
        crowd.write_last_screens().await;
        let mut verdict = self.verdict().await?;
        if let Some(who) = unsettled {
            verdict.examples.insert(0, format!("not settled within {SETTLE:?}: {who}"));
            verdict.never_back = verdict.never_back.max(1);
        }
        Ok(verdict)
    }

    /// Judges the history as it is, beside whatever else is going on.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn verdict(&self) -> Result<Verdict, String> {
        let history = self.history.clone();
        let judging = tokio::task::spawn_blocking(move || {
            let lines = history.read().map_err(|error| error.to_string())?;
            checker::check(lines).map_err(|error| format!("{}: {error}", history.path().display()))
        });
        judging.await.map_err(|error| error.to_string())?
    }

    /// Adds the log of a dialog to the history; returns its last `seq`.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn read_log(&self, dialog: u64) -> Result<u64, String> {
        let mut after = 0;
        loop {
            let path = format!("/api/dialogs/{dialog}/messages?after={after}&limit=100");
            let answer = Ask::new(self.address, "GET", &path).bearer(&self.token).attempt().await;
            let answer = answer.map_err(|error| error.0)?;
            if answer.status == 429 {
                // Nobody else reads so many logs at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            let page = answer.expect(200);
            let messages = page["messages"].as_array().cloned().unwrap_or_default();
            let Some(last) = messages.last() else { return Ok(after) };
            after = last["seq"].as_u64().unwrap_or(u64::MAX);
            let epoch = page["epoch"].as_u64().unwrap_or_default();
            for message in &messages {
                self.history.tell(LOG, Fact::Logged { dialog, epoch, row: row(message) });
            }
        }
    }

    /// Returns lines of the server's logs that no run should have.
    pub fn complaints(&self, expected: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for printed in &self.printed {
            let text = printed.text();
            let bad = text.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked at"));
            found.extend(bad.filter(|line| !expected.iter().any(|part| line.contains(part))).map(str::to_owned));
        }
        found
    }
}

fn row(message: &Value) -> Row {
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    Row { seq: message["seq"].as_u64().unwrap_or_default(), id: text("id").into(), text: label(text("text")) }
}

fn serve(data: &Path, program: &Program) -> Command {
    let mut arguments = vec!["serve", "--port", "0"];
    arguments.extend(program.options.iter().map(String::as_str));
    let mut command = binary::command(data, &arguments);
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    command
}
