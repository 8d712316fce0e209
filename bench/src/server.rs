//! The server under load: its process, its dialogs, its memory.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::{Failure, Result};
use crate::link::{self, Link};

/// A site whose visitors have keys, from the demo.
pub(crate) const SITE_TOKEN: &str = "st_demo";

/// How the cores are shared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cores {
    /// The server has this one for itself.
    Server(usize),
    /// There is only one, or they cannot be shared out: the figures are lower than they could be.
    Shared,
}

/// A server that was started for a measurement; it ends, and its data is removed, when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    data: PathBuf,
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    token: String,
    supervised: bool,
}

/// A dialog and the two who talk in it.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    id: u64,
    key: String,
}

/// Builds the server as it is given to people, and returns its binary.
pub(crate) fn build() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release", "-p", "server"]).status()?;
    if !status.success() {
        return Err(Failure::new("the server cannot be built"));
    }
    let own = env::current_exe()?;
    // target/release/rejoin-bench, or target/debug/rejoin-bench.
    let target = own.parent().and_then(Path::parent).ok_or_else(|| Failure::new("where is the target folder?"))?;
    Ok(target.join("release").join("rejoin"))
}

/// Gives the first core to the server and the others to this process.
pub(crate) fn share_cores() -> Result<Cores> {
    let ours = sched_getaffinity(None).map_err(std::io::Error::from)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core)).collect();
    let [first, others @ ..] = cores.as_slice() else { return Ok(Cores::Shared) };
    if others.is_empty() || Command::new("taskset").arg("-V").output().is_err() {
        return Ok(Cores::Shared);
    }
    let mut set = CpuSet::new();
    others.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).map_err(std::io::Error::from)?;
    Ok(Cores::Server(*first))
}

impl Server {
    /// Starts the server with a database of its own, and waits until it listens.
    pub(crate) fn start(binary: &Path, cores: Cores) -> Result<Self> {
        Self::start_with(binary, cores, &[])
    }

    /// Starts the server with more options.
    pub(crate) fn start_with(binary: &Path, cores: Cores, options: &[&str]) -> Result<Self> {
        let data = env::temp_dir().join(format!("rejoin-bench-{}", std::process::id()));
        let mut command = match cores {
            Cores::Server(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(binary);
                command
            }
            Cores::Shared => Command::new(binary),
        };
        command.args(["serve", "--demo", "--port", "0", "--log", "warn", "--messages-per-s", "100000"]);
        command.args(options).arg("--data");
        command.arg(&data).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().map_err(|error| Failure::new(format!("{}: {error}", binary.display())))?;
        let output = process.stdout.take().ok_or_else(|| Failure::new("the server has no output"))?;
        let mut address = None;
        for line in BufReader::new(output).lines() {
            if let Some(url) = line?.strip_prefix("listening on http://") {
                address = Some(url.to_owned());
                break;
            }
        }
        let address = address.ok_or_else(|| Failure::new("the server ended before it listened"))?;
        let token = Command::new(binary).args(["operator", "token", "demo", "--data"]).arg(&data).output()?;
        let token = String::from_utf8_lossy(&token.stdout).trim().to_owned();
        Ok(Self { process, data, address, token, supervised: options.contains(&"--supervise") })
    }

    /// Lets as many visitors write their first message.
    pub(crate) async fn dialogs(&self, count: usize) -> Result<Vec<Dialog>> {
        let mut dialogs = Vec::with_capacity(count);
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..count {
            let address = self.address.clone();
            waiting.spawn(async move {
                let key = format!("vk_bench{number:020}");
                let path = format!("/api/site/dialogs?site_token={SITE_TOKEN}");
                let answer = link::post(&address, &path, &key, "{\"message\":{\"text\":\"hello\"}}").await?;
                let id = link::number(answer.as_bytes(), b"\"dialog_id\":");
                let id = id.ok_or_else(|| Failure::new(format!("no dialog: {answer}")))?;
                Result::Ok(Dialog { id, key })
            });
            // More at once than wait in the kernel would be turned away.
            if waiting.len() == 100 {
                dialogs.extend(joined(waiting.join_next().await)?);
            }
        }
        while let Some(dialog) = waiting.join_next().await {
            dialogs.extend(joined(Some(dialog))?);
        }
        Ok(dialogs)
    }

    /// Opens the visitor's socket of a dialog.
    pub(crate) async fn visitor(&self, dialog: &Dialog) -> Result<Link> {
        let path = format!("/ws/site/dialogs/{}?site_token={SITE_TOKEN}", dialog.id);
        Link::open(&self.address, &path, Some(&dialog.key)).await
    }

    /// Opens the operator's socket of a dialog.
    pub(crate) async fn operator(&self, dialog: &Dialog) -> Result<Link> {
        let path = format!("/ws/dialogs/{}", dialog.id);
        Link::open(&self.address, &path, Some(&self.token)).await
    }

    /// Returns the operator's token.
    pub(crate) fn token(&self) -> String {
        self.token.clone()
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        signal_to(self.process.id(), signal)
    }

    /// Kills the server of a supervisor.
    pub(crate) fn kill_child(&self) -> Result<()> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
        signal_to(child.ok_or_else(|| Failure::new("the supervisor has no server"))?, Signal::KILL)
    }

    /// Returns the texts of a dialog.
    pub(crate) async fn texts(&self, dialog: u64) -> Result<Vec<String>> {
        let path = format!("/api/dialogs/{dialog}/messages?limit=100");
        let page = link::get(&self.address, &path, &self.token).await?;
        Ok(page.split("\"text\":\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect())
    }

    /// Returns the server's resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|n| n.trim().parse::<u64>().ok());
        kilobytes.map(|n| n * 1_024).ok_or_else(|| Failure::new("this system does not say how much memory is used"))
    }

    /// Returns how long the server has computed so far, in seconds.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // After the name in brackets; user and system time are the 14th and 15th of all.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }
}

impl Dialog {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the path of the operator's socket.
    pub(crate) fn operator_path(&self) -> String {
        format!("/ws/dialogs/{}", self.id)
    }
}

fn signal_to(process: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or_else(|| Failure::new("no such process"))?;
    Ok(kill_process(pid, signal).map_err(std::io::Error::from)?)
}

fn joined(dialog: Option<std::result::Result<Result<Dialog>, tokio::task::JoinError>>) -> Result<Option<Dialog>> {
    dialog.map(|dialog| dialog.map_err(|error| Failure::new(error.to_string()))?).transpose()
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.supervised {
            // Killed, it would leave its server behind for a moment, which would miss its data.
            let _gone = self.signal(Signal::TERM);
            let _gone = self.process.wait();
        }
        let _gone = self.process.kill();
        let _gone = self.process.wait();
        let _gone = fs::remove_dir_all(&self.data);
    }
}
