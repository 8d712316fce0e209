//! The real client and the real server over a network that breaks in every way, on one thread and by one seed.
//!
//! A schedule is a population (sites, visitors with one or two tabs, operators) and a plan of faults, both drawn from the
//! seed. Time jumps from one happening to the next. The log is a model of a durable store that calls the server's own
//! `append::decide`; the network, the machines and their storage are models too. Everything between is the code that
//! runs in the browser and in the server, and every frame goes through JSON.
//!
//! While a schedule runs, what is durable and what every page shows is compared with what may be. Then the faults stop;
//! after [`RETURN_MS`] every page must be online and show the end of the log, and every accepted message must be in it.

mod actions;
mod agenda;
mod blows;
mod check;
mod drawer;
mod faults;
mod http;
mod ledger;
mod machine;
mod network;
mod page;
mod people;
mod plan;
mod polls;
pub(crate) mod random;
mod report;
mod server;
mod sessions;
mod store;
mod trace;
mod uploads;

use std::collections::BTreeMap;

pub use faults::{Counts, Fault};
pub use report::{Options, Outcome, Spread, Summary, sweep};
use server_core::Millis;

use actions::Action;
use agenda::Agenda;
use ledger::Ledger;
use machine::Machine;
use network::{Call, Conn, Down};
use page::Page;
use plan::Plan;
use random::Random;
use server::Server;
use sessions::Target;
use store::Store;
use trace::{Trace, trace};

/// After the last fault every page is back within this: a half-open link that is idle is noticed within 30 s, and a
/// reconnect that has just failed waits for up to 30 s; the two do not add up, and the rest is for opening.
pub const RETURN_MS: Millis = 60_000;

/// Repeated requests go on arriving for so long after the return, and must change nothing.
const AFTERMATH_MS: Millis = 15_000;

/// More happenings than this in one schedule mean that something spins.
const STEPS: u64 = 400_000;

/// Everything that can happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// The network, or the browser, tells a page something.
    ToPage { page: usize, input: client_core::Input },
    /// The browser tells a page what another one has done to the storage.
    Heard { page: usize, name: String, is_gone: bool },
    /// A page's timer.
    PageTimer { page: usize, at: Millis },
    /// A connection reaches the server.
    ConnOpens { conn: u32 },
    /// Text of a page reaches the server.
    ConnUp { conn: u32, text: String },
    /// The server notices that a connection is gone.
    ConnGone { conn: u32 },
    /// Something reaches a page's machine.
    DownArrives { conn: u32, down: Down },
    /// The server looks whether a queue moves.
    StallCheck { conn: u32, progress: u64 },
    /// A request reaches the server; the answer to a copy goes nowhere.
    CallArrives { call: u32, copy: bool },
    /// The store or the hub tells a session something.
    ToSession { target: Target, run: u32, input: server_core::session::Input },
    /// A session's timer.
    SessionTimer { conn: u32, run: u32, at: Millis },
    /// A poll was held for long enough.
    PollEnds { post: u32, run: u32 },
    /// The store commits what waits.
    Commit { run: u32 },
    /// A person, or fate, does something.
    Act(Action),
}

/// One schedule.
pub(crate) struct Sim {
    now: Millis,
    agenda: Agenda<Happening>,
    random: Random,
    plan: Plan,
    counts: Counts,
    trace: Trace,
    violation: Option<String>,
    steps: u64,
    store: Store,
    backup: Option<Store>,
    server: Server,
    conns: BTreeMap<u32, Conn>,
    next_conn: u32,
    calls: BTreeMap<u32, Call>,
    next_call: u32,
    machines: Vec<Machine>,
    pages: Vec<Page>,
    ledger: Ledger,
    weather: Weather,
    doors: [Door; DOORS],
    slowest_return_ms: Millis,
}

/// Whether faults happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Bad,
    Fine,
}

/// Addresses of servers over the same data.
pub(crate) const DOORS: usize = 2;

/// Whether a server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// Its machine says that nothing listens there.
    Shut,
    /// Nothing answers.
    Silent,
}

