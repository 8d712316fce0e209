//! What people do, and what fate does to them.

use client_core::{Delivery, Input, Page as PageEvent, Panel};
use protocol::Secret;
use server_core::Millis;
use server_core::session::Input as SessionInput;

use super::machine::{Machine, Network, Power, Room, Sockets};
use super::network::{Pace, Told, Wire};
use super::page::{Owner, PageLife};
use super::server::{Disk, Doom, Life};
use super::{Fault, Happening, Sim, Weather, trace};

/// What people do, and what fate does to them.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A visitor opens the page.
    OpenVisitor {
        visitor: usize,
        tab: u64,
    },
    /// An operator opens the dialog of a visitor, once there is one.
    OpenOperator {
        visitor: usize,
    },
    /// Somebody sends a few messages.
    Talk,
    /// One fault.
    Blow(Fault),
    /// A page gets new credentials.
    Credential {
        page: usize,
    },
    Thaw {
        page: usize,
    },
    Wake {
        machine: usize,
    },
    OutageEnds {
        machine: usize,
    },
    StorageFrees {
        machine: usize,
    },
    Heal {
        conn: u32,
    },
    /// People send again what was given up.
    LookAgain,
    DiskFrees,
    DrainEnds {
        run: u32,
    },
    ServerStarts,
}

/// Faults that fate deals as blows; the others come by rate, or by themselves.
const BLOWS: &[Fault] = &[
    Fault::Cut,
    Fault::Cut,
    Fault::HalfOpenClient,
    Fault::HalfOpenServer,
    Fault::HoleUp,
    Fault::HoleDown,
    Fault::Outage,
    Fault::CrashBeforeCommit,
    Fault::CrashAfterCommit,
    Fault::Crash,
    Fault::Drain,
    Fault::ServerStall,
    Fault::BackupRestored,
    Fault::BackupRestored,
    Fault::DiskFull,
    Fault::TokenExpired,
    Fault::Reload,
    Fault::Reload,
    Fault::PageCrash,
    Fault::PageCrash,
    Fault::PageClosed,
    Fault::Sleep,
    Fault::Frozen,
    Fault::ClockJump,
    Fault::StorageFull,
    Fault::SlowReader,
];

const DAY_MS: Millis = protocol::limits::OUTBOX_MS;

