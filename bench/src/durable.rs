//! Durable messages a second: every one is committed before it is answered, and seen by both sides of its dialog.
//!
//! An open loop: messages are sent by the clock, whether the server keeps up or not, and latency counts from the
//! moment at which a message was due.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;

use crate::failure::{Failure, Result};
use crate::latency::{Latencies, Percentiles};
use crate::link::{self, Reader};
use crate::server::{Cores, Server};

/// The highest latency at p99 that counts.
const GOAL_MS: f64 = 50.0;
/// How long each rate is tried during the search.
const TRIAL: Duration = Duration::from_secs(3);
/// How often a rate may be tried before it counts as too high.
const ATTEMPTS: u32 = 3;
/// The first rate of the search.
const FIRST_RATE: u64 = 8_000;
/// Messages are sent in bursts of what is due in this time.
const TICK: Duration = Duration::from_millis(1);
/// How long what is under way may take to arrive at the end.
const LAST: Duration = Duration::from_secs(10);
/// Steps of the search between a rate that holds and one that does not.
const HALVINGS: u32 = 4;

/// What one rate brought.
struct Trial {
    rate: u64,
    /// Sent in fact: a client that cannot keep up sends less.
    sent: u64,
    seconds: f64,
    /// From due to `stored` at the sender.
    stored: Percentiles,
    /// From due to the message at the other side.
    seen: Percentiles,
    /// Of one core, during the trial.
    cpu: f64,
}

/// The state that the tasks of one run share.
#[derive(Default)]
struct Load {
    /// By dialog: when each message that is not stored yet was due.
    unstored: Vec<RefCell<VecDeque<Instant>>>,
    /// By dialog: when each message that the other side has not seen yet was due.
    unseen: Vec<RefCell<VecDeque<Instant>>>,
    stored: RefCell<Latencies>,
    seen: RefCell<Latencies>,
    failure: RefCell<Option<Failure>>,
    arrived: Notify,
}

/// Looks for the highest rate at which the goal holds, and holds it; or holds the one that is given.
pub(crate) async fn run(binary: &Path, cores: Cores, dialogs: usize, seconds: u64, rate: Option<u64>) -> Result<()> {
    let server = Server::start(binary, cores)?;
    match cores {
        Cores::Server(core) => println!("server on core {core}, load on the others"),
        Cores::Shared => println!("server and load share the cores"),
    }
    let dialogs = server.dialogs(dialogs).await?;
    let load = Rc::new(Load {
        unstored: dialogs.iter().map(|_| RefCell::default()).collect(),
        unseen: dialogs.iter().map(|_| RefCell::default()).collect(),
        ..Load::default()
    });
    let tasks = tokio::task::LocalSet::new();
    let mut senders = Vec::with_capacity(dialogs.len());
    for (index, dialog) in dialogs.iter().enumerate() {
        let (write, visitor) = opened(server.visitor(dialog).await?).await?;
        let (other, operator) = opened(server.operator(dialog).await?).await?;
        senders.push(Sender { write, sent: 0, _other: other });
        tasks.spawn_local(watch(Rc::clone(&load), index, visitor, Side::Sender));
        tasks.spawn_local(watch(Rc::clone(&load), index, operator, Side::Other));
    }
    println!(
        "{} dialogs, {} sockets; every message is committed with synchronous=FULL",
        dialogs.len(),
        dialogs.len() * 2
    );
    tasks
        .run_until(async {
            let rate = match rate {
                Some(rate) => rate,
                None => search(&server, &load, &mut senders).await?,
            };
            println!("holding {rate} messages a second for {seconds} s");
            let last = attempts(&server, &load, &mut senders, rate, Duration::from_secs(seconds)).await?;
            let verdict = if last.holds() { "holds" } else { "does not hold" };
            println!("durable rate            {:.0} messages/s, p99 < {GOAL_MS:.0} ms {verdict}", last.achieved());
            Ok(())
        })
        .await
}

async fn search(server: &Server, load: &Rc<Load>, senders: &mut [Sender]) -> Result<u64> {
    let (mut good, mut bad, mut rate) = (0, None, FIRST_RATE);
    let mut halvings = 0;
    while halvings < HALVINGS {
        if attempts(server, load, senders, rate, TRIAL).await?.holds() {
            good = rate;
        } else {
            bad = Some(rate);
        }
        rate = match bad {
            None => rate + rate / 2,
            Some(bad) => {
                halvings += 1;
                good.midpoint(bad)
            }
        };
    }
    if good == 0 { Err(Failure::new("not even the first rate holds")) } else { Ok(good) }
}

/// Tries a rate until it holds, a few times at most: the disk may be busy with something else.
async fn attempts(
    server: &Server,
    load: &Rc<Load>,
    senders: &mut [Sender],
    rate: u64,
    time: Duration,
) -> Result<Trial> {
    let mut tried = trial(server, load, senders, rate, time).await?;
    tried.print();
    for _ in 1..ATTEMPTS {
        if tried.holds() {
            break;
        }
        tried = trial(server, load, senders, rate, time).await?;
        tried.print();
    }
    Ok(tried)
}

struct Sender {
    write: OwnedWriteHalf,
    sent: u64,
    /// Held, because dropping it would close the operator's socket.
    _other: OwnedWriteHalf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Sender,
    Other,
}

async fn opened(mut link: link::Link) -> Result<(OwnedWriteHalf, Reader)> {
    link.expect("{\"type\":\"synced\"").await?;
    Ok(link.split())
}

