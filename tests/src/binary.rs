//! The real program, as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::PATIENCE;

/// A server as a process of its own; it is killed when this is dropped.
#[derive(Debug)]
pub struct Binary {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    printed: Printed,
    readers: Vec<JoinHandle<()>>,
}

/// What a process has printed, both of its outputs together.
#[derive(Clone, Debug, Default)]
pub struct Printed(Arc<Mutex<String>>);

impl Printed {
    /// Returns all of it.
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
    }
}

/// Returns the program: that of `REJOIN_BIN`, or the one of this workspace, built when it is first asked for.
///
/// # Panics
/// It cannot be built.
pub fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        if let Some(given) = std::env::var_os("REJOIN_BIN") {
            return PathBuf::from(given);
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let mut build = std::process::Command::new(cargo);
        build.current_dir(root).args(["build", "--quiet", "--package", "server", "--bin", "rejoin"]);
        let mut profile = "debug";
        if !cfg!(debug_assertions) {
            build.arg("--release");
            profile = "release";
        }
        assert!(build.status().expect("cargo runs").success(), "the program can be built");
        // A test lies in the folder `deps` of its profile, a program one above.
        let own = std::env::current_exe().expect("a process has a file");
        let mut folders = own.ancestors().skip(1).filter(|folder| !folder.ends_with("deps"));
        let target = folders.nth(1).expect("it lies in target/<profile>");
        target.join(profile).join("rejoin")
    });
    program.clone()
}

/// Returns a command of the program; variables of the outside do not reach it, but the one that plants a bug.
pub fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("REJOIN_") && name != "REJOIN_MUTANT" {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--data").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
///
/// # Panics
/// It does not end in time.
pub async fn run(data: &Path, arguments: &[&str]) -> Output {
    finish(command(data, arguments)).await
}

/// Runs a command to its end.
///
/// # Panics
/// It does not end in time.
pub async fn finish(mut command: Command) -> Output {
    let output = timeout(PATIENCE, command.output()).await;
    output.unwrap_or_else(|_| panic!("{command:?} does not end")).expect("the program can be started")
}

/// Returns what a command has printed on both outputs.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Binary {
    /// Starts `rejoin serve` on a port of its own and waits until it listens.
    ///
    /// # Panics
    /// It does not listen in time.
    pub async fn serve(data: &Path, options: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--port", "0"];
        arguments.extend(options);
        Self::start(command(data, &arguments)).await
    }

    /// Starts `rejoin serve` on the port of an address.
    ///
    /// # Panics
    /// It does not listen in time.
    pub async fn serve_at(data: &Path, address: SocketAddr, options: &[&str]) -> Self {
        let port = address.port().to_string();
        let mut arguments = vec!["serve", "--port", &port];
        arguments.extend(options);
        Self::start(command(data, &arguments)).await
    }

    /// Starts a command that listens, and waits until it says so.
    ///
    /// # Panics
    /// It does not in time.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program can be started");
        let printed = Printed::default();
        let (listening, mut listens) = watch::channel(None);
        let stdout = child.stdout.take().expect("its output is read");
        let stderr = child.stderr.take().expect("its output is read");
        let readers = vec![
            tokio::spawn(read(stdout, printed.clone(), Some(listening))),
            tokio::spawn(read(stderr, printed.clone(), None)),
        ];
        let address =
            timeout(PATIENCE, async { listens.wait_for(Option::is_some).await.ok().and_then(|address| *address) });
        let Ok(Some(address)) = address.await else { panic!("the server does not listen:\n{}", printed.text()) };
        Self { address, child, printed, readers }
    }

    /// Returns the number of its process.
    ///
    /// # Panics
    /// It has ended already.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Returns what it has printed.
    pub fn printed(&self) -> &Printed {
        &self.printed
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It has ended already.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), signal).expect("it can be signalled");
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub async fn kill(mut self) -> Printed {
        self.child.kill().await.expect("it can be killed");
        self.read_out().await;
        self.printed.clone()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// It does not in time.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.printed.text()));
        self.read_out().await;
        (status.expect("its end can be seen"), self.printed.text())
    }

    async fn read_out(&mut self) {
        for reader in self.readers.drain(..) {
            let _a_child_of_it_may_hold_the_pipe = timeout(Duration::from_secs(2), reader).await;
        }
    }
}

async fn read(output: impl AsyncRead + Unpin, printed: Printed, listening: Option<watch::Sender<Option<SocketAddr>>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        printed.push(&line);
        let address = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        if let (Some(listening), Some(address)) = (&listening, address) {
            listening.send_replace(Some(address));
        }
    }
}