impl Sim {
    /// Puts people and faults on the agenda.
    pub(crate) fn populate(&mut self) {
        let duration = self.plan.duration_ms;
        for visitor in 0..self.plan.visitors {
            let mut machine = Machine::new();
            if self.random.chance(self.plan.sockets_blocked) {
                machine.sockets = self.random.pick(&[Sockets::Refused, Sockets::Swallowed, Sockets::Mute]);
            }
            if self.random.chance(self.plan.storage_absent) {
                machine.storage.room = Room::Absent;
            }
            self.machines.push(machine);
            let at = self.random.below(duration / 4);
            self.agenda.plan(at, Happening::Act(Action::OpenVisitor { visitor, tab: 0 }));
            if self.random.chance(self.plan.second_tabs) {
                let at = self.random.below(duration);
                self.agenda.plan(at, Happening::Act(Action::OpenVisitor { visitor, tab: 1 }));
            }
            if self.random.chance(self.plan.operators) {
                let at = self.random.below(duration);
                self.agenda.plan(at, Happening::Act(Action::OpenOperator { visitor }));
            }
        }
        for _ in 0..self.plan.sends {
            let at = self.random.below(duration);
            self.agenda.plan(at, Happening::Act(Action::Talk));
        }
        for _ in 0..self.plan.blows {
            let at = self.random.below(duration);
            let blow = self.random.pick(BLOWS);
            self.agenda.plan(at, Happening::Act(Action::Blow(blow)));
        }
        // Half of the schedules have a backup to go back to.
        if self.random.chance(500) {
            let at = self.random.below(duration);
            self.agenda.plan(at, Happening::Act(Action::Blow(Fault::BackupRestored)));
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        match action {
            // Whoever comes now comes to a world without faults: nothing to see.
            Action::OpenVisitor { .. } | Action::OpenOperator { .. } | Action::Blow(_)
                if self.weather == Weather::Fine => {}
            Action::OpenVisitor { visitor, tab } => {
                if tab > 0 {
                    self.bite(Fault::SecondTab);
                }
                if self.machines[visitor].is_awake() {
                    self.open_visitor(visitor, tab);
                } else {
                    self.plan_in(1_000, Happening::Act(Action::OpenVisitor { visitor, tab }));
                }
            }
            Action::OpenOperator { visitor } => match self.ledger.dialog_of(visitor) {
                Some(dialog) => {
                    self.machines.push(Machine::new());
                    self.open_page(self.machines.len() - 1, Owner::Operator { dialog }, 0);
                }
                None => self.plan_in(2_000, Happening::Act(Action::OpenOperator { visitor })),
            },
            Action::Talk => {
                let ready = |sim: &Self, page: &usize| {
                    let state = &sim.pages[*page];
                    state.life == PageLife::Open && sim.machines[state.machine].is_awake()
                };
                let pages: Vec<usize> = self.open_pages().into_iter().filter(|page| ready(self, page)).collect();
                if pages.is_empty() {
                    return;
                }
                let page = self.random.pick(&pages);
                for _ in 0..self.random.between(1, self.plan.burst) {
                    self.say(page);
                }
            }
            Action::Blow(fault) => self.blow(fault),
            Action::Credential { page } => {
                if let Owner::Operator { .. } = self.pages[page].owner {
                    let token = format!("op-{}", self.server.token_generation);
                    self.pages[page].credential.clone_from(&token);
                    self.to_page(page, Input::Credential(Secret::new(token)));
                }
            }
            Action::Thaw { page } => self.thaw(page),
            Action::Wake { machine } => self.wake(machine),
            Action::OutageEnds { machine } => self.outage_ends(machine),
            Action::StorageFrees { machine } => {
                if self.machines[machine].storage.room == Room::Full {
                    self.machines[machine].storage.room = Room::Some;
                }
            }
            Action::Heal { conn } => {
                if self.weather == Weather::Bad {
                    self.heal(conn);
                }
            }
            Action::LookAgain => {
                for page in self.open_pages() {
                    self.retry_given_up(page);
                }
            }
            Action::DiskFrees => self.server.set_disk(Disk::Free),
            Action::DrainEnds { run } => {
                if self.server.run == run && self.server.life == Life::Draining {
                    self.crash();
                }
            }
            Action::ServerStarts => self.server_starts(),
        }
    }

    fn open_visitor(&mut self, visitor: usize, tab: u64) {
        let site = visitor as u64 % self.plan.sites + 1;
        self.open_page(visitor, Owner::Visitor { visitor, site }, tab);
    }

    fn some_page(&mut self) -> Option<usize> {
        let pages: Vec<usize> =
            self.open_pages().into_iter().filter(|&page| self.pages[page].life == PageLife::Open).collect();
        (!pages.is_empty()).then(|| self.random.pick(&pages))
    }

    fn some_conn(&mut self) -> Option<u32> {
        let held = |conn: u32| self.conns.get(&conn).is_some_and(|state| state.wire == Wire::Whole);
        let conns: Vec<u32> =
            self.pages.iter().flat_map(|page| page.links.values().copied()).filter(|&conn| held(conn)).collect();
        (!conns.is_empty()).then(|| self.random.pick(&conns))
    }

    fn blow(&mut self, fault: Fault) {
        let ms = self.random.pick(&[300, 2_000, 8_000, 20_000, 70_000]);
        match fault {
            Fault::Cut | Fault::HalfOpenClient | Fault::HalfOpenServer => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                trace!(self, "conn {conn} is cut");
                let page = if fault == Fault::HalfOpenClient { Told::No } else { Told::Yes };
                let server = if fault == Fault::HalfOpenServer { Told::No } else { Told::Yes };
                self.cut(conn, page, server);
            }
            Fault::HoleUp | Fault::HoleDown => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                trace!(self, "conn {conn} becomes a hole");
                self.shut(conn, fault == Fault::HoleUp, fault == Fault::HoleDown);
                self.plan_in(ms, Happening::Act(Action::Heal { conn }));
            }
            Fault::SlowReader => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                if let Some(state) = self.conns.get_mut(&conn) {
                    state.pace = Pace::Slow;
                }
            }
            Fault::Crash => {
                self.bite(fault);
                self.crash();
            }
            Fault::CrashBeforeCommit => self.server.doom = Some(Doom::Before),
            Fault::CrashAfterCommit => self.server.doom = Some(Doom::After),
            Fault::Drain => {
                if self.server.life == Life::Up {
                    self.bite(fault);
                    self.server.life = Life::Draining;
                    self.to_all_sessions(&SessionInput::Drain { in_ms: 2_000, spread_ms: 800 });
                    let run = self.server.run;
                    self.plan_in(3_000, Happening::Act(Action::DrainEnds { run }));
                }
            }
            Fault::ServerStall => {
                self.bite(fault);
                self.server.stall(self.now + ms.min(20_000));
            }
            Fault::BackupRestored => match self.backup {
                Some(_) => self.restore_backup(),
                None => {
                    self.backup = Some(self.store.clone());
                    let later = self.random.between(1, self.plan.duration_ms / 2);
                    self.plan_in(later, Happening::Act(Action::Blow(Fault::BackupRestored)));
                }
            },
            Fault::DiskFull => {
                self.server.set_disk(Disk::Full);
                self.plan_in(ms, Happening::Act(Action::DiskFrees));
            }
            Fault::TokenExpired => {
                self.bite(fault);
                self.server.token_generation += 1;
                let operators: Vec<u32> = self
                    .pages
                    .iter()
                    .filter(|page| matches!(page.owner, Owner::Operator { .. }))
                    .flat_map(|page| page.links.values().copied())
                    .collect();
                for conn in operators {
                    self.to_session(super::Target::Conn(conn), SessionInput::CredentialsExpired);
                }
            }
            Fault::Reload | Fault::PageCrash | Fault::PageClosed => self.end_page(fault, ms),
            Fault::Sleep | Fault::Outage | Fault::Frozen | Fault::ClockJump | Fault::StorageFull => {
                self.trouble_machine(fault, ms);
            }
            Fault::OfflineEvent
            | Fault::RequestLost
            | Fault::AnswerLost
            | Fault::RequestRepeated
            | Fault::RequestStale
            | Fault::SocketBlocked
            | Fault::WritesLost
            | Fault::SecondTab
            | Fault::TimerLate
            | Fault::TimerBurst
            | Fault::StorageAbsent
            | Fault::HintLost
            | Fault::HintRepeated
            | Fault::HintLate
            | Fault::Congestion
            | Fault::OutboxFull => {}
        }
    }

    fn end_page(&mut self, fault: Fault, ms: Millis) {
        let Some(page) = self.some_page() else { return };
        let (machine, owner, tab) = (self.pages[page].machine, self.pages[page].owner, self.pages[page].tab);
        if !self.machines[machine].is_awake() {
            return;
        }
        self.bite(fault);
        if fault != Fault::PageCrash {
            self.input(page, Input::Page(PageEvent::Frozen));
        }
        self.close_page(page);
        if fault == Fault::PageCrash {
            let writes = self.machines[machine].storage.volatile(self.now);
            // Other tabs would have to die with it: what they have written is in the same file.
            let alone = !self.open_pages().iter().any(|&other| self.pages[other].machine == machine);
            if writes > 0 && alone {
                self.bite(Fault::WritesLost);
                let lost = self.random.between(1, writes as u64) as usize;
                for name in self.machines[machine].storage.lose(lost) {
                    trace!(self, "storage has lost {name}");
                    if let Some(id) = name.strip_prefix("o:") {
                        self.ledger.write_lost(id);
                    }
                }
            }
        }
        match (fault, owner) {
            (Fault::PageClosed, Owner::Visitor { visitor, .. }) => {
                self.plan_in(ms, Happening::Act(Action::OpenVisitor { visitor, tab }));
            }
            _ => self.open_page(machine, owner, tab),
        }
    }

    fn trouble_machine(&mut self, fault: Fault, ms: Millis) {
        let Some(page) = self.some_page() else { return };
        let machine = self.pages[page].machine;
        if !self.machines[machine].is_awake() {
            return;
        }
        match fault {
            Fault::Sleep => {
                self.bite(fault);
                trace!(self, "machine {machine} sleeps");
                self.machines[machine].power = Power::Asleep { since: self.now };
                let ms = self.random.pick(&[2_000, 30_000, 300_000, 3 * 3_600_000, 30 * 3_600_000]);
                if ms > DAY_MS {
                    self.ledger.day_passes(self.pages[page].owner);
                }
                self.plan_in(ms, Happening::Act(Action::Wake { machine }));
            }
            Fault::Outage => {
                self.bite(fault);
                self.machines[machine].network = Network::Down;
                self.plan_in(ms, Happening::Act(Action::OutageEnds { machine }));
                if self.random.chance(500) {
                    self.bite(Fault::OfflineEvent);
                    self.to_machine(machine, PageEvent::Offline);
                }
            }
            Fault::Frozen => self.freeze(page, ms),
            Fault::ClockJump => {
                self.bite(fault);
                let jump = self.random.pick(&[-3_600_000, -60_000, 60_000, 3_600_000, 3 * 24 * 3_600_000]);
                trace!(self, "the clock of machine {machine} jumps by {jump}");
                self.machines[machine].skew_ms += jump;
                if jump.unsigned_abs() > DAY_MS {
                    self.ledger.day_passes(self.pages[page].owner);
                }
            }
            _ => {
                if self.machines[machine].storage.room == Room::Some {
                    self.machines[machine].storage.room = Room::Full;
                    self.plan_in(ms, Happening::Act(Action::StorageFrees { machine }));
                }
            }
        }
    }

    fn to_machine(&mut self, machine: usize, event: PageEvent) {
        for page in self.open_pages() {
            if self.pages[page].machine == machine {
                self.to_page(page, Input::Page(event));
            }
        }
    }

    fn outage_ends(&mut self, machine: usize) {
        if self.machines[machine].network == Network::Up {
            return;
        }
        self.machines[machine].network = Network::Up;
        self.heal_machine(machine);
        self.to_machine(machine, PageEvent::Online);
    }

    fn heal_machine(&mut self, machine: usize) {
        let conns: Vec<u32> = self
            .conns
            .iter()
            .filter(|(_, conn)| self.pages[conn.page].machine == machine)
            .map(|(number, _)| *number)
            .collect();
        for conn in conns {
            self.heal(conn);
        }
    }

    fn wake(&mut self, machine: usize) {
        if self.machines[machine].is_awake() {
            return;
        }
        trace!(self, "machine {machine} wakes");
        self.machines[machine].wake(self.now);
        let pages: Vec<usize> =
            self.open_pages().into_iter().filter(|&page| self.pages[page].machine == machine).collect();
        // The browser tells of it, or only a late timer does.
        if self.random.chance(500) {
            self.to_machine(machine, PageEvent::Visible);
        }
        for page in pages {
            self.reset_timer(page);
        }
        for happening in std::mem::take(&mut self.machines[machine].deferred) {
            self.plan_in(0, happening);
        }
        self.heal_machine(machine);
    }

    /// The faults stop: whatever is still broken is put right, and people look at their pages.
    pub(crate) fn calm(&mut self) {
        trace!(self, "the faults stop");
        self.server.doom = None;
        self.server.set_disk(Disk::Free);
        self.server.stall(0);
        match self.server.life {
            Life::Up => {}
            Life::Draining => self.crash(),
            Life::Down => self.server_starts(),
        }
        for machine in 0..self.machines.len() {
            self.wake(machine);
            self.outage_ends(machine);
        }
        for conn in self.conns.keys().copied().collect::<Vec<_>>() {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.pace = Pace::Normal;
            }
            self.heal(conn);
        }
        for page in self.open_pages() {
            self.thaw(page);
            self.input(page, Input::Start);
            self.input(page, Input::Panel(Panel::Open));
            self.input(page, Input::Page(PageEvent::Visible));
            self.reset_timer(page);
        }
        for after_ms in [0, 5_000, 15_000, 30_000] {
            self.plan_in(after_ms, Happening::Act(Action::LookAgain));
        }
        for visitor in 0..self.plan.visitors {
            let unsent = self.machines[visitor].storage.values.keys().any(|name| name.starts_with("o:"));
            let reader = self.machines[visitor].storage.room != Room::Absent;
            if unsent && reader {
                // A page that comes up now takes what earlier ones have left behind.
                self.open_visitor(visitor, 2);
            }
        }
    }

    /// A person asks for what was given up to be sent again.
    fn retry_given_up(&mut self, page: usize) {
        let Some(client) = &self.pages[page].client else { return };
        let given_up: Vec<String> = client
            .view()
            .items
            .into_iter()
            .filter(|item| item.delivery == Delivery::Expired)
            .map(|item| item.key)
            .collect();
        for id in given_up {
            self.ledger.retried(&id);
            self.input(page, Input::Retry { id });
        }
    }
}
