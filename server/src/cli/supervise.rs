//! `rejoin serve --supervise`: a small parent that keeps the listening socket and sees to it that a server runs.
//!
//! Its child is the same program with the same options and gets the socket as its standard input. When the child dies,
//! connections wait in the kernel until the next one listens. On SIGHUP a child of the program on disk is started beside
//! the old one; as soon as it waits for the data, the old one is told to hand over, and takes leave of its clients.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::failure::{Failure, PASSING, USAGE};
use super::serve::{LISTENING, WAITING};
use crate::config::ServeConfig;
use crate::listening::{HANDED, Listening};
use crate::logging;

/// A server that has lived for so long was well: the next one is started at once.
const WELL: Duration = Duration::from_secs(10);
/// The pause before the second try …
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … which doubles up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Servers in a row that end by themselves before they listen, until it is believed that none ever will.
const FAILED_STARTS: u32 = 3;
/// How long a new server waits for the old one, in seconds.
const HAND_OVER_S: &str = "60";

/// Keeps a server running until it is told to end.
pub(super) fn run(config: &ServeConfig) -> Result<(), Failure> {
    logging::start(&config.log).map_err(Failure::usage)?;
    let listening = Listening::open(config.address()).map_err(|error| Failure::bind(config.address(), &error))?;
    // Looked up now: once the file is replaced, the system calls it deleted.
    let program = std::env::current_exe()?;
    let arguments = std::env::args_os().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (told, news) = mpsc::channel(16);
        let nursery = Nursery { program, arguments, listener: listening.listener, told, born: 0 };
        supervise(nursery, news).await
    })
}

/// Carries signals and the news of the servers to the [`Supervisor`] until it is done.
async fn supervise(nursery: Nursery, mut news: mpsc::Receiver<(u32, News)>) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut supervisor = Supervisor::new(nursery)?;
    loop {
        let start_at = supervisor.start_at;
        let pause = async {
            match start_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let done = tokio::select! {
            _ = terminate.recv() => supervisor.end(),
            _ = interrupt.recv() => supervisor.end(),
            _ = hang_up.recv() => supervisor.replace(),
            Some((server, news)) = news.recv() => supervisor.hear(server, news),
            () = pause => supervisor.start(),
        };
        if let Done::Yes(result) = done {
            return result;
        }
    }
}

/// What a server lets its parent know.
#[derive(Debug)]
enum News {
    /// It is ready but for the data, which another one holds.
    Waits,
    /// It serves.
    Listens,
    /// It is gone.
    Ended(ExitStatus),
}

/// Whether the supervisor goes on.
enum Done {
    No,
    Yes(Result<(), Failure>),
}

/// Starts servers.
struct Nursery {
    program: PathBuf,
    arguments: Vec<OsString>,
    listener: TcpListener,
    told: mpsc::Sender<(u32, News)>,
    born: u32,
}

/// A server that runs.
#[derive(Clone, Copy, Debug)]
struct Server {
    number: u32,
    pid: Option<Pid>,
    started: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    Listening,
}

struct Supervisor {
    nursery: Nursery,
    /// The one that serves, or will when it has started.
    current: Option<Server>,
    /// The one that will take over.
    successor: Option<Server>,
    /// In a pause between two servers: its end.
    start_at: Option<Instant>,
    pause: Duration,
    failed_starts: u32,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Run,
    End,
}

impl Nursery {
    fn start(&mut self, wait_s: Option<&str>) -> io::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env(HANDED, std::process::id().to_string());
        if let Some(wait_s) = wait_s {
            command.env("REJOIN_WAIT_S", wait_s);
        }
        command.stdin(Stdio::from(OwnedFd::from(self.listener.try_clone()?))).stdout(Stdio::piped());
        // Ctrl-C is for the parent, which passes it on.
        let process = command.process_group(0).spawn()?;
        let pid = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        self.born += 1;
        tokio::spawn(watch(self.born, process, self.told.clone()));
        Ok(Server { number: self.born, pid, started: Instant::now(), stage: Stage::Starting })
    }
}

/// Prints what a server prints, and lets the supervisor know how far it has come.
async fn watch(number: u32, mut process: Child, told: mpsc::Sender<(u32, News)>) {
    if let Some(output) = process.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let news = match line.as_str() {
                WAITING => Some(News::Waits),
                line if line.starts_with(LISTENING) => Some(News::Listens),
                _ => None,
            };
            if !matches!(news, Some(News::Waits)) {
                // Nobody may be left to read it.
                let _unread = writeln!(io::stdout(), "{line}");
            }
            if let Some(news) = news {
                let _leaving = told.send((number, news)).await;
            }
        }
    }
    // Waiting fails only for a process that is no child.
    if let Ok(status) = process.wait().await {
        let _leaving = told.send((number, News::Ended(status))).await;
    }
}

