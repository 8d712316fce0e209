//! How a crowd of real clients comes through a restart of the server: how long each is away, how many come back at
//! once, and whether what they write meanwhile arrives once.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use client_core::{Client, Config, Input, LinkState, Output, Side};
use protocol::Secret;
use tests::native::{Native, Observer, Storage};

use crate::failure::{Failure, Result};
use crate::latency::Latencies;
use crate::server::{Cores, Server};

/// Clients that come in at once.
const AT_ONCE: usize = 50;
/// How long they may take to come in, and to come back.
const PATIENCE: Duration = Duration::from_secs(120);
/// After the restart, everybody writes once within this.
const WRITE: Duration = Duration::from_secs(3);

/// How the server is restarted; it is supervised in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Restart {
    /// SIGHUP: the next server takes over.
    Deploy,
    /// SIGKILL: the supervisor starts the next one.
    Crash,
}

/// What is seen of all clients.
#[derive(Debug, Default)]
struct Board {
    /// When the links of each were opened.
    opens: Vec<Instant>,
    /// How long each was away, every time.
    away: Vec<Duration>,
    dialogs: Vec<u64>,
    online: usize,
    settled: usize,
}

struct Onlooker {
    board: Arc<Mutex<Board>>,
    dialog: Option<u64>,
    online: bool,
    lost_at: Option<Instant>,
    settled: bool,
}

impl Onlooker {
    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}

impl Observer for Onlooker {
    fn told(&mut self, _: &Input) {}

    fn asked(&mut self, output: &Output) {
        if matches!(output, Output::Open { .. }) {
            self.board().opens.push(Instant::now());
        }
    }

    fn settled(&mut self, client: &Client) {
        let online = client.link_state() == LinkState::Online;
        let settled = client.unsettled() == 0;
        let lost_at = self.lost_at;
        let mut board = lock(&self.board);
        if self.dialog.is_none()
            && let Some(dialog) = client.dialog_id()
        {
            self.dialog = Some(dialog);
            board.dialogs.push(dialog);
        }
        match (self.online, online) {
            (false, true) => {
                board.online += 1;
                board.away.extend(lost_at.map(|at| at.elapsed()));
            }
            (true, false) => {
                board.online -= 1;
                self.lost_at = Some(Instant::now());
            }
            (true, true) | (false, false) => {}
        }
        match (self.settled, settled) {
            (false, true) => board.settled += 1,
            (true, false) => board.settled -= 1,
            (true, true) | (false, false) => {}
        }
        (self.online, self.settled) = (online, settled);
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restarts the server under a crowd, and prints how it went.
pub(crate) async fn run(binary: &Path, clients: usize, restart: Restart) -> Result<()> {
    let server = Server::start_with(binary, Cores::Shared, &["--supervise"])?;
    let address: SocketAddr = server.address.parse().map_err(|_| Failure::new("the server has no address"))?;
    let board = Arc::new(Mutex::new(Board::default()));
    let mut crowd = Vec::with_capacity(clients);
    for number in 0..clients {
        let storage = Storage::empty();
        let side = Side::Site { site_token: crate::server::SITE_TOKEN.into() };
        let config = Config::new(side, Secret::new(format!("vk_bench{number:020}")));
        let onlooker =
            Onlooker { board: Arc::clone(&board), dialog: None, online: false, lost_at: None, settled: false };
        let page = Native::observed(address, config, &storage, Box::new(onlooker));
        page.tell(Input::Start);
        page.say("hello");
        crowd.push((page, storage));
        until("in", || lock(&board).online + AT_ONCE > crowd.len()).await?;
    }
    until("in", || lock(&board).online == clients).await?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("clients                 {clients}, all online; load {}", load.split(' ').next().unwrap_or_default());
    lock(&board).opens.clear();
    lock(&board).away.clear();
    let started = Instant::now();
    match restart {
        Restart::Deploy => server.signal(rustix::process::Signal::HUP)?,
        Restart::Crash => server.kill_child()?,
    }
    for (number, (page, _)) in crowd.iter().enumerate() {
        let at = started + WRITE.mul_f64(number as f64 / clients as f64);
        tokio::time::sleep_until(at.into()).await;
        page.say("written through the restart");
    }
    // Everybody was let go of: nobody is online because the old server has forgotten it.
    until("back", || lock(&board).away.len() >= clients).await?;
    until("back", || lock(&board).online == clients && lock(&board).settled == clients).await?;
    report(&mut lock(&board), started);
    let mut wrong = 0;
    let dialogs = lock(&board).dialogs.clone();
    for dialog in dialogs {
        let texts = server.texts(dialog).await?;
        wrong += usize::from(texts.iter().filter(|text| *text == "written through the restart").count() != 1);
        wrong += usize::from(texts.len() != 3);
    }
    println!("lost or doubled         {wrong}");
    if wrong > 0 { Err(Failure::new("a message was lost or doubled")) } else { Ok(()) }
}

fn report(board: &mut Board, started: Instant) {
    let mut away = Latencies::default();
    board.away.iter().for_each(|time| away.add(*time));
    println!("away                    {} ({} times)", away.percentiles(), away.count());
    let mut buckets = std::collections::BTreeMap::<u128, usize>::new();
    for open in &board.opens {
        *buckets.entry(open.saturating_duration_since(started).as_millis() / 100).or_default() += 1;
    }
    let peak = buckets.iter().max_by_key(|(_, count)| **count);
    let (at, peak) = peak.map_or((0, 0), |(at, count)| (*at, *count));
    println!(
        "links opened            {}, at most {peak} in 100 ms (after {:.1} s)",
        board.opens.len(),
        at as f64 / 10.0
    );
    let last = board.opens.iter().max().map_or(Duration::ZERO, |last| last.saturating_duration_since(started));
    println!("the last one            after {:.1} s", last.as_secs_f64());
}

/// Waits for something that nobody tells of.
async fn until(what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > end {
            return Err(Failure::new(format!("not everybody is {what} after {} s", PATIENCE.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