/// Sends by the clock and waits until everything has arrived.
async fn trial(server: &Server, load: &Rc<Load>, senders: &mut [Sender], rate: u64, time: Duration) -> Result<Trial> {
    *load.stored.borrow_mut() = Latencies::default();
    *load.seen.borrow_mut() = Latencies::default();
    let cpu_before = server.cpu_s()?;
    let start = Instant::now();
    let mut sent: u64 = 0;
    let mut ticks = tokio::time::interval(TICK);
    while start.elapsed() < time {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent < due {
            let due_at = start + Duration::from_secs_f64(sent as f64 / rate as f64);
            let index = (sent % senders.len() as u64) as usize;
            if let Some(sender) = senders.get_mut(index) {
                sender.send(load, index, due_at).await?;
            }
            sent += 1;
            // The readers have their turn during a burst, too.
            if sent.is_multiple_of(64) {
                tokio::task::yield_now().await;
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu = (server.cpu_s()? - cpu_before) / seconds;
    let all = async {
        loop {
            let arrived = load.arrived.notified();
            if let Some(failure) = load.failure.borrow_mut().take() {
                return Err(failure);
            }
            let counts = (load.stored.borrow().count() as u64, load.seen.borrow().count() as u64);
            if counts == (sent, sent) {
                return Ok(());
            }
            arrived.await;
        }
    };
    match tokio::time::timeout(LAST, all).await {
        Ok(arrived) => arrived?,
        Err(_) => {
            let (stored, seen) = (load.stored.borrow().count(), load.seen.borrow().count());
            return Err(Failure::new(format!("of {sent} messages, {stored} were stored and {seen} were seen")));
        }
    }
    let (stored, seen) = (load.stored.borrow_mut().percentiles(), load.seen.borrow_mut().percentiles());
    Ok(Trial { rate, sent, seconds, stored, seen, cpu })
}

impl Sender {
    async fn send(&mut self, load: &Load, index: usize, due_at: Instant) -> Result<()> {
        self.sent += 1;
        // Like a UUID, as every real client makes them.
        let text = format!(
            "{{\"type\":\"message\",\"id\":\"0193{index:04x}-{:04x}-7000-8000-{:012x}\",\
             \"text\":\"How long does delivery to the islands take at this time of the year?\"}}",
            self.sent >> 48,
            self.sent
        );
        if let (Some(unstored), Some(unseen)) = (load.unstored.get(index), load.unseen.get(index)) {
            unstored.borrow_mut().push_back(due_at);
            unseen.borrow_mut().push_back(due_at);
        }
        let frame = link::frame(&text);
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match self.write.try_write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.write.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Reads what a socket brings, and checks that nothing is lost, doubled or out of order.
async fn watch(load: Rc<Load>, index: usize, mut reader: Reader, side: Side) {
    let mut last_seq = None;
    let failure = loop {
        let incoming = match reader.read().await {
            Ok(incoming) => incoming,
            Err(failure) => break failure,
        };
        let now = Instant::now();
        let looked = loop {
            match incoming.next() {
                Ok(Some(frame)) => {
                    if let Err(failure) = note(&load, index, side, frame, &mut last_seq, now) {
                        break Some(failure);
                    }
                }
                Ok(None) => break None,
                Err(failure) => break Some(failure),
            }
        };
        load.arrived.notify_waiters();
        if let Some(failure) = looked {
            break failure;
        }
    };
    load.failure.borrow_mut().get_or_insert(failure);
    load.arrived.notify_waiters();
}

fn note(load: &Load, index: usize, side: Side, frame: &[u8], last_seq: &mut Option<u64>, now: Instant) -> Result<()> {
    let take = |waiting: &[RefCell<VecDeque<Instant>>], latencies: &RefCell<Latencies>| {
        let due = waiting.get(index).and_then(|waiting| waiting.borrow_mut().pop_front());
        let due = due.ok_or_else(|| Failure::new("something came that was not sent"))?;
        latencies.borrow_mut().add(now.saturating_duration_since(due));
        Result::Ok(())
    };
    if frame.starts_with(b"{\"type\":\"message\"") {
        let seq = link::number(frame, b"\"seq\":").ok_or_else(|| Failure::new("a message without a seq"))?;
        if last_seq.is_some_and(|last| seq != last + 1) {
            return Err(Failure::new(format!("seq {seq} came after {last_seq:?}")));
        }
        *last_seq = Some(seq);
        if side == Side::Other {
            take(&load.unseen, &load.seen)?;
        }
    } else if frame.starts_with(b"{\"type\":\"stored\"") {
        take(&load.unstored, &load.stored)?;
    } else if frame.starts_with(b"{\"type\":\"refused\"") || frame.starts_with(b"{\"type\":\"error\"") {
        return Err(Failure::new(String::from_utf8_lossy(frame)));
    }
    Ok(())
}

impl Trial {
    fn achieved(&self) -> f64 {
        self.sent as f64 / self.seconds
    }

    fn holds(&self) -> bool {
        self.stored.p99 < GOAL_MS && self.seen.p99 < GOAL_MS && self.achieved() > self.rate as f64 * 0.98
    }

    fn print(&self) {
        let Self { rate, stored, seen, cpu, .. } = self;
        println!("{rate:>7}/s  sent {:>6.0}/s  server {:>3.0} % of a core", self.achieved(), cpu * 100.0);
        println!("           stored  {stored}");
        println!("           seen    {seen}");
    }
}