impl Server {
    fn tell(&self, signal: Signal) {
        // One that has just ended is not there any more.
        let _gone = self.pid.map(|pid| kill_process(pid, signal));
    }
}

impl Supervisor {
    fn new(mut nursery: Nursery) -> io::Result<Self> {
        let current = Some(nursery.start(None)?);
        Ok(Self {
            nursery,
            current,
            successor: None,
            start_at: None,
            pause: Duration::ZERO,
            failed_starts: 0,
            order: Order::Run,
        })
    }

    /// Tells every server to end; the second time they end at once.
    fn end(&mut self) -> Done {
        self.order = Order::End;
        self.start_at = None;
        for server in self.current.iter().chain(&self.successor) {
            server.tell(Signal::TERM);
        }
        self.done()
    }

    /// Starts a server beside the one that runs.
    fn replace(&mut self) -> Done {
        if self.order == Order::End || self.successor.is_some() || self.current.is_none() {
            tracing::warn!("no server is replaced while another one starts or ends");
            return Done::No;
        }
        match self.nursery.start(Some(HAND_OVER_S)) {
            Ok(server) => self.successor = Some(server),
            Err(error) => tracing::error!(%error, "the new server cannot be started: the old one goes on"),
        }
        Done::No
    }

    /// Starts a server after a pause; where the system does not, it is tried again after the next.
    ///
    /// The program may be away while another one is put in its place, or memory short for a moment: meanwhile connections
    /// wait in the socket, which is open for as long as this process lives.
    fn start(&mut self) -> Done {
        self.start_at = None;
        match self.nursery.start(None) {
            Ok(server) => self.current = Some(server),
            Err(error) => {
                let pause = self.next_pause().max(FIRST_PAUSE);
                tracing::error!(%error, ?pause, "the server cannot be started: trying again");
                self.start_at = Some(Instant::now() + pause);
            }
        }
        Done::No
    }

    /// Returns the pause that it is time for now; the one after it is twice as long.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pause
    }

    fn hear(&mut self, number: u32, news: News) -> Done {
        let is = |server: &Option<Server>| server.is_some_and(|server| server.number == number);
        match news {
            News::Waits if is(&self.successor) => {
                if let Some(current) = self.current {
                    tracing::info!("the new server is ready: the old one hands over");
                    current.tell(Signal::USR2);
                }
            }
            News::Waits => {}
            News::Listens => {
                for server in self.current.iter_mut().chain(&mut self.successor) {
                    if server.number == number {
                        server.stage = Stage::Listening;
                    }
                }
                self.failed_starts = 0;
            }
            News::Ended(status) if is(&self.successor) => {
                self.successor = None;
                tracing::error!(%status, "the new server did not start: the old one goes on");
            }
            News::Ended(status) => {
                if let Some(ended) = self.current.take_if(|current| current.number == number) {
                    return self.ended(ended, status);
                }
            }
        }
        self.done()
    }

    /// The server is gone: another one takes its place, unless all is over.
    fn ended(&mut self, server: Server, status: ExitStatus) -> Done {
        if self.order == Order::End {
            return self.done();
        }
        if let Some(successor) = self.successor.take() {
            self.current = Some(successor);
            return Done::No;
        }
        tracing::warn!(%status, "the server has ended");
        // What ends by a signal has not said that it never will work.
        if let (Stage::Starting, Some(code)) = (server.stage, status.code()) {
            self.failed_starts += u32::from(code != PASSING);
            let believed = self.nursery.born == 1 || code == USAGE || self.failed_starts >= FAILED_STARTS;
            if believed {
                return Done::Yes(Err(Failure::child(code)));
            }
        }
        if server.started.elapsed() >= WELL {
            self.pause = Duration::ZERO;
        }
        let pause = self.next_pause();
        if pause.is_zero() {
            return self.start();
        }
        self.start_at = Some(Instant::now() + pause);
        Done::No
    }

    fn done(&self) -> Done {
        match (self.order, self.current, self.successor) {
            (Order::End, None, None) => Done::Yes(Ok(())),
            (Order::End | Order::Run, _, _) => Done::No,
        }
    }
}