/// Runs the schedule of a seed.
pub fn run(seed: u64, options: &Options) -> Outcome {
    report::plant(options.mutants);
    let mut sim = Sim::new(seed, options);
    sim.play();
    report::plant(&[]);
    sim.outcome(seed)
}

impl Sim {
    fn new(seed: u64, options: &Options) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        let mut sim = Self {
            now: 0,
            agenda: Agenda::new(),
            random,
            plan,
            counts: Counts::default(),
            trace: Trace::new(options.trace),
            violation: None,
            steps: 0,
            store: Store { epoch: 1, ..Store::default() },
            backup: None,
            server: Server::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            machines: Vec::new(),
            pages: Vec::new(),
            ledger: Ledger::default(),
            weather: Weather::Bad,
            doors: [Door::Open; DOORS],
            slowest_return_ms: 0,
        };
        sim.populate();
        sim.populate_people();
        sim
    }

    fn play(&mut self) {
        let end = self.plan.duration_ms;
        self.play_until(end);
        self.weather = Weather::Fine;
        self.calm();
        self.play_until(end + RETURN_MS);
        self.check_return();
        self.play_until(end + RETURN_MS + AFTERMATH_MS);
        self.check_end();
    }

    fn play_until(&mut self, until: Millis) {
        while self.violation.is_none() {
            let Some((at, happening)) = self.agenda.take(until) else { break };
            // A moment that has passed while the server stood still counts as now.
            self.now = self.now.max(at);
            self.steps += 1;
            if self.steps > STEPS {
                self.violate(format!("more than {STEPS} happenings: something spins"));
            }
            self.happen(happening);
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, happening: Happening) {
        if let Some(until) = self.server.stalled_until(&happening)
            && until > self.now
        {
            self.agenda.plan(until, happening);
            return;
        }
        match happening {
            Happening::ToPage { page, input } => self.tell_page(page, input),
            Happening::Heard { page, name, is_gone } => self.tell_heard(page, name, is_gone),
            Happening::PageTimer { page, at } => self.page_timer(page, at),
            Happening::ConnOpens { conn } => self.conn_opens(conn),
            Happening::ConnUp { conn, text } => self.conn_up(conn, &text),
            Happening::ConnGone { conn } => self.server_loses(conn),
            Happening::DownArrives { conn, down } => self.down_arrives(conn, down),
            Happening::StallCheck { conn, progress } => self.stall_check(conn, progress),
            Happening::CallArrives { call, copy } => self.call_arrives(call, copy),
            Happening::ToSession { target, run, input } => {
                if run == self.server.run {
                    self.tell_session(target, input);
                }
            }
            Happening::SessionTimer { conn, run, at } => {
                if run == self.server.run {
                    self.session_timer(conn, at);
                }
            }
            Happening::PollEnds { post, run } => {
                if run == self.server.run {
                    self.poll_ends(post);
                }
            }
            Happening::Commit { run } => {
                if run == self.server.run {
                    self.commit();
                }
            }
            Happening::Act(action) => self.act(action),
        }
    }

    fn plan_in(&mut self, ms: Millis, happening: Happening) {
        self.agenda.plan(self.now + ms, happening);
    }

    /// Counts a fault that has bitten.
    fn bite(&mut self, fault: Fault) {
        self.counts.bite(fault);
        trace!(self, "fault: {}", fault.name());
    }

    /// Says so many times in a thousand that a fault happens; never in fine weather.
    fn fate(&mut self, per_mille: u64) -> bool {
        self.weather == Weather::Bad && self.random.chance(per_mille)
    }

    /// Notes the first violation: it ends the schedule.
    fn violate(&mut self, what: String) {
        trace!(self, "VIOLATION: {what}");
        if self.violation.is_none() {
            self.violation = Some(what);
        }
    }

    fn outcome(self, seed: u64) -> Outcome {
        Outcome {
            seed,
            violation: self.violation,
            counts: self.counts,
            steps: self.steps,
            written: self.ledger.written(),
            stored: self.ledger.stored(),
            slowest_return_ms: self.slowest_return_ms,
            digest: self.trace.digest(),
            trace: self.trace.into_lines(),
        }
    }
}
